"""How far float32 may take a graph's outputs from float64's: a running error analysis, by drawn rounding errors.

Every op's result in float64 is moved by as much as float32 arithmetic may move it, up or down at random, and the graph
is computed on with that: so an error spreads, grows and cancels as it does in the network, which a bound that adds
worst cases layer by layer would exaggerate more with every layer. How far each op's own arithmetic may move a result
is one of its rules (`pruning.rules.arithmetic`); nothing is granted to an op without rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.activations import FloatArray
from graph.graph import Graph
from graph.reference import run_values
from graph.tensor_type import DType
from pruning.rules.bound import UNIT_ROUNDOFF
from pruning.rules.op_rules import OpRules
from pruning.rules.table import rules_of

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

_DRAWS = 3
_SEED = 20190913
# Integers of these types, and numbers of float64, are rounded when they become float32.
_ROUNDED_INPUTS = (DType.FLOAT64, DType.INT32, DType.INT64, DType.UINT32, DType.UINT64)


@dataclass(frozen=True, slots=True)
class Rounding:
    """What float32 may make of a batch.

    Attributes:
        exact: outputs in float64, by name.
        plain: outputs as NumPy computes them in float32, by name.
        spread: by output name, for each sample: the largest that rounding should move an element.
        fits: for each sample, whether the same values of the graph are finite in float32 and in float64.
    """

    exact: Mapping[str, FloatArray]
    plain: Mapping[str, FloatArray]
    spread: Mapping[str, FloatArray]
    fits: np.ndarray[Any, np.dtype[np.bool_]]


def rounding_of(graph: Graph, inputs: Arrays) -> Rounding:
    """Compute a graph in float64, and how far float32 may be off.

    Args:
        graph: a verified graph with fixed sample shapes.
        inputs: one array (batch, *sample shape) per input name.
    """
    exact = run_values(graph, inputs, np.float64)
    plain = run_values(graph, inputs, np.float32)
    fits = _fits(exact, plain)
    rules = rules_of(graph)
    with np.errstate(all="ignore"):
        moved = {
            node.name: rules[node.name].arithmetic_error(
                [np.abs(exact[name]) for name in node.inputs], exact[node.name]
            )
            for node in graph.nodes
        }
    spread = {output.name: np.zeros(len(fits)) for output in graph.outputs}
    for draw in range(_DRAWS):
        drawn = _drawn(graph, rules, exact, moved, np.random.default_rng([_SEED, draw]))
        for output in graph.outputs:
            with np.errstate(invalid="ignore"):
                difference = np.abs(drawn[output.value] - exact[output.value])
            difference[~np.isfinite(difference)] = 0.0
            largest = difference.reshape(len(difference), -1).max(axis=1, initial=0.0)
            spread[output.name] = np.maximum(spread[output.name], largest)
    outputs, narrow = (
        {output.name: values[output.value] for output in graph.outputs} for values in (exact, plain)
    )
    return Rounding(outputs, narrow, spread, fits)


def _fits(
    wide: Mapping[str, FloatArray], narrow: Mapping[str, FloatArray]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    same = [
        (np.isfinite(wide[name]) == np.isfinite(narrow[name])).reshape(len(wide[name]), -1)
        for name in wide
    ]
    found: np.ndarray[Any, np.dtype[np.bool_]] = np.all([each.all(axis=1) for each in same], axis=0)
    return found


def _drawn(
    graph: Graph,
    rules: Mapping[str, OpRules[Any]],
    exact: Mapping[str, FloatArray],
    moved: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Return all values, with one draw of errors."""
    values: dict[str, FloatArray] = {}
    for given in graph.inputs:
        units = 1.0 if given.type.dtype in _ROUNDED_INPUTS else 0.0
        values[given.name] = _shaken(exact[given.name], units, rng)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            units = rules[node.name].argument_units()
            arguments = [_shaken(values[name], units, rng) for name in node.inputs]
            weights = [
                _shaken(graph.weights[name].astype(np.float64), units, rng) for name in node.weights
            ]
            result = node.op.evaluate(arguments, weights)
            values[node.name] = result + _signs(rng, result.shape) * moved[node.name]
    return values


def _shaken(array: FloatArray, units: float, rng: np.random.Generator) -> FloatArray:
    if not units:
        return array
    shaken: FloatArray = array * (1.0 + units * UNIT_ROUNDOFF * _signs(rng, array.shape))
    return shaken


def _signs(rng: np.random.Generator, shape: Sequence[int]) -> FloatArray:
    signs: FloatArray = rng.integers(0, 2, shape).astype(np.float64) * 2.0 - 1.0
    return signs
