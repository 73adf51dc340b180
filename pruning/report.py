"""The report a person reads before trusting a pruned model: what went, what it changed, what it saves on this host."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph
from pruning.calibrate import Accuracy
from pruning.certificate import Certificate
from pruning.layers import LayerResult
from pruning.measurements import EngineMeasurements, FileSizes
from pruning.plain import as_plain
from pruning.prune import PruneResult
from pruning.recipe import PruningRecipe
from pruning.recipe_json import recipe_to_json

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole model in numbers; weights are those of Dense kernels.

    Attributes:
        weights_before: elements, zeros included.
        nonzeros_before: those that were not zero.
        weights_after: elements that are left, zeros included.
        nonzeros_after: those that are not zero.
        removed_share: 1 - nonzeros_after / weights_before.
        units_removed: output units of Dense layers.
        parameter_bytes_before: all weights as float32.
        parameter_bytes_after: the same for the pruned graph, zeros stored.
    """

    weights_before: int
    nonzeros_before: int
    weights_after: int
    nonzeros_after: int
    removed_share: float
    units_removed: int
    parameter_bytes_before: int
    parameter_bytes_after: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to say about one pruning run.

    Attributes:
        model: the model's name.
        recipe: what was asked for.
        totals: the whole model in numbers.
        layers: each layer of the original.
        certificate: what is proven and what was measured.
        engine: timings on this host, or None where nothing was compiled.
        files: sizes, or None.
        accuracy: with labels.
        versions: of the software involved, by name.
        schema: version of this structure.
    """

    model: str
    recipe: PruningRecipe
    totals: Totals
    layers: tuple[LayerResult, ...]
    certificate: Certificate
    engine: EngineMeasurements | None
    files: FileSizes | None
    accuracy: Accuracy | None
    versions: Mapping[str, str]
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, object]:
        """JSON-ready form: only dicts with text keys, lists, text, numbers, booleans and None.

        Infinity and NaN, which JSON does not have, become None.
        """
        plain = as_plain(self)
        if not isinstance(plain, dict):
            raise TypeError("a report is an object")
        plain["recipe"] = recipe_to_json(self.recipe)
        plain["layers"] = [self._layer_object(layer) for layer in self.layers]
        return plain

    def _layer_object(self, layer: LayerResult) -> dict[str, object]:
        """One layer with its derived numbers, and its kernels and times where it is served."""
        timings = () if self.engine is None else self.engine.layers
        return {
            **_object(as_plain(layer)),
            "weights_removed": layer.weights_removed,
            "sparsity": layer.sparsity,
            "timings": [as_plain(timing) for timing in timings if timing.node in layer.nodes],
        }


def build_report(
    result: PruneResult,
    engine: EngineMeasurements | None = None,
    files: FileSizes | None = None,
    versions: Mapping[str, str] | None = None,
) -> Report:
    """Join what pruning knows with what the engine measured."""
    known = {**(versions or {}), "python": platform.python_version(), "numpy": np.__version__}
    return Report(
        model=result.original.name,
        recipe=result.recipe,
        totals=_totals(result),
        layers=result.layers,
        certificate=result.certificate,
        engine=engine,
        files=files,
        accuracy=result.accuracy,
        versions=known,
    )


def _totals(result: PruneResult) -> Totals:
    dense = [layer for layer in result.layers if layer.kind == "Dense"]
    return Totals(
        weights_before=result.weights_before,
        nonzeros_before=sum(layer.nonzeros_before for layer in dense),
        weights_after=sum(layer.weights_after for layer in dense),
        nonzeros_after=result.nonzeros_after,
        removed_share=result.weights_removed_share,
        units_removed=sum(layer.units_removed for layer in dense),
        parameter_bytes_before=_parameter_bytes(result.original),
        parameter_bytes_after=_parameter_bytes(result.graph),
    )


def _parameter_bytes(graph: Graph) -> int:
    return sum(array.nbytes for array in graph.weights.values())


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
