"""Everything pruning refuses, as one tree.

PruningError            base; a PrunusError: expected, got, what to do
├── RecipeError         a recipe's field is unknown, of the wrong type, out of range, or contradicts another
├── CalibrationError    a calibration or label file does not fit the model
├── GateError           lossless steps changed the outputs more than their recipe allows
├── QualityGateError    what would be served answers too differently from the original
└── OutputCheckError    the compiled model does not answer as the graph it was made of
"""

from graph.errors import PrunusError

_SHOWN_CHARACTERS = 120


def shown(value: object) -> str:
    """Render a value from outside for an error message: one line of at most 120 characters."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


class PruningError(PrunusError):
    """Base of every error that pruning raises for something a user can change."""

    slug = "pruning-failed"
    title = "The model cannot be pruned as asked"


class RecipeError(PruningError):
    """A recipe cannot be used.

    Attributes:
        field: path of the field, for example `layers.dense_1.sparsity`; empty for the recipe itself.
    """

    slug = "invalid-recipe"
    title = "The pruning recipe is not valid"

    def __init__(self, field: str, expected: str, value: object, hint: str = "") -> None:
        self.field = field
        where = f"recipe field {field!r}" if field else "the recipe"
        got = "nothing" if value is None else shown(value)
        super().__init__(f"{where} cannot be used", expected=expected, got=got, hint=hint)


class CalibrationError(PruningError):
    """A calibration or label file cannot be used.

    Attributes:
        field: the array that is wrong, or "file".
    """

    slug = "invalid-calibration"
    title = "The calibration data do not fit the model"

    def __init__(self, field: str, expected: str, got: str, hint: str = "") -> None:
        self.field = field
        super().__init__(
            f"calibration {field!r} cannot be used", expected=expected, got=got, hint=hint
        )


class GateError(PruningError):
    """A result that must not change the outputs changed them, and undoing steps did not mend it.

    Attributes:
        measured: largest change of an output, relative to the output's scale.
        allowed: the gate it had to stay under.
    """

    slug = "gate-failed"
    title = "The pruned model's outputs differ too much"

    def __init__(self, measured: float, allowed: float) -> None:
        self.measured = measured
        self.allowed = allowed
        super().__init__(
            "the pruned model's outputs differ from the original's",
            expected=f"a change of at most {allowed:.3g} of the output's largest magnitude",
            got=f"{measured:.3g}",
            hint="switch off steps under 'lossless' in the recipe, or raise 'lossless.gate'",
        )


class QualityGateError(PruningError):
    """What would be served answers too differently from the original; nothing of it is kept.

    Attributes:
        field: the recipe's field that refuses it.
    """

    slug = "quality-gate-failed"
    title = "The pruned model would answer too differently"

    def __init__(self, field: str, allowed: str, measured: str) -> None:
        self.field = field
        super().__init__(
            f"the pruned model does not pass the gate {field!r}, so it is not published",
            expected=allowed,
            got=measured,
            hint="remove less, or leave layers out (recipe field 'layers'), or keep float32 weights; or fine-tune the"
            f" model with the zeros kept; or set {field!r} in the recipe to what you accept",
        )


class OutputCheckError(PruningError):
    """The compiled model does not answer as the graph that it was made of."""

    slug = "output-check-failed"
    title = "The compiled model's outputs differ from the original's"
