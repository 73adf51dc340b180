"""A recurrent step, for one tile width, as phases of kernels: initial states, the loop over time, final states.

One thread runs all steps of time in one call. Where several threads share the units, each step of time is a phase, and
the state that is the output lies in two places in turn: what all threads read is not what they write.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.core.places import Place
from engine.core.recurrent_steps import (
    Cell,
    MaskedOutput,
    RecurrentStep,
    Scratch,
    SequenceResult,
    scratch_of,
)
from engine.core.steps import DenseStep
from engine.core.target import Isa
from engine.core.window_steps import BOX_AXES, BOX_NUMBERS
from engine.execution.bound import BoundStep
from engine.kernels.abi import KernelSpec, PackedLayer
from engine.kernels.moves import move_spec
from engine.kernels.recurrent import CANDIDATE, PRODUCT, function_ints, recurrent_spec
from engine.planning.interleaved import chunks_of

Phase = tuple[BoundStep, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A Dense layer over all steps of time, with its kernel.

    Attributes:
        step: the layer.
        spec: its kernel.
        packed: the layer in the kernel's format.
    """

    step: DenseStep
    spec: KernelSpec
    packed: PackedLayer


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentBinder:
    """Binds one recurrent step.

    Attributes:
        step: the step.
        isa: instruction set level.
        lanes: samples per tile.
        offset: gives the byte offset of a place in the arena.
    """

    step: RecurrentStep
    isa: Isa
    lanes: int
    offset: Callable[[Place], int]

    def phases(
        self,
        spec: KernelSpec,
        parts: Sequence[range],
        packed: Sequence[PackedLayer],
        projection: "Projection | None" = None,
    ) -> tuple[Phase, ...]:
        """Return all phases of the step.

        Args:
            spec: the kernel of the products.
            parts: columns of each part; of a cell with two products, of each product.
            packed: the kernel's layers for them.
            projection: what makes x, where that is computed between the steps of time.
        """
        step = self.step
        chunks = [range(step.times)] if projection is None else chunks_of(step, self.lanes)
        alone = step.cell is Cell.GRU_BEFORE or len(parts) == 1
        loop: list[Phase] = []
        for chunk in chunks:
            if projection is not None:
                threads = 1 if alone else len(parts)
                loop.append(self._projected(projection, chunk, threads))
            if alone:
                loop.append((self._alone(spec, packed, chunk),))
            else:
                loop += self._shared(spec, parts, packed, chunk)
        last = 0 if alone else step.times % 2
        return (*self._first(), *loop, *self._last(last))

    def _projected(self, projection: "Projection", chunk: range, threads: int) -> Phase:
        """The projection of some steps of time, in a part for each thread, at the beginning of x."""
        step, dense = self.step, projection.step
        first = step.times - chunk.stop if step.backwards else chunk.start
        bounds = [len(chunk) * part // threads for part in range(threads + 1)]
        return tuple(
            BoundStep(
                projection.spec,
                {
                    **projection.packed.ints,
                    "x": self.offset(dense.x) + (first + start) * dense.inputs * self._row_bytes,
                    "y": self.offset(dense.y) + start * dense.units * self._row_bytes,
                    "positions": end - start,
                },
                projection.packed.constants,
            )
            for start, end in itertools.pairwise(bounds)
            if start < end
        )

    @property
    def _scratch(self) -> Scratch:
        return scratch_of(self.step.cell, self.step.masked, self.step.hidden)

    @property
    def _has_states(self) -> bool:
        return self.step.result is SequenceResult.SEQUENCE_AND_STATES

    def _own(self, first: int) -> int:
        """Offset of a run of scratch."""
        return self.offset(self.step.scratch) + first * self._row_bytes

    @property
    def _row_bytes(self) -> int:
        return self.lanes * 4

    def _result(self, run: int) -> int:
        """Offset of a run of results."""
        return self.offset(self.step.y) + run * self.step.hidden * self._row_bytes

    def _state(self) -> int:
        """Offset of the second state of an LSTM: among the results, where it is one."""
        return (
            self._result(self.step.times + 1)
            if self._has_states
            else self._own(self._scratch.state)
        )

    def _first(self) -> tuple[Phase, ...]:
        """The states before the first step of time, and the output that a masked one repeats."""
        step, scratch = self.step, self._scratch
        initial: list[int | None] = [self.offset(place) for place in step.initial]
        initial = initial or [None] * step.cell.states
        places = [self._own(scratch.outputs[0]), self._state()][: step.cell.states]
        moves = list(zip(initial, places, strict=True))
        if step.masked is MaskedOutput.REPEAT:
            moves.append((None, self._own(scratch.repeated)))
        return tuple((self._move(x, y),) for x, y in moves)

    def _last(self, place: int) -> tuple[Phase, ...]:
        """The final state that is the output, where states are among the results."""
        if not self._has_states:
            return ()
        return (
            (self._move(self._own(self._scratch.outputs[place]), self._result(self.step.times)),),
        )

    def _move(self, x: int | None, y: int) -> BoundStep:
        """Copy a state; without one fill with zeros."""
        boxes = np.zeros((1, BOX_NUMBERS), np.int64)
        boxes[0, 2:] = [*(1, 0, 0) * (BOX_AXES - 1), self.step.hidden, 1, 1]
        numbers = {
            "x": y if x is None else x,
            "y": y,
            "box_count": 0 if x is None else 1,
            "filled": self.step.hidden if x is None else 0,
            "fill": 0,
            "outer": 1,
            "x_rows": 0,
            "y_rows": 0,
        }
        return BoundStep(move_spec(self.isa, self.lanes), numbers, {"boxes": boxes})

    def _alone(self, spec: KernelSpec, packed: Sequence[PackedLayer], chunk: range) -> BoundStep:
        """All units, in some steps of time."""
        step, scratch = self.step, self._scratch
        h, s = self._own(scratch.outputs[0]), self._own(scratch.products[0])
        inner = {PRODUCT: _product(spec, packed[0], h, s)}
        if step.cell is Cell.GRU_BEFORE:
            reset, candidate = self._own(scratch.reset), self._own(scratch.products[1])
            inner[CANDIDATE] = _product(spec, packed[1], reset, candidate)
        numbers = self._numbers(range(step.hidden), chunk, chunk) | {"h_in": h, "h_out": h}
        return BoundStep(self._spec, numbers, {}, inner)

    def _shared(
        self,
        spec: KernelSpec,
        parts: Sequence[range],
        packed: Sequence[PackedLayer],
        chunk: range,
    ) -> tuple[Phase, ...]:
        """A phase for each of some steps of time, with a part for each run of units."""
        gates, scratch = self.step.cell.gates, self._scratch
        h = [self._own(first) for first in scratch.outputs]
        units = [range(part.start // gates, part.stop // gates) for part in parts]
        sums = [self._own(scratch.products[0] + part.start) for part in parts]
        products = [
            [_product(spec, layer, place, s) for layer, s in zip(packed, sums, strict=True)]
            for place in h
        ]

        def part(time: int, number: int) -> BoundStep:
            run = units[number]
            behind = run.start * self._row_bytes
            numbers = self._numbers(run, range(time, time + 1), chunk) | {
                "h_in": h[time % 2] + behind,
                "h_out": h[(time + 1) % 2] + behind,
            }
            return BoundStep(self._spec, numbers, {}, {PRODUCT: products[time % 2][number]})

        return tuple(tuple(part(time, number) for number in range(len(parts))) for time in chunk)

    @property
    def _spec(self) -> KernelSpec:
        step = self.step
        functions = (step.activation.function, step.gate_activation.function)
        return recurrent_spec(self.isa, self.lanes, step.cell, functions, step.masked)

    def _numbers(self, units: range, times: range, chunk: range) -> dict[str, int]:
        """Return all numbers but those of the state that is the output; those that the cell has none of do no harm.

        Args:
            units: what is computed.
            times: at which steps of time, in the order of computation.
            chunk: those whose projections are at the beginning of x.
        """
        step, scratch, row_bytes = self.step, self._scratch, self._row_bytes
        behind = units.start * row_bytes
        steps_time = -1 if step.backwards else 1
        time = step.times - 1 - times.start if step.backwards else times.start
        place = chunk.stop - 1 - times.start if step.backwards else times.start - chunk.start
        x_step, y_step = step.units * row_bytes, step.hidden * row_bytes
        if step.result is SequenceResult.LAST:
            y_step = 0
        numbers = {
            "x": self.offset(step.x) + place * x_step + behind,
            "y": self._result(0) + times.start * y_step + behind,
            "s": self._own(scratch.products[0]) + units.start * step.cell.gates * row_bytes,
            "c": self._state() + behind,
            "repeated": self._own(scratch.repeated) + behind,
            "reset": self._own(scratch.reset),
            "units": len(units),
            "times": len(times),
            "x_gate": step.hidden,
            "x_step": steps_time * x_step,
            "y_step": y_step,
            **function_ints(step.activation, step.gate_activation),
        }
        if step.cell is Cell.GRU_BEFORE:
            numbers["s_candidate"] = self._own(scratch.products[1])
        if step.mask is not None:
            numbers["mask"] = self.offset(step.mask) + time * row_bytes
            numbers["mask_step"] = steps_time * row_bytes
        return numbers


def _product(spec: KernelSpec, packed: PackedLayer, x: int, y: int) -> BoundStep:
    return BoundStep(spec, {"x": x, "y": y, **packed.ints}, packed.constants)
