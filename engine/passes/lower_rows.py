"""Lowering of Dense, and of the ops that scale each row by itself."""

import numpy as np
import numpy.typing as npt

from engine.core.errors import UnsupportedModelError
from engine.core.functions import ElementFunction
from engine.core.steps import AffineStep, DenseStep, Place, PReluStep
from engine.passes.lowering import Lowering
from engine.passes.row_constants import row_constants
from graph.affine import as_affine
from graph.graph import Node
from graph.op import Op
from graph.ops import BatchNormalization, Dense, Normalization, Rescaling

Float64Array = npt.NDArray[np.float64]


def lower_dense(to: Lowering, node: Node, op: Dense) -> Place:
    """y = x @ kernel + bias, over the last axis."""
    x, y = to.places[node.inputs[0]], to.result(node)
    kernel = to.weight(node.weights[0])
    bias = to.weight(node.weights[1]) if op.use_bias else None
    positions = y.rows // op.units
    nonzeros = int(np.count_nonzero(to.weight_array(kernel)))
    to.steps.append(
        DenseStep(node.name, x, y, kernel, bias, positions, nonzeros, ElementFunction())
    )
    return y


def lower_prelu(to: Lowering, node: Node, op: Op) -> Place:
    """Return one alpha per row, or per channel where all positions share it."""
    del op
    x, y = to.places[node.inputs[0]], to.result(node)
    alpha = np.broadcast_to(to.weight_array(node.weights[0]), to.shape(node.inputs[0]))
    rows = row_constants([alpha])
    name = to.constant(f"{node.name}/alpha", rows.numbers[0])
    to.steps.append(PReluStep(x, y, rows.outer, rows.length, rows.inner, name))
    return y


def lower_affine(
    to: Lowering, node: Node, op: BatchNormalization | Normalization | Rescaling
) -> Place:
    """Return one scale and shift per row, or per channel where all positions share them.

    They are float64 until the last rounding; see `graph.affine`.

    Where float32 would lose digits otherwise, the centre is taken off in a step of its own, as the op is written.

    Raises:
        UnsupportedModelError: the op has no affine form.
    """
    x = to.places[node.inputs[0]]
    weights = [to.weight_array(name) for name in node.weights]
    affine = as_affine(op, weights, to.shape(node.inputs[0]))
    if affine is None:
        raise UnsupportedModelError(f"{type(op).__name__} has no affine form")
    if affine.centre is None or affine.may_drop_centre:
        return _affine(to, node, x, affine.scale, affine.offset)
    centred = _affine(to, node, x, np.ones(affine.centre.shape), -affine.centre, "centre")
    return _affine(to, node, centred, affine.scale, affine.shift)


def lower_reshape(to: Lowering, node: Node, op: Op) -> Place:
    """Another name for the same rows: elements stay in row-major order."""
    del op
    return to.places[node.inputs[0]]


def _affine(
    to: Lowering,
    node: Node,
    x: Place,
    scale: Float64Array,
    shift: Float64Array,
    part: str = "affine",
) -> Place:
    y = to.new_buffer(x.rows)
    rows = row_constants([scale, shift])
    names = [
        to.constant(f"{node.name}/{part}/{kind}", numbers)
        for kind, numbers in zip(("scale", "shift"), rows.numbers, strict=True)
    ]
    to.steps.append(AffineStep(x, y, rows.outer, rows.length, rows.inner, names[0], names[1]))
    return y
