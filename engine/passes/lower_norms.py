"""Lowering of normalizations whose statistics come from each sample: by groups of channels, by root mean square."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.steps import AffineStep, LayerNormStep, Place, RootStep
from engine.core.window_steps import Root
from engine.passes.lowering import InChannels, Lowering, Lowerings, Result
from engine.passes.row_constants import row_constants
from graph.graph import Node
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization


def lower_group_normalization(to: Lowering, node: Node, op: GroupNormalization) -> InChannels:
    """Normalize runs of channels, which are runs of rows; then one scale and shift per channel."""
    channels, positions = to.extent(node.inputs[0])
    x = to.in_channels(node.inputs[0])
    y = to.new_buffer(x.rows)
    length = x.rows // op.groups
    gamma = to.constant(f"{node.name}/ones", np.ones(length, np.float32))
    beta = to.constant(f"{node.name}/zeros", np.zeros(length, np.float32))
    to.steps.append(
        LayerNormStep(x, y, op.groups, length, 1, gamma, beta, op.epsilon, centred=True)
    )
    if not node.weights:
        return InChannels(y)
    weights = [to.weight_array(name) for name in node.weights]
    scale = weights.pop(0) if op.scale else np.ones(channels, np.float32)
    shift = weights.pop(0) if op.center else np.zeros(channels, np.float32)
    return InChannels(_scaled(to, node, y, (scale, shift), (1, channels, positions)))


def _scaled(
    to: Lowering,
    node: Node,
    x: Place,
    numbers: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    counts: tuple[int, int, int],
) -> Place:
    y = to.new_buffer(x.rows)
    names = [
        to.constant(f"{node.name}/{kind}", np.asarray(array, np.float32))
        for kind, array in zip(("scale", "shift"), numbers, strict=True)
    ]
    to.steps.append(AffineStep(x, y, *counts, names[0], names[1]))
    return y


def lower_rms_normalization(to: Lowering, node: Node, op: RmsNormalization) -> Place:
    """Divide by the root of the mean square; then one scale per element."""
    x = _divided(to, node, op.axes, Root.MEAN_SQUARE, op.epsilon)
    own = np.broadcast_to(to.weight_array(node.weights[0]), to.shape(node.name))
    rows = row_constants([own, np.broadcast_to(np.float32(0), own.shape)])
    counts = (rows.outer, rows.length, rows.inner)
    return _scaled(to, node, x, (rows.numbers[0], rows.numbers[1]), counts)


def lower_unit_normalization(to: Lowering, node: Node, op: UnitNormalization) -> Result:
    """Divide by the Euclidean norm."""
    return _divided(to, node, op.axes, Root.NORM, op.epsilon)


def _divided(to: Lowering, node: Node, axes: tuple[int, ...], kind: Root, epsilon: float) -> Place:
    """Divide over adjacent axes; other sets of axes are brought to the end first, and back after."""
    value = node.inputs[0]
    shape, places = to.shape(value), [axis - 1 for axis in axes]
    x = to.row_major(value)
    length = math.prod(shape[place] for place in places)
    order = None
    inner = math.prod(shape[places[-1] + 1 :])
    if places != list(range(places[0], places[-1] + 1)):
        kept = [axis for axis in range(len(shape)) if axis not in places]
        order = to.input_rows(value).transpose([*kept, *places])
        x, inner = to.copy(f"{node.name}/in", x, order), 1
    y = to.new_buffer(x.rows)
    to.steps.append(RootStep(kind, x, y, x.rows // (length * inner), length, inner, epsilon))
    if order is None:
        return y
    back = np.empty(x.rows, np.uint32)
    back[order.reshape(-1)] = np.arange(x.rows, dtype=np.uint32)
    return to.copy(f"{node.name}/out", y, back)


LOWERINGS: Lowerings = {
    GroupNormalization: lower_group_normalization,
    RmsNormalization: lower_rms_normalization,
    UnitNormalization: lower_unit_normalization,
}
