"""What merging and joining need where values lie in channels."""

import math

from engine.core.steps import Place
from engine.passes.lowering import Lowering, box
from engine.passes.staging import row_major
from graph.graph import Node


def repeated_in_channels(to: Lowering, node: Node, value: str, shape: tuple[int, ...]) -> Place:
    """Return the value in channels with as many rows as `shape`: axes of length 1 are repeated."""
    own = to.shape(value)
    own = (1,) * (len(shape) - len(own)) + own
    x = to.in_channels(value)
    if own == shape:
        return x
    *lengths, channels = shape
    steps = row_major(list(own[:-1]))
    repeats = [
        (length, 0 if one == 1 else step, y_step)
        for length, one, step, y_step in zip(
            lengths, own[:-1], steps, row_major(lengths), strict=True
        )
    ]
    x_rows = math.prod(own[:-1]) if own[-1] > 1 else 0
    return to.move(
        f"{node.name}/{value}", x, [box(0, 0, repeats)], (channels, x_rows, math.prod(lengths))
    )


def joined_channels(to: Lowering, node: Node) -> Place:
    """Put the channels of all values one after the other."""
    xs = [to.in_channels(value) for value in node.inputs]
    joined = to.new_buffer(sum(x.rows for x in xs))
    first = 0
    for value, x in zip(node.inputs, xs, strict=True):
        to.copy_whole(f"{node.name}/{value}", x, joined.part(first, x.rows))
        first += x.rows
    return joined
