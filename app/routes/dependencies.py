"""What routes need: the services of the application that a request came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.core.errors import InvalidRequestError
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.core.suggestions import did_you_mean
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


def refuse_unknown_query(request: Request) -> None:
    """Refuse query parameters that the route does not have: what is misspelt would have no effect.

    Raises:
        InvalidRequestError: there is one.
    """
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise unknown_parameter(name, known)


def unknown_parameter(name: str, known: Sequence[str]) -> InvalidRequestError:
    """Return the error about a query parameter that does not exist."""
    return InvalidRequestError(
        "the query has an unknown parameter",
        expected=", ".join(known) or "no parameters",
        got=repr(name[:80]),
        hint=did_you_mean(name, known),
    )
