"""Running a compiled model: one native call per request, without the GIL.

`load` opens and checks an artifact, loads its kernels (from the object cache, or compiled now) and
gives an `Executable`. Any number of threads may call `run` at once: each takes a workspace (arena and
request) from a stock. Calls that are long enough are helped by the process's pool of native threads
(`engine.execution.pool`). An executable survives `fork`: it holds no threads and no locks.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts.artifact import Artifact, open_artifact
from engine.core.errors import ExecutableClosedError, PackedLayerError
from engine.core.index_inputs import index_limits
from engine.core.target import Target, host_target
from engine.execution.assemble import bind_plan
from engine.execution.calls import Call
from engine.execution.forms import Forms
from engine.execution.indices import IndexCheck
from engine.execution.native import BoundTile, NativePlan
from engine.execution.pool import PROCESS_POOL, thread_count
from engine.execution.shared_arrays import SharedArrays
from engine.execution.sizes import SizeLimits
from engine.execution.workspace import TAIL_BYTES, Help
from engine.machine_code.object_cache import ObjectCache
from engine.planning.choose import DEFAULT_BUCKETS, default_plan, tile_widths
from engine.planning.plan import CompiledModel, ExecutionPlan, LayerPlan, NetworkTime
from engine.planning.schedule import Mode, Schedule, make_schedule

# Workspaces kept for later calls; further concurrent calls allocate one each time.
MAX_IDLE_CALLS = 16
_FLOAT32, _ARRAY, _EMPTY = np.dtype(np.float32), np.ndarray, np.empty


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a model.

    Attributes:
        name: public name.
        dtype: NumPy's name of the element type.
        sample_shape: shape without the batch axis; None for an axis of varying length.
        usual_shape: the same with the length that it was tuned for in place of each None.
    """

    name: str
    dtype: str
    sample_shape: tuple[int | None, ...]
    usual_shape: tuple[int, ...]


def load(
    artifact: Path | Artifact,
    cache: ObjectCache,
    target: Target | None = None,
    threads: int | None = None,
    limits: SizeLimits | None = None,
) -> "Executable":
    """Open an artifact and make it ready to run.

    Args:
        artifact: a file, or an artifact that is open already.
        cache: object code of kernels.
        target: CPU to run on; default: this host.
        threads: number of threads that may compute one request; default: `PRUNUS_THREADS`, else all usable cores.
        limits: what calls of a model with axes of varying length may ask for.

    Raises:
        ThreadCountError: it is not 1 or more.
        ArtifactError: the file is no artifact that may be run.
        CodegenError: kernels could not be compiled or loaded.
    """
    opened = open_artifact(artifact) if isinstance(artifact, Path) else artifact
    model, host = opened.model, target or host_target()
    if model.front is not None:
        # Here, because it stands on this module, and so that a process without such models has no lookups.
        from engine.execution.front import FrontExecutable

        behind = Artifact(replace(model, front=None), opened.size_bytes)
        return FrontExecutable(model.front, load(behind, cache, host, threads, limits))
    if model.varying is None:
        return Executable(model, cache, host, threads)
    # Here, because it stands on this module, and so that a process without such models has no lowering.
    from engine.execution.varying import VaryingExecutable

    return VaryingExecutable(model, model.varying, cache, host, threads, limits)


