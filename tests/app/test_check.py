"""The last gate of a job lets nothing wrong through."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from app.check import TOLERANCE, check_outputs
from app.errors import OutputCheckError
from graph.graph import Graph
from graph.reference import run
from pruning.prune import PruneResult, prune
from pruning.recipe_parser import parse_recipe

Arrays = Mapping[str, np.ndarray]


class Wrong:
    """An executable that answers as `graph` does, and then `spoil`s the answer."""

    def __init__(self, graph: Graph, spoil: Any) -> None:
        self._graph = graph
        self._spoil = spoil

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        return {name: self._spoil(array) for name, array in run(self._graph, inputs).items()}


@pytest.fixture(scope="module")
def pruned(small_graph: Graph) -> PruneResult:
    return prune(small_graph, parse_recipe({}))


def one_element(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[0, 0] = value
    return changed


def test_a_right_model_passes_with_a_small_error(pruned: PruneResult) -> None:
    executable: Any = Wrong(pruned.graph, lambda array: array)
    assert 0 <= check_outputs(executable, pruned, None) <= TOLERANCE


@pytest.mark.parametrize(
    "spoil",
    [
        lambda array: array + np.abs(array).max() * 1e-3,
        lambda array: array * np.float32(1.001),
        lambda array: one_element(array, np.nan),
        lambda array: one_element(array, np.inf),
        lambda array: np.zeros_like(array),
        lambda array: array[:, ::-1],
    ],
    ids=["shifted", "scaled", "nan", "infinite", "zero", "permuted"],
)
def test_a_wrong_model_is_refused(pruned: PruneResult, spoil: Any) -> None:
    executable: Any = Wrong(pruned.graph, spoil)
    with pytest.raises(OutputCheckError) as caught:
        check_outputs(executable, pruned, None)
    assert "of the output's scale" in caught.value.expected


def test_a_lossless_model_must_also_answer_as_the_original(
    small_graph: Graph, pruned: PruneResult
) -> None:
    from dataclasses import replace

    name = next(name for name in small_graph.weights if name.endswith("kernel"))
    weights = dict(small_graph.weights)
    weights[name] = weights[name] * np.float32(1.01)
    other = replace(small_graph, weights=weights)
    executable: Any = Wrong(other, lambda array: array)
    with pytest.raises(OutputCheckError):
        check_outputs(executable, replace(pruned, graph=other), None)
    magnitude = parse_recipe({"mode": "magnitude", "sparsity": 0.5})
    budgeted = replace(pruned, graph=other, recipe=magnitude)
    assert check_outputs(executable, budgeted, None) > 1e-3
