"""What a client asks for when a model is uploaded: one object, carried whole from the form to the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The engine's value types, whose module is not imported by what only serves.
WEIGHT_TYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """How to make a model of an uploaded file; `app.routes.forms` checks what clients send.

    Attributes:
        recipe: the recipe's JSON object; empty is the default recipe. The server parses it to answer a wrong one at
            once; the worker process parses it again, because it is the JSON text that crosses into it.
        has_calibration: calibration samples were sent along.
        has_labels: class numbers of these samples were sent along.
        has_weights: the weights were sent along in a file of their own.
        allow_nonfinite: accept weights that are NaN or infinite.
        weight_type: what weights are rounded to: float32, bfloat16 or float16.
        activate: whether the version shall answer predictions that name no version; None leaves that to the gate.
        signature: the signature of a SavedModel to serve; empty for serving_default, or the only one.
    """

    recipe: Mapping[str, object] = field(default_factory=dict)
    has_calibration: bool = False
    has_labels: bool = False
    has_weights: bool = False
    allow_nonfinite: bool = False
    weight_type: str = WEIGHT_TYPES[0]
    activate: bool | None = None
    signature: str = ""
