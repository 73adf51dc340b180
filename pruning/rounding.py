"""How far float32 may take a graph's outputs from float64's: a running error analysis, by drawn rounding errors.

Every op's result in float64 is moved by as much as float32 arithmetic may move it, up or down at random, and the graph
is computed on with that: so an error spreads, grows and cancels as it does in the network, which a bound that adds
worst cases layer by layer would exaggerate more with every layer. A sum of n products is moved by `LAMBDA` sqrt(n) u
times the sum of their magnitudes, whatever the order they are added in: rounding errors that are independent of each
other grow like that (N. J. Higham and T. Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci.
Comput. 41, 2019, theorem 3.1; u = 2^-24). One chain of positive numbers, the worst of the orders that kernels have, was
measured to err by 0.26 sqrt(n) u (root mean square, 256 to 65,536 products): `LAMBDA` is more than eleven times that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.activations import FloatArray
from graph.graph import Graph, Node
from graph.ops import Dense, Dot, LayerNormalization
from graph.reference import run_values
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.tensor_type import DType, normalize_axis

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

UNIT = 2.0**-24
LAMBDA = 3.0
# Units by which arguments and results of ops without long sums are moved: a few operations, a polynomial.
_ARGUMENT_UNITS, _RESULT_UNITS = 4.0, 8.0
_DRAWS = 3
_SEED = 20190913
_MOVES = (Reshape, Permute, RepeatVector, Concatenate)
# Integers of these types, and numbers of float64, are rounded when they become float32.
_ROUNDED_INPUTS = (DType.FLOAT64, DType.INT32, DType.INT64, DType.UINT32, DType.UINT64)


@dataclass(frozen=True, slots=True)
class Rounding:
    """What float32 may make of a batch.

    Attributes:
        exact: outputs in float64, by name.
        spread: by output name, for each sample: the largest that rounding should move an element.
        fits: for each sample, whether the same values of the graph are finite in float32 and in float64.
    """

    exact: Mapping[str, FloatArray]
    spread: Mapping[str, FloatArray]
    fits: np.ndarray[Any, np.dtype[np.bool_]]


def rounding_of(graph: Graph, inputs: Arrays) -> Rounding:
    """Compute a graph in float64, and how far float32 may be off.

    An op that is not known here is treated as one without long sums: its tolerance is small.

    Args:
        graph: verified.
        inputs: one array (batch, *sample shape) per input name.
    """
    exact = run_values(graph, inputs, np.float64)
    fits = _fits(exact, run_values(graph, inputs, np.float32))
    moved = {node.name: _own_error(graph, node, exact) for node in graph.nodes}
    spread = {output.name: np.zeros(len(fits)) for output in graph.outputs}
    for draw in range(_DRAWS):
        drawn = _drawn(graph, exact, moved, np.random.default_rng([_SEED, draw]))
        for output in graph.outputs:
            with np.errstate(invalid="ignore"):
                difference = np.abs(drawn[output.value] - exact[output.value])
            difference[~np.isfinite(difference)] = 0.0
            largest = difference.reshape(len(difference), -1).max(axis=1, initial=0.0)
            spread[output.name] = np.maximum(spread[output.name], largest)
    outputs = {output.name: exact[output.value] for output in graph.outputs}
    return Rounding(outputs, spread, fits)


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
    exact: Mapping[str, FloatArray],
    moved: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """All values, with one draw of errors."""
    values: dict[str, FloatArray] = {}
    for given in graph.inputs:
        units = 1.0 if given.type.dtype in _ROUNDED_INPUTS else 0.0
        values[given.name] = _shaken(exact[given.name], units, rng)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            units = _argument_units(node, exact)
            arguments = [_shaken(values[name], units, rng) for name in node.inputs]
            weights = [
                _shaken(graph.weights[name].astype(np.float64), units, rng) for name in node.weights
            ]
            result = node.op.evaluate(arguments, weights)
            values[node.name] = result + _signs(rng, result.shape) * moved[node.name]
    return values


def _own_error(graph: Graph, node: Node, exact: Mapping[str, FloatArray]) -> FloatArray:
    """How far an op's own arithmetic may move its result."""
    arguments = [np.abs(exact[name]) for name in node.inputs]
    result = np.abs(exact[node.name])
    if isinstance(node.op, _MOVES):
        return np.zeros_like(result)
    with np.errstate(all="ignore"):
        if isinstance(node.op, Dense):
            weights = [np.abs(graph.weights[name].astype(np.float64)) for name in node.weights]
            terms = int(np.count_nonzero(weights[0], axis=0).max(initial=0)) + 1
            return _sum_error(terms, node.op.evaluate(arguments, weights))
        if isinstance(node.op, Dot):
            axis = normalize_axis(node.op.axes[0], arguments[0].ndim)
            return _sum_error(arguments[0].shape[axis], node.op.evaluate(arguments, []))
        return _RESULT_UNITS * UNIT * result


def _sum_error(terms: int, magnitudes: FloatArray) -> FloatArray:
    error: FloatArray = LAMBDA * np.sqrt(terms) * UNIT * magnitudes
    return error


def _argument_units(node: Node, exact: Mapping[str, FloatArray]) -> float:
    """By how many units an op's arguments and weights are moved."""
    if isinstance(node.op, (Dense, *_MOVES)):
        return 0.0
    if isinstance(node.op, LayerNormalization):
        # The mean of n numbers errs like a sum, and is taken off all of them.
        axes = [normalize_axis(axis, exact[node.name].ndim) for axis in node.op.axes]
        terms = int(np.prod([exact[node.name].shape[axis] for axis in axes]))
        return LAMBDA * float(np.sqrt(terms))
    return _ARGUMENT_UNITS


def _shaken(array: FloatArray, units: float, rng: np.random.Generator) -> FloatArray:
    if not units:
        return array
    shaken: FloatArray = array * (1.0 + units * UNIT * _signs(rng, array.shape))
    return shaken


def _signs(rng: np.random.Generator, shape: Sequence[int]) -> FloatArray:
    signs: FloatArray = rng.integers(0, 2, shape).astype(np.float64) * 2.0 - 1.0
    return signs
