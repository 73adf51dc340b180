"""Recurrent layers whose meaning or weights changed from one version of Keras to another, and what is refused of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.errors import (
    FileLimitError,
    GraphError,
    UnsupportedArgumentError,
    UnsupportedLayerError,
    WeightsMismatchError,
)
from graph.keras.read import ModelFile, read_model
from graph.recurrent_ops import GruCell, Recurrent
from tests.graph.keras.handmade import (
    called,
    functional,
    input_layer,
    layer,
    sequential,
    write_legacy,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

rng = np.random.default_rng(0)
TIME, FEATURES, UNITS = 5, 3, 4
X = rng.standard_normal((3, TIME, FEATURES)).astype(np.float32)
Arrays = list[np.ndarray]


def drawn(*shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) * 0.7).astype(np.float32)


def weights_of(gates: int, bias: tuple[int, ...] = ()) -> Arrays:
    columns = gates * UNITS
    return [drawn(FEATURES, columns), drawn(UNITS, columns), drawn(*(bias or (columns,)))]


ROLES = ("kernel", "recurrent_kernel", "bias")


def read(
    folder: Path,
    data: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray] | Arrays,
    version: str = "2.2.4",
    *,
    before: Sequence[Mapping[str, Any]] = (),
) -> ModelFile:
    """A model of one recurrent layer called "one"."""
    named = arrays if isinstance(arrays, Mapping) else {
        f"one/{role}:0": array for role, array in zip(ROLES, arrays, strict=True)
    }  # fmt: skip
    weights = {"one": list(named.items())}
    config = sequential(input_layer(TIME, FEATURES), *before, data)
    return read_model(write_legacy(folder / "m.h5", config, weights, version=version))


def answer(file: ModelFile, x: np.ndarray = X) -> np.ndarray:
    return reference.run(file.graph, {file.graph.inputs[0].name: x})["one"]


def recurrent(class_name: str, **arguments: Any) -> dict[str, Any]:
    given = {"units": UNITS, "activation": "tanh"}
    if class_name != "SimpleRNN":
        given["recurrent_activation"] = "sigmoid"
    return layer(class_name, "one", **given | arguments)


def keras1(class_name: str, **arguments: Any) -> dict[str, Any]:
    """A layer as Keras 1.2.2 writes it."""
    common = {
        "output_dim": UNITS, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh",
        "W_regularizer": None, "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0, "dropout_U": 0.0,
        "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False,
        "consume_less": "cpu", "input_dim": FEATURES, "input_length": TIME,
    }  # fmt: skip
    if class_name != "SimpleRNN":
        common["inner_activation"] = "hard_sigmoid"
    if class_name == "LSTM":
        common["forget_bias_init"] = "one"
    return layer(class_name, "one", **common | arguments)


def keras2_answer(tf_keras: Any, class_name: str, weights: Arrays, **arguments: Any) -> np.ndarray:
    one = getattr(tf_keras.layers, class_name)(UNITS, **arguments)
    one(X)
    one.set_weights(weights)
    return np.asarray(one(X))


@pytest.mark.parametrize(
    ("class_name", "gates", "order"),
    [("LSTM", "ifco", "icfo"), ("GRU", "zrh", "zrh")],
)
@pytest.mark.parametrize("consume_less", ["cpu", "mem", "gpu"])
def test_keras1_stores_a_kernel_for_each_gate(
    tf_keras: Any, tmp_path: Path, class_name: str, gates: str, order: str, consume_less: str
) -> None:
    weights = weights_of(len(gates))
    parts = [
        dict(zip(gates, np.split(array, len(gates), axis=-1), strict=True)) for array in weights
    ]
    named = {
        f"one_{kind}_{gate}:0": part[gate]
        for gate in order
        for kind, part in zip("WUb", parts, strict=True)
    }
    if consume_less == "gpu":
        named = {f"one_{kind}:0": array for kind, array in zip("WUb", weights, strict=True)}
    data = keras1(class_name, consume_less=consume_less)
    arguments = {"recurrent_activation": "hard_sigmoid"}
    if class_name == "GRU":
        arguments["reset_after"] = False
    wanted = keras2_answer(tf_keras, class_name, weights, **arguments)
    np.testing.assert_allclose(answer(read(tmp_path, data, named, "1.2.2")), wanted, atol=2e-6)


def test_keras1_simple_rnn_and_wrapper(tf_keras: Any, tmp_path: Path) -> None:
    weights = weights_of(1)
    named = {f"forward_one_{kind}": array for kind, array in zip("WUb", weights, strict=True)}
    named |= {f"backward_one_{kind}": array for kind, array in zip("WUb", weights, strict=True)}
    data = layer("Bidirectional", "one", layer=keras1("SimpleRNN"), merge_mode="sum")
    first = keras2_answer(tf_keras, "SimpleRNN", weights)
    second = keras2_answer(tf_keras, "SimpleRNN", weights, go_backwards=True)
    found = answer(read(tmp_path, data, named, "1.2.2"))
    np.testing.assert_allclose(found, first + second, atol=4e-6)


def test_a_gate_of_another_size_is_refused(tmp_path: Path) -> None:
    named = {
        f"one_{kind}_{gate}": drawn(*shape)
        for gate in "icfo"
        for kind, shape in (("W", (FEATURES, UNITS)), ("U", (UNITS, UNITS)), ("b", (UNITS,)))
    }
    named["one_W_o"] = drawn(FEATURES + 1, UNITS)
    with pytest.raises(WeightsMismatchError, match="kernel of layer 'one'"):
        read(tmp_path, keras1("LSTM"), named, "1.2.2")


@pytest.mark.parametrize("class_name", ["LSTM", "GRU"])
def test_layers_of_cudnn(tf_keras: Any, tmp_path: Path, class_name: str) -> None:
    from tf_keras.src.layers.rnn.cudnn_gru import CuDNNGRU
    from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM
    from tf_keras.src.saving.legacy.hdf5_format import _convert_rnn_weights

    cudnn = {"LSTM": CuDNNLSTM, "GRU": CuDNNGRU}[class_name](UNITS)
    weights = weights_of(4) if class_name == "LSTM" else weights_of(3, (2, 3 * UNITS))
    stored = _convert_rnn_weights(cudnn, weights)
    assert [array.shape for array in stored] != [array.shape for array in weights]
    data = layer(
        f"CuDNN{class_name}", "one", units=UNITS, unit_forget_bias=True, return_sequences=True,
        kernel_initializer="zeros", recurrent_constraint=None,
    )  # fmt: skip
    if class_name == "GRU":
        del data["config"]["unit_forget_bias"]
    wanted = keras2_answer(tf_keras, class_name, weights, return_sequences=True)
    found = answer(read(tmp_path, data, [np.asarray(a, np.float32) for a in stored], "2.2.4"))
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_hard_sigmoid_of_gates_by_version(tmp_path: Path) -> None:
    # Keras 3 changed the line's slope from 0.2 to 1/6.
    weights = weights_of(4)
    data = recurrent("LSTM", recurrent_activation="hard_sigmoid")
    old, new = (answer(read(tmp_path, data, weights, version)) for version in ("2.4.0", "3.0.5"))
    assert np.abs(old - new).max() > 1e-3
    file = read(tmp_path, data, weights, "2.4.0")
    assert file.notes == (
        "hard_sigmoid is taken as the file's Keras version meant it: clip(0.2 x + 0.5, 0, 1).",
    )


def test_gru_resets_before_where_the_file_says_nothing(tmp_path: Path) -> None:
    # Keras 2.1.5 brought the argument reset_after.
    file = read(tmp_path, recurrent("GRU"), weights_of(3), "2.0.8")
    op = file.graph.node("one").op
    assert isinstance(op, Recurrent)
    assert op.cell == GruCell(reset_after=False)


@pytest.mark.parametrize(
    ("version", "zeros"), [("2.1.6", False), ("2.3.1", False), ("2.4.0", True), ("3.0.5", True)]
)
def test_what_masked_steps_of_both_directions_give(
    tmp_path: Path, version: str, zeros: bool
) -> None:
    # Since it became a part of TensorFlow, Bidirectional gives zeros for masked steps of sequences.
    inner = recurrent("LSTM", return_sequences=True)
    data = layer("Bidirectional", "one", layer=inner, merge_mode="concat")
    weights = weights_of(4)
    named = {
        f"one/{way}_one/{role}:0": array
        for way in ("forward", "backward")
        for role, array in zip(ROLES, weights, strict=True)
    }
    masking = layer("Masking", "m", mask_value=0.0)
    file = read(tmp_path, data, named, version, before=[masking])
    x = X.copy()
    x[:, 2] = 0.0
    assert (answer(file, x)[:, 2] == 0).all() == zeros


def two_masked(folder: Path, class_name: str, version: str, *, both: bool) -> ModelFile:
    """Two sequences, one or both of them masked, joined and read by a SimpleRNN."""
    masking = layer("Masking", "m", mask_value=0.0)
    layers = [
        called(input_layer(TIME, FEATURES, name="x")),
        called(input_layer(TIME, FEATURES, name="y")),
        called(masking, ["x"]),
        called({**layer("Masking", "m2", mask_value=0.0)}, ["y"]),
        called(layer(class_name, "join"), ["m", "m2" if both else "y"]),
        called(recurrent("SimpleRNN", return_sequences=True), ["join"]),
    ]
    features = 2 * FEATURES if class_name == "Concatenate" else FEATURES
    arrays = [drawn(features, UNITS), drawn(UNITS, UNITS), drawn(UNITS)]
    weights = {"one": [(f"one/{r}:0", a) for r, a in zip(ROLES, arrays, strict=True)]}
    config = functional(layers, [["x", 0, 0], ["y", 0, 0]], [["one", 0, 0]])
    return read_model(write_legacy(folder / "two.h5", config, weights, version=version))


@pytest.mark.parametrize("class_name", ["Add", "Concatenate"])
@pytest.mark.parametrize(
    ("version", "both", "repeats"),
    # Before Keras 3.4 a step was real where all masks said so. Since then it is where one does; one without a mask
    # says so everywhere.
    [
        ("2.2.4", True, True),
        ("2.15.0", True, True),
        ("3.3.3", True, True),
        ("3.4.0", True, False),
        ("3.12.0", True, False),
        ("2.15.0", False, True),
        ("3.3.3", False, True),
        ("3.4.0", False, False),
    ],
)
def test_masks_of_joined_sequences(
    tmp_path: Path, class_name: str, version: str, both: bool, repeats: bool
) -> None:
    file = two_masked(tmp_path, class_name, version, both=both)
    x, y = X.copy(), X.copy() + 1
    x[:, 2] = 0.0
    found = reference.run(file.graph, {"x": x, "y": y})["one"]
    assert (found[:, 2] == found[:, 1]).all() == repeats


@pytest.mark.parametrize("class_name", ["Multiply", "Maximum", "Minimum"])
def test_merges_that_leave_out_masked_steps_are_refused(tmp_path: Path, class_name: str) -> None:
    two_masked(tmp_path, class_name, "3.3.3", both=True)
    with pytest.raises(UnsupportedLayerError, match="is called on a tensor with a mask"):
        two_masked(tmp_path, class_name, "3.4.0", both=True)


def with_state(folder: Path, version: str, *, masked: bool) -> ModelFile:
    layers = [
        called(input_layer(TIME, FEATURES, name="x")),
        called(input_layer(UNITS, name="h")),
        called(layer("Masking", "m", mask_value=0.0), ["x"]),
        called(recurrent("SimpleRNN", return_sequences=True), ["m" if masked else "x", "h"]),
    ]
    weights = {"one": [(f"one/{r}:0", a) for r, a in zip(ROLES, weights_of(1), strict=True)]}
    config = functional(layers, [["x", 0, 0], ["h", 0, 0]], [["one", 0, 0]])
    return read_model(write_legacy(folder / "state.h5", config, weights, version=version))


def test_masked_first_steps_gave_the_initial_state_once(tmp_path: Path) -> None:
    # Keras 1 to 2.2 that are not part of TensorFlow.
    with_state(tmp_path, "2.2.4", masked=False)
    with_state(tmp_path, "2.2.4-tf", masked=True)
    with_state(tmp_path, "2.3.1", masked=True)
    with pytest.raises(UnsupportedLayerError, match="with a mask and with initial states"):
        with_state(tmp_path, "2.2.4", masked=True)


REFUSED: list[tuple[dict[str, Any], type[GraphError], str]] = [
    (recurrent("LSTM", stateful=True), UnsupportedArgumentError, "keeps its states from one call"),
    (recurrent("LSTM", time_major=True), UnsupportedArgumentError, "'time_major' with a value"),
    (recurrent("LSTM", num_constants=1), UnsupportedArgumentError, "'num_constants' with a value"),
    (recurrent("LSTM", sparkle=1), UnsupportedArgumentError, "unknown argument 'sparkle'"),
    (recurrent("LSTM", return_sequences=1), UnsupportedArgumentError, "'return_sequences'"),
    (layer("LSTMCell", "one", units=2, activation="tanh", recurrent_activation="sigmoid"),
     UnsupportedLayerError, "is called by itself"),
    (layer("RNN", "one", cell=layer("Dense", "c", units=2)), UnsupportedLayerError, "has a cell"),
    (layer("Bidirectional", "one", layer=layer("Dense", "d", units=2)), UnsupportedLayerError,
     "wraps another layer than those that go through a sequence"),
    (layer("Bidirectional", "one", layer=recurrent("LSTM"), merge_mode="max"),
     UnsupportedArgumentError, "'merge_mode'"),
    (layer("Bidirectional", "one", layer=recurrent("LSTM"), backward_layer=recurrent("LSTM")),
     UnsupportedArgumentError, "two layers of one direction"),
    (layer("Bidirectional", "one", layer=recurrent("LSTM"),
           backward_layer=recurrent("LSTM", go_backwards=True, return_sequences=True)),
     UnsupportedArgumentError, "returns something else than the forward layer"),
    (layer("TimeDistributed", "one", layer=layer("Custom", "c")), GraphError, "Custom"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error", "message"), REFUSED, ids=[one[2] for one in REFUSED])
def test_what_is_refused(
    tmp_path: Path, data: dict[str, Any], error: type[GraphError], message: str
) -> None:
    # Weights of a size that any of them could have; none is looked at before the arguments are.
    inner = data["config"].get("layer") or data["config"].get("cell") or data
    many = 2 if data["class_name"] == "Bidirectional" else 1
    roles = ("kernel", "bias") if inner["class_name"] == "Dense" else ROLES
    gates = {"kernel": (FEATURES, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
    named = {f"one/{way}/{role}": drawn(*gates[role]) for way in range(many) for role in roles}
    with pytest.raises(error, match=message):
        read(tmp_path, data, named)


def test_a_layer_of_cudnn_takes_no_mask(tmp_path: Path) -> None:
    data = layer("CuDNNGRU", "one", units=UNITS)
    weights = weights_of(3, (6 * UNITS,))
    with pytest.raises(UnsupportedLayerError, match="does not take a mask"):
        read(tmp_path, data, weights, before=[layer("Masking", "m", mask_value=0.0)])


def test_a_softmax_layer_under_a_mask_is_refused(tmp_path: Path) -> None:
    before = [layer("Masking", "m", mask_value=0.0), layer("Softmax", "s", axis=-1)]
    with pytest.raises(UnsupportedLayerError, match="is called on a tensor with a mask"):
        read(tmp_path, recurrent("SimpleRNN"), weights_of(1), before=before)


def test_the_wrong_number_of_initial_states_is_refused(tmp_path: Path) -> None:
    layers = [
        called(input_layer(TIME, FEATURES, name="x")),
        called(input_layer(UNITS, name="h")),
        called(recurrent("LSTM"), ["x", "h"]),
    ]
    weights = {"one": [(f"one/{r}:0", a) for r, a in zip(ROLES, weights_of(4), strict=True)]}
    config = functional(layers, [["x", 0, 0], ["h", 0, 0]], [["one", 0, 0]])
    with pytest.raises(GraphError, match="another number of initial states"):
        read_model(write_legacy(tmp_path / "m.h5", config, weights))


def test_steps_of_varying_number_are_refused_where_each_is_lowered(tmp_path: Path) -> None:
    data = layer("TimeDistributed", "one", layer=layer("Flatten", "f"))
    config = sequential(input_layer(None, 2, 3), data)
    with pytest.raises(UnsupportedLayerError, match="the number of steps may vary"):
        read_model(write_legacy(tmp_path / "m.h5", config, {}))


@pytest.mark.parametrize("sequences", [False, True])
def test_conv_lstm_with_its_channels_first(tmp_path: Path, sequences: bool) -> None:
    arrays = [drawn(2, 2, 3, 8), drawn(2, 2, 2, 8), drawn(8)]
    found = []
    for data_format, shape in (("channels_last", (4, 5, 6, 3)), ("channels_first", (4, 3, 5, 6))):
        data = layer(
            "ConvLSTM2D", "one", filters=2, kernel_size=[2, 2], activation="tanh",
            recurrent_activation="sigmoid", data_format=data_format, return_sequences=sequences,
        )  # fmt: skip
        weights = {"one": [(f"one/{r}:0", a) for r, a in zip(ROLES, arrays, strict=True)]}
        config = sequential(input_layer(*shape), data)
        file = read_model(write_legacy(tmp_path / data_format, config, weights))
        x = np.random.default_rng(1).standard_normal((2, 4, 5, 6, 3)).astype(np.float32)
        found.append(answer(file, x if data_format == "channels_last" else np.moveaxis(x, -1, 2)))
    last, first = found
    np.testing.assert_allclose(first, np.moveaxis(last, -1, 2 if sequences else 1), atol=1e-6)


def test_layers_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    data = layer("Dense", "d", units=2)
    for depth in range(40):
        data = layer("TimeDistributed", f"t{depth}", layer=data)
    config = sequential(input_layer(*[2] * 20), data)
    with pytest.raises(FileLimitError, match="nested too deeply"):
        read_model(write_legacy(tmp_path / "m.h5", config, {}))
