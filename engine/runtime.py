"""Running a compiled model: one native call per request, without the GIL.

`load` opens and checks an artifact, loads its kernels (from the object cache, or compiled now) and
gives an `Executable`. Any number of threads may call `run` at once: each takes a workspace (arena and
request) from a stock. Calls that are long enough are helped by the process's pool of native threads
(`engine.execution.pool`). An executable survives `fork`: it holds no threads and no locks.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts.artifact import Artifact, open_artifact
from engine.errors import (
    BatchMismatchError,
    EmptyBatchError,
    ExecutableClosedError,
    InputDtypeError,
    InputNameError,
    InputShapeError,
    ThreadCountError,
)
from engine.execution.assemble import bind_plan
from engine.execution.native import NativePlan
from engine.execution.pool import MAX_THREADS, PROCESS_POOL
from engine.execution.workspace import Help, Workspace
from engine.machine_code.object_cache import ObjectCache
from engine.planning.choose import DEFAULT_BUCKETS, default_plan, tile_widths
from engine.planning.plan import CompiledModel, ExecutionPlan, LayerPlan, NetworkTime
from engine.planning.schedule import Mode, Schedule, make_schedule
from engine.program import InputSlot
from engine.target import Target, host_target, wanted_threads

# Workspaces kept for later calls; more concurrent calls than this allocate theirs anew.
MAX_IDLE_WORKSPACES = 16
_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a model.

    Attributes:
        name: public name.
        dtype: NumPy's name of the element type.
        sample_shape: shape without the batch axis.
    """

    name: str
    dtype: str
    sample_shape: tuple[int, ...]


def load(
    artifact: Path | Artifact,
    cache: ObjectCache,
    target: Target | None = None,
    threads: int | None = None,
) -> "Executable":
    """Open an artifact and make it ready to run.

    Args:
        artifact: a file, or an artifact that is open already.
        cache: object code of kernels.
        target: CPU to run on; default: this host.
        threads: how many may compute one request; default: `PRUNUS_THREADS`, else all usable cores.

    Raises:
        ThreadCountError: it is not 1 or more.
        ArtifactError: the file is no artifact that may be run.
        CodegenError: kernels could not be compiled or loaded.
    """
    opened = open_artifact(artifact) if isinstance(artifact, Path) else artifact
    return Executable(opened.model, cache, target or host_target(), threads)


