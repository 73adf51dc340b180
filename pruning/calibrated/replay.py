"""A graph on many samples, computed up to one layer after another without beginning anew each time.

What was computed is held where the next layer begins: for all samples, as float32. Where that takes too much memory
the place stays, and what lies behind it is computed again.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from graph.batches import batches, samples_at_once
from graph.graph import Graph
from graph.reference import iter_values, values_before

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

# What is held of one graph.
MAX_HELD_BYTES = 512 * 1024 * 1024


class Replay:
    """The values of a graph on all samples, from some node on."""

    def __init__(self, graph: Graph, inputs: Arrays) -> None:
        """Begin at the inputs.

        Args:
            graph: verified, with fixed sample shapes.
            inputs: (samples, *sample shape) by input name.
        """
        self._graph = graph
        self._held = inputs
        self._first = ""
        self._most = samples_at_once(graph)

    def values(self, wanted: Collection[str]) -> Iterator[Arrays]:
        """Compute and yield the wanted values, by name, batch by batch; all lie behind the place that is held."""
        for batch in batches(self._held, self._most):
            given = {name: batch[name] for name in wanted if name in batch}
            found = dict(given)
            if len(found) < len(wanted):
                found |= self._computed(batch, set(wanted))
            yield found

    def _computed(self, batch: Arrays, wanted: set[str]) -> dict[str, Any]:
        found = {}
        missing = wanted - batch.keys() if self._first else set(wanted)
        for name, value in iter_values(self._graph, batch, np.float32, self._first):
            if name in missing:
                found[name] = value
                missing.discard(name)
            if not missing:
                break
        return found

    def move_to(self, graph: Graph, first: str) -> None:
        """Hold what the node `first` and those behind it read.

        Args:
            graph: the same nodes, perhaps with other weights at or behind the place that was held.
            first: the name of a node at or behind that place.
        """
        self._graph = graph
        wanted = values_before(graph, first)
        types = graph.value_types()
        samples = len(next(iter(self._held.values())))
        size = sum(types[name].sample_size for name in wanted) * samples * np.float32().nbytes
        if size <= MAX_HELD_BYTES and wanted:
            parts = list(self.values(wanted))
            self._held = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
            self._first = first
