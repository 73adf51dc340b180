"""Errors as RFC 9457 problem details: one table from an error's slug to its HTTP status and explanation.

Rooms below `app` know nothing of HTTP; their errors carry a slug, and the slug is the last segment of the problem's
`type`. Errors of a worker process come as the same document through its output, so the table is keyed by slug.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from app.core.errors import InternalError
from graph.errors import PrunusError

MEDIA_TYPE = "application/problem+json"
_MAX_TEXT_CHARACTERS = 4_000


class ProblemKind(NamedTuple):
    """What every problem of one slug has in common.

    Attributes:
        status: HTTP status code.
        text: what it means and what helps, for `GET /problems/<slug>`.
    """

    status: int
    text: str


PROBLEMS: Mapping[str, ProblemKind] = {
    # connections
    "malformed-request": ProblemKind(400, "What was sent is not HTTP/1.1."),
    "head-too-large": ProblemKind(431, "The head of a request has at most 64 KiB and 100 fields."),
    "uri-too-long": ProblemKind(414, "The path and the query are too long."),
    "head-timeout": ProblemKind(408, "The head of the request did not arrive in time."),
    "too-many-connections": ProblemKind(503, "As many connections as are allowed are in use."),
    "host-not-allowed": ProblemKind(
        421, "The Host header is no name of this service; PRUNUS_ALLOWED_HOSTS lists more."
    ),
    "foreign-origin": ProblemKind(
        403, "A page of another site sent the request: Origin or Sec-Fetch-Site say so."
    ),
    # requests
    "invalid-request": ProblemKind(422, "A field, parameter or header is missing or wrong."),
    "invalid-name": ProblemKind(
        422,
        "Model names are 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first.",
    ),
    "invalid-json": ProblemKind(
        400, "The body is not JSON. NaN, Infinity and -Infinity are accepted as numbers."
    ),
    "invalid-array-file": ProblemKind(
        400, "The body is not a .npy or .npz file, is cut off, or holds Python objects."
    ),
    "body-too-large": ProblemKind(413, "The body, or one field of it, is over its limit."),
    "body-timeout": ProblemKind(408, "The body of the prediction did not arrive in time."),
    "upload-timeout": ProblemKind(
        408, "The upload did not arrive in time, or too slowly while others waited."
    ),
    "storage-full": ProblemKind(
        507, "The disk of the data folder is full; deleting models works on a full disk, too."
    ),
    "unsupported-media-type": ProblemKind(
        415,
        "The Content-Type is none that this route reads, or the body is compressed; see the detail.",
    ),
    "not-acceptable": ProblemKind(406, "The Accept header allows none of the answer's forms."),
    # inputs of predictions
    "missing-input": ProblemKind(422, "Every input of the model must be given, by its name."),
    "unknown-input": ProblemKind(422, "A given name is no input of the model."),
    "wrong-shape": ProblemKind(
        422, "An input is [batch, ...sample shape]; GET /models/{name} shows the shapes."
    ),
    "index-out-of-range": ProblemKind(
        422,
        "An input is an index of an embedding: a whole number from 0 to the last row of its table.",
    ),
    "unsuitable-size": ProblemKind(
        422, "The layers do not fit inputs of this size; the detail names the first that does not."
    ),
    "size-too-large": ProblemKind(
        422, "Inputs of varying size are longer, or cost more, than the settings allow."
    ),
    "unknown-value": ProblemKind(
        422, "A value is not in the vocabulary or range of the layer that looks it up."
    ),
    "wrong-dtype": ProblemKind(422, "An input's elements cannot be read as the declared type."),
    "ragged-input": ProblemKind(422, "Rows of one input must all have the same length."),
    "empty-batch": ProblemKind(422, "A batch has at least one sample."),
    "batch-mismatch": ProblemKind(422, "All inputs of a call have the same number of samples."),
    "batch-too-large": ProblemKind(413, "Split the batch: it has more samples than allowed."),
    "invalid-inputs": ProblemKind(422, "The inputs do not fit the model."),
    # what is not there
    "not-found": ProblemKind(404, "There is nothing at this path; GET / lists the routes."),
    "method-not-allowed": ProblemKind(405, "The Allow header lists the methods of this path."),
    "model-not-found": ProblemKind(404, "No model of this name was uploaded, or it was deleted."),
    "version-not-found": ProblemKind(404, "The model has no such version."),
    "job-not-found": ProblemKind(404, "There is no such job, or it was forgotten."),
    "file-missing": ProblemKind(404, "The file of this version is not kept, or was lost."),
    # states
    "model-not-ready": ProblemKind(503, "An upload job still prepares the model; try again soon."),
    "model-unavailable": ProblemKind(503, "The stored model could not be loaded; see the detail."),
    "load-timeout": ProblemKind(422, "Loading the compiled model took longer than its limit."),
    "sizes-in-use": ProblemKind(503, "Predictions of too many sizes are being computed."),
    "model-closed": ProblemKind(503, "The version was deleted while the request was under way."),
    "no-active-version": ProblemKind(
        409,
        "The model has no active version to answer a request that names none; activate or name one.",
    ),
    "no-free-version": ProblemKind(
        409, "The highest version number is taken; name a lower one that is free."
    ),
    "duplicate-version": ProblemKind(409, "This version exists, or a job is preparing it."),
    "job-finished": ProblemKind(409, "The job has ended already."),
    "overloaded": ProblemKind(503, "A prediction would have to wait longer than the limit allows."),
    "too-many-uploads": ProblemKind(503, "More uploads arrive than the limit allows."),
    "model-memory-full": ProblemKind(
        507, "The loaded models together need more memory than the limit; delete versions."
    ),
    "job-queue-full": ProblemKind(503, "More jobs wait than the limit allows."),
    "shutting-down": ProblemKind(503, "The service is being stopped."),
    # model files
    "unreadable-model": ProblemKind(422, "The model file cannot be read."),
    "not-a-model-file": ProblemKind(
        422, "The file is neither .keras, nor a Keras .h5 file, nor a SavedModel."
    ),
    "damaged-file": ProblemKind(422, "The file is cut off or damaged."),
    "weights-only": ProblemKind(
        422, "The file holds weights without the model; use model.save(...), not save_weights."
    ),
    "unsafe-archive": ProblemKind(422, "The archive is built in a way that is refused."),
    "unsafe-entry-name": ProblemKind(422, "A name in the archive leads outside of it."),
    "zip-bomb": ProblemKind(422, "The archive unpacks to far more than its own size."),
    "unsafe-hdf5": ProblemKind(422, "The HDF5 file refers to other files."),
    "over-limit": ProblemKind(422, "The model is larger than a limit allows."),
    "invalid-config": ProblemKind(422, "The model's configuration is not valid."),
    "invalid-topology": ProblemKind(422, "The layers are connected in a way that cannot be run."),
    "custom-code": ProblemKind(
        422, "Lambda, custom and subclassed layers carry code; code of an upload is never run."
    ),
    "unsupported-layer": ProblemKind(
        422, "A layer, or an operation of a SavedModel, that is not supported."
    ),
    "unsupported-argument": ProblemKind(422, "A layer has an argument that is not supported."),
    "unsupported-dtype": ProblemKind(422, "A tensor has an element type that is not supported."),
    "invalid-vocabulary": ProblemKind(
        422,
        "A vocabulary is too large, has a token twice, or tokens that are not plain texts or numbers.",
    ),
    "weights-mismatch": ProblemKind(422, "The weights do not fit the configuration."),
    "non-finite-weights": ProblemKind(
        422, "Weights are NaN or infinite; the form field allow_nonfinite=true accepts them."
    ),
    "invalid-graph": ProblemKind(422, "The model's graph breaks a rule of graphs."),
    "shape-mismatch": ProblemKind(422, "Shapes in the model do not fit together."),
    "not-exportable": ProblemKind(422, "The pruned model cannot be written as a .keras file."),
    # pruning and compiling
    "invalid-recipe": ProblemKind(422, "A field of the recipe is unknown or out of range."),
    "invalid-calibration": ProblemKind(422, "The calibration data do not fit the model."),
    "pruning-failed": ProblemKind(422, "The model cannot be pruned as asked."),
    "gate-failed": ProblemKind(422, "Pruning changed the outputs more than the recipe allows."),
    "quality-gate-failed": ProblemKind(
        422,
        "What would be served answers too differently from the original; remove less, or allow more in the recipe's"
        " max_accuracy_drop, min_agreement or max_change.",
    ),
    "unsupported-model": ProblemKind(422, "The engine cannot run this model."),
    "variable-length": ProblemKind(422, "Every axis but the batch needs a fixed length."),
    "unsupported-kernel": ProblemKind(500, "There is no native kernel for a part of the model."),
    "weights-too-large": ProblemKind(
        422, "A weight is too large for the 16-bit type that was asked for."
    ),
    "code-generation-failed": ProblemKind(500, "Native code could not be made."),
    "wrong-thread-count": ProblemKind(
        500, "The number of threads that was asked for cannot be used."
    ),
    "unsuitable-cpu": ProblemKind(500, "The CPU lacks instructions that were asked for."),
    "unsafe-object-cache": ProblemKind(
        500, "The object cache's folder could be written by others."
    ),
    "invalid-program": ProblemKind(500, "The compiled program breaks a rule of programs."),
    "invalid-artifact": ProblemKind(500, "The compiled model cannot be read."),
    "engine-error": ProblemKind(500, "The engine refused."),
    "output-check-failed": ProblemKind(
        422, "The compiled model's answers differ from the original's, so it is not served."
    ),
    # jobs
    "job-timeout": ProblemKind(422, "The job took longer than its wall-clock limit."),
    "job-memory-limit": ProblemKind(422, "The job needed more memory than its limit."),
    "job-cpu-limit": ProblemKind(422, "The job used more CPU time than its limit."),
    "job-file-limit": ProblemKind(422, "The job wrote a file over its limit."),
    "job-crashed": ProblemKind(500, "The worker process ended without a result."),
    "job-disk-limit": ProblemKind(422, "The job's files together are over its limit."),
    "kernels-not-compiled": ProblemKind(
        500, "The process that compiles kernels ended or took too long; see the detail."
    ),
    "sandbox-unavailable": ProblemKind(
        500, "The sandbox is required (PRUNUS_SANDBOX), and a part of it cannot be had here."
    ),
    "job-cancelled": ProblemKind(409, "The job was cancelled by a request."),
    "server-stopped": ProblemKind(503, "The server stopped during the job; upload again."),
    # us
    "error": ProblemKind(422, "The request was refused."),
    "internal-error": ProblemKind(500, "A bug in the service; its log has the request id."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: what RFC 9457 names, and what was expected, what came, what helps.

    Attributes:
        source: "worker" where detail, expected, got and hint are what the confined process wrote; else empty.
    """

    slug: str
    title: str
    detail: str
    expected: str = ""
    got: str = ""
    hint: str = ""
    source: str = ""

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return kind_of(self.slug).status

    @classmethod
    def of(cls, error: PrunusError) -> "Problem":
        """Describe an error."""
        parts = (error.message, error.expected, error.got, error.hint)
        return cls(error.slug, error.title, *map(_text, parts))

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> "Problem":
        """Read back `to_record`, from a row of the database."""
        fields = ("slug", "title", "detail", "expected", "got", "hint", "source")
        texts = {name: str(record.get(name) or "")[:_MAX_TEXT_CHARACTERS] for name in fields}
        if texts["slug"] not in PROBLEMS:
            texts["slug"] = InternalError.slug
        return cls(**texts)

    def to_record(self) -> dict[str, str]:
        """Return the fields, to be stored."""
        return asdict(self)

    def document(self, **members: object) -> dict[str, object]:
        """Return the problem document; `members` are extension members."""
        document: dict[str, object] = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        extras = {
            "expected": self.expected,
            "got": self.got,
            "hint": self.hint,
            "source": self.source,
            **members,
        }
        document.update((name, value) for name, value in extras.items() if value)
        return document


def _text(part: str) -> str:
    """Cut to a readable length; lone surrogates, which JSON texts may hold, cannot be encoded."""
    return part[:_MAX_TEXT_CHARACTERS].encode("utf-8", "replace").decode()


def kind_of(slug: str) -> ProblemKind:
    """Return what is known of a slug; one that is not in the table is our own bug."""
    return PROBLEMS.get(slug, PROBLEMS[InternalError.slug])
