"""What JSON may hold in place of a number: true and false, text, null, objects; each is refused with its place."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.codecs import decode_json
from app.services.tensors import Signature, first_of
from engine.core.errors import InputDtypeError, InputError
from engine.execution.runtime import TensorSpec
from tests.app.live import Live
from tests.app.test_predict import JSON, slug

NUMBER_TYPES = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


def read(inputs: object, dtype: str, shape: tuple[int, ...] = (3,)) -> np.ndarray:
    """Read an input as a request with it is read."""
    signature = Signature((TensorSpec("x", dtype, shape, shape),), ())
    call = decode_json(json.dumps({"model": "m", "inputs": inputs}).encode())
    arrays = signature.arrays(call.inputs, has_booleans=call.has_booleans, has_text=call.has_text)
    return arrays["x"]


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        ([[True, 2, 3]], "true at [0][0]"),
        ([[1.5, True, 2]], "true at [0][1]"),
        ([[1, 2, 3], [4, 5, False]], "false at [1][2]"),
        ([[True, False, True]], "true at [0][0]"),
        ([[1, 2, 3], True], "true at [1]"),
        ([[1, None, True]], "true at [0][2]"),
        ([[2**70, False, 1]], "false at [0][1]"),
        ([True, 2, 3], "true at [0]"),
        ([[[1, 2], [3, True]]], "true at [0][1][1]"),
        ([[1], [1, 2], [3, False]], "false at [2][1]"),
        ({"x": [[1, 2, True]]}, "true at [0][2]"),
    ],
)
def test_truth_values_are_no_numbers(inputs: object, place: str, dtype: str) -> None:
    with pytest.raises(InputDtypeError) as caught:
        read(inputs, dtype)
    assert caught.value.got == place
    assert caught.value.expected == dtype
    assert "1 for true" in caught.value.hint


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=4))
def test_truth_values_are_what_inputs_of_truth_values_take(rows: list[list[bool]]) -> None:
    np.testing.assert_array_equal(read(rows, "bool"), np.array(rows))


@pytest.mark.parametrize("inputs", [[[True, 0, 1]], [[True, 0.0, True]], [[True, None, True]]])
def test_numbers_and_null_are_no_truth_values(inputs: object) -> None:
    with pytest.raises(InputDtypeError):
        read(inputs, "bool")


def test_names_that_hold_true_and_false_change_nothing() -> None:
    signature = Signature((TensorSpec("true", "float32", (2,), (2,)),), ())
    body = json.dumps({"model": "true.false", "inputs": {"true": [[1, 2]]}}).encode()
    call = decode_json(body)
    arrays = signature.arrays(call.inputs, has_booleans=call.has_booleans)
    np.testing.assert_array_equal(arrays["true"], [[1, 2]])


@pytest.mark.parametrize(
    "body",
    [
        # Names whose letters are written with escapes, which the quick look must not count.
        r'{"model": "\u0066\u0066\u0075", "inputs": [[false, 1]]}',
        r'{"model": "\u0066\u0066\u0075", "inputs": [[1, true]]}',
        r'{"inputs": {"\u0066": [[false, 1]]}}',
        r'{"\u0069nputs": [[true, 1]]}',
        '{"inputs": [[0, 1]], "inputs": [[true, 1]]}',
        '{"model": "uuuufff", "model": "m", "inputs": [[false, 1]]}',
        '{"model": "uf", "inputs": {"f": [[1, 2]], "f": [[false, 2]]}}',
        '{"inputs": [[true, NaN]]}',
        '{"inputs": [[false, Infinity]]}',
    ],
)
def test_truth_values_are_found_whatever_else_is_in_the_text(body: str) -> None:
    call = decode_json(body.encode())
    assert call.has_booleans
    values = call.inputs["f"] if isinstance(call.inputs, dict) else call.inputs
    signature = Signature((TensorSpec("x", "float32", (2,), (2,)),), ())
    with pytest.raises(InputDtypeError, match=r"true|false"):
        signature.arrays(values, has_booleans=call.has_booleans)


TEXTS = st.text(alphabet='truefalsn\\"u\u00fc{}[]', max_size=6)


@given(TEXTS, TEXTS, st.booleans(), st.sampled_from([True, False, None, 1]))
def test_the_quick_look_at_a_text_misses_nothing(
    model: str, name: str, ascii_only: bool, value: object
) -> None:
    body = json.dumps({"model": model, "inputs": {name: [[1, value]]}}, ensure_ascii=ascii_only)
    call = decode_json(body.encode())
    assert call.has_booleans or not isinstance(value, bool)
    assert not (call.is_finite and value is None)


NESTED = st.recursive(
    st.one_of(st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.booleans()),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def holds_boolean(value: object) -> bool:
    if isinstance(value, list):
        return any(holds_boolean(item) for item in value)
    return isinstance(value, bool)


@given(NESTED.filter(lambda value: isinstance(value, list)))
def test_nested_lists_with_a_truth_value_never_become_numbers(value: list[Any]) -> None:
    if holds_boolean(value):
        with pytest.raises(InputDtypeError, match=r"got (true|false) at \["):
            read(value, "float32")
        found = first_of(value, bool)
        assert found is not None
        place, item = found
        assert eval(f"value{place}") is item  # noqa: S307  # a place is brackets and digits
    else:
        assert first_of(value, bool) is None


def test_very_deep_lists_are_searched_without_recursion() -> None:
    value: object = True
    for _ in range(100_000):
        value = [value]
    assert first_of(value, str) is None
    assert first_of(value, bool) == ("[0]" * 100_000, True)


@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        ([["1", 2, 3]], '"1" at inputs[0][0]'),
        ([[1, 2, 3], [1, 2, "3"]], '"3" at inputs[1][2]'),
        ({"x": [[1, "2", 3]]}, '"2" at inputs["x"][0][1]'),
        (["a" * 100], '"' + "a" * 40 + '"... at inputs[0]'),
    ],
)
def test_text_is_no_number_and_its_place_is_said(inputs: object, place: str) -> None:
    with pytest.raises(InputDtypeError) as caught:
        read(inputs, "float32")
    assert caught.value.got == place
    assert "quotation marks" in caught.value.hint


@pytest.mark.parametrize(
    ("inputs", "dtype", "place"),
    [
        ([[1, None, 3]], "int32", "null at [0][1]"),
        ([[1, 2, 3], [None, 2, 3]], "uint8", "null at [1][0]"),
        ([[{}, 2, 3]], "float32", "an object at [0][0]"),
        ([[1, 2, 3], [1, {"data": 1}, 3]], "int64", "an object at [1][1]"),
    ],
)
def test_null_for_an_integer_and_objects_are_refused_with_their_place(
    inputs: object, dtype: str, place: str
) -> None:
    with pytest.raises(InputDtypeError) as caught:
        read(inputs, dtype)
    assert caught.value.got == place


@given(st.lists(st.none() | st.floats(-1e9, 1e9) | st.integers(-99, 99), min_size=3, max_size=3))
def test_null_is_nan_in_every_nesting_of_a_float_input(row: list[float | None]) -> None:
    wanted = np.array([np.nan if item is None else item for item in row], np.float32)
    np.testing.assert_array_equal(read([row, row], "float32"), [wanted, wanted])
    np.testing.assert_array_equal(read([[row]], "float32", (1, 3)), [[wanted]])


@pytest.mark.parametrize(
    "inputs", [[[True, 2, 3, 4, 5, 6]], [[1.5, True, 2, 3, 4, 5]], {"x": [[1, 2, 3, 4, 5, False]]}]
)
def test_the_service_refuses_truth_values_and_says_where(service: Live, inputs: object) -> None:
    answer = service.predict(model="small", inputs=inputs)
    assert (answer.status_code, slug(answer)) == (422, "wrong-dtype")
    assert " at [0][" in answer.json()["got"]


@pytest.mark.parametrize("inputs", [[], {"x": []}])
def test_an_empty_list_is_an_empty_batch(service: Live, inputs: object) -> None:
    answer = service.predict(model="small", inputs=inputs)
    assert (answer.status_code, slug(answer)) == (422, "empty-batch")


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_an_empty_list_has_the_shape_of_no_samples(dtype: str) -> None:
    array = read([], dtype, (2, 3))
    assert (array.shape, array.dtype) == ((0, 2, 3), np.dtype(dtype))


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((64,), "a single sample needs a batch axis too"),
        ((2, 8, 8), "each sample has 64 numbers, as it must: reshape(-1, 64)"),
        ((8, 8), "one sample has 64 numbers, as these are: reshape(1, 64)"),
    ],
)
def test_a_wrong_shape_of_the_right_size_says_how_to_reshape(
    service: Live, shape: tuple[int, ...], hint: str
) -> None:
    answer = service.predict(model="digits", inputs=np.zeros(shape).tolist())
    assert slug(answer) == "wrong-shape"
    assert hint in answer.json()["hint"]


@pytest.mark.parametrize("token", ["NaN", "null", "Infinity", "-Infinity"])
def test_a_json_answer_to_numbers_that_are_not_finite_has_a_warning(
    service: Live, token: str
) -> None:
    body = f'{{"model": "small", "inputs": [[0, 0, {token}, 0, 0, 0]]}}'
    answer = service.http.post("/predict", content=body, headers=JSON)
    assert "not finite" in answer.headers["x-prunus-warning"]
    finite = service.predict(model="small", inputs=[[0] * 6])
    assert "x-prunus-warning" not in finite.headers


@pytest.mark.parametrize(
    ("body", "is_finite"),
    [
        ('{"model": "m", "inputs": [[1, 2]]}', True),
        ('{"model": "m", "version": 1, "inputs": {"unusual": [[1, 2]]}}', True),
        ('{"inputs": [[1, null]]}', False),
        ('{"inputs": {"unusual": [[1, null]]}, "model": "uuu"}', False),
        ('{"model": "m", "inputs": [[1, NaN]]}', False),
        ('{"model": "m", "inputs": [[1, -Infinity]]}', False),
    ],
)
def test_a_text_is_known_to_have_no_null(body: str, is_finite: bool) -> None:
    assert decode_json(body.encode()).is_finite is is_finite


def test_a_model_called_null_gives_no_warning(service: Live, small_file: Path) -> None:
    assert service.upload(small_file, "null").status_code == 201
    answer = service.predict(model="null", inputs=[[0] * 6])
    assert answer.status_code == 200
    assert "x-prunus-warning" not in answer.headers
    service.http.delete("/models/null")


@given(NESTED)
def test_whatever_is_read_is_refused_by_an_input_error_only(value: object) -> None:
    signature = Signature((TensorSpec("x", "float32", (2,), (2,)),), ())
    try:
        signature.arrays({"x": value})
    except InputError:
        return
