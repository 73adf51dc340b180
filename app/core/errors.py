"""What the service refuses, as one tree. HTTP statuses are in `app.core.problems`, keyed by slug.

ServiceError                    base
├── RequestError                a request cannot be used as it is
│   ├── InvalidRequestError     a field, parameter or header is missing or wrong
│   ├── InvalidNameError        a model name outside the grammar
│   ├── InvalidJsonError        a body that is not JSON
│   ├── InvalidArrayError       a body that is not a .npy or .npz file that may be read
│   ├── BodyTooLargeError       a body or a field over its limit
│   ├── BodyTimeoutError        a prediction's body that did not arrive in time
│   ├── UploadTimeoutError      an upload that did not arrive in time
│   ├── StorageFullError        the disk has no room for it
│   ├── MediaTypeError          a body of a kind that is not read
│   └── NotAcceptableError      no form of the answer that the client accepts
├── AbsentError                 what was asked for does not exist
│   ├── RouteNotFoundError / MethodNotAllowedError
│   ├── ModelNotFoundError / VersionNotFoundError / JobNotFoundError / FileNotKeptError
├── StateError                  it exists, but not in a state for this
│   ├── ModelNotReadyError      still being prepared, or loading
│   ├── ModelUnavailableError   stored, but it could not be loaded
│   ├── DuplicateVersionError / JobFinishedError
│   ├── TooManyUploadsError / ModelMemoryError / LoadTimeoutError
│   └── OverloadedError / QueueFullError / ShuttingDownError
├── JobError                    a job ended without a model
│   ├── JobTimeoutError / JobMemoryError / JobCpuError / JobFileError
│   ├── JobCrashedError / JobCancelledError / ServerStoppedError
└── InternalError               our own bug

Inputs that do not fit a model are the engine's: `engine.core.errors.InputError`. Two kinds more are found here:

InputError
├── RaggedInputError            nested lists whose rows differ in length
└── BatchTooLargeError          more samples than the service's limits allow
"""

from collections.abc import Iterable
from typing import ClassVar

from app.core.suggestions import did_you_mean
from engine.core.errors import InputError
from graph.errors import PrunusError


class ServiceError(PrunusError):
    """Base of all errors of the service.

    Attributes:
        retry_after_seconds: time after which to try again, where that helps.
    """

    retry_after_seconds: ClassVar[int | None] = None


class RequestError(ServiceError):
    """A request cannot be used as it is."""


class InvalidRequestError(RequestError):
    """A field, parameter or header is missing or wrong."""

    slug = "invalid-request"
    title = "The request is not valid"


class InvalidNameError(RequestError):
    """A model name outside the grammar."""

    slug = "invalid-name"
    title = "The model name is not valid"

    def __init__(self, name: str) -> None:
        super().__init__(
            "the model name cannot be used",
            expected="1 to 64 letters, digits, '.', '_' or '-', a letter or digit first",
            got=repr(name[:80]),
        )


class InvalidJsonError(RequestError):
    """A body that is not JSON."""

    slug = "invalid-json"
    title = "The body is not valid JSON"


class InvalidArrayError(RequestError):
    """A body that is not a .npy or .npz file that may be read."""

    slug = "invalid-array-file"
    title = "The body is not a readable .npy or .npz file"


class BodyTooLargeError(RequestError):
    """A body or a field over its limit."""

    slug = "body-too-large"
    title = "The body is too large"

    def __init__(self, what: str, limit_bytes: int, setting: str, hint: str = "") -> None:
        super().__init__(
            f"{what} is too large",
            expected=f"at most {limit_bytes:,} bytes",
            hint=f"{hint}the limit is the setting {setting}",
        )


class BodyTimeoutError(RequestError):
    """A prediction's body that did not arrive in time."""

    slug = "body-timeout"
    title = "The body took too long"


class UploadTimeoutError(RequestError):
    """An upload that did not arrive in time."""

    slug = "upload-timeout"
    title = "The upload took too long"


class StorageFullError(RequestError):
    """The disk has no room for an upload, for what a job makes of it, or for a row."""

    slug = "storage-full"
    title = "The disk is full"


class MediaTypeError(RequestError):
    """A body of a kind that is not read."""

    slug = "unsupported-media-type"
    title = "The content type is not supported"


class NotAcceptableError(RequestError):
    """No form of the answer that the client accepts."""

    slug = "not-acceptable"
    title = "No acceptable form of the answer"


class RaggedInputError(InputError):
    """Nested lists whose rows differ in length."""

    slug = "ragged-input"
    title = "An input's rows differ in length"


