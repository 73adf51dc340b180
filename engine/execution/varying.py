"""Models whose inputs have axes of varying length: a plan for each size, made when it is first asked for.

The artifact has a program and a tuned plan for one size, and the graph. For another size the graph is lowered anew,
each layer gets the kernel that was chosen for it at the first size where that suits (else the best guess), and its
weights are packed. What was made is kept for later calls, and of many sizes those that are used often (`OftenUsed`).
Who asks for a size gets it, and holds it until it has run. Threads that ask for one size at once make it once; sizes
are made one at a time, so that a process needs memory for one that is being made, and that is bounded beforehand.
Unlike other executables these hold locks: a process must not fork while one of its threads makes a size ready.
"""

import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import (
    ArtifactProgramError,
    ExecutableClosedError,
    InputShapeError,
    SizeError,
    SizesInUseError,
    SizeTooLargeError,
    UnsupportedModelError,
)
from engine.core.program import InputSlot
from engine.core.steps import WeightedStep
from engine.core.target import Target
from engine.execution.forms import Forms
from engine.execution.often_used import OftenUsed
from engine.execution.runtime import Executable, TensorSpec
from engine.execution.shared_arrays import SharedArrays
from engine.execution.size_fits import Key, Shape, SizeFits, too_much_memory
from engine.execution.sizes import SizeLimits
from engine.kernels.abi import Candidate, KernelSpec
from engine.machine_code.object_cache import ObjectCache
from engine.passes.lowering import DerivedWeights
from engine.passes.pipeline import build_program
from engine.planning.choose import default_plan
from engine.planning.plan import CompiledModel, Varying
from graph.batches import operations
from graph.graph import Graph
from graph.sizes import at_sizes
from graph.tensor_type import format_shape

# Positions fill vectors as samples do, so that one sample at a time is as fast.
_WIDTHS = (1,)
Array = npt.NDArray[Any]


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
        self._plan = model.plan
        self._specs = _chosen(model)
        self._first = tuple(slot.sample_shape for slot in model.program.inputs)
        self._declare(varying.graph)
        self._kept: OftenUsed[Key, Executable] = OftenUsed()
        self._let_go: weakref.WeakSet[Executable] = weakref.WeakSet()
        self._fits: SizeFits | None = SizeFits(varying.graph, self.limits)
        self._first_operations = operations(at_sizes(varying.graph, varying.sizes[0]))
        self._derived = DerivedWeights()
        self._lock, self._making = Lock(), Lock()
        self._weight_bytes = sum(
            array.nbytes for array in varying.graph.weights.values() if array.base is None
        )
        for sizes in varying.sizes[1:]:
            try:
                self.prepared({name: (1, *shape) for name, shape in sizes.items()})
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
        if self._fits is None:
            return 0
        with self._lock:
            kept = (*self._kept, *self._let_go)
        constants = {**_together((self, *kept)), **self._arrays.form_bytes()}
        arenas = super().arena_bytes + sum(one.arena_bytes for one in kept)
        derived = sum(
            one.nbytes for one in tuple(self._derived.arrays.values()) if one.base is None
        )
        return sum(constants.values()) + arenas + self._weight_bytes + derived

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
            self._open().expect(key)
        return samples

    def is_known(self, shapes: Mapping[str, Shape]) -> bool:
        """Return whether `check` and `answer_bytes` answer at once; of a new size, the graph is looked through first.

        Raises:
            InputError: names, shapes or batch sizes do not fit.
        """
        self.check_names(shapes)
        key = self._key(shapes)
        self._forms_of(key).check(shapes)
        return key == self._first or self._open().is_known(key)

    def answer_bytes(self, shapes: Mapping[str, Shape]) -> int:
        """Return the bytes of all outputs of one sample, for shapes that `check` has passed."""
        key = self._key(shapes)
        if key == self._first:
            return super().answer_bytes(shapes)
        return sum(4 * int(np.prod(shape)) for shape in self._open().expect(key).outputs)

    def relative_cost(self, shapes: Mapping[str, Shape]) -> float:
        """Return what a sample of these shapes, checked, costs beside one of the usual size, about."""
        key = self._key(shapes)
        if key == self._first:
            return 1.0
        return self._open().expect(key).operations / self._first_operations

    def ready(self, shapes: Mapping[str, Shape]) -> Executable | None:
        """Return what computes calls of these shapes, checked; None where it would have to be made first."""
        key = self._key(shapes)
        return self if key == self._first else self._known(key)

    def prepared(self, shapes: Mapping[str, Shape]) -> Executable:
        """Return what computes calls of these shapes, made where it is not there; it lasts as long as it is held.

        Raises:
            InputError: shapes do not fit, or the network cannot be computed at this size, or may not.
            SizesInUseError: calls hold so many sizes that there is no memory for another one.
            CodegenError: a kernel could not be compiled or loaded.
            ExecutableClosedError: `close` was called.
        """
        self.check(shapes)
        key = self._key(shapes)
        return self if key == self._first else self._executable(key)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, npt.NDArray[np.float32]]:
        """Compute the outputs of a batch; its size is made ready first where it is not.

        Raises:
            InputError: names, dtypes, shapes or batch sizes do not fit, or the network cannot be computed at this size,
                or may not.
            SizesInUseError: calls hold so many sizes that there is no memory for another one.
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
        self._fits = None
        with self._lock:
            self._kept.clear()

    def _open(self) -> SizeFits:
        fits = self._fits
        if fits is None:
            raise ExecutableClosedError(f"model {self.name!r} is closed")
        return fits

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

    def _executable(self, key: Key) -> Executable:
        found = self._known(key)
        if found is not None:
            return found
        with self._making:
            found = self._known(key)  # another thread may have made it meanwhile
            if found is None:
                self._expect_room()
                found = self._made(key)
                self._keep(key, found)
            return found

    def _expect_room(self) -> None:
        """Refuse to make another size while calls hold too much of what is not kept any more."""
        with self._lock:
            held = self._bytes_of(self._let_go)
        if held > self.limits.max_kept_bytes:
            raise SizesInUseError(
                "calls of too many sizes are being computed",
                expected=f"at most {self.limits.max_kept_bytes:,} bytes that only they hold",
                got=f"{held:,}",
                hint="the limit is the setting PRUNUS_SIZES_MAX_BYTES",
            )

    def _known(self, key: Key) -> Executable | None:
        with self._lock:
            return self._kept.get(key)

    def _made(self, key: Key) -> Executable:
        plan = self._plan
        try:
            program = build_program(
                self._open().graph_at(key), checks_each_pass=False, derived=self._derived
            )
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
            raise too_much_memory(self._bytes_of([made]), self.limits)
        return made

    def _preferred(self, step: WeightedStep, candidates: Sequence[Candidate]) -> Candidate:
        """Return the kernel that was chosen at the first size, else one that is loaded, else the best of its kind."""
        wanted = self._specs.get(step.name)
        if wanted is None:
            return candidates[0]
        of_kind = [one for one in candidates if one.sparse is wanted[1]] or list(candidates)
        return next((one for one in of_kind if one.spec == wanted[0]), of_kind[0])

    def _keep(self, key: Key, made: Executable) -> None:
        """Keep a size, and let go of those that are used least."""
        with self._lock:
            if self._fits is None:
                return
            self._kept.put(key, made)
            while len(self._kept) > self.limits.max_kept or (
                self._bytes_of(self._kept) > self.limits.max_kept_bytes
            ):
                self._let_go.add(self._kept.drop_least())
        if sum(self._arrays.form_bytes().values()) > self.limits.max_kept_bytes:
            self._arrays.forget_forms()
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