class Executable:
    """A model that is ready to run.

    Attributes:
        name: the model's own name.
        inputs: the inputs in the model's order.
        outputs: the outputs in the model's order; always float32.
        layers: the layers with weights, their kernels, and what was measured when the model was compiled.
        times: whole-network times measured when the model was compiled.
        is_tuned_here: whether kernels were timed on a CPU of this kind, for as many threads; otherwise they
            are best guesses, and `engine.retune` makes better ones.
        threads: number of threads that may compute one request.
        schedule: what is done with a request, by its number of samples.
        index_limits: what elements that are indices of embeddings stay below, by input name.
        varies: whether inputs have axes of varying length; see `engine.execution.varying`.
    """

    varies = False

    def __init__(
        self,
        model: CompiledModel,
        cache: ObjectCache,
        target: Target,
        threads: int | None = None,
        schedule: Schedule | None = None,
        max_idle_calls: int = MAX_IDLE_CALLS,
        arrays: SharedArrays | None = None,
    ) -> None:
        """Load the code for `target`; see `load`.

        A `schedule` replaces the one that follows from the plan's times; it changes neither kernels nor
        parts. `arrays` are shared with other executables.
        """
        program = model.program
        self.threads = thread_count(threads, target)
        plan, tiles = _bound(model, target, self.threads, arrays)
        self.name = program.name
        self.inputs = tuple(
            TensorSpec(slot.name, slot.dtype, slot.sample_shape, slot.sample_shape)
            for slot in program.inputs
        )
        self.outputs = tuple(
            TensorSpec(slot.name, "float32", slot.sample_shape, slot.sample_shape)
            for slot in program.outputs
        )
        self.layers: tuple[LayerPlan, ...] = model.layers
        self.times: tuple[NetworkTime, ...] = model.times
        self.is_tuned_here = (
            plan.tuned and plan.cpu_name == target.cpu_name and plan.threads >= self.threads
        )
        self.schedule = schedule or make_schedule(plan.tiles, plan.threads, self.threads)
        helpers = _helpers(self.schedule, self.threads)
        self._target = target
        self._cache = cache
        self._native: NativePlan | None = NativePlan(
            tiles,
            self.schedule.tiles,
            target,
            cache,
            self.schedule.shared_tiles if any(helpers) else None,
            keeps_subnormals=plan.keeps_subnormals,
        )
        outputs = [(slot.name, slot.sample_shape) for slot in program.outputs]
        self._forms = Forms(program.inputs, outputs, helpers)
        self._checks, self._known_forms = self._forms.checks, self._forms.known
        self.index_limits = index_limits(program)
        self._index_checks = tuple(
            (place, IndexCheck(slot.name, self.index_limits[slot.name]))
            for place, slot in enumerate(program.inputs)
            if slot.name in self.index_limits
        )
        self._idle: deque[Call] = deque(maxlen=max_idle_calls)

    @property
    def resident_bytes(self) -> int:
        """Bytes of constants and of arenas, of helpers and of idle workspaces; 0 when closed."""
        return sum(self.constants.values()) + self.arena_bytes

    @property
    def constants(self) -> Mapping[int, int]:
        """Size of each constant in bytes, by its address; none when closed."""
        native = self._native
        return {} if native is None else native.constants

    @property
    def most_arena_bytes(self) -> int:
        """Bytes of the arenas of all helpers and of as many idle workspaces as are kept; 0 when closed."""
        native = self._native
        if native is None:
            return 0
        helpers = self.threads - 1 if native.share_address else 0
        return ((self._idle.maxlen or 0) + helpers) * (native.arena_bytes + TAIL_BYTES)

    @property
    def arena_bytes(self) -> int:
        """Bytes of the arenas that there are; 0 when closed."""
        native = self._native
        if native is None:
            return 0
        arenas = sum(call.workspace.arena.nbytes for call in tuple(self._idle))
        return native.helper_arenas.bytes + arenas

    @property
    def network(self) -> "Executable":
        """What runs behind the front part of the model: itself, where there is none."""
        return self

    def example(self) -> dict[str, npt.NDArray[Any]]:
        """Return one sample that can be computed: zeros."""
        return {spec.name: np.zeros((1, *spec.usual_shape), spec.dtype) for spec in self.inputs}

    def answer_bytes(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        """Return the bytes of all outputs of one sample, for shapes that `check` has passed."""
        del shapes
        return sum(4 * prod(spec.usual_shape) for spec in self.outputs)

    def is_known(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Return whether `check` and `answer_bytes` answer at once: always, where shapes are fixed.

        Raises:
            InputError: the shapes do not fit.
        """
        del shapes
        return True

    def relative_cost(self, shapes: Mapping[str, tuple[int, ...]]) -> float:
        """Return what a sample of these checked shapes costs beside one of the usual size: 1 for fixed shapes."""
        del shapes
        return 1.0

    def ready(self, shapes: Mapping[str, tuple[int, ...]]) -> "Executable | None":
        """Return what computes calls of these shapes, checked; None where it would have to be made first."""
        del shapes
        return self

    def prepared(self, shapes: Mapping[str, tuple[int, ...]]) -> "Executable":
        """Return what computes calls of these shapes, made where it is not there: the model itself for fixed shapes.

        Raises:
            InputError: the shapes do not fit.
        """
        self.check(shapes)
        return self

    def check_names(self, given: Mapping[str, object]) -> None:
        """Check the names of a call's inputs, before anything else is known of them.

        Raises:
            UnknownInputError: a name is no input of the model.
            MissingInputError: an input is not given.
        """
        self._forms.check_names(given)

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        """Check the shapes of a batch before it is computed, or before its arrays exist.

        Args:
            shapes: (batch, *sample shape) by input name.

        Returns:
            The number of samples.

        Raises:
            InputError: names, shapes or batch sizes do not fit.
        """
        if len(self._checks) == 1 == len(shapes):
            form = self._known_forms.get(shapes.get(self._checks[0].name, ()))
            if form is not None:
                return form.samples
        return self._forms.check(shapes)

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[np.float32]]:
        """Compute the outputs of a batch.

        Args:
            inputs: an array (batch, *sample shape) of the declared dtype per input name. Arrays that
                are not C-contiguous are copied; they are not changed, and not kept.

        Returns:
            New float32 arrays (batch, *sample shape) by output name.

        Raises:
            InputError: names, dtypes, shapes or batch sizes do not fit, or an index is out of range.
            ExecutableClosedError: `close` was called.
        """
        native = self._native
        if native is None:
            raise ExecutableClosedError(f"model {self.name!r} is closed")
        # Every name looked up and every function called here takes a share of a small network's call.
        arrays = []
        for check in self._checks:
            array = inputs.get(check.name)
            if (
                type(array) is not _ARRAY
                or array.dtype is not check.dtype
                or not array.flags.c_contiguous
            ):
                array = check.taken(inputs)
            arrays.append(array)
        form = self._known_forms.get(arrays[0].shape)
        if (
            form is None
            or len(inputs) != len(arrays)
            or (form.others and [array.shape for array in arrays[1:]] != form.others)
        ):
            form = self._forms.form(inputs, arrays)
        for place, index_check in self._index_checks:
            index_check.check(arrays[place])
        results = {}
        for name, shape in form.results:
            results[name] = result = _EMPTY(shape, _FLOAT32)
            arrays.append(result)
        try:
            call = self._idle.pop()
        except IndexError:
            call = Call(native, len(self.inputs), len(self.outputs))
        if call.form is not form or (form.help and call.pool is not PROCESS_POOL.pool):
            call.make_ready(form, self._target, self._cache)
        call.run(*arrays)
        self._idle.append(call)
        if self._native is not native:  # closed meanwhile
            self._idle.clear()
        return results

    def close(self) -> None:
        """Refuse later calls, and let go of code and memory as soon as no running call needs them."""
        self._native = None
        self._idle.clear()


def _helpers(schedule: Schedule, threads: int) -> tuple[Help | None, ...]:
    """By samples of a request: who helps; None for one thread. Longer requests are like the last."""
    if threads == 1 or all(mode is Mode.ALONE for mode in schedule.modes):
        return (None,)
    return tuple(
        None if mode is Mode.ALONE else Help(threads - 1, chunk, int(1e9 * min(seconds, 1e6)))
        for mode, chunk, seconds in zip(
            schedule.modes, schedule.chunks, schedule.seconds, strict=True
        )
    )


def _bound(
    model: CompiledModel, target: Target, threads: int, arrays: SharedArrays | None
) -> tuple[ExecutionPlan, tuple[BoundTile, ...]]:
    """Return the model's plan with its layers packed; best guesses where it names a kernel that there is no more."""
    plan = plan_for(model, target, threads)
    try:
        return plan, bind_plan(model.program, plan, arrays)
    except PackedLayerError:
        plan = _best_guesses(model, target, threads)
        return plan, bind_plan(model.program, plan, arrays)


def plan_for(model: CompiledModel, target: Target, threads: int) -> ExecutionPlan:
    """Return the model's own plan where its instruction set is the target's, else best guesses."""
    plan, layers = model.plan, model.program.weighted_steps().keys()
    complete = all(tile.choices.keys() == layers for tile in plan.tiles)
    if plan.tiles and complete and plan.isa is target.isa:
        return plan
    return _best_guesses(model, target, threads)


def _best_guesses(model: CompiledModel, target: Target, threads: int) -> ExecutionPlan:
    plan = model.plan
    buckets = [tile.lanes for tile in plan.tiles] or DEFAULT_BUCKETS
    widths = tile_widths(buckets, target.isa)
    return default_plan(
        model.program,
        target,
        widths,
        threads=threads,
        values=plan.values,
        keeps_subnormals=plan.keeps_subnormals,
    )
