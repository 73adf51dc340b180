"""Under which names a file of arrays may give the only input of a model."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

# What people call it, and what numpy.savez calls an array without a name.
ALIASES = ("x", "inputs", "arr_0")

T = TypeVar("T")


def by_input_name(given: Mapping[str, T], names: Sequence[str]) -> Mapping[str, T]:
    """Return what was given, under the input's own name where it is the only one and has one of `ALIASES`.

    Args:
        given: something for each name in the file.
        names: the model's inputs.
    """
    if len(names) == 1 and len(given) == 1 and names[0] not in given:
        ((alias, value),) = given.items()
        if alias in ALIASES:
            return {names[0]: value}
    return given
