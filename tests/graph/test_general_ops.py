"""The general ops mean what keras.ops of the same name mean: slices, selections, reductions, functions of numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.strategies import DataObject

from graph.activations import ActivationFunction, Function
from graph.element_functions import ELEMENT_FUNCTIONS
from graph.element_ops import Binary, BinaryFunction, Cast, Constant, Select
from graph.errors import ShapeError
from graph.op import Op
from graph.reduction_ops import (
    ArgReduce,
    Cumulative,
    CumulativeKind,
    Reduce,
    ReduceKind,
    Sort,
)
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.slice_ops import BroadcastTo, ExpandDims, Gather, Slice, Squeeze
from graph.tensor_type import DType, TensorType, float32

Array = np.ndarray
few = settings(max_examples=30)
# The ops that are compared here; see test_ops.py.
COVERED: frozenset[type] = frozenset(
    {Binary, Select, Cast, Constant, Slice, Gather, ExpandDims, Squeeze, BroadcastTo}
    | {Reduce, ArgReduce, Cumulative, Sort}
)
# As `keras.ops` calls them, where the names differ.
KERAS_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh"}
KERAS_NAMES |= {"acosh": "arccosh", "atanh": "arctanh", "atan2": "arctan2"}
KERAS_NAMES |= {f.value: f"logical_{f.value}" for f in BinaryFunction if f.is_logical}
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)


def truth(*shape: int | None) -> TensorType:
    return TensorType(DType.BOOL, (None, *shape))


def drawn(data: DataObject, *shape: int) -> Array:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    x = rng.standard_normal(shape).astype(np.float32) * np.float32(3)
    return np.where(rng.random(shape) < 0.3, np.rint(x), x)


def check(op: Op, inputs: Sequence[Array], expected: Any, tolerance: float = 2e-6) -> None:
    """Compare type and values with Keras', in float32 and in float64; arrays of bool are truth values."""
    expected = np.asarray(expected)
    kinds = tuple(
        TensorType(DType.BOOL if x.dtype == bool else DType.FLOAT32, (None, *x.shape[1:]))
        for x in inputs
    )
    kind = op.infer(kinds, ())
    assert kind.static_sample_shape == expected.shape[1:]
    assert (kind.dtype is DType.BOOL) == (expected.dtype == bool)
    for dtype in (np.float32, np.float64):
        found = op.evaluate([x.astype(dtype) for x in inputs], [])
        assert found.dtype == dtype
        np.testing.assert_allclose(
            found, expected.astype(np.float64), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("name", sorted(ELEMENT_FUNCTIONS))
@few
@given(data=st.data())
def test_functions_of_one_number(keras: Any, name: str, data: DataObject) -> None:
    x = drawn(data, 3, *data.draw(SHAPES))
    f = ActivationFunction(Function(name))
    expected = np.asarray(getattr(keras.ops, KERAS_NAMES.get(name, name))(x))
    np.testing.assert_allclose(f(x), expected, rtol=4e-6, atol=2e-6)
    np.testing.assert_allclose(f(x.astype(np.float64)), expected, rtol=1e-5, atol=1e-5)


def test_a_half_is_rounded_to_the_even_number(keras: Any) -> None:
    x = np.array([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]], np.float32)
    found = ActivationFunction(Function.ROUND)(x)
    np.testing.assert_array_equal(found, [[-2, -2, 0, 0, 2, 2]])
    np.testing.assert_array_equal(found, keras.ops.round(x))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (None, 0.5), (0.25, None), (None, None)])
def test_clip(keras: Any, low: float | None, high: float | None) -> None:
    x = np.linspace(-4, 4, 41, dtype=np.float32)[None]
    f = ActivationFunction(Function.CLIP, min_value=low, max_value=high)
    bounds = (-np.inf if low is None else low, np.inf if high is None else high)
    np.testing.assert_array_equal(f(x), keras.ops.clip(x, *bounds))
    assert np.isnan(f(np.full((1, 1), np.nan, np.float32))).all()


@pytest.mark.parametrize("function", list(BinaryFunction))
@few
@given(data=st.data())
def test_functions_of_two_values(keras: Any, function: BinaryFunction, data: DataObject) -> None:
    shapes = data.draw(arrays.mutually_broadcastable_shapes(num_shapes=2, min_dims=2, max_dims=2))
    a, b = (drawn(data, 4, *shape) for shape in shapes.input_shapes)
    assume(min(a.size, b.size) > 0)
    if function is BinaryFunction.POWER:
        b = np.rint(b)
    if function.is_logical:
        a, b = a > 0, b > 0
    expected = getattr(keras.ops, KERAS_NAMES.get(function.value, function.value))(a, b)
    if function in (BinaryFunction.FLOOR_DIVIDE, BinaryFunction.MOD):
        # Where a quotient is nearly whole, float64 may lie on the other side of it.
        found = Binary(function).evaluate([a, b], [])
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)
    else:
        check(Binary(function), [a, b], expected, 1e-5)


