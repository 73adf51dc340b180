"""How far float32 may take a graph's outputs from float64's: a running error analysis, by drawn rounding errors.

Every op's result in float64 is moved by as much as float32 arithmetic may move it, up or down at random, and the graph
is computed on with that: so an error spreads, grows and cancels as it does in the network, which a bound that adds
worst cases layer by layer would exaggerate more with every layer. How far each op's own arithmetic may move a result
is one of its rules (`pruning.rules.arithmetic`); nothing is granted to an op without rules.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.activations import FloatArray
from graph.graph import Graph, Node
from graph.reference import dead_after, iter_values
from graph.tensor_type import DType
from pruning.rules.bound import UNIT_ROUNDOFF
from pruning.rules.op_rules import OpRules
from pruning.rules.table import rules_of

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

_DRAWS = 3
_SEED = 20190913
# Integers of these types, and numbers of float64, are rounded when they become float32.
_ROUNDED_INPUTS = (DType.FLOAT64, DType.INT32, DType.INT64, DType.UINT32, DType.UINT64)


# The float64 values, those in float32 (half as large), what moves them, and the draws.
COMPUTATIONS_SIDE_BY_SIDE = _DRAWS + 3


@dataclass(frozen=True, slots=True)
class Rounding:
    """What float32 may make of a batch.

    Attributes:
        exact: outputs in float64, by name.
        plain: outputs as NumPy computes them in float32, by name.
        spread: the most that rounding should move an element, by output name and for each sample.
        fits: whether, for each sample, the same values of the graph are finite in float32 and in float64.
    """

    exact: Mapping[str, FloatArray]
    plain: Mapping[str, FloatArray]
    spread: Mapping[str, FloatArray]
    fits: np.ndarray[Any, np.dtype[np.bool_]]


def rounding_of(graph: Graph, inputs: Arrays) -> Rounding:
    """Compute a graph in float64, and how far float32 may be off.

    All computations go through the graph side by side, so that each holds only the values that are still read.

    Args:
        graph: a verified graph with fixed sample shapes.
        inputs: one array (batch, *sample shape) per input name.
    """
    rules, dead, wanted = rules_of(graph), dead_after(graph), graph.output_values()
    nodes = graph.producers()
    draws = [_Draw(graph, np.random.default_rng([_SEED, draw])) for draw in range(_DRAWS)]
    exact: dict[str, FloatArray] = {}
    found: dict[str, tuple[FloatArray, FloatArray, FloatArray]] = {}
    fits = np.ones(len(next(iter(inputs.values()))), np.bool_)
    wide, narrow = (iter_values(graph, inputs, dtype) for dtype in (np.float64, np.float32))
    for (name, value), (_, plain) in zip(wide, narrow, strict=True):
        exact[name] = value
        fits &= _rowwise(np.isfinite(value) == np.isfinite(plain)).all(axis=1)
        if name in nodes:
            moved = _moved(rules[name], nodes[name], exact)
            for draw in draws:
                draw.compute(nodes[name], rules[name], moved)
        else:
            for draw in draws:
                draw.take(name, value)
        if name in wanted:
            found[name] = (value, plain, _spread(value, [draw.values[name] for draw in draws]))
        for values in (exact, *(draw.values for draw in draws)):
            for one in dead[name]:
                del values[one]
    outputs, narrow_outputs, spread = (
        {output.name: found[output.value][place] for output in graph.outputs} for place in range(3)
    )
    return Rounding(outputs, narrow_outputs, spread, fits)


def _moved(rules: OpRules[Any], node: Node, exact: Mapping[str, FloatArray]) -> FloatArray:
    """Return how far the op's own arithmetic may move each element of its result."""
    sizes = [np.abs(exact[name]) for name in node.inputs]
    with np.errstate(all="ignore"):
        return rules.arithmetic_error(sizes, exact[node.name])


def _spread(exact: FloatArray, drawn: Sequence[FloatArray]) -> FloatArray:
    """Return for each sample how far any draw is off."""
    spread: FloatArray = np.zeros(len(exact))
    for values in drawn:
        with np.errstate(invalid="ignore"):
            difference = np.abs(values - exact)
        difference[~np.isfinite(difference)] = 0.0
        spread = np.maximum(spread, _rowwise(difference).max(axis=1, initial=0.0))
    return spread


def _rowwise(array: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    return array.reshape(len(array), -1)


class _Draw:
    """One draw of errors: the values that are still read, by name."""

    def __init__(self, graph: Graph, rng: np.random.Generator) -> None:
        self.values: dict[str, FloatArray] = {}
        self._graph = graph
        self._rng = rng
        self._kinds = {given.name: given.type.dtype for given in graph.inputs}

    def take(self, name: str, value: FloatArray) -> None:
        """Begin with an input."""
        units = 1.0 if self._kinds[name] in _ROUNDED_INPUTS else 0.0
        self.values[name] = _shaken(value, units, self._rng)

    def compute(self, node: Node, rules: OpRules[Any], moved: FloatArray) -> None:
        """Compute a node from arguments, and perhaps weights, that are off, and move its result."""
        units = rules.argument_units()
        arguments = [_shaken(self.values[name], units, self._rng) for name in node.inputs]
        weights = [self._graph.weights[name].astype(np.float64) for name in node.weights]
        weights = [_shaken(weight, units, self._rng) for weight in weights]
        with np.errstate(all="ignore"):
            result = node.op.evaluate(arguments, weights)
            change = _signs(self._rng, result.shape)
            change *= moved
            change += result
        self.values[node.name] = change


def _shaken(array: FloatArray, units: float, rng: np.random.Generator) -> FloatArray:
    if not units:
        return array
    shaken = _signs(rng, array.shape)
    shaken *= units * UNIT_ROUNDOFF
    shaken += 1.0
    shaken *= array
    return shaken


def _signs(rng: np.random.Generator, shape: Sequence[int]) -> FloatArray:
    count = math.prod(shape)
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-count // 8)), np.uint8), count=count)
    signs: FloatArray = bits.reshape(shape) * 2.0 - 1.0
    return signs
