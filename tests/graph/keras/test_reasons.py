"""What a refusal says: the right reason at the right place, all of it, and what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.errors import (
    CustomCodeError,
    FileLimitError,
    GraphError,
    NotAModelFileError,
    ShapeError,
    TopologyError,
    UnsupportedArgumentError,
    UnsupportedLayerError,
    WeightsMismatchError,
)
from graph.keras.dialects import CODE_LAYERS, OTHER_KERAS_LAYERS
from graph.keras.read import read_model
from graph.limits import FileLimits
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.handmade import (
    BIAS,
    DENSE,
    KERNEL,
    called,
    dense_config,
    folders,
    functional,
    input_layer,
    layer,
    sequential,
    write_archive,
    write_legacy,
)
from tests.hostile.catalog import all_files

KEEPS_MIXED = "Its weights are float32, and here all arithmetic is float32 too"


def refusal(path: Path, config: Any, weights: Any = None, **options: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        read_model(write_legacy(path / "m", config, weights, **options))
    return caught.value


# Layers that are not supported: all of them, how much is read, and where to cut.


def network(*, functional_form: bool = False) -> dict[str, Any]:
    """x -> LocallyConnected2D -> SReLU -> LocallyConnected2D -> Flatten -> Dense."""
    middle = [
        layer("LocallyConnected2D", "c1", filters=2), layer("SReLU", "p1"),
        layer("LocallyConnected2D", "c2", filters=2), layer("Flatten", "f"),
        layer("Dense", "d", units=2),
    ]  # fmt: skip
    if not functional_form:
        return sequential(input_layer(8, 8, 1), *middle)
    names = ["x", *(item["config"]["name"] for item in middle)]
    pairs = zip(middle, names, strict=False)
    layers = [called(input_layer(8, 8, 1)), *(called(item, [source]) for item, source in pairs)]
    return functional(layers, [["x", 0, 0]], [["d", 0, 0]])


WEIGHTS = {
    "c1": [("c1/kernel:0", np.ones((3, 3, 1, 2), np.float32))],
    "c2": [("c2/kernel:0", np.ones((3, 3, 2, 2), np.float32))],
    "d": [("d/kernel:0", np.ones((9, 2), np.float32))],
}


@pytest.mark.parametrize("functional_form", [False, True])
def test_all_layers_that_are_not_supported_are_named(tmp_path: Path, functional_form: bool) -> None:
    error = refusal(tmp_path, network(functional_form=functional_form), WEIGHTS)
    assert type(error) is UnsupportedLayerError
    assert error.message == (
        "layer 'c1' (LocallyConnected2D) is the first of 3 layers of kinds that Prunus does not support yet"
    )
    # 18 of 18 + 36 + 18 numbers.
    assert error.got == (
        "the layers that are read hold 25.0% of the weights, LocallyConnected2D (2 layers: c1, c2) 75.0%,"
        " SReLU (1 layer: p1) 0.0%"
    )
    assert error.hint == (
        "the layers behind can be served alone: save"
        " keras.Model(model.get_layer('c2').output, model.output), and upload that"
    )


@pytest.mark.parametrize("version", ["3.5.0", "2.15.0", "2.13.1"])
def test_the_share_that_is_read_of_an_archive(tmp_path: Path, version: str) -> None:
    second = "locally_connected2d_2" if version == "2.13.1" else "locally_connected2d_1"
    container = "_layer_checkpoint_dependencies" if version == "2.13.1" else "layers"
    places = zip(("locally_connected2d", second, "dense"), WEIGHTS.values(), strict=True)
    data = folders({f"{container}/{place}/vars/0": arrays[0][1] for place, arrays in places})
    path = write_archive(tmp_path / "m", network(), data, version=version)
    with pytest.raises(UnsupportedLayerError, match=r"hold 25\.0% of the weights"):
        read_model(path)


def test_a_cut_before_the_first_such_layer(tmp_path: Path) -> None:
    config = sequential(
        input_layer(3), layer("Dense", "d", units=2), layer("Reshape", "r", target_shape=[2, 1]),
        layer("Highway", "l", units=3),
    )  # fmt: skip
    weights = {"d": [("d/kernel:0", KERNEL), ("d/bias:0", BIAS)]}
    error = refusal(tmp_path, config, weights)
    assert (
        error.message == "layer 'l' (Highway) is a kind of layer that Prunus does not support yet"
    )
    assert error.hint == (
        "the layers before can be served alone: save"
        " keras.Model(model.input, model.get_layer('r').output), and upload that"
    )


def test_no_cut_is_proposed_where_something_leads_around(tmp_path: Path) -> None:
    layers = [
        called(input_layer(3)),
        called(layer("Highway", "l", units=3), ["x"]),
        called(layer("Concatenate", "c"), ["l", "x"]),
        called(layer("Dense", "d", units=2), ["c"]),
    ]
    config = functional(layers, [["x", 0, 0]], [["d", 0, 0]])
    error = refusal(tmp_path, config, {"d": [("d/kernel:0", KERNEL), ("d/bias:0", BIAS)]})
    assert error.got == (
        "the layers that are read hold 100.0% of the weights, Highway (1 layer: l) 0.0%"
    )
    assert error.hint == (
        "build the model of layers that docs/layers.md lists, copy the weights over, and save it again"
    )


def test_layers_that_are_not_supported_come_before_other_reasons(tmp_path: Path) -> None:
    config = sequential(
        input_layer(3),
        layer("Highway", "l", units=3),
        layer("Dense", "d", units=2, sparkle=1),
        sequential(input_layer(3, name="i"), layer("MaxoutDense", "g", units=3), name="inner"),
    )
    error = refusal(tmp_path, config)
    assert type(error) is UnsupportedLayerError
    assert error.got == (
        "Highway (1 layer: l), MaxoutDense (1 layer: inner/g); besides, layer 'd' (Dense) has an unknown argument 'sparkle'"
    )


def test_all_layers_with_arguments_that_are_not_read_are_named(tmp_path: Path) -> None:
    config = sequential(
        input_layer(3),
        layer("Dense", "a", units=2, sparkle=1),
        layer("Dense", "b", units=2),
        layer("Dense", "c", units=2, dtype="int32"),
        layer("Mine", "d"),
    )
    error = refusal(tmp_path, config)
    assert type(error) is UnsupportedArgumentError
    assert error.message == "layer 'a' (Dense) has an unknown argument 'sparkle'"
    assert "layer 'c' (Dense)" in error.got
    assert "layer 'd' (Mine) is not a class of Keras" in error.got
    assert "'b'" not in error.got


def test_what_else_is_wrong_is_told_with_the_code_in_a_model(tmp_path: Path) -> None:
    config = sequential(
        input_layer(3),
        layer("Lambda", "code", function="f"),
        layer("Highway", "l", units=3),
        layer("Lambda", "more", function="f"),
    )
    error = refusal(tmp_path, config)
    assert type(error) is CustomCodeError
    assert error.message == "layer 'code' (Lambda) holds Python code, which Prunus never runs"
    assert error.got == (
        "Lambda; besides, layer 'more' (Lambda) holds Python code, which Prunus never runs;"
        " layer 'l' (Highway) is not supported yet"
    )


def test_an_input_layer_from_elsewhere_is_refused(tmp_path: Path) -> None:
    first = input_layer(3)
    first["module"] = "mine"
    error = refusal(tmp_path, sequential(first, layer("Dense", "d", units=2)))
    assert type(error) is CustomCodeError
    called_first = functional([called(first)], [["x", 0, 0]], [["x", 0, 0]])
    nested = sequential(input_layer(3), called_first)
    assert type(refusal(tmp_path, nested)) is CustomCodeError


def test_names_of_many_layers_are_bounded(tmp_path: Path) -> None:
    many = [layer("Highway", f"a_long_name_of_a_layer_{n}", units=1) for n in range(300)]
    error = refusal(tmp_path, sequential(input_layer(3), *many))
    assert error.got.startswith("Highway (300 layers: a_long_name_of_a_layer_0, ")
    assert error.got.endswith(", ...)")
    assert len(error.got) < 4000


def test_limits_come_before_layers_that_are_not_supported(tmp_path: Path) -> None:
    with pytest.raises(FileLimitError, match="too many layers"):
        read_model(write_legacy(tmp_path / "m", network()), FileLimits(max_layers=3))


def test_kinds_are_bounded(tmp_path: Path) -> None:
    kinds = sorted(OTHER_KERAS_LAYERS - CODE_LAYERS)[:15]
    config = sequential(input_layer(3), *(layer(kind, kind) for kind in kinds))
    assert refusal(tmp_path, config).got.endswith(" and 3 more kinds")


# Where code is, and what it is called.


@pytest.mark.parametrize(
    ("activation", "got"),
    [
        (
            {"module": "builtins", "class_name": "function", "config": "softmax_v2"},
            "function 'softmax_v2' of module 'builtins'",
        ),
        ({"value": ["4wEAAAA", None, None]}, "a stored lambda"),
        ({"class_name": "Mine", "config": {}, "module": "mine"}, "'Mine' of module 'mine'"),
        ({"class_name": "PReLU", "config": {}}, "'PReLU'"),
        ({"a": 1}, "{'a': 1}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_activation_from_outside_is_named(tmp_path: Path, activation: Any, got: str) -> None:
    error = refusal(tmp_path, dense_config(activation=activation), DENSE)
    assert type(error) is CustomCodeError
    assert error.got == got


def test_a_registered_class_is_named_without_a_module(tmp_path: Path) -> None:
    config = dense_config()
    config["config"]["layers"][1].update(registered_name="mine>Dense", module=None)
    error = refusal(tmp_path, config)
    assert error.message == (
        "layer 'dense' (Dense) is a class that was registered from outside of Keras"
    )
    assert error.got == "mine>Dense"


def test_training_only_code_is_named_in_a_note(tmp_path: Path) -> None:
    file = all_files()["lambda_as_loss_of_compile"]
    file.write(tmp_path / "m")
    assert read_model(tmp_path / "m").notes == (
        "Code or classes from outside of Keras that only training uses were ignored, and nothing of them was run:"
        " compile_config of layer 'model' (Sequential).",
    )


# Containers and shapes.


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("pytorch_checkpoint", "a PyTorch checkpoint"),
        ("office_document", "an Office document"),
        ("java_archive", "a Java archive"),
        ("numpy_archive", "a NumPy archive (.npz)"),
    ],
)
def test_other_zip_archives_are_named(name: str, got: str, tmp_path: Path) -> None:
    all_files()[name].write(tmp_path / "m")
    with pytest.raises(NotAModelFileError) as caught:
        read_model(tmp_path / "m")
    assert caught.value.got == got


def test_normalization_of_an_unknown_length(tmp_path: Path) -> None:
    statistics = [np.ones(4, np.float32), np.ones(4, np.float32), np.int64(3)]
    names = [f"normalization/{role}:0" for role in ("mean", "variance", "count")]
    config = sequential(input_layer(None), layer("Normalization", axis=-1))
    weights = {"normalization": list(zip(names, statistics, strict=True))}
    error = refusal(tmp_path, config, weights)
    assert type(error) is ShapeError
    assert error.message == (
        "layer 'normalization' (Normalization): the length of the axis that it normalizes is not known"
    )
    assert error.expected == "an input of fixed shape; its statistics have shape [4]"
    assert "put keras.Input with the full shape before it" in error.hint


def test_a_model_that_was_not_built(tmp_path: Path) -> None:
    error = refusal(tmp_path, dense_config(), {"dense": []})
    assert type(error) is WeightsMismatchError
    assert error.got == "0"
    assert "call model.build(...)" in error.hint
    with pytest.raises(WeightsMismatchError, match=r"call model\.build\(\.\.\.\)"):
        read_model(write_archive(tmp_path / "a", dense_config()))


def test_models_that_keras1_merges_and_that_share_names_are_refused(tmp_path: Path) -> None:
    branch = {"class_name": "Sequential", "config": [layer("Dense", "d", units=2)]}
    merge = layer("Merge", "m", mode="concat", layers=[branch, branch])
    config = {"class_name": "Sequential", "config": [merge, layer("Dense", "e", units=2)]}
    error = refusal(tmp_path, config, version="1.2.2")
    assert type(error) is TopologyError
    assert "two layers named 'd'" in error.message


# Mixed precision.


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("oracle", ["keras", "tf_keras"])
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_mixed_precision_is_computed_in_float32(
    oracle: str, suffix: str, policy: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    keras = request.getfixturevalue(oracle)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.Dense(3, dtype=policy),
        ]
    )
    set_random_weights(model)
    model.save(tmp_path / f"m{suffix}")
    file = read_model(tmp_path / f"m{suffix}")
    (note,) = file.notes
    assert KEEPS_MIXED in note
    assert policy in note
    assert_same_outputs(file.graph, model, tolerance=3e-2)


def test_other_weights_than_float32_are_refused_under_a_mixed_policy(tmp_path: Path) -> None:
    config = dense_config(dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}})
    data = folders({"layers/dense/vars/0": np.zeros((3, 2), np.int8), "layers/dense/vars/1": BIAS})
    with pytest.raises(GraphError, match="got int8"):
        read_model(write_archive(tmp_path / "m", config, data))