def test_a_value_of_lower_rank_gets_axes_behind_the_batch() -> None:
    op = Binary(BinaryFunction.DIVIDE)
    assert op.infer((float32(3, 4), float32(4)), ()) == float32(3, 4)
    a, b = np.ones((2, 3, 4), np.float32), np.arange(8, dtype=np.float32).reshape(2, 4)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(op.evaluate([a, b], []), a / b[:, None])


def test_logic_of_numbers_is_refused() -> None:
    with pytest.raises(ShapeError, match="and needs truth values"):
        Binary(BinaryFunction.AND).infer((float32(3), truth(3)), ())
    with pytest.raises(ShapeError, match="a selection needs truth values"):
        Select().infer((float32(3), float32(3), float32(3)), ())
    with pytest.raises(ShapeError, match="any needs truth values"):
        Reduce(ReduceKind.ANY, (1,)).infer((float32(3),), ())
    with pytest.raises(ShapeError, match="wrong number of inputs"):
        Binary(BinaryFunction.LESS).infer((float32(3),), ())


def test_select(keras: Any) -> None:
    rng = np.random.default_rng(0)
    condition = rng.random((4, 3, 1)) < 0.5
    a, b = rng.standard_normal((2, 4, 3, 5)).astype(np.float32)
    a[0, 0, 0], b[1, 1, 1] = np.nan, np.inf
    check(Select(), [condition, a, b], keras.ops.where(condition, a, b))
    check(Select(), [condition, condition, ~condition], np.where(condition, condition, ~condition))


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "float32", "float64"])
def test_cast(keras: Any, dtype: str) -> None:
    x = np.array([[-2.7, -1.0, -0.5, 0.0, 0.5, 1.0, 2.7, 3e6]], np.float32)
    check(Cast(DType(dtype)), [x], keras.ops.cast(x, dtype))
    check(Cast(DType(dtype)), [x > 0], keras.ops.cast(x > 0, dtype))


def test_constant() -> None:
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    op = Constant()
    assert op.infer((truth(7),), (value.shape,)) == float32(2, 3)
    found = op.evaluate([np.full((4, 7), np.nan, np.float32)], [value])
    np.testing.assert_array_equal(found, np.broadcast_to(value, (4, 2, 3)))
    assert op.infer((float32(),), ((),)) == float32()
    with pytest.raises(ShapeError, match="a constant has one weight"):
        op.infer((float32(1),), ())


@few
@given(data=st.data())
def test_slice(data: DataObject) -> None:
    x = drawn(data, 2, *data.draw(SHAPES))
    axis = data.draw(st.integers(1, x.ndim - 1))
    bound = st.none() | st.integers(-7, 7)
    start, stop = data.draw(bound), data.draw(bound)
    step = data.draw(st.integers(-3, 3).filter(bool))
    places = tuple(slice(start, stop, step) if a == axis else slice(None) for a in range(x.ndim))
    expected, op = x[places], Slice(axis, start, stop, step)
    if not expected.size:
        with pytest.raises(ShapeError, match="a slice takes nothing"):
            op.infer((float32(*x.shape[1:]),), ())
        return
    check(op, [x], expected)
    # An axis of unknown length: never a length that a known one contradicts.
    unknown = tuple(None if a == axis else n for a, n in enumerate(x.shape))
    assert op.infer((TensorType(DType.FLOAT32, (None, *unknown[1:])),), ()).shape[axis] in (
        None,
        expected.shape[axis],
    )


def test_a_slice_without_a_step_is_refused() -> None:
    with pytest.raises(ShapeError, match="a slice has no step"):
        Slice(1, step=0).infer((float32(3),), ())


def test_the_last_element_of_an_axis_of_unknown_length_is_one() -> None:
    assert Slice(1, -1).infer((float32(None, 3),), ()) == float32(1, 3)
    assert Slice(1, -1, None, -1).infer((float32(None, 3),), ()) == float32(None, 3)


@few
@given(data=st.data())
def test_gather(keras: Any, data: DataObject) -> None:
    x = drawn(data, 2, *data.draw(SHAPES))
    axis = data.draw(st.integers(1, x.ndim - 1))
    places = st.lists(st.integers(0, x.shape[axis] - 1), min_size=1, max_size=8)
    indices = data.draw(places)
    check(Gather(axis, tuple(indices)), [x], keras.ops.take(x, np.array(indices), axis=axis))


@pytest.mark.parametrize("indices", [(), (-1,), (3,), (0, 1, 5)])
def test_elements_that_are_not_there_are_refused(indices: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="elements are taken that are not there"):
        Gather(1, indices).infer((float32(3),), ())


