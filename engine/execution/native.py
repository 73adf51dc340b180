"""A plan as the native driver reads it: tables of tiles, steps and arguments, with loaded code.

The layout of the tables is that of `engine.kernels.driver`.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.arrays import ALIGNMENT_BYTES, aligned
from engine.core.target import Target
from engine.execution.bound import BoundStep
from engine.execution.builtin import builtin_of, method_of
from engine.execution.modules import module_sources
from engine.execution.workspace import HelperArenas, Workspace
from engine.kernels import call, driver, share
from engine.kernels.abi import FieldKind, KernelSpec
from engine.kernels.registry import fields_of
from engine.machine_code.linking import NativeLibrary, load_sources
from engine.machine_code.object_cache import ObjectCache

Run = Any  # ctypes' function pointer type has no public name that mypy can check calls of
_RUN_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@dataclass(frozen=True, slots=True, eq=False)
class BoundTile:
    """All steps of a program, bound for one tile width.

    Attributes:
        lanes: samples per tile.
        arena_bytes: memory that the steps need.
        steps: phases in order; the parts of a phase may run at the same time.
        phase_counts: phases of each step of the program.
    """

    lanes: int
    arena_bytes: int
    steps: tuple[tuple[BoundStep, ...], ...]
    phase_counts: tuple[int, ...]

    def phases_of(self, number: int) -> tuple[tuple[BoundStep, ...], ...]:
        """Return the phases of a step of the program."""
        first = sum(self.phase_counts[:number])
        return self.steps[first : first + self.phase_counts[number]]


class NativePlan:
    """Loaded code and filled tables; owns both, and keeps every constant alive.

    Attributes:
        run: the native function `prunus_run(request)`; releases the GIL.
        run_address: address of that function.
        share_address: address of `prunus_share(request)`; 0 where the plan was made for one thread.
        address: address of the plan table, for a request.
        shared_address: address of the plan table for a request in mode SHARED.
        arena_bytes: size of an arena that is enough for any tile.
        helper_arenas: the arenas of the threads that help, shared by all calls.
        constants: size of each constant in bytes, by its address.
    """

    def __init__(
        self,
        tiles: Sequence[BoundTile],
        choice: Sequence[int],
        target: Target,
        cache: ObjectCache,
        shared_choice: Sequence[int] | None = None,
        *,
        keeps_subnormals: bool = False,
    ) -> None:
        """Load the code and fill the tables.

        Args:
            tiles: the tiles of the plan; at least one.
            choice: tile to use for each number of remaining samples; entry 0 is not used.
            target: CPU to run on.
            cache: the cache that object code comes from and goes to.
            shared_choice: the same for requests in mode SHARED; None where one thread runs all.
            keeps_subnormals: whether subnormal numbers are computed with; otherwise they are flushed to zero.

        Raises:
            CodegenError: kernels could not be compiled or loaded.
        """
        several = shared_choice is not None
        self._library = load_specs(distinct_specs(tiles), target, cache, several_threads=several)
        self._tables = NativeTables(self._library)
        self.address = self._tables.plan(tiles, choice, keeps_subnormals=keeps_subnormals)
        self.shared_address = self._tables.plan_of(self.address, shared_choice or choice)
        self.constants = self._tables.constant_sizes
        self.arena_bytes = max(tile.arena_bytes for tile in tiles)
        self.helper_arenas = HelperArenas(self.arena_bytes)
        self.run: Run = run_function(self._library)
        self.run_address = self._library.address(driver.SYMBOL)
        self.share_address = self._library.address(share.SYMBOL) if several else 0
        self._method = method_of(self._library.address(call.SYMBOL))

    @property
    def constant_bytes(self) -> int:
        """Size of all constants."""
        return sum(self.constants.values())

    def builtin(self, workspace: Workspace) -> Callable[..., object]:
        """Return a built-in function that computes a workspace's request; it keeps this plan alive."""
        return builtin_of(self._method, workspace, self)

    def __del__(self) -> None:
        # The last call may end after `Executable.close`: code goes when nobody can be in it.
        library = getattr(self, "_library", None)
        if library is not None:
            library.close()


def load_specs(
    specs: Sequence[KernelSpec],
    target: Target,
    cache: ObjectCache,
    *,
    several_threads: bool = False,
) -> NativeLibrary:
    """Load the driver and kernels.

    Args:
        specs: kernels, each once.
        target: CPU to run on.
        cache: the cache that object code comes from and goes to.
        several_threads: whether `prunus_share` is wanted too.

    Raises:
        CodegenError: they could not be compiled or loaded.
        UnsupportedModelError: there are more kernels than a model may have.
    """
    sources = module_sources(specs, target.isa, several_threads=several_threads)
    return load_sources(sources, target, cache)


