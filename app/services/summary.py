"""What is kept of a model version besides its files: written by the worker, checked by the server, shown to clients."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_MAX_ITEMS = 4096
Text = Annotated[str, Field(max_length=4096)]
Count = Annotated[int, Field(ge=0)]


class Tensor(BaseModel):
    """An input or output of a model."""

    model_config = ConfigDict(frozen=True)

    name: Text
    dtype: Text
    shape: tuple[int | None, ...] = Field(
        max_length=16, description="Shape with the batch axis first, which is null."
    )


class Latency(BaseModel):
    """Measured time of one call, in seconds."""

    model_config = ConfigDict(frozen=True)

    batch: Annotated[int, Field(ge=1)]
    dense_seconds: Annotated[float, Field(ge=0)] = Field(
        description="The original model by dense kernels, with subnormal numbers flushed to zero; median."
    )
    seconds: Annotated[float, Field(gt=0)] = Field(description="The model as it is served; median.")
    dense_low_seconds: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="10th percentile; null for versions from before there were spreads.",
    )
    dense_high_seconds: Annotated[float, Field(ge=0)] | None = None
    low_seconds: Annotated[float, Field(ge=0)] | None = None
    high_seconds: Annotated[float, Field(ge=0)] | None = None
    readings: Count = 0
    verdict: Literal["same_code", "faster", "slower", "no_difference"] = Field(
        default="no_difference",
        description="What may be said: faster or slower only where the spreads are apart.",
    )
    speedup: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="How many times as fast as dense; 1 where both run the same code, null where the readings show no"
        " difference.",
    )
    words: Text = Field(
        default="timed without a spread, by an earlier version",
        description="The verdict in words.",
    )


class ModelSummary(BaseModel):
    """What the upload job found out about a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Text = Field(description="Kind of the uploaded file.")
    keras_version: Text = Field(description="Version of Keras that wrote it; may be empty.")
    notes: tuple[Text, ...] = Field(default=(), max_length=_MAX_ITEMS)
    inputs: tuple[Tensor, ...] = Field(max_length=_MAX_ITEMS)
    outputs: tuple[Tensor, ...] = Field(max_length=_MAX_ITEMS)
    recipe: Text = Field(description="Mode of the pruning recipe.")
    guarantee: Text = Field(
        description="exact, rounding or budgeted: what is proven; measured where weights are rounded to 16 bits."
    )
    values: Text = Field(
        default="float32", description="What weights are rounded to: float32, bfloat16 or float16."
    )
    weights_before: Count = Field(description="Weights of Dense layers as uploaded.")
    nonzeros_after: Count = Field(description="Of these, what is left to compute with.")
    removed_share: Annotated[float, Field(ge=0, le=1)]
    largest_change: float | None = Field(
        description="Largest measured change of an output, relative to its scale."
    )
    check_error: float | None = Field(
        description="Largest difference of the compiled model from the original on probe inputs,"
        " relative to the output's scale."
    )
    uploaded_bytes: Count
    keras_bytes: Count | None = Field(description="The pruned .keras file; null if there is none.")
    artifact_bytes: Count
    artifact_sha256: Text
    cpu: Text
    isa: Text
    latency: tuple[Latency, ...] = Field(default=(), max_length=64)
