"""The JSON that clients get, as types for OpenAPI; tensors of predictions never pass through here."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.core.problems import Problem
from app.core.stages import SERVER_STAGES, UPLOAD_STAGES
from app.services.job_log import Job
from app.services.stored_version import StoredVersion
from app.services.summary import ModelSummary, Quality
from engine.execution.runtime import Executable


class ProblemDocument(BaseModel):
    """A problem (RFC 9457), media type application/problem+json."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "/problems/wrong-shape",
                "title": "An input has the wrong shape",
                "status": 422,
                "detail": "input 'pixels' has the wrong shape",
                "expected": "[batch, 64]",
                "got": "[2, 63]",
                "request_id": "5f0c1f6cf0d9a7b1",
            }
        }
    )

    type: str = Field(description="Stable address of the kind of problem; GET it for its meaning.")
    title: str
    status: int
    detail: str
    expected: str | None = Field(default=None, description="What would have been accepted.")
    got: str | None = Field(default=None, description="What came instead.")
    hint: str | None = Field(default=None, description="What can be done about it.")
    source: str | None = Field(
        default=None,
        description='"worker" where detail, expected, got and hint are the words of the process that read the upload.',
    )
    request_id: str | None = Field(default=None, description="To be found in the service's log.")


class VersionDocument(BaseModel):
    """One version of a model."""

    name: str
    version: int
    state: str = Field(description="loaded, loading, or unavailable.")
    active: bool = Field(
        description="Whether it may answer requests without a version; the highest active version does."
    )
    created_at: float = Field(description="Seconds since 1970, UTC.")
    job_id: str
    threads: int | None = Field(
        description="Threads that may compute one prediction; null while it is not loaded."
    )
    tuned_here: bool | None = Field(
        description="Whether kernels were timed on a CPU of this kind, for as many threads; else they are guesses."
    )
    summary: ModelSummary
    links: dict[str, str]

    @classmethod
    def of(
        cls, stored: StoredVersion, state: str, executable: Executable | None
    ) -> "VersionDocument":
        """Describe a stored version."""
        path = f"/models/{stored.name}/versions/{stored.version}"
        return cls(
            name=stored.name,
            version=stored.version,
            state=state,
            active=stored.is_active,
            created_at=stored.created_at,
            job_id=stored.job_id,
            threads=None if executable is None else executable.threads,
            tuned_here=None if executable is None else executable.is_tuned_here,
            summary=stored.summary,
            links={
                "self": path,
                "report": f"{path}/report",
                "artifact": f"{path}/artifact",
                "keras": f"{path}/keras",
                "job": f"/jobs/{stored.job_id}",
            },
        )


class ModelDocument(BaseModel):
    """A model and its versions, oldest first."""

    name: str
    latest_version: int = Field(description="The highest version, active or not.")
    active_version: int | None = Field(
        description="The highest active version, which answers requests without a version; null if none is active."
    )
    versions: list[VersionDocument]
    unreadable_versions: list[int] = Field(
        description="Versions of which too little can be read to show or serve them; they can be deleted."
    )


class ModelListDocument(BaseModel):
    """All models."""

    models: list[ModelDocument]


class StageDocument(BaseModel):
    """A stage that has ended."""

    stage: str
    seconds: float


class JobDocument(BaseModel):
    """An upload on its way to a served model."""

    id: str
    name: str
    version: int = Field(description="The version that it makes.")
    state: str = Field(description="queued, running, done, failed or cancelled.")
    stage: str = Field(
        description=f"queued, {', '.join((*UPLOAD_STAGES, *SERVER_STAGES))} or done;"
        " of a failed job the stage that it failed in."
    )
    progress: float = Field(description="Share of the whole job that is done, in [0, 1].")
    file_name: str = Field(description="What the client called the file.")
    upload_bytes: int
    created_at: float = Field(description="Seconds since 1970, UTC.")
    started_at: float | None
    finished_at: float | None
    stages: list[StageDocument]
    limits: dict[str, Any] = Field(description="Limits that the worker process applied to itself.")
    error: ProblemDocument | None
    quality: Quality | None = Field(
        description="Of a job that is done: what the answers of its version cost, while the version exists."
    )
    gate: str = Field(description="Of a job that is done: what the gate says of that.")
    links: dict[str, str]

    @classmethod
    def of(cls, job: Job, summary: ModelSummary | None = None) -> "JobDocument":
        """Describe a job, and with its `summary` the version that it made."""
        path = f"/jobs/{job.id}"
        links = {"self": path, "events": f"{path}/events"}
        if job.state == "done":
            links["model"] = f"/models/{job.name}/versions/{job.version}"
        return cls(
            id=job.id,
            name=job.name,
            version=job.version,
            state=job.state.value,
            stage=job.stage,
            progress=round(job.progress, 4),
            file_name=job.file_name,
            upload_bytes=job.upload_bytes,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            stages=[StageDocument(stage=t.stage, seconds=t.seconds) for t in job.timings],
            limits=dict(job.limits),
            error=_problem(job.error),
            quality=None if summary is None else summary.quality,
            gate="" if summary is None else summary.gate,
            links=links,
        )


class JobListDocument(BaseModel):
    """The latest jobs, newest first."""

    jobs: list[JobDocument]


class HealthDocument(BaseModel):
    """Whether the service is alive or ready."""

    status: str = Field(description="live, ready, starting or stopping.")
    models_loaded: int | None = None


class ProblemKindDocument(BaseModel):
    """What a kind of problem means."""

    type: str
    status: int
    text: str = Field(description="The cause.")
    cure: str = Field(description="What to do about it.")
    example: str


def _problem(problem: Problem | None) -> ProblemDocument | None:
    return None if problem is None else ProblemDocument.model_validate(problem.document())
