"""What routes need: the services of the application that a request came to."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.metrics import Metrics
from app.services.conversion import Conversion
from app.services.inference import Inference
from app.services.job_log import JobLog
from app.services.jobs import Jobs
from app.services.lifecycle import Lifecycle
from app.services.ownership import Ownership
from app.services.prediction import Predictor
from app.services.registry import Registry
from app.services.retuning import Retuning
from app.services.storage import Storage
from app.services.upload_gate import UploadGate
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """All services of one application; made when it starts."""

    settings: Settings
    metrics: Metrics
    storage: Storage
    job_log: JobLog
    ownership: Ownership
    registry: Registry
    inference: Inference
    conversion: Conversion
    predictor: Predictor
    jobs: Jobs
    upload_gate: UploadGate
    retuning: Retuning
    lifecycle: Lifecycle


def services_of(request: Request) -> Services:
    """Return the services of the application that `request` came to."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
