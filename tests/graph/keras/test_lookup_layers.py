"""Layers that look up, hash, split and encode: what Keras saves is read, computed in NumPy, and compared with Keras.

HYPOTHESIS_PROFILE=explore draws many more.
"""

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import reference
from graph.errors import UnknownValueError, UnsupportedDtypeError, UnsupportedLayerError
from graph.front import run_front
from graph.keras.read import ModelFile
from tests.graph.keras import lookup_zoo as zoo

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of"),
]
EXAMPLES = 100 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 6
drawn = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
Saved = Callable[[Any, str], ModelFile]


def as_tensor(array: np.ndarray) -> Any:
    return tf.constant(array.tolist() if array.dtype == object else array)


def assert_same(model: Any, file: ModelFile, *arrays: np.ndarray) -> None:
    """The layer itself is called: its results' types and shapes are what Keras really gives."""
    graph = file.graph
    assert graph.front is not None
    names = [one.name for one in graph.front.inputs]
    wanted = model(
        [as_tensor(array) for array in arrays] if len(arrays) > 1 else as_tensor(arrays[0])
    )
    inputs = run_front(
        graph.front,
        dict(zip(names, arrays, strict=True)),
        [one.name for one in graph.inputs],
    )
    (found,) = reference.run(graph, inputs).values()
    wanted = np.asarray(wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * max(1.0, np.abs(wanted).max()))


def model_of(layer: Any, dtype: str, shape: tuple[int, ...] = (3,), inputs: int = 1) -> Any:
    """A layer, and a Rescaling behind it that makes floats of its results."""
    given = [keras.Input(shape, dtype=dtype, name=f"in{place}") for place in range(inputs)]
    found = layer(given if inputs > 1 else given[0])
    return keras.Model(given, keras.layers.Rescaling(0.5)(found))


@drawn
@given(zoo.lookups(is_text=True), st.integers(0, 99))
def test_string_lookup(saved: Saved, arguments: dict[str, Any], seed: int) -> None:
    model = model_of(keras.layers.StringLookup(**arguments), "string")
    assert_same(model, saved(model, ".keras"), zoo.drawn_texts((6, 3), seed))


@drawn
@given(zoo.lookups(is_text=False), st.integers(0, 99))
def test_integer_lookup(saved: Saved, arguments: dict[str, Any], seed: int) -> None:
    model = model_of(keras.layers.IntegerLookup(**arguments), "int64")
    assert_same(model, saved(model, ".keras"), zoo.drawn_numbers((6, 3), seed))


@drawn
@given(zoo.vectorizations(), st.integers(0, 99), st.sampled_from([(), (1,)]))
def test_text_vectorization(
    saved: Saved, arguments: dict[str, Any], seed: int, shape: tuple[int, ...]
) -> None:
    model = model_of(keras.layers.TextVectorization(**arguments), "string", shape)
    assert_same(model, saved(model, ".keras"), zoo.drawn_sentences((6, *shape), seed))


@drawn
@given(zoo.hashings(), st.integers(0, 99))
def test_hashing_of_texts(saved: Saved, arguments: dict[str, Any], seed: int) -> None:
    model = model_of(keras.layers.Hashing(**arguments), "string")
    assert_same(model, saved(model, ".keras"), zoo.drawn_texts((6, 3), seed))


@drawn
@given(zoo.hashings(), st.integers(0, 99), st.sampled_from([None, 7]))
def test_hashing_of_integers(
    saved: Saved, arguments: dict[str, Any], seed: int, mask: int | None
) -> None:
    model = model_of(keras.layers.Hashing(**{**arguments, "mask_value": mask}), "int64")
    assert_same(model, saved(model, ".keras"), zoo.drawn_numbers((6, 3), seed))


@drawn
@given(st.integers(1, 30), st.sampled_from(["int", "one_hot"]), st.integers(0, 99))
def test_hashed_crossing(saved: Saved, bins: int, mode: str, seed: int) -> None:
    texts = keras.Input((1,), dtype="string", name="texts")
    numbers = keras.Input((1,), dtype="int64", name="numbers")
    found = keras.layers.HashedCrossing(bins, output_mode=mode)([texts, numbers])
    model = keras.Model([texts, numbers], keras.layers.Rescaling(0.5)(found))
    arrays = zoo.drawn_texts((6, 1), seed), zoo.drawn_numbers((6, 1), seed)
    assert_same(model, saved(model, ".keras"), *arrays)


@drawn
@given(
    st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=5, unique=True),
    st.sampled_from(["int", "one_hot", "multi_hot", "count"]),
    st.sampled_from(["float32", "int32"]),
)
def test_discretization(saved: Saved, bounds: list[float], mode: str, dtype: str) -> None:
    layer = keras.layers.Discretization(bin_boundaries=sorted(bounds), output_mode=mode)
    model = model_of(layer, dtype)
    numbers = np.random.default_rng(1).uniform(-12, 12, (6, 3)).astype(dtype)
    if dtype == "float32":
        numbers[0] = np.nan, np.inf, sorted(bounds)[0]
    assert_same(model, saved(model, ".keras"), numbers)