class Executable:
    """A model that is ready to run.

    Attributes:
        name: the model's own name.
        inputs: in the model's order.
        outputs: in the model's order; always float32.
        plan: the dense layers, their kernels, and what was measured when the model was compiled.
        times: whole-network times measured when the model was compiled.
        is_tuned_here: whether kernels were timed on a CPU of this kind, for as many threads; otherwise they
            are best guesses, and `engine.retune` makes better ones.
        threads: how many may compute one request.
        schedule: what is done with a request of so many samples.
    """

    def __init__(
        self,
        model: CompiledModel,
        cache: ObjectCache,
        target: Target,
        threads: int | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        """Load the code for `target`; see `load`.

        A `schedule` replaces the one that follows from the plan's times; it changes neither kernels nor
        parts.
        """
        program = model.program
        self.threads = _checked_threads(threads, target)
        plan = plan_for(model, target, self.threads)
        self.name = program.name
        self.inputs = tuple(
            TensorSpec(slot.name, slot.dtype, slot.sample_shape) for slot in program.inputs
        )
        self.outputs = tuple(
            TensorSpec(slot.name, "float32", slot.sample_shape) for slot in program.outputs
        )
        self.plan: tuple[LayerPlan, ...] = model.layers
        self.times: tuple[NetworkTime, ...] = model.times
        self.is_tuned_here = (
            plan.tuned and plan.cpu_name == target.cpu_name and plan.threads >= self.threads
        )
        self.schedule = schedule or make_schedule(plan.tiles, plan.threads, self.threads)
        self._help = _help(self.schedule, self.threads)
        self._target = target
        self._cache = cache
        self._native: NativePlan | None = NativePlan(
            bind_plan(program, plan),
            self.schedule.tiles,
            target,
            cache,
            self.schedule.shared_tiles if any(self._help) else None,
        )
        self._slots = tuple(_CheckedInput(slot) for slot in program.inputs)
        self._results = tuple((spec.name, spec.sample_shape) for spec in self.outputs)
        self._idle: deque[Workspace] = deque(maxlen=MAX_IDLE_WORKSPACES)

    @property
    def resident_bytes(self) -> int:
        """Bytes of constants and of the arenas of idle workspaces; 0 when closed."""
        native = self._native
        if native is None:
            return 0
        return native.constant_bytes + sum(workspace.bytes for workspace in tuple(self._idle))

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[np.float32]]:
        """Compute the outputs of a batch.

        Args:
            inputs: an array (batch, *sample shape) of the declared dtype per input name. Arrays that
                are not C-contiguous are copied; they are not changed, and not kept.

        Returns:
            New float32 arrays (batch, *sample shape) by output name.

        Raises:
            RequestError: names, dtypes, shapes or batch sizes do not fit.
            ExecutableClosedError: `close` was called.
        """
        native = self._native
        if native is None:
            raise ExecutableClosedError(f"model {self.name!r} is closed")
        arrays = [slot.checked(inputs) for slot in self._slots]
        if len(inputs) != len(arrays):
            self._refuse_unknown(inputs)
        batch = len(arrays[0])
        if batch == 0 or len(arrays) > 1:
            self._check_batches(arrays)
        results = {name: np.empty((batch, *shape), _FLOAT32) for name, shape in self._results}
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = Workspace(native.arena_bytes, len(arrays), len(results))
        help_ = self._help[batch if batch < len(self._help) else -1]
        if help_ is None:
            native.run(workspace.request(native.address, arrays, results.values(), batch))
        else:
            plan = native.address if help_.chunk else native.shared_address
            address = workspace.request(plan, arrays, results.values(), batch)
            pool = PROCESS_POOL.address(help_.helpers, self._target, self._cache)
            native.share(workspace.shared_request(address, pool, help_))
        if self._native is native:
            self._idle.append(workspace)
        return results

    def close(self) -> None:
        """Refuse later calls, and let go of code and memory as soon as no running call needs them."""
        self._native = None
        self._idle.clear()

    def _check_batches(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        batch = len(arrays[0])
        for array, slot in zip(arrays, self._slots, strict=True):
            if len(array) != batch:
                raise BatchMismatchError(
                    "inputs have different batch sizes",
                    expected=f"{batch}, as {self._slots[0].name!r} has",
                    got=f"{len(array)} in {slot.name!r}",
                )
        if batch == 0:
            raise EmptyBatchError("the batch is empty", expected="at least one sample", got="0")

    def _refuse_unknown(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        known = [slot.name for slot in self._slots]
        extra = [name for name in inputs if name not in known]
        raise InputNameError(
            "the model has no such input",
            expected=", ".join(map(repr, known)),
            got=", ".join(map(repr, extra)),
        )


def _checked_threads(threads: int | None, target: Target) -> int:
    if threads is None:
        threads = wanted_threads(target.cores)
    if threads < 1:
        raise ThreadCountError(str(threads))
    return min(threads, MAX_THREADS)


def _help(schedule: Schedule, threads: int) -> tuple[Help | None, ...]:
    """By samples of a request: who helps; None for one thread. Longer requests are like the last."""
    if threads == 1 or all(mode is Mode.ALONE for mode in schedule.modes):
        return (None,)
    return tuple(
        None if mode is Mode.ALONE else Help(threads - 1, chunk, int(1e9 * min(seconds, 1e6)))
        for mode, chunk, seconds in zip(
            schedule.modes, schedule.chunks, schedule.seconds, strict=True
        )
    )


def plan_for(model: CompiledModel, target: Target, threads: int) -> ExecutionPlan:
    """The model's own plan where its instruction set is the target's, else best guesses."""
    plan, layers = model.plan, model.program.dense_steps().keys()
    complete = all(tile.choices.keys() == layers for tile in plan.tiles)
    if plan.tiles and complete and plan.isa is target.isa:
        return plan
    buckets = [tile.lanes for tile in plan.tiles] or DEFAULT_BUCKETS
    widths = tile_widths(buckets, target.isa)
    return default_plan(model.program, target, widths, threads=threads, values=plan.values)


class _CheckedInput:
    """What an input must look like."""

    def __init__(self, slot: InputSlot) -> None:
        self.name = slot.name
        self._dtype = np.dtype(slot.dtype)
        self._shape = slot.sample_shape
        self._rank = len(slot.sample_shape) + 1

    def checked(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The array of this input, C-contiguous.

        Raises:
            InputNameError: it is missing.
            InputDtypeError: it has another element type.
            InputShapeError: it has another shape.
        """
        try:
            array = inputs[self.name]
        except KeyError:
            raise InputNameError(
                f"input {self.name!r} is missing",
                expected=repr(self.name),
                got=", ".join(map(repr, inputs)) or "no inputs",
            ) from None
        if not isinstance(array, np.ndarray) or array.dtype != self._dtype:
            raise InputDtypeError(
                f"input {self.name!r} has the wrong element type",
                expected=self._dtype.name,
                got=str(getattr(array, "dtype", type(array).__name__)),
            )
        if array.ndim != self._rank or array.shape[1:] != self._shape:
            wanted = ", ".join(["batch", *map(str, self._shape)])
            raise InputShapeError(
                f"input {self.name!r} has the wrong shape",
                expected=f"[{wanted}]",
                got=str(list(array.shape)),
            )
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)
