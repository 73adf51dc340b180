"""How long each layer of a network takes where it runs: inside whole calls, on this host, on one thread.

A tile is run as it is served, with a stamp (`engine.kernels.stamp`) between any two steps. So a layer finds
the caches as the layers around it leave them, which no loop over a single layer can show.
"""

import ctypes
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.program import Program
from engine.core.steps import WeightedStep
from engine.core.target import Isa, Target
from engine.execution.assemble import bind_plan
from engine.execution.bound import BoundStep
from engine.execution.native import BoundTile, NativePlan
from engine.execution.workspace import Workspace
from engine.kernels.abi import KernelSpec
from engine.kernels.stamp import stamp_spec
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import ExecutionPlan, KernelChoice
from engine.tuning.measure import random_batch

MOST_TURNS = 100
LEAST_TURNS = 3
_WARM_UP_CALLS = 2
_CALLS_OF_A_TURN = 4
_TIMESPEC = np.dtype([("seconds", np.int64), ("nanoseconds", np.int64)])


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One layer with weights in one tile width.

    Attributes:
        number: number of the step in the program.
        name: name of the graph's node.
        spec: the machine code.
        sparse: whether it skips zeros.
        nonzeros: weights that are not zero.
        weights: all weights of the kernel.
        positions: how often the layer is applied to one sample.
        bytes: size of the layer in the kernel's format.
        seconds: median time of one tile.
    """

    number: int
    name: str
    spec: KernelSpec
    sparse: bool
    nonzeros: int
    weights: int
    positions: int
    bytes: int
    seconds: float

    @property
    def products(self) -> int:
        """Weights that one tile of the layer multiplies: zeros only where the kernel does not skip them."""
        return (self.nonzeros if self.sparse else self.weights) * self.positions * self.spec.lanes

    @property
    def useful_products(self) -> int:
        """Those of them whose weight is not zero."""
        return self.nonzeros * self.positions * self.spec.lanes


@dataclass(frozen=True, slots=True)
class TileRun:
    """The whole network in one tile width.

    Attributes:
        lanes: samples per tile.
        resident_bytes: packed weights and arena: what a call goes over again and again.
        seconds: median time of one tile, steps without weights included.
        layers: the layers in program order.
        steps: median seconds of every step of the program, in its order.
    """

    lanes: int
    resident_bytes: int
    seconds: float
    layers: tuple[LayerRun, ...]
    steps: tuple[float, ...] = ()


def time_layers(
    program: Program, plan: ExecutionPlan, target: Target, cache: ObjectCache, seconds: float
) -> tuple[TileRun, ...]:
    """Time the layers with weights of a program in every tile width of a plan, all widths in turn.

    Args:
        program: a checked program.
        plan: kernels of the target's level.
        target: this host.
        cache: object code.
        seconds: time to go on calling; every width has at least three turns.

    Raises:
        CodegenError: kernels could not be compiled or loaded.
    """
    tiles = bind_plan(program, plan, interleaves=False)  # each layer by itself
    benches = [
        _StampedTile(program, tile, target, cache, keeps_subnormals=plan.keeps_subnormals)
        for tile in tiles
    ]
    end = time.perf_counter() + seconds
    for turns in range(MOST_TURNS):
        if turns >= LEAST_TURNS and time.perf_counter() > end:
            break
        for bench in benches:
            bench.turn()
    return tuple(
        _tile_run(program, bound, bench.medians(), plan)
        for bound, bench in zip(tiles, benches, strict=True)
    )


class _StampedTile:
    """A tile with a stamp before each step, one behind the last, and one more for what a stamp costs."""

    def __init__(
        self,
        program: Program,
        tile: BoundTile,
        target: Target,
        cache: ObjectCache,
        *,
        keeps_subnormals: bool,
    ) -> None:
        count = len(tile.phase_counts)
        self._stamps = np.zeros(count + 2, _TIMESPEC)
        marks = _marks(target.isa, self._stamps)
        steps = [
            phase for number in range(count) for phase in (marks[number], *tile.phases_of(number))
        ]
        stamped = replace(tile, steps=(*steps, *marks[count:]))
        self._native = NativePlan(
            [stamped], [0, 0], target, cache, keeps_subnormals=keeps_subnormals
        )
        self._workspace = Workspace(
            self._native.arena_bytes, len(program.inputs), len(program.outputs)
        )
        self._lanes = tile.lanes
        outputs = (
            np.empty((tile.lanes, *slot.sample_shape), np.float32) for slot in program.outputs
        )
        self._arrays = (*random_batch(program, tile.lanes).values(), *outputs)
        self._calls: list[list[int]] = []

    def turn(self) -> None:
        """Call the tile; the first calls, which find another tile's weights in the caches, do not count."""
        for number in range(_WARM_UP_CALLS + _CALLS_OF_A_TURN):
            address = self._workspace.request(self._native.address, self._arrays, self._lanes)
            self._native.run(address)
            if number >= _WARM_UP_CALLS:
                times = self._stamps["seconds"] * 1_000_000_000 + self._stamps["nanoseconds"]
                self._calls.append(np.diff(times).tolist())

    def medians(self) -> list[float]:
        """Return the seconds of every step."""
        *steps, stamp = (statistics.median(each) for each in zip(*self._calls, strict=True))
        return [max(0.0, step - stamp) * 1e-9 for step in steps]


def _marks(isa: Isa, stamps: npt.NDArray[Any]) -> list[tuple[BoundStep, ...]]:
    """Return a phase for each stamp."""
    clock = ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value or 0
    numbers = {"clock": clock, "clock_id": time.CLOCK_MONOTONIC}
    start, size = stamps.ctypes.data, stamps.itemsize
    return [
        (BoundStep(stamp_spec(isa), {**numbers, "out": start + place * size}, {}),)
        for place in range(len(stamps))
    ]


def _tile_run(
    program: Program, tile: BoundTile, seconds: Sequence[float], plan: ExecutionPlan
) -> TileRun:
    choices = next(each.choices for each in plan.tiles if each.lanes == tile.lanes)
    layers = tuple(
        _layer_run(number, step, tile.phases_of(number), choices[number], seconds[number])
        for number, step in program.weighted_steps().items()
    )
    arrays = {
        id(array): array.nbytes
        for phase in tile.steps
        for part in phase
        for one in part.with_inner()
        for array in one.constants.values()
    }
    resident = sum(arrays.values()) + tile.arena_bytes
    return TileRun(tile.lanes, resident, sum(seconds), layers, tuple(seconds))


def _layer_run(
    number: int,
    step: WeightedStep,
    phases: tuple[tuple[BoundStep, ...], ...],
    choice: KernelChoice,
    seconds: float,
) -> LayerRun:
    steps = [one for phase in phases for part in phase for one in part.with_inner()]
    return LayerRun(
        number=number,
        name=step.name,
        spec=choice.spec,
        sparse=choice.sparse,
        nonzeros=step.nonzeros,
        weights=step.inputs * step.units,
        positions=step.positions,
        bytes=sum({id(a): a.nbytes for one in steps for a in one.constants.values()}.values()),
        seconds=seconds,
    )
