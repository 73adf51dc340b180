"""The parts that SavedModels are read with: checksums, protocol buffers, lengths, functions, variables, signatures."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import reference
from graph.errors import ConfigError, DamagedFileError, FileLimitError, UnsupportedLayerError
from graph.graph import Graph
from graph.limits import FileLimits
from graph.model_files.read import read_model_file
from graph.saved_model.crc32c import crc32c, unmasked
from graph.saved_model.lengths import BATCH, Length, product
from graph.saved_model.wire import Budget, Message
from tests.graph.saved_model import handmade as made
from tests.graph.saved_model.handmade import Model, dense, node, write


def graph_of(model: Model, folder: Path, signature: str | None = None) -> Graph:
    return read_model_file(write(folder / "upload", model), signature=signature).graph


def answer(graph: Graph, **inputs: object) -> np.ndarray:
    arrays = {name: np.asarray(array) for name, array in inputs.items()}
    return next(iter(reference.run(graph, arrays).values()))


def slow_crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def test_checksums_of_the_standard() -> None:
    # RFC 3720, appendix B.4.
    assert crc32c(memoryview(bytes(32))) == 0x8A9136AA
    assert crc32c(memoryview(b"\xff" * 32)) == 0x62A8AB43
    assert crc32c(memoryview(bytes(range(32)))) == 0x46DD794E


@given(
    st.integers(0, 3).flatmap(
        lambda runs: st.binary(min_size=2048 * runs, max_size=2048 * runs + 5)
    )
)
@settings(max_examples=20)
def test_checksums(data: bytes) -> None:
    assert crc32c(memoryview(data)) == slow_crc32c(data)
    assert unmasked(int.from_bytes(made.masked(data), "little")) == slow_crc32c(data)


@given(st.integers(-(2**63), 2**63 - 1), st.text(), st.integers(1, 2**29 - 3))
def test_fields_come_back(value: int, text: str, number: int) -> None:
    data = made.number(number, value) + made.text(number + 1, text)
    message = Message(memoryview(data), Budget())
    assert message.integer(number) == value
    assert message.text(number + 1) == text
    assert message.integers(number + 2) == []


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_damaged(data: bytes) -> None:
    try:
        message = Message(memoryview(data), Budget())
    except DamagedFileError:
        return
    assert all(1 <= number < 2**29 for number in message.numbers())


def test_fields_are_counted_over_all_messages() -> None:
    inner = made.number(1, 1) * 600
    message = Message(memoryview(made.text(1, inner) * 2), Budget(1000))
    with pytest.raises(FileLimitError, match="too many parts"):
        message.messages(1)


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99))
def test_lengths_divide_exactly_or_not_at_all(a: int, b: int, c: int) -> None:
    whole = product([Length(a), BATCH, Length(b)])
    assert whole.over(Length(b)) == Length(a, ("batch",))
    assert whole.over(BATCH) == Length(a * b)
    assert Length(a).over(BATCH) is None
    expected = None if a * b % c else Length(a * b // c, ("batch",))
    assert whole.over(Length(c)) == expected


def test_a_layer_by_hand(tmp_path: Path) -> None:
    graph = graph_of(dense(), tmp_path)
    (layer,) = graph.nodes
    assert layer.weights == ("kernel", "bias")
    kernel = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(answer(graph, x=np.eye(3)), kernel + 1)


def test_functions_are_opened_at_every_call(tmp_path: Path) -> None:
    twice = made.function("f", ["a"], {"r": "sum:z:0"}, [node("sum", "AddV2", ["a", "a"])])
    call = {"f": made.function_attribute("f")}
    model = Model(
        [
            node("one", "PartitionedCall", ["x"], **call),
            node("y", "PartitionedCall", ["one"], **call),
        ],
        [twice],
        outputs={"y": made.endpoint("y:0", [-1, 3])},
    )
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(answer(graph_of(model, tmp_path), x=x), 4 * x)


def test_an_operation_of_a_function_that_changes_a_variable_is_found(tmp_path: Path) -> None:
    """No output needs it, and TensorFlow runs it all the same."""
    body = [
        node("read", "ReadVariableOp", ["v"]),
        node("product", "MatMul", ["a", "read:value:0"]),
        node("set", "AssignVariableOp", ["v", "read:value:0"]),
    ]
    model = dense()
    model.functions = [made.function("f", ["a", "v"], {"r": "product:product:0"}, body)]
    call = node("z", "StatefulPartitionedCall", ["x", "kernel"], f=made.function_attribute("f"))
    model.nodes.append(call)
    model.outputs = {"y": made.endpoint("z:0", [-1, 2])}
    with pytest.raises(UnsupportedLayerError, match="changes its variables"):
        graph_of(model, tmp_path)


def test_signatures_are_chosen_or_listed(tmp_path: Path) -> None:
    only = dense()
    only.signature = "infer"
    assert graph_of(only, tmp_path).name == "infer"
    with pytest.raises(ConfigError) as caught:
        graph_of(only, tmp_path, "train")
    assert "'infer'" in caught.value.expected
    one, other = dense(), dense()
    one.signature, other.signature = "a", "b"
    data = one.meta_graph() + made.entry(5, "b", b"")
    path = write(tmp_path / "m", one, model=made.text(2, data))
    with pytest.raises(ConfigError, match="several signatures") as caught:
        read_model_file(path)
    assert "'a', 'b'" in caught.value.expected
    assert "--signature" in caught.value.hint
    assert read_model_file(path, signature="a").graph.name == "a"


def test_a_signature_of_a_keras_file_is_refused(shared_keras: Path) -> None:
    with pytest.raises(ConfigError, match="only a SavedModel has signatures"):
        read_model_file(shared_keras, signature="serve")


@pytest.fixture
def shared_keras() -> Path:
    return Path(__file__).parents[3] / "app" / "demo" / "digits.keras"


def test_all_operations_that_are_not_read_are_named(tmp_path: Path) -> None:
    nodes = [
        node("a", "Where", ["x"]),
        node("b", "Where", ["a"]),
        node("c", "FFT", ["b"]),
        node("y", "Relu", ["c"]),
    ]
    with pytest.raises(UnsupportedLayerError, match="3 operations of 2 kinds") as caught:
        graph_of(Model(nodes), tmp_path)
    assert caught.value.got == "FFT (1), Where (2)"


def test_all_reasons_are_named(tmp_path: Path) -> None:
    nodes = [
        node("a", "LeakyRelu", ["x"], one=made.number(3, 1)),
        node("b", "Relu", ["x"], two=made.number(3, 1)),
        node("y", "AddV2", ["a", "b"]),
    ]
    with pytest.raises(Exception, match="not known") as caught:
        graph_of(Model(nodes), tmp_path)
    assert "'a'" in str(caught.value)
    assert "'b'" in str(caught.value)


@pytest.mark.parametrize("lengths", [[], [3], [2, 3]])
def test_inputs_without_a_batch_are_one_sample(lengths: list[int], tmp_path: Path) -> None:
    model = Model(
        [made.constant("c", np.float32(3)), node("y", "Mul", ["x", "c"])],
        inputs={"x": made.endpoint("x:0", lengths)},
        outputs={"y": made.endpoint("y:0", lengths)},
    )
    file = read_model_file(write(tmp_path / "m", model))
    assert file.graph.inputs[0].type.shape == (None, *lengths)
    assert any("one axis more in front" in note for note in file.notes)
    x = np.ones((4, *lengths), np.float32)
    np.testing.assert_array_equal(answer(file.graph, x=x), 3 * x)


def test_a_fixed_batch_of_one_is_the_batch(tmp_path: Path) -> None:
    model = dense()
    model.inputs = {"x": made.endpoint("x:0", [1, 3])}
    file = read_model_file(write(tmp_path / "m", model))
    assert file.graph.inputs[0].type.shape == (None, 3)
    assert any("any batch size is accepted" in note for note in file.notes)


@pytest.mark.parametrize(
    "nodes",
    [
        [made.constant("axis", np.int32(0)), node("y", "Sum", ["x", "axis"])],
        [
            made.constant("order", np.array([1, 0], np.int32)),
            node("y", "Transpose", ["x", "order"]),
        ],
        [node("y", "MatMul", ["x", "x"], transpose_a=made.number(5, 1))],
        [made.constant("c", np.ones((4, 3), np.float32)), node("y", "AddV2", ["x", "c"])],
    ],
)
def test_what_mixes_samples_is_refused(nodes: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"sample|batch"):
        graph_of(Model(nodes), tmp_path)


def test_limits_hold_for_folders_and_archives(tmp_path: Path) -> None:
    for name, content in dense().files().items():
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_bytes(content)
    write(tmp_path / "zip", dense())
    for path in (tmp_path / "m", tmp_path / "zip"):
        assert len(read_model_file(path).graph.nodes) == 1
        with pytest.raises(FileLimitError):
            read_model_file(path, FileLimits(file_max_bytes=500))
