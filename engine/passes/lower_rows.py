"""Lowering of Dense, and of the ops that scale each row by itself."""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import UnsupportedModelError
from engine.core.functions import ElementFunction
from engine.core.steps import AffineStep, DenseStep, PReluStep
from engine.passes.lower_conv import pointwise
from engine.passes.lowering import InChannels, Lowering, Lowerings, Result, place_of, with_place
from engine.passes.row_constants import row_constants
from graph.affine import as_affine
from graph.graph import Node
from graph.op import Op
from graph.ops import BatchNormalization, Dense, Normalization, PRelu, Rescaling
from graph.shape_ops import Reshape

Float64Array = npt.NDArray[np.float64]


def lower_dense(to: Lowering, node: Node, op: Dense) -> Result:
    """y = x @ kernel + bias, over the last axis."""
    if to.lies_in_channels(node.inputs[0]) or node.name in to.inside:
        return InChannels(pointwise(to, node))
    x, y = to.row_major(node.inputs[0]), to.result(node)
    kernel = to.weight(node.weights[0])
    bias = to.weight(node.weights[1]) if op.use_bias else None
    positions = y.rows // op.units
    nonzeros = int(np.count_nonzero(to.weight_array(kernel)))
    to.steps.append(
        DenseStep(node.name, x, y, kernel, bias, positions, nonzeros, ElementFunction())
    )
    return y


def lower_prelu(to: Lowering, node: Node, op: Op) -> Result:
    """Return one alpha per row, or per channel where all positions share it."""
    del op
    x, y = to.as_it_lies(node.inputs[0]), to.result(node)
    alpha = np.broadcast_to(to.weight_array(node.weights[0]), to.shape(node.inputs[0]))
    rows = row_constants([_in_order(x, alpha)])
    name = to.constant(f"{node.name}/alpha", rows.numbers[0])
    to.steps.append(PReluStep(place_of(x), y, rows.outer, rows.length, rows.inner, name))
    return with_place(x, y)


def _in_order(x: Result, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers of the shape of a value in the order in which it lies."""
    return np.moveaxis(array, -1, 0) if isinstance(x, InChannels) else array


def lower_affine(
    to: Lowering, node: Node, op: BatchNormalization | Normalization | Rescaling
) -> Result:
    """Return one scale and shift per row, or per channel where all positions share them.

    They are float64 until the last rounding; see `graph.affine`.

    Where float32 would lose digits otherwise, the centre is taken off in a step of its own, as the op is written.

    Raises:
        UnsupportedModelError: the op has no affine form.
    """
    x = to.as_it_lies(node.inputs[0])
    weights = [to.weight_array(name) for name in node.weights]
    affine = as_affine(op, weights, to.shape(node.inputs[0]))
    if affine is None:
        raise UnsupportedModelError(f"{type(op).__name__} has no affine form")
    if affine.centre is None or affine.may_drop_centre:
        return _affine(to, node, x, affine.scale, affine.offset)
    centred = _affine(to, node, x, np.ones(affine.centre.shape), -affine.centre, "centre")
    return _affine(to, node, centred, affine.scale, affine.shift)


def lower_reshape(to: Lowering, node: Node, op: Op) -> Result:
    """Another name for the same rows: elements stay in row-major order, or channels stay what they are."""
    del op
    value = node.inputs[0]
    if to.extent(value) == to.extent(node.name):
        return to.as_it_lies(value)
    return to.row_major(value)


def _affine(
    to: Lowering,
    node: Node,
    x: Result,
    scale: Float64Array,
    shift: Float64Array,
    part: str = "affine",
) -> Result:
    y = to.result(node)
    shape = to.shape(node.name)
    rows = row_constants([_in_order(x, array.reshape(shape)) for array in (scale, shift)])
    names = [
        to.constant(f"{node.name}/{part}/{kind}", numbers)
        for kind, numbers in zip(("scale", "shift"), rows.numbers, strict=True)
    ]
    to.steps.append(
        AffineStep(place_of(x), y, rows.outer, rows.length, rows.inner, names[0], names[1])
    )
    return with_place(x, y)


LOWERINGS: Lowerings = {
    Dense: lower_dense,
    PRelu: lower_prelu,
    BatchNormalization: lower_affine,
    Rescaling: lower_affine,
    Normalization: lower_affine,
    Reshape: lower_reshape,
}
