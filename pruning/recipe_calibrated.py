"""The fields of mode calibrated: what mode magnitude has, and how weights are chosen by samples."""

from pruning.fields import FieldReader
from pruning.recipe import CalibratedOptions

CALIBRATED_FIELDS = ("solver", "damping", "held_out", "back_off", "seed")
_MIN_DAMPING, _MAX_SEED = 1e-9, 2**31 - 1


def parse_calibrated(reader: FieldReader) -> CalibratedOptions:
    """Read the mode's own fields.

    Raises:
        RecipeError: One of them is wrong.
    """
    default = CalibratedOptions()
    damping = reader.number("damping", default.damping, low=_MIN_DAMPING, high=1.0, below=False)
    return CalibratedOptions(
        solver=reader.choice("solver", default.solver),
        damping=damping,
        held_out=reader.number("held_out", default.held_out, low=0.05, high=0.5, below=False),
        back_off=reader.boolean("back_off", default=default.back_off),
        seed=reader.integer("seed", default.seed, low=0, high=_MAX_SEED),
    )