@drawn
@given(st.integers(1, 9), st.sampled_from(["one_hot", "multi_hot", "count"]))
def test_category_encoding(saved: Saved, depth: int, mode: str) -> None:
    model = model_of(keras.layers.CategoryEncoding(depth, output_mode=mode), "int32")
    assert_same(model, saved(model, ".keras"), np.arange(18).reshape(6, 3) % 11)


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
def test_adapted_vocabularies_are_read_from_the_archive(saved: Saved, name: str, mode: str) -> None:
    kinds = {"output_sequence_length": 4} if name == "TextVectorization" and mode == "int" else {}
    layer = getattr(keras.layers, name)(output_mode=mode, **kinds)
    is_text = name != "IntegerLookup"
    data = zoo.drawn_texts((20, 1), 1) if is_text else zoo.drawn_numbers((20, 1), 1)
    data = (
        np.array([[text.decode("utf-8", "ignore").replace("\0", "")] for text in data[:, 0]])
        if is_text
        else data
    )
    layer.adapt(tf.constant(data))
    model = model_of(layer, "string" if is_text else "int64", (1,))
    arrays = zoo.drawn_texts((6, 1), 2) if is_text else zoo.drawn_numbers((6, 1), 2)
    assert_same(model, saved(model, ".keras"), arrays)


def test_texts_of_any_length_are_padded_to_the_longest(saved: Saved) -> None:
    layer = keras.layers.TextVectorization(vocabulary=["a", "b"])
    file = saved(model_of(layer, "string", ()), ".keras")
    assert file.graph.inputs[0].type.sample_shape == (None,)
    texts = np.array([b"a b a", b"", b"x"], object)
    inputs = run_front(file.graph.front, {"in0": texts}, [file.graph.inputs[0].name])
    (numbers,) = inputs.values()
    assert np.array_equal(numbers, np.asarray(layer(tf.constant(texts.tolist()))))


def test_inverted_lookups_give_tokens_to_other_lookups(saved: Saved) -> None:
    numbers = keras.Input((2,), dtype="int64", name="numbers")
    tokens = keras.layers.StringLookup(vocabulary=["a", "b"], invert=True, mask_token="")(numbers)
    found = keras.layers.Hashing(50)(tokens)
    model = keras.Model(numbers, keras.layers.Rescaling(1.0)(found))
    assert_same(model, saved(model, ".keras"), np.array([[0, 1], [2, 3], [4, -1]]))


def test_texts_are_moved_before_they_are_looked_up(saved: Saved) -> None:
    left, right = (keras.Input((2,), dtype="string", name=name) for name in ("left", "right"))
    joined = keras.layers.Concatenate()([left, right])
    found = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="count")(joined)
    model = keras.Model([left, right], keras.layers.Rescaling(1.0)(found))
    arrays = zoo.drawn_texts((6, 2), 1), zoo.drawn_texts((6, 2), 2)
    assert_same(model, saved(model, ".keras"), *arrays)


def test_values_that_keras_refuses_are_refused_with_their_place(saved: Saved) -> None:
    closed = keras.layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)
    file = saved(model_of(closed, "string"), ".keras")
    given = {"in0": np.array([[b"a", b"b", b"a"], [b"a", b"zz", b"q"]], object)}
    with pytest.raises(UnknownValueError, match=r"got 'zz' at \[1\]\[1\]"):
        run_front(file.graph.front, given, [])
    encoding = keras.layers.CategoryEncoding(4, output_mode="count")
    file = saved(model_of(encoding, "int64"), ".keras")
    with pytest.raises(UnknownValueError, match=r"got -1 at \[0\]\[2\]"):
        run_front(file.graph.front, {"in0": np.array([[1, 2, -1]])}, [])


def test_what_the_network_computes_is_not_looked_up(saved: Saved) -> None:
    x = keras.Input((3,), name="x")
    found = keras.layers.Discretization([0.0])(keras.layers.Dense(2, name="inner")(x))
    with pytest.raises(UnsupportedLayerError, match="looks up what layer 'inner' computes"):
        saved(keras.Model(x, keras.layers.Rescaling(1.0)(found)), ".keras")


def test_texts_do_not_reach_the_network(saved: Saved) -> None:
    x = keras.Input((3,), dtype="string", name="x")
    numbers = keras.Input((3,), name="numbers")
    model = keras.Model([x, numbers], [keras.layers.Dense(1)(numbers), keras.layers.Flatten()(x)])
    with pytest.raises(UnsupportedDtypeError, match="is not of a floating type"):
        saved(model, ".keras")