class BatchTooLargeError(InputError):
    """More samples than one request may have."""

    slug = "batch-too-large"
    title = "The batch is too large"


class AbsentError(ServiceError):
    """What was asked for does not exist."""


class RouteNotFoundError(AbsentError):
    """No such path."""

    slug = "not-found"
    title = "There is nothing at this path"


class MethodNotAllowedError(AbsentError):
    """The path exists, the method does not."""

    slug = "method-not-allowed"
    title = "The method is not allowed here"


class ModelNotFoundError(AbsentError):
    """No model of this name."""

    slug = "model-not-found"
    title = "There is no such model"

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        super().__init__(
            f"there is no model named {name[:80]!r}",
            hint=f"{did_you_mean(name, known)} GET /models lists the models".strip(),
        )


class VersionNotFoundError(AbsentError):
    """The model exists, the version does not."""

    slug = "version-not-found"
    title = "There is no such version of the model"

    def __init__(self, name: str, version: object) -> None:
        super().__init__(
            f"model {name!r} has no version {str(version)[:80]}",
            hint=f"GET /models/{name} lists its versions",
        )


class JobNotFoundError(AbsentError):
    """No job of this identifier."""

    slug = "job-not-found"
    title = "There is no such job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id[:80]!r}", hint="GET /jobs lists the jobs")


class FileNotKeptError(AbsentError):
    """A version's file is not on disk."""

    slug = "file-missing"
    title = "The file is missing"


class StateError(ServiceError):
    """It exists, but is not in a state for what was asked."""


class ModelNotReadyError(StateError):
    """The model is still being prepared or loaded."""

    slug = "model-not-ready"
    title = "The model is still being prepared"
    retry_after_seconds = 1


class ModelUnavailableError(StateError):
    """The model is stored, but it could not be loaded."""

    slug = "model-unavailable"
    title = "The model could not be loaded"


class DuplicateVersionError(StateError):
    """The version exists already, or is being made."""

    slug = "duplicate-version"
    title = "This version of the model exists already"

    def __init__(self, name: str, version: int) -> None:
        super().__init__(
            f"version {version} of model {name!r} exists already or is being prepared",
            hint="leave out 'version' to get the next free one",
        )


class JobFinishedError(StateError):
    """A job that has ended cannot be cancelled."""

    slug = "job-finished"
    title = "The job has ended"


class OverloadedError(StateError):
    """Too many predictions wait."""

    slug = "overloaded"
    title = "Too many requests are waiting"
    retry_after_seconds = 1


class TooManyUploadsError(StateError):
    """Too many uploads arrive at a time."""

    slug = "too-many-uploads"
    title = "Too many uploads are arriving"
    retry_after_seconds = 5


class LoadTimeoutError(StateError):
    """A compiled model takes too long to be loaded."""

    slug = "load-timeout"
    title = "The model takes too long to load"


class ModelMemoryError(StateError):
    """The loaded models would need more memory than allowed."""

    slug = "model-memory-full"
    title = "There is no memory left for the model"


class QueueFullError(StateError):
    """Too many jobs wait."""

    slug = "job-queue-full"
    title = "Too many jobs are waiting"
    retry_after_seconds = 30


class ShuttingDownError(StateError):
    """The service is being stopped."""

    slug = "shutting-down"
    title = "The service is shutting down"
    retry_after_seconds = 5


class JobError(ServiceError):
    """A job ended without a model."""


class JobTimeoutError(JobError):
    """The job took longer than its wall-clock limit."""

    slug = "job-timeout"
    title = "The job took too long"


class JobMemoryError(JobError):
    """The job needed more memory than its limit."""

    slug = "job-memory-limit"
    title = "The job needed too much memory"


class JobCpuError(JobError):
    """The job used more CPU time than its limit."""

    slug = "job-cpu-limit"
    title = "The job used too much CPU time"


class JobFileError(JobError):
    """The job wrote a file over the limit."""

    slug = "job-file-limit"
    title = "The job could not write its files"


class JobCrashedError(JobError):
    """The worker process ended without a result."""

    slug = "job-crashed"
    title = "The job's process ended unexpectedly"


class JobCancelledError(JobError):
    """Somebody cancelled the job."""

    slug = "job-cancelled"
    title = "The job was cancelled"


class ServerStoppedError(JobError):
    """The server stopped while the job was under way."""

    slug = "server-stopped"
    title = "The server stopped during the job"


class InternalError(ServiceError):
    """Our own bug."""

    slug = "internal-error"
    title = "Something went wrong inside the service"