def test_axes_come_and_go(keras: Any) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    check(ExpandDims((1, 3)), [x], keras.ops.expand_dims(x, (1, 3)))
    check(Squeeze((1, 3)), [x.reshape(2, 1, 3, 1, 4)], x)
    assert Squeeze((1,)).infer((float32(None, None),), ()) == float32(None)
    with pytest.raises(ShapeError, match="only axes of length 1"):
        Squeeze((1,)).infer((float32(3, 1),), ())
    for axes in ((0,), (3,), (2, 1), ()):
        with pytest.raises(ShapeError, match="axes must be distinct, sorted and not the batch"):
            Squeeze(axes).infer((float32(1, 1),), ())


def test_broadcast_to(keras: Any) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 1, 3)
    check(BroadcastTo((5, 3)), [x], keras.ops.broadcast_to(x, (2, 5, 3)))
    check(BroadcastTo((2, 5, -1)), [x], np.broadcast_to(x[:, None], (2, 2, 5, 3)))
    assert BroadcastTo((5, -1)).infer((float32(1, None),), ()) == float32(5, None)
    for shape in ((5, 4), (3,), (-1, 5, 3, 2), (0, 3)):
        with pytest.raises(ShapeError, match="does not broadcast"):
            BroadcastTo(shape).infer((float32(1, 3),), ())


@pytest.mark.parametrize("kind", list(ReduceKind))
@few
@given(data=st.data())
def test_reduce(keras: Any, kind: ReduceKind, data: DataObject) -> None:
    x = drawn(data, 3, *data.draw(SHAPES))
    if kind.is_logical:
        x = x > data.draw(st.sampled_from([-2.0, 0.0, 2.0]))
    axes = data.draw(st.sets(st.integers(1, x.ndim - 1), min_size=1))
    keepdims = data.draw(st.booleans())
    name = {"variance": "var"}.get(kind.value, kind.value)
    expected = getattr(keras.ops, name)(x, axis=tuple(sorted(axes)), keepdims=keepdims)
    check(Reduce(kind, tuple(sorted(axes)), keepdims), [x], expected, 2e-5)


def test_logsumexp_of_infinities() -> None:
    x = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [-np.inf, 2.0]], np.float32)
    with np.errstate(all="ignore"):
        found = Reduce(ReduceKind.LOGSUMEXP, (1,)).evaluate([x], [])
    np.testing.assert_array_equal(found, np.array([-np.inf, np.inf, 2.0], np.float32))


@pytest.mark.parametrize("axes", [(0,), (2,), (-1,), (1, 1), ()])
def test_reductions_over_odd_axes_are_refused(axes: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        Reduce(ReduceKind.SUM, axes).infer((float32(3),), ())


@few
@given(data=st.data())
def test_places_of_extremes(keras: Any, data: DataObject) -> None:
    # Keras takes -0 for less than 0, which no other function does.
    x = np.rint(drawn(data, 3, *data.draw(SHAPES))) + np.float32(0)
    axis, keepdims = data.draw(st.integers(1, x.ndim - 1)), data.draw(st.booleans())
    is_max = data.draw(st.booleans())
    find = keras.ops.argmax if is_max else keras.ops.argmin
    check(ArgReduce(is_max, axis, keepdims), [x], find(x, axis=axis, keepdims=keepdims))


@few
@given(data=st.data())
def test_running_sums_and_order(keras: Any, data: DataObject) -> None:
    x = drawn(data, 3, *data.draw(SHAPES))
    axis = data.draw(st.integers(1, x.ndim - 1))
    check(Cumulative(CumulativeKind.SUM, axis), [x], keras.ops.cumsum(x, axis=axis), 1e-5)
    check(Cumulative(CumulativeKind.PROD, axis), [x], keras.ops.cumprod(x, axis=axis), 1e-5)
    check(Sort(axis), [x], keras.ops.sort(x, axis=axis))
    check(Sort(axis, indices=True), [x], np.argsort(x, axis=axis, kind="stable"))
    check(Sort(axis, descending=True), [x], -np.sort(-x, axis=axis))
    values, places = keras.ops.top_k(np.moveaxis(x, axis, -1), x.shape[axis])
    check(Sort(axis, True), [x], np.moveaxis(np.asarray(values), -1, axis))
    check(Sort(axis, True, True), [x], np.moveaxis(np.asarray(places), -1, axis))


@pytest.mark.parametrize(
    "op", [Slice(1, step=-1), Gather(1, (0, 2)), Reshape((3, 1)), Permute((1,)), ExpandDims((1,))]
)
def test_moves_keep_truth_values(op: Op) -> None:
    assert op.infer((truth(3),), ()).dtype is DType.BOOL
    assert op.infer((float32(3),), ()).dtype is DType.FLOAT32


def test_truth_values_joined_with_numbers_are_numbers() -> None:
    assert RepeatVector(2).infer((truth(3),), ()) == truth(2, 3)
    assert Concatenate(1).infer((truth(3), truth(2)), ()) == truth(5)
    assert Concatenate(1).infer((truth(3), float32(2)), ()) == float32(5)
    assert Concatenate(1).infer((float32(None, 4), float32(2, 4)), ()) == float32(None, 4)
