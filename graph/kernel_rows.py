"""The inputs of a layer with a kernel as rows: one row for each product of the kernel with something."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from graph.conv_ops import Conv
from graph.linear import LinearKernel
from graph.op import Op
from graph.ops import Dense

Reals = np.ndarray[Any, np.dtype[Any]]


def has_rows(op: Op) -> bool:
    """Return whether `rows_of` knows the op; only exact classes count, a subclass may mean something else."""
    return type(op) in (Dense, Conv)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a kernel is multiplied with, and what the layer makes of it.

    Attributes:
        inputs: (groups, rows, fan_in), in the order of the kernel's matrix.
        outputs: (groups, rows, units of a group), the layer's own outputs there.
    """

    inputs: Reals
    outputs: Reals


def rows_of(op: Op, kernel: LinearKernel, x: Reals, y: Reals, most: int, seed: int) -> Rows:
    """Return a layer's inputs and outputs as rows, at most `most` of them, drawn at random without repetition.

    Args:
        op: one that `has_rows`.
        kernel: how its kernel is laid out.
        x: a batch of its inputs.
        y: the same batch of its outputs, or of what it should compute.
        most: how many rows are returned at most, at least 1.
        seed: the seed of the draw.
    """
    outputs = y.reshape(-1, kernel.groups, kernel.units_of_group).transpose(1, 0, 2)
    chosen = _chosen(outputs.shape[1], most, seed)
    inputs = _patches(op, kernel, x) if isinstance(op, Conv) else x.reshape(1, -1, kernel.inputs)
    return Rows(inputs[:, chosen], outputs[:, chosen])


def _chosen(count: int, most: int, seed: int) -> Reals | slice:
    if count <= most:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _patches(op: Conv, kernel: LinearKernel, x: Reals) -> Reals:
    """Return what the window sees at each of its places, (groups, windows of all samples, fan_in); padding is 0."""
    window = op.window(kernel.shape)
    lengths = x.shape[1:-1]
    axes = zip(lengths, window.size, window.strides, window.dilation, strict=True)
    places = [op.padding.windows(*axis) or 0 for axis in axes]
    found = np.zeros((len(x), *places, *window.size, x.shape[-1]), x.dtype)
    for taps in product(*window.taps(lengths)):
        windows = tuple(tap.windows for tap in taps)
        elements = tuple(tap.elements for tap in taps)
        at: tuple[slice | int, ...] = (slice(None), *windows, *(tap.place for tap in taps))
        found[at] = x[(slice(None), *elements)]
    split = found.reshape(-1, kernel.taps, kernel.groups, kernel.inputs)
    return split.transpose(2, 0, 1, 3).reshape(kernel.groups, -1, kernel.fan_in)
