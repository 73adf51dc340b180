"""SavedModels of Keras layers, written by both versions of Keras, compute what TensorFlow computes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.errors import UnsupportedLayerError
from graph.model_files.read import read_model_file
from tests.graph.saved_model.conftest import assert_same_answers, set_weights
from tests.graph.saved_model.zoo import MODELS

WRITERS = ("keras", "tf_keras")


def written(version: str, name: str, folder: Path) -> Path:
    keras = pytest.importorskip(version)
    model: Any = MODELS[name](keras)
    set_weights(model)
    if version == "keras":
        model.export(folder, verbose=False)
    else:
        model.save(folder, save_format="tf")
    return folder


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("version", WRITERS)
def test_layers(version: str, name: str, tmp_path: Path) -> None:
    folder = written(version, name, tmp_path / "model")
    assert_same_answers(folder, most=10 if name == "embedding" else 5)


@pytest.mark.parametrize("version", WRITERS)
def test_a_dense_layer_is_one_node_with_its_bias(version: str, tmp_path: Path) -> None:
    graph = read_model_file(written(version, "dense over positions", tmp_path / "m")).graph
    kinds = [type(node.op).__name__ for node in graph.nodes]
    assert kinds == ["Dense", "Activation", "Reshape", "Dense"]
    assert [len(node.weights) for node in graph.nodes] == [2, 0, 0, 2]


@pytest.mark.parametrize("version", WRITERS)
def test_a_batch_normalization_is_one_node(version: str, tmp_path: Path) -> None:
    graph = read_model_file(written(version, "residual", tmp_path / "m")).graph
    kinds = [type(node.op).__name__ for node in graph.nodes]
    assert kinds.count("BatchNormalization") == 1
    assert kinds.count("Constant") == 0


@pytest.mark.parametrize("version", WRITERS)
def test_a_recurrent_layer_is_one_node_behind_its_projection(version: str, tmp_path: Path) -> None:
    graph = read_model_file(written(version, "lstm", tmp_path / "m")).graph
    kinds = [type(node.op).__name__ for node in graph.nodes]
    assert kinds == ["Dense", "Recurrent", "Dense", "Recurrent"]


def test_a_loop_that_is_no_cell_is_refused(tmp_path: Path) -> None:
    """Like an LSTM in all but one sign."""
    keras = pytest.importorskip("keras")

    class Cell(keras.layers.LSTMCell):
        def call(self, x: Any, states: Any, training: bool = False) -> Any:
            h, (_, c) = super().call(x, states, training)
            return h, [h, -c]

    x = keras.Input((5, 4))
    model = keras.Model(x, keras.layers.RNN(Cell(3))(x))
    model.export(tmp_path / "m", verbose=False)
    with pytest.raises(UnsupportedLayerError, match="none of the cells that are known"):
        read_model_file(tmp_path / "m")


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("inner", ["", "model"])
def test_archives(kind: str, inner: str, tmp_path: Path) -> None:
    """The folder itself, or a folder with it, as either archive; all are read alike."""
    folder = written("keras", "mlp", tmp_path / "saved" / "model")
    root = folder if not inner else folder.parent
    archive = Path(shutil.make_archive(str(tmp_path / "upload"), kind, root))
    one, other = read_model_file(folder).graph, read_model_file(archive).graph
    x = {one.inputs[0].name: np.ones((2, 8), np.float32)}
    np.testing.assert_array_equal(
        next(iter(reference.run(one, x).values())), next(iter(reference.run(other, x).values()))
    )


@pytest.mark.parametrize("folder", ["savedmodel_keras3_export", "savedmodel_tfkeras"])
def test_a_real_network_answers_its_golden_inputs(folder: str, shared_models: Path) -> None:
    home = shared_models / "fer_mini_xception"
    golden = np.load(home / "golden.npz")
    graph = read_model_file(home / folder).graph
    (answer,) = reference.run(graph, {graph.inputs[0].name: golden["x0"]}).values()
    scale = np.abs(golden["y0"]).max()
    np.testing.assert_allclose(answer, golden["y0"], rtol=0, atol=1e-5 * scale)
