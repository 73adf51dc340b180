"""What is kept of a model version besides its files: written by the worker, checked by the server, shown to clients."""

from typing import Annotated

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
        description="The original model with dense kernels."
    )
    seconds: Annotated[float, Field(gt=0)] = Field(description="The model as it is served.")

    @property
    def speedup(self) -> float:
        """How many times faster the served model is."""
        return self.dense_seconds / self.seconds


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
