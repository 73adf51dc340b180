"""Models with a front part: texts, integers and lookups in NumPy, then the network as any other.

The front part says what the caller gives; `network` is the executable behind it, whose inputs it makes. A large batch
goes through both in pieces, so that what lookups make (a row as long as a vocabulary for every sample) is never all
there at once.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.errors import ExecutableClosedError, InputDtypeError, SizeTooLargeError
from engine.core.program import InputSlot
from engine.execution.forms import Forms
from engine.execution.runtime import Executable, TensorSpec
from graph.front import bytes_of_sample, run_front
from graph.front_samples import example
from graph.graph import Front
from graph.tensor_type import DType

# What the values of a piece may take; and of a whole batch, where it cannot be cut.
_PIECE_BYTES = 32 * 1024 * 1024
_MAX_BYTES = 1024 * 1024 * 1024

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


class FrontExecutable(Executable):
    """A model with a front part, ready to run; `Executable` says what its attributes are.

    Attributes:
        varies: whether the network's inputs vary in size; then texts of other lengths are other sizes.
    """

    def __init__(self, front: Front, network: Executable) -> None:
        """Put a verified front part before its network."""
        self._network = network
        self.varies = network.varies
        self.name, self.outputs, self.threads = network.name, network.outputs, network.threads
        self.layers, self.times = network.layers, network.times
        self.index_limits = {}  # the network checks its own
        self.is_tuned_here, self.schedule = network.is_tuned_here, network.schedule
        self.inputs = tuple(
            TensorSpec(
                one.name,
                one.type.dtype.value,
                one.type.sample_shape,
                tuple(1 if axis is None else axis for axis in one.type.sample_shape),
            )
            for one in front.inputs
        )
        self._front: Front | None = front
        self._wanted = tuple(spec.name for spec in network.inputs)
        self._sample_bytes = bytes_of_sample(front)
        self._dtypes = {one.name: one.type.dtype.numpy for one in front.inputs}

    @property
    def network(self) -> Executable:
        """The executable behind the front part."""
        return self._network

    @property
    def resident_bytes(self) -> int:
        """Bytes of the network, and of the front part's tokens, about; 0 when closed."""
        return self.network.resident_bytes

    @property
    def constants(self) -> Mapping[int, int]:
        """Size of each constant of the network in bytes, by its address."""
        return self.network.constants

    @property
    def most_arena_bytes(self) -> int:
        """Most bytes of the network's arenas."""
        return self.network.most_arena_bytes

    @property
    def arena_bytes(self) -> int:
        """Bytes of the network's arenas."""
        return self.network.arena_bytes

    def example(self) -> dict[str, Array]:
        """Return one sample that the lookups have places for."""
        return example(self._opened())

    def answer_bytes(self, shapes: Mapping[str, Shape]) -> int:
        """Return the bytes of all outputs of one sample, where texts have the usual length."""
        del shapes
        return sum(4 * prod(spec.usual_shape) for spec in self.outputs)

    def is_known(self, shapes: Mapping[str, Shape]) -> bool:
        """Return whether `check` answers at once: always, as the network's sizes are not known before its inputs."""
        self.check(shapes)
        return True

    def check_names(self, given: Mapping[str, object]) -> None:
        """Check the names of a call's inputs; see `Executable.check_names`."""
        self._forms_of({}).check_names(given)

    def check(self, shapes: Mapping[str, Shape]) -> int:
        """Check the shapes of a batch; see `Executable.check`."""
        return self._forms_of(shapes).check(shapes)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, npt.NDArray[np.float32]]:
        """Compute the outputs of a batch; texts are arrays of `bytes` objects.

        Raises:
            InputError: names, dtypes, shapes or batch sizes do not fit.
            UnknownValueError: a value has no place in what it is looked up in.
            ExecutableClosedError: `close` was called.
        """
        front = self._opened()
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
        samples = self.check({name: array.shape for name, array in arrays.items()})
        for name, array in arrays.items():
            if array.dtype != self._dtypes[name]:
                raise InputDtypeError(
                    f"input {name!r} has the wrong element type",
                    expected=str(self._dtypes[name]),
                    got=str(array.dtype),
                )
        step = self._step(samples)
        parts = [
            self.network.run(
                run_front(
                    front,
                    {name: array[start : start + step] for name, array in arrays.items()},
                    self._wanted,
                )
            )
            for start in range(0, samples, step)
        ]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _step(self, samples: int) -> int:
        """Return how many samples go through at a time; all of them, where a text's length depends on the others."""
        if not self.varies:
            return max(1, min(samples, _PIECE_BYTES // self._sample_bytes))
        if samples * self._sample_bytes > _MAX_BYTES:
            raise SizeTooLargeError(
                "the batch needs too much memory",
                expected=f"at most {_MAX_BYTES // self._sample_bytes:,} samples",
                got=f"{samples:,}",
                hint="split the batch",
            )
        return samples

    def _forms_of(self, shapes: Mapping[str, Shape]) -> Forms:
        """Return what checks a batch; an axis of varying length has the length that is given."""
        slots = []
        for spec in self.inputs:
            shape = list(spec.sample_shape)
            given = shapes.get(spec.name, ())[1:]
            if len(given) == len(shape):
                shape = [
                    own if own is not None or length < 1 else length
                    for own, length in zip(shape, given, strict=True)
                ]
            dtype = "object" if spec.dtype == DType.STRING else spec.dtype
            slots.append(InputSlot(spec.name, dtype, tuple(length or 1 for length in shape)))
        return Forms(slots, (), (None,))

    def _opened(self) -> Front:
        if self._front is None:
            raise ExecutableClosedError(f"model {self.name!r} is closed")
        return self._front

    def close(self) -> None:
        """Refuse later calls, and let go of the network and the tokens."""
        self._front = None
        self.network.close()
