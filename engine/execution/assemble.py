"""A plan becomes bound tiles: arenas laid out, layers packed where they are not, steps bound."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy.typing as npt

from engine.core.errors import PackedLayerError, ProgramError
from engine.core.layers import ConvLayer, DenseLayer, ValueType, WeightedLayer
from engine.core.program import Program
from engine.core.steps import ConvStep, DenseStep, Place, RecurrentStep, Step, WeightedStep
from engine.execution.bind import Binder
from engine.execution.bind_recurrent import Phase, Projection
from engine.execution.native import BoundTile
from engine.execution.shared_arrays import SharedArrays
from engine.kernels.abi import KernelSpec, PackedLayer
from engine.kernels.registry import kernel_candidates
from engine.planning.interleaved import interleaved_projections
from engine.planning.memory import plan_arena
from engine.planning.parts import Split, SplitAxis, packed_parts, part_step, without_time
from engine.planning.plan import ExecutionPlan, KernelChoice, TilePlan, layer_of
from engine.planning.staged_windows import staged_windows
from engine.planning.step_parts import split_step


@dataclass(frozen=True, slots=True)
class LayerKey:
    """What the packed form of a step depends on: layers that agree in it are packed and tuned once.

    Attributes:
        step: the step, without its name and with places in no buffer.
    """

    step: WeightedStep


_PackedKey = tuple[LayerKey, KernelSpec, Split]


def layer_key(step: WeightedStep) -> LayerKey:
    """Return the key of a step."""

    def nowhere(place: Place) -> Place:
        return Place(-1, 0, place.rows)

    if isinstance(step, ConvStep) and step.added is not None:
        step = replace(step, added=nowhere(step.added))
    if isinstance(step, RecurrentStep):
        step = without_time(step)
    return LayerKey(replace(step, name="", x=nowhere(step.x), y=nowhere(step.y)))


class Packer:
    """Packs layers when they are first needed; equal layers share their packed form.

    Arrays of equal content are one object, whatever layers and tile widths they are for, so that they are
    in memory once: kernels for several widths often share a form. (In a file they are one section.)
    """

    def __init__(
        self,
        program: Program,
        values: ValueType = ValueType.FLOAT32,
        arrays: SharedArrays | None = None,
    ) -> None:
        """Start without any.

        Args:
            program: the program of the layers.
            values: what weights are rounded to before they are packed.
            arrays: arrays that other programs share with this one; stored layers are then among them, too.
        """
        self._program = program
        self._values = values
        self._packed: dict[_PackedKey, tuple[PackedLayer, ...]] = {}
        self._shares = arrays is not None
        self._arrays = arrays or SharedArrays()
        self._held: dict[int, npt.NDArray[Any]] = {}

    def packed(self, step: WeightedStep, choice: KernelChoice) -> tuple[PackedLayer, ...]:
        """Return the parts of a step's layer in the format of the chosen kernel.

        Raises:
            PackedLayerError: the kernel does not suit the layer.
        """
        if choice.packed is not None:
            return self.shared(choice.packed) if self._shares else choice.packed
        key = (layer_key(step), choice.spec, choice.split)
        if key not in self._packed:
            self._packed[key] = self._pack(step, choice.spec, choice.split)
        return self._packed[key]

    def _pack(self, step: WeightedStep, spec: KernelSpec, split: Split) -> tuple[PackedLayer, ...]:
        layer = layer_of(self._program, step, self._values)
        kernel = self._program.constants[step.kernel]
        if self._shares and layer.kernel is kernel:  # neither written out nor rounded
            if isinstance(layer, ConvLayer):
                layer = replace(layer, forms=self._arrays.forms_of(kernel))
            if isinstance(layer, DenseLayer) and layer.positions == 1:  # the same at every size
                key = (layer_key(step), spec, split)
                make = partial(self._packed_by, step, layer, spec, split)
                return self._arrays.layer(kernel, layer.bias, key, make)
        return self._packed_by(step, layer, spec, split)

    def _packed_by(
        self, step: WeightedStep, layer: WeightedLayer, spec: KernelSpec, split: Split
    ) -> tuple[PackedLayer, ...]:
        for candidate in kernel_candidates(layer, spec.isa, spec.lanes):
            if candidate.spec == spec:
                return self.shared(packed_parts(candidate.pack, layer, split, spec.lanes))
        raise PackedLayerError(f"layer {step.name!r} has no kernel {spec.symbol}")

    def shared(self, packed: tuple[PackedLayer, ...]) -> tuple[PackedLayer, ...]:
        """Return the same layers, with arrays that are known already in place of equal ones."""
        return tuple(
            replace(
                part,
                constants={name: self._known(array) for name, array in part.constants.items()},
            )
            for part in packed
        )

    def _known(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if id(array) in self._held:  # it is held, so no other array has its id
            return array
        found = self._arrays.known(array)
        self._held[id(found)] = found
        return found


def bind_plan(
    program: Program,
    plan: ExecutionPlan,
    arrays: SharedArrays | None = None,
    *,
    interleaves: bool = True,
) -> tuple[BoundTile, ...]:
    """Bind every tile width of a plan, with kernels packed where they are not yet.

    Args:
        program: a checked program.
        plan: its plan.
        arrays: as in `Packer`.
        interleaves: whether projections are computed between the steps of time of what reads them; otherwise every step
            of the program has phases of its own.
    """
    packer = Packer(program, plan.values, arrays)
    return tuple(
        bind_tile(program, plan, tile, packer, interleaves=interleaves) for tile in plan.tiles
    )


def bind_tile(
    program: Program,
    plan: ExecutionPlan,
    tile: TilePlan,
    packer: Packer,
    *,
    interleaves: bool = True,
) -> BoundTile:
    """Bind one tile width."""
    arena = plan_arena(program, tile.lanes)
    binder = Binder(program, plan.isa, tile.lanes, arena)
    inside = interleaved_projections(program) if interleaves else {}
    binding = _TileBinder(program, plan, tile, packer, binder, _staged(program, tile), inside)
    phases = [binding.phases(number, step) for number, step in enumerate(program.steps)]
    flat = tuple(phase for of_step in phases for phase in of_step)
    return BoundTile(tile.lanes, arena.size_bytes, flat, tuple(map(len, phases)))


@dataclass(frozen=True, slots=True, eq=False)
class _TileBinder:
    """Binds the steps of a program for one tile width.

    Attributes:
        program: the program.
        plan: its plan.
        tile: the plan of the width.
        packer: packs layers.
        binder: binds single kernels.
        staged: moves that are made inside of a step over windows, by its number.
        inside: projections that are computed inside of a recurrent step, by its number.
    """

    program: Program
    plan: ExecutionPlan
    tile: TilePlan
    packer: Packer
    binder: Binder
    staged: Mapping[int, int]
    inside: Mapping[int, int]

    def phases(self, number: int, step: Step) -> tuple[Phase, ...]:
        """Return the phases of a step; none where it is computed inside of another one."""
        if number in self.inside.values():
            return ()
        if isinstance(step, RecurrentStep):
            choice = self.tile.choices[number]
            packed = self.packer.packed(step, choice)
            projection = self._projection(number)
            return self.binder.recurrent(step, choice.spec, choice.parts, packed, projection)
        parts, bound = self._parts(number, step)
        if number in self.staged:
            move = self.program.steps[self.staged[number]]
            bound = tuple(
                self.binder.staged(move, (step, part), one, place)
                for place, (part, one) in enumerate(zip(parts, bound, strict=True))
            )
        return (bound,)

    def _parts(self, number: int, step: Step) -> tuple[tuple[Step, ...], Phase]:
        """Return the parts of a step, and their kernels."""
        if isinstance(step, WeightedStep):
            choice = self.tile.choices[number]
            packed = self.packer.packed(step, choice)
            weighted = [part_step(step, rows, choice.axis) for rows in choice.parts]
            bound = (
                self.binder.weighted(part, choice.spec, layer)
                for part, layer in zip(weighted, packed, strict=True)
            )
            return tuple(weighted), tuple(bound)
        if number in self.staged.values():
            return (step,), (self.binder.nothing(),)
        parts = split_step(step, self.tile.lanes, self.plan.threads)
        return parts, tuple(self.binder.step(part) for part in parts)

    def _projection(self, number: int) -> Projection | None:
        """Return what is computed inside of a recurrent step."""
        if number not in self.inside:
            return None
        dense = self.program.steps[self.inside[number]]
        if not isinstance(dense, DenseStep):
            raise ProgramError("only a Dense layer is computed between steps of time")
        choice = self.tile.choices[self.inside[number]]
        (packed,) = self.packer.packed(dense, choice)
        return Projection(dense, choice.spec, packed)


def _staged(program: Program, tile: TilePlan) -> dict[int, int]:
    """Return the moves that are made inside of a step over windows: a part of it must have whole channels."""
    return {
        number: move
        for number, move in staged_windows(program).items()
        if number not in tile.choices
        or tile.choices[number].axis is SplitAxis.UNITS
        or len(tile.choices[number].parts) == 1
    }
