"""Where the elements of a moving op's output come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.op import Op
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape

Indices = np.ndarray[Any, np.dtype[np.int64]]
MOVING_OPS = (Reshape, Permute, RepeatVector, Concatenate)


@dataclass(frozen=True, slots=True)
class Sources:
    """Origin of every output element.

    Attributes:
        place: which input, of the output's sample shape.
        index: which element of that input, counted row-major, of the output's sample shape.
    """

    place: Indices
    index: Indices


def sources(op: Op, shapes: Sequence[tuple[int, ...]]) -> Sources:
    """Find the origins by sending indices through the op itself.

    Args:
        op: one of `MOVING_OPS`.
        shapes: sample shapes of its inputs.
    """
    indices = [np.arange(int(np.prod(shape))).reshape(1, *shape) for shape in shapes]
    places = [np.full((1, *shape), place) for place, shape in enumerate(shapes)]
    return Sources(op.evaluate(places, [])[0], op.evaluate(indices, [])[0])
