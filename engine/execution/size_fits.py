"""What follows from a size of a model's inputs before anything is made for it: shapes, costs, and whether it may be."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock

from engine.core.errors import SizeError, SizeTooLargeError
from engine.execution.often_used import OftenUsed
from engine.execution.size_memory import making_bytes
from engine.execution.sizes import SizeLimits
from graph.batches import operations
from graph.errors import ShapeError
from graph.graph import Graph
from graph.sizes import Sizes, at_sizes

# Sizes of which this is known; each takes a few tuples.
_MAX_KNOWN_SIZES = 512
# What a graph that was verified at other sizes may still raise when its numbers become too large.
_NONSENSE = (ArithmeticError, ValueError, LookupError, TypeError)

Shape = tuple[int, ...]
# The sample shapes of the inputs, in their order.
Key = tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """What follows from a size.

    Attributes:
        outputs: shapes of the outputs.
        operations: what a sample costs, about; see `graph.batches.operations`.
        error: makes the error that says why it cannot be computed; None where it can.
    """

    outputs: tuple[Shape, ...] = ()
    operations: int = 1
    error: Callable[[], SizeError] | None = None


class SizeFits:
    """Looks at sizes of a graph, and remembers what it found; threads may share it."""

    def __init__(self, graph: Graph, limits: SizeLimits) -> None:
        """Start with nothing known."""
        self._graph = graph
        self._limits = limits
        self._names = tuple(given.name for given in graph.inputs)
        self._known: OftenUsed[Key, Fit] = OftenUsed()
        self._lock = Lock()

    def is_known(self, key: Key) -> bool:
        """Return whether `expect` answers at once; of a new size the graph is looked through."""
        with self._lock:
            return key in self._known

    def expect(self, key: Key) -> Fit:
        """Return what follows from a size.

        Raises:
            SizeError: the network cannot be computed at this size, or may not.
        """
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = self._fit(key)
            with self._lock:
                if len(self._known) >= _MAX_KNOWN_SIZES:
                    self._known.drop_least()
                self._known.put(key, found)
        if found.error is not None:
            raise found.error()
        return found

    def graph_at(self, key: Key) -> Graph:
        """Return the graph at a size.

        Raises:
            ShapeError: the layers do not fit it.
        """
        sizes: Sizes = dict(zip(self._names, key, strict=True))
        return at_sizes(self._graph, sizes)

    def _fit(self, key: Key) -> Fit:
        try:
            graph = self.graph_at(key)
            wanted, needed = operations(graph), making_bytes(graph)
        except ShapeError as error:
            return Fit(
                error=partial(SizeError, error.message, expected=error.expected, got=error.got)
            )
        except _NONSENSE as error:
            reason = "the network cannot be computed at this size"
            return Fit(error=partial(SizeError, reason, got=str(error)))
        if wanted > self._limits.max_operations:
            too_large = partial(
                SizeTooLargeError,
                "the inputs are too large to be computed",
                expected=f"at most {self._limits.max_operations:.3g} operations for a sample",
                got=f"about {wanted:.3g}",
                hint="the limit is the setting PRUNUS_SIZE_MAX_OPERATIONS",
            )
            return Fit(error=too_large)
        if needed > self._limits.max_kept_bytes:
            return Fit(error=partial(too_much_memory, needed, self._limits))
        types = graph.value_types()
        return Fit(tuple(types[one.value].static_sample_shape for one in graph.outputs), wanted)


def too_much_memory(needed: int, limits: SizeLimits) -> SizeTooLargeError:
    """Return the error for a size that takes more memory than one may."""
    return SizeTooLargeError(
        "the inputs are too large to be computed",
        expected=f"at most {limits.max_kept_bytes:,} bytes of memory for a size",
        got=f"{needed:,}",
        hint="the limit is the setting PRUNUS_SIZES_MAX_BYTES",
    )