def run_function(library: NativeLibrary) -> Run:
    """Return the native function `prunus_run(request)`; calling it releases the GIL."""
    return _RUN_SIGNATURE(library.address(driver.SYMBOL))


def distinct_specs(tiles: Sequence[BoundTile]) -> list[KernelSpec]:
    """Return every kernel that the tiles use, once."""
    return list(
        dict.fromkeys(
            one.spec
            for tile in tiles
            for phase in tile.steps
            for step in phase
            for one in step.with_inner()
        )
    )


class NativeTables:
    """Allocates tables over loaded kernels; every array is kept as long as this object.

    Attributes:
        constant_sizes: size of each constant so far in bytes, by its address.
    """

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library
        self._keep: list[npt.NDArray[Any]] = []
        self._constants: dict[int, int] = {}
        self._inner: dict[int, tuple[BoundStep, int]] = {}
        self.constant_sizes: dict[int, int] = {}

    def plan(
        self, tiles: Sequence[BoundTile], choice: Sequence[int], *, keeps_subnormals: bool = False
    ) -> int:
        """Address of a new plan table; see `NativePlan`."""
        fields = np.zeros(len(driver.Plan), np.int64)
        fields[driver.Plan.LONGEST] = len(choice) - 1
        fields[driver.Plan.CHOICE] = self._kept(np.array(choice, np.int64))
        fields[driver.Plan.TILES] = self._kept(np.array([self._tile(t) for t in tiles], np.int64))
        fields[driver.Plan.KEEPS_SUBNORMALS] = keeps_subnormals
        return self._kept(fields)

    def plan_of(self, plan: int, choice: Sequence[int]) -> int:
        """Address of a plan table with the tiles of another one, made by `plan`, and its own choice."""
        fields = (ctypes.c_int64 * len(driver.Plan)).from_address(plan)
        copy = np.array(fields, np.int64)
        copy[driver.Plan.LONGEST] = len(choice) - 1
        copy[driver.Plan.CHOICE] = self._kept(np.array(choice, np.int64))
        return self._kept(copy)

    def _tile(self, tile: BoundTile) -> list[int]:
        steps = [step for phase in tile.steps for step in phase]
        table = np.zeros((len(steps), len(driver.Step)), np.int64)
        for row, step in zip(table, steps, strict=True):
            row[:] = self._entry(step)
        fields = {
            driver.Tile.LANES: tile.lanes,
            driver.Tile.STEPS: len(steps),
            driver.Tile.TABLE: self._kept(table),
            driver.Tile.PHASES: len(tile.steps),
            driver.Tile.PARTS: self._kept(np.array([len(phase) for phase in tile.steps], np.int64)),
        }
        return [fields[field] for field in driver.Tile]

    def _entry(self, step: BoundStep) -> list[int]:
        """Return a step entry."""
        fields = {
            driver.Step.KERNEL: self._library.address(step.spec.symbol),
            driver.Step.ARGS: self._arguments(step),
        }
        return [fields[field] for field in driver.Step]

    def _inner_entry(self, step: BoundStep) -> int:
        """Address of the entry of a step that another one calls; calls of the same object share it."""
        if id(step) not in self._inner:
            entry = self._kept(np.array(self._entry(step), np.int64))
            self._inner[id(step)] = (step, entry)  # held, so no other step has its id
        return self._inner[id(step)][1]

    def _arguments(self, step: BoundStep) -> int:
        values = np.zeros(len(fields_of(step.spec)), np.int64)
        for place, field in enumerate(fields_of(step.spec)):
            if field.kind is FieldKind.CONST:
                values[place] = self._constant(step.constants[field.name])
            elif field.kind is FieldKind.STEP:
                values[place] = self._inner_entry(step.inner[field.name])
            else:
                values[place] = step.numbers[field.name]
        return self._kept(values)

    def _constant(self, array: npt.NDArray[Any]) -> int:
        """Address of a constant, on a 64-byte boundary; equal objects are kept once."""
        known = self._constants.get(id(array))
        if known is not None:
            return known
        self._keep.append(array)  # keeps `id` from being used again
        placed = array
        if array.ctypes.data % ALIGNMENT_BYTES or not array.flags.c_contiguous:
            placed = aligned(array)
        self._constants[id(array)] = self._kept(placed)
        self.constant_sizes[self._constants[id(array)]] = placed.nbytes
        return self._constants[id(array)]

    def _kept(self, array: npt.NDArray[Any]) -> int:
        self._keep.append(array)
        return int(array.ctypes.data)
