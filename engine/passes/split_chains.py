"""A convolution whose wide result only a depthwise convolution reads: both go through the channels in runs.

Channels of a depthwise convolution do not meet, so that a run of them can be computed as soon as the convolution in
front of it has made them. Where all channels together leave the caches, runs that stay there save the way to memory and
back. Sample (6 channels, runs of 3)::

    conv   x -> wide[0:6]                 conv x -> a[0:3]; move, depthwise a -> y[0:3]
    move, depthwise wide -> y[0:6]        conv x -> b[0:3]; move, depthwise b -> y[3:6]

Memory planning gives a and b the same memory. All steps keep the name of their layer; reports join them again
(`engine.planning.whole_layers`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from engine.core.program import Constant, Program, dense_array
from engine.core.steps import ConvStep, DepthwiseStep, MoveStep, Place, Step
from engine.passes.rewrite import is_whole, readers

# A wide value takes more than this, one sample; an input that is read again for each run takes no more. A run takes
# about so much: MobileNetV2 took 4.1 ms without runs, 3.5 with runs of 512 KB, 3.7 with runs of 256 KB.
_WIDE_BYTES = 1024 * 1024
_RUN_BYTES = 512 * 1024
# Runs are multiples of so many channels: kernels compute a few at once.
_CHANNEL_STEP = 4
_FLOAT_BYTES = 4
_Weighted = TypeVar("_Weighted", ConvStep, DepthwiseStep)


class _Chain(NamedTuple):
    """The steps of a chain, one after the other in the program."""

    conv: ConvStep
    move: MoveStep
    depthwise: DepthwiseStep


def split_chains(program: Program) -> Program:
    """Let every such chain go through its channels in runs."""
    read_by = readers(program)
    parts = _Parts(list(program.buffers), dict(program.constants))
    steps: list[Step] = []
    number = 0
    while number < len(program.steps):
        chain = _chain(program, number, read_by)
        if chain is None:
            steps.append(program.steps[number])
            number += 1
            continue
        for channels in _runs(chain.conv):
            steps += parts.of(chain, channels)
        number += len(chain)
    return replace(
        program, steps=tuple(steps), buffers=tuple(parts.buffers), constants=parts.constants
    )


def _chain(program: Program, number: int, read_by: dict[int, list[int]]) -> _Chain | None:
    """Return the chain that begins with a step, if one does."""
    found = program.steps[number : number + len(_Chain._fields)]
    match found:
        case (ConvStep() as conv, MoveStep() as move, DepthwiseStep() as depthwise):
            chain = _Chain(conv, move, depthwise)
        case _:
            return None
    places = ((conv.y, move.x), (move.y, depthwise.x))
    follows = all(
        is_whole(program, made) and read == made and read_by[made.buffer] == [number + place]
        for place, (made, read) in enumerate(places, 1)
    )
    same_channels = (
        depthwise.multiplier == 1
        and conv.units == depthwise.units == move.outer
        and move.x_rows == conv.positions
        and move.y_rows == depthwise.channel_rows
    )
    wide = conv.y.rows * _FLOAT_BYTES > _WIDE_BYTES >= conv.x.rows * _FLOAT_BYTES
    return chain if follows and same_channels and wide and conv.groups == 1 else None


def _runs(conv: ConvStep) -> Iterator[range]:
    count = math.ceil(conv.y.rows * _FLOAT_BYTES / _RUN_BYTES)
    size = -(-conv.units // count // _CHANNEL_STEP) * _CHANNEL_STEP
    for first in range(0, conv.units, size):
        yield range(first, min(first + size, conv.units))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Makes the steps of runs; buffers and constants grow with them."""

    buffers: list[int]
    constants: dict[str, Constant]

    def of(self, chain: _Chain, channels: range) -> tuple[Step, ...]:
        """Return the steps of some channels."""
        conv, move, depthwise = chain
        wide = self._new(len(channels) * conv.positions)
        staged = self._new(len(channels) * move.y_rows)
        added = None if conv.added is None else _channels(conv.added, channels, conv.positions)
        return (
            self._weighted(replace(conv, y=wide, added=added), channels),
            replace(move, x=wide, y=staged, outer=len(channels)),
            self._weighted(
                replace(
                    depthwise,
                    x=staged,
                    y=_channels(depthwise.y, channels, depthwise.positions),
                ),
                channels,
            ),
        )

    def _new(self, rows: int) -> Place:
        self.buffers.append(rows)
        return Place(len(self.buffers) - 1, 0, rows)

    def _weighted(self, step: _Weighted, channels: range) -> _Weighted:
        """Return a step with the weights of some channels."""
        kernel = self._slice(step.kernel, channels)
        bias = None if step.bias is None else self._slice(step.bias, channels)
        nonzeros = int(np.count_nonzero(dense_array(self.constants[kernel])))
        return replace(step, kernel=kernel, bias=bias, nonzeros=nonzeros)

    def _slice(self, name: str, channels: range) -> str:
        """Return the name of some channels of a constant, which are its last axis."""
        part = f"{name}/{channels.start}:{channels.stop}"
        whole = dense_array(self.constants[name])
        array = np.ascontiguousarray(whole[..., channels.start : channels.stop])
        array.flags.writeable = False
        self.constants[part] = array
        return part


def _channels(place: Place, channels: range, positions: int) -> Place:
    return place.part(channels.start * positions, len(channels) * positions)
