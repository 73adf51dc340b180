"""Models whose inputs have axes of varying length: a plan for each size, made when it is first asked for.

The artifact has a program and a tuned plan for one size, and the graph. For another size the graph is lowered anew,
each layer gets the kernel that was chosen for it at the first size where that suits (else the best guess), and its
weights are packed. What was made is kept for later calls, the least recently used sizes go first. Threads that ask for
one size at once make it once; sizes are made one at a time, so that a process needs memory for one that is being made.
Unlike other executables these hold locks: a process must not fork while one of its threads makes a size ready.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import (
    ArtifactProgramError,
    ExecutableClosedError,
    InputShapeError,
    SizeError,
    SizeTooLargeError,
    UnsupportedModelError,
)
from engine.core.program import InputSlot
from engine.core.steps import WeightedStep
from engine.core.target import Target
from engine.execution.forms import Forms
from engine.execution.runtime import Executable, TensorSpec
from engine.execution.shared_arrays import SharedArrays
from engine.execution.sizes import SizeLimits
from engine.kernels.abi import Candidate, KernelSpec
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.choose import default_plan
from engine.planning.plan import CompiledModel, Varying
from graph.batches import operations
from graph.errors import ShapeError
from graph.graph import Graph
from graph.sizes import Sizes, at_sizes
from graph.tensor_type import format_shape

# Sizes whose output shapes are known; each is a few tuples.
_MAX_KNOWN_SIZES = 512
# Positions fill vectors as samples do, so that one sample at a time is as fast.
_WIDTHS = (1,)
# What a graph that was verified at other sizes may still raise when its numbers become too large.
_NONSENSE = (ArithmeticError, ValueError, LookupError, TypeError)

Shape = tuple[int, ...]
Key = tuple[Shape, ...]
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Fits:
    """What follows from a size: the shapes of the outputs, or why it cannot be computed."""

    outputs: tuple[Shape, ...] = ()
    error: Callable[[], SizeError] | None = None


class VaryingExecutable(Executable):
    """A model of varying size that is ready to run; `Executable` has what is the same.

    Attributes:
        limits: what calls may ask for, and what is kept.
        sizes_made: how many sizes were made ready so far.
    """

    varies = True

    def __init__(
        self,
        model: CompiledModel,
        varying: Varying,
        cache: ObjectCache,
        target: Target,
        threads: int | None = None,
        limits: SizeLimits | None = None,
    ) -> None:
        """Load the code for `target`, for all sizes that the artifact names; see `engine.execution.runtime.load`."""
        self._arrays = SharedArrays()
        super().__init__(model, cache, target, threads, arrays=self._arrays)
        self.limits = limits or SizeLimits()
        self.sizes_made = 0
        self._graph: Graph | None = varying.graph
        self._plan = model.plan
        self._specs = _chosen(model)
        self._names = tuple(slot.name for slot in model.program.inputs)
        self._first = tuple(slot.sample_shape for slot in model.program.inputs)
        self._declare(varying.graph)
        self._kept: OrderedDict[Key, Executable] = OrderedDict()
        self._fits: dict[Key, _Fits] = {}
        self._lock, self._making = Lock(), Lock()
        self._weight_bytes = sum(
            array.nbytes for array in varying.graph.weights.values() if array.base is None
        )
        for sizes in varying.sizes[1:]:
            try:
                self.prepare({name: (1, *shape) for name, shape in sizes.items()})
            except SizeTooLargeError:  # the limits are tighter here than where it was made
                continue
            except SizeError as error:
                raise ArtifactProgramError(error.message, got=error.got) from error

    def _declare(self, graph: Graph) -> None:
        types = graph.value_types()
        shapes = {given.name: given.type.sample_shape for given in graph.inputs}
        self.inputs = tuple(replace(spec, sample_shape=shapes[spec.name]) for spec in self.inputs)
        self.outputs = tuple(
            replace(spec, sample_shape=types[output.value].sample_shape)
            for spec, output in zip(self.outputs, graph.outputs, strict=True)
        )

    @property
    def resident_bytes(self) -> int:
        """Bytes of constants and of arenas, of all sizes that are kept; 0 when closed."""
        if self._graph is None:
            return 0
        with self._lock:
            kept = tuple(self._kept.values())
        constants = _together((self, *kept))
        arenas = super().arena_bytes + sum(one.arena_bytes for one in kept)
        return sum(constants.values()) + arenas + self._weight_bytes

    def check(self, shapes: Mapping[str, Shape]) -> int:
        """Check the shapes of a batch before it is computed; no size is made ready for it.

        Raises:
            InputError: names, shapes or batch sizes do not fit; also that the network cannot be computed at this size,
                or may not.
        """
        self.check_names(shapes)
        key = self._key(shapes)
        samples = self._forms_of(key).check(shapes)
        if key != self._first:
            self._expect_fit(key)
        return samples

    def is_known(self, shapes: Mapping[str, Shape]) -> bool:
        """Return whether `check` and `answer_bytes` answer at once; of a new size, the graph is looked through first.

        Raises:
            InputError: names, shapes or batch sizes do not fit.
        """
        self.check_names(shapes)
        key = self._key(shapes)
        self._forms_of(key).check(shapes)
        return key == self._first or key in self._fits

    def answer_bytes(self, shapes: Mapping[str, Shape]) -> int:
        """Return the bytes of all outputs of one sample, for shapes that `check` has passed."""
        key = self._key(shapes)
        if key == self._first:
            return super().answer_bytes(shapes)
        return sum(4 * int(np.prod(shape)) for shape in self._expect_fit(key).outputs)

    def is_ready(self, shapes: Mapping[str, Shape]) -> bool:
        """Return whether a call of these shapes, checked, can be computed at once."""
        key = self._key(shapes)
        return key == self._first or key in self._kept

    def prepare(self, shapes: Mapping[str, Shape]) -> None:
        """Make the size of a call ready, so that it can be computed at once.

        Raises:
            InputError: shapes do not fit, or the network cannot be computed at this size, or may not.
            CodegenError: a kernel could not be compiled or loaded.
            ExecutableClosedError: `close` was called.
        """
        self.check(shapes)
        key = self._key(shapes)
        if key != self._first:
            self._executable(key)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, npt.NDArray[np.float32]]:
        """Compute the outputs of a batch; its size is made ready first where it is not.

        Raises:
            InputError: names, dtypes, shapes or batch sizes do not fit, or the network cannot be computed at this size,
                or may not.
            ExecutableClosedError: `close` was called.
        """
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
        shapes = {name: array.shape for name, array in arrays.items()}
        self.check_names(shapes)
        key = self._key(shapes)
        if key == self._first:
            return super().run(arrays)
        self.check(shapes)
        return self._executable(key).run(arrays)

    def close(self) -> None:
        """Refuse later calls, and let go of code and memory as soon as no running call needs them."""
        super().close()
        self._graph = None
        with self._lock:
            self._kept.clear()

    def _key(self, shapes: Mapping[str, Shape]) -> Key:
        """Return the sample shapes in the order of the inputs, checked against what is declared.

        Raises:
            InputShapeError: one does not fit.
            SizeTooLargeError: an axis is too long.
        """
        found = []
        for spec in self.inputs:
            shape = tuple(shapes[spec.name])
            declared = spec.sample_shape
            if len(shape) != len(declared) + 1 or any(
                wanted not in (None, length) or length < 1
                for wanted, length in zip(declared, shape[1:], strict=True)
            ):
                raise InputShapeError(
                    f"input {spec.name!r} has the wrong shape",
                    expected=f"{format_shape((None, *declared))}, where ? is any length",
                    got=str(list(shape)),
                )
            found.append(shape[1:])
            self._check_lengths(spec, shape[1:])
        return tuple(found)

    def _check_lengths(self, spec: TensorSpec, shape: Shape) -> None:
        for wanted, length in zip(spec.sample_shape, shape, strict=True):
            if wanted is None and length > self.limits.max_length:
                raise SizeTooLargeError(
                    f"an axis of input {spec.name!r} is too long",
                    expected=f"at most {self.limits.max_length:,}",
                    got=f"{length:,}",
                    hint="the limit is the setting PRUNUS_SIZE_MAX_LENGTH",
                )

    def _forms_of(self, key: Key) -> Forms:
        """Return what checks the shapes of a batch of this size."""
        slots = [
            InputSlot(spec.name, spec.dtype, shape)
            for spec, shape in zip(self.inputs, key, strict=True)
        ]
        return Forms(slots, (), (None,))

    def _expect_fit(self, key: Key) -> _Fits:
        found = self._fits.get(key)
        if found is None:
            found = self._fit(key)
            if len(self._fits) >= _MAX_KNOWN_SIZES:
                self._fits = {}
            self._fits[key] = found
        if found.error is not None:
            raise found.error()
        return found

    def _fit(self, key: Key) -> _Fits:
        try:
            graph = self._graph_at(key)
            wanted = operations(graph)
        except ShapeError as error:
            return _Fits(
                error=partial(SizeError, error.message, expected=error.expected, got=error.got)
            )
        except _NONSENSE as error:
            reason = "the network cannot be computed at this size"
            return _Fits(error=partial(SizeError, reason, got=str(error)))
        if wanted > self.limits.max_operations:
            too_large = partial(
                SizeTooLargeError,
                "the inputs are too large to be computed",
                expected=f"at most {self.limits.max_operations:.3g} operations for a sample",
                got=f"about {wanted:.3g}",
                hint="the limit is the setting PRUNUS_SIZE_MAX_OPERATIONS",
            )
            return _Fits(error=too_large)
        types = graph.value_types()
        return _Fits(tuple(types[one.value].static_sample_shape for one in graph.outputs))

    def _graph_at(self, key: Key) -> Graph:
        graph = self._graph
        if graph is None:
            raise ExecutableClosedError(f"model {self.name!r} is closed")
        sizes: Sizes = dict(zip(self._names, key, strict=True))
        return at_sizes(graph, sizes)

    def _executable(self, key: Key) -> Executable:
        found = self._known(key)
        if found is not None:
            return found
        with self._making:
            found = self._known(key)  # another thread may have made it meanwhile
            if found is None:
                found = self._made(key)
                self._keep(key, found)
            return found

    def _known(self, key: Key) -> Executable | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _made(self, key: Key) -> Executable:
        plan = self._plan
        try:
            program = build_program(self._graph_at(key), checks_each_pass=False)
            chosen = default_plan(
                program,
                self._target,
                _WIDTHS,
                threads=self.threads,
                values=plan.values,
                keeps_subnormals=plan.keeps_subnormals,
                prefer=self._preferred,
            )
        except UnsupportedModelError as error:
            raise SizeTooLargeError(
                error.message, expected=error.expected, got=error.got
            ) from error
        model = CompiledModel(program, chosen, (), ())
        made = Executable(
            model, self._cache, self._target, self.threads, max_idle_calls=2, arrays=self._arrays
        )
        self.sizes_made += 1
        if self._bytes_of([made]) > self.limits.max_kept_bytes:
            raise SizeTooLargeError(
                "the inputs are too large to be computed",
                expected=f"at most {self.limits.max_kept_bytes:,} bytes of memory for a size",
                got=f"{self._bytes_of([made]):,}",
                hint="the limit is the setting PRUNUS_SIZES_MAX_BYTES",
            )
        return made

    def _preferred(self, step: WeightedStep, candidates: Sequence[Candidate]) -> Candidate:
        """Return the kernel that was chosen at the first size, else one that is loaded, else the best of its kind."""
        wanted = self._specs.get(step.name)
        if wanted is None:
            return candidates[0]
        of_kind = [one for one in candidates if one.sparse is wanted[1]] or list(candidates)
        return next((one for one in of_kind if one.spec == wanted[0]), of_kind[0])

    def _keep(self, key: Key, made: Executable) -> None:
        """Keep a size, and let go of those that were used least recently."""
        with self._lock:
            if self._graph is None:
                return
            self._kept[key] = made
            while len(self._kept) > self.limits.max_kept or (
                self._bytes_of(self._kept.values()) > self.limits.max_kept_bytes
            ):
                self._kept.popitem(last=False)
        self._arrays.forget_dead()

    def _bytes_of(self, kept: Iterable[Executable]) -> int:
        """Return the most memory of some sizes together, without what they share with the first size."""
        some = list(kept)
        shared, sizes = self.constants, _together(some)
        own = sum(size for place, size in sizes.items() if place not in shared)
        return own + sum(one.most_arena_bytes for one in some)


def _together(executables: Iterable[Executable]) -> dict[int, int]:
    """Return the size of each constant of several executables in bytes, by its address."""
    return {place: size for one in executables for place, size in one.constants.items()}


def _chosen(model: CompiledModel) -> dict[str, tuple[KernelSpec, bool]]:
    """Return the kernel of each layer for one sample, and whether it is sparse, by the layer's name."""
    tile = next((tile for tile in model.plan.tiles if tile.lanes == _WIDTHS[0]), None)
    if tile is None:
        return {}
    steps = model.program.weighted_steps()
    return {
        steps[number].name: (choice.spec, choice.sparse)
        for number, choice in tile.choices.items()
        if number in steps
    }
