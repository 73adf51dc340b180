"""What is kept of a model version besides its files: written by the worker, checked by the server, shown to clients."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_MAX_ITEMS = 4096
Text = Annotated[str, Field(max_length=4096)]
# Within what databases, metrics and floats can hold; Python's own integers have no end.
Count = Annotated[int, Field(ge=0, lt=2**63)]


class Tensor(BaseModel):
    """An input or output of a model."""

    model_config = ConfigDict(frozen=True)

    name: Text
    dtype: Text
    shape: tuple[Count | None, ...] = Field(
        max_length=16,
        description="Shape with the batch axis first, which is null, as are axes of varying length.",
    )


class Latency(BaseModel):
    """Measured time of one call, in seconds."""

    model_config = ConfigDict(frozen=True)

    batch: Annotated[int, Field(ge=1, lt=2**63)]
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


Share = Annotated[float, Field(ge=0, le=1)]


class Estimate(BaseModel):
    """A share, or a difference of two, with its two-sided 95 % interval."""

    model_config = ConfigDict(frozen=True)

    value: Annotated[float, Field(ge=-1, le=1)]
    low: Annotated[float, Field(ge=-1, le=1)]
    high: Annotated[float, Field(ge=-1, le=1)]


class Accuracy(BaseModel):
    """Shares of right answers on the labelled samples."""

    model_config = ConfigDict(frozen=True)

    before: Estimate = Field(description="Of the original.")
    after: Estimate = Field(description="Of the model as it is served.")
    drop: Estimate = Field(description="Before minus after, counted on the same samples.")
    lost: Count = Field(description="Samples that only the original answers right.")
    gained: Count = Field(description="Samples that only the served model answers right.")


class Change(BaseModel):
    """How far outputs move, before the last softmax or sigmoid, as shares of their spread; null where infinite."""

    model_config = ConfigDict(frozen=True)

    median: float | None
    high: float | None = Field(description="At most on 95 % of the samples.")
    largest: float | None


class Quality(BaseModel):
    """What the served model's answers cost, beside the original's."""

    model_config = ConfigDict(frozen=True)

    basis: Text = Field(
        description="labels, samples, or probes: made-up inputs, which say nothing about real data."
    )
    answers: Text = Field(description="What outputs are read as: classes, numbers, or both.")
    samples: Count
    agreeing: Count = Field(description="Samples that both models answer alike.")
    accuracy: Accuracy | None = Field(description="With labels.")
    agreement: Estimate = Field(description="agreeing / samples.")
    change: Change


class ModelSummary(BaseModel):
    """What the upload job found out about a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: Quality | None = Field(
        default=None, description="What the answers cost; null for versions of older releases."
    )
    gate: Text = Field(default="", description="What the gate says of that, in sentences.")
    gate_verdict: Text = Field(
        default="", description="lossless, held, undecided or unchecked; empty for older releases."
    )
    may_take_traffic: bool = Field(
        default=False,
        description="Whether the gate lets it answer requests that name no version, unless told otherwise.",
    )
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
    weights_before: Count = Field(description="Weights of kernels as uploaded.")
    nonzeros_after: Count = Field(description="Of these, what is left to compute with.")
    removed_share: Share
    largest_change: float | None = Field(
        description="Largest change of a sample's outputs, before the last softmax or sigmoid, as a share of their"
        " spread: on calibration samples, else on probe inputs of ordinary size."
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
