"""A plan becomes bound tiles: arenas laid out, layers packed where they are not, steps bound."""

from dataclasses import dataclass, replace

from engine.bind import Binder, BoundStep
from engine.errors import PackedLayerError
from engine.kernels.abi import (
    ALIGNMENT_BYTES,
    ElementFunction,
    KernelSpec,
    PackedLayer,
    ValueType,
)
from engine.kernels.alignment import aligned
from engine.kernels.registry import dense_candidates
from engine.memory import plan_arena
from engine.native import BoundTile
from engine.parts import part_layer, part_step
from engine.plan import ExecutionPlan, KernelChoice, TilePlan, dense_layer
from engine.program import DenseStep, Program


@dataclass(frozen=True, slots=True)
class LayerKey:
    """What the packed form of a step depends on: layers that agree in it are packed and tuned once."""

    kernel: str
    bias: str | None
    function: ElementFunction
    positions: int


_PackedKey = tuple[LayerKey, KernelSpec, tuple[range, ...]]


def layer_key(step: DenseStep) -> LayerKey:
    """The key of a dense step."""
    return LayerKey(step.kernel, step.bias, step.function, step.positions)


def aligned_layer(packed: PackedLayer) -> PackedLayer:
    """The same layer with every array on a 64-byte boundary, so that loading it copies nothing."""
    constants = {
        name: array if array.ctypes.data % ALIGNMENT_BYTES == 0 else aligned(array)
        for name, array in packed.constants.items()
    }
    shaped = {name: constants[name].reshape(a.shape) for name, a in packed.constants.items()}
    return replace(packed, constants=shaped)


class Packer:
    """Packs layers when they are first needed; equal layers share their packed form."""

    def __init__(self, program: Program, values: ValueType = ValueType.FLOAT32) -> None:
        self._program = program
        self._values = values
        self._packed: dict[_PackedKey, tuple[PackedLayer, ...]] = {}

    def packed(self, step: DenseStep, choice: KernelChoice) -> tuple[PackedLayer, ...]:
        """The parts of a step's layer in the format of the chosen kernel.

        Raises:
            PackedLayerError: the kernel does not suit the layer.
        """
        if choice.packed is not None:
            return choice.packed
        key = (layer_key(step), choice.spec, choice.parts)
        if key not in self._packed:
            self._packed[key] = self._pack(step, choice.spec, choice.parts)
        return self._packed[key]

    def _pack(
        self, step: DenseStep, spec: KernelSpec, parts: tuple[range, ...]
    ) -> tuple[PackedLayer, ...]:
        layer = dense_layer(self._program, step, self._values)
        for candidate in dense_candidates(layer, spec.isa, spec.lanes):
            if candidate.spec == spec:
                return tuple(
                    aligned_layer(candidate.pack(part_layer(layer, rows))) for rows in parts
                )
        raise PackedLayerError(f"layer {step.name!r} has no kernel {spec.symbol}")


def bind_plan(program: Program, plan: ExecutionPlan) -> tuple[BoundTile, ...]:
    """Bind every tile width of a plan, with kernels packed where they are not yet."""
    packer = Packer(program, plan.values)
    return tuple(bind_tile(program, plan, tile, packer) for tile in plan.tiles)


def bind_tile(program: Program, plan: ExecutionPlan, tile: TilePlan, packer: Packer) -> BoundTile:
    """Bind one tile width."""
    arena = plan_arena(program, tile.lanes)
    binder = Binder(program, plan.isa, tile.lanes, arena)
    steps: list[tuple[BoundStep, ...]] = []
    for number, step in enumerate(program.steps):
        if isinstance(step, DenseStep):
            choice = tile.choices[number]
            packed = packer.packed(step, choice)
            steps.append(
                tuple(
                    binder.dense(part_step(step, rows), choice.spec, part)
                    for rows, part in zip(choice.parts, packed, strict=True)
                )
            )
        else:
            steps.append((binder.step(step),))
    return BoundTile(tile.lanes, arena.size_bytes, tuple(steps))
