"""Real models, as their authors ship them: read and computed as Keras does, or refused with the reason."""

from pathlib import Path

import numpy as np
import pytest

from graph import reference
from graph.errors import CustomCodeError, WeightsOnlyError
from graph.keras.archive import FileFormat
from graph.keras.export import write_keras
from graph.keras.read import read_model
from tests.conftest import REPOSITORY

DATA = REPOSITORY / "tests" / "data"
# The bound for served models; float32 against float32 stays far below it.
GOLDEN_TOLERANCE = 1e-5


def largest_difference(path: Path, golden: Path) -> float:
    """Of the outputs, as a share of their scale."""
    graph = read_model(path).graph
    with np.load(golden) as arrays:
        inputs = {given.name: arrays[f"x{i}"] for i, given in enumerate(graph.inputs)}
        wanted = [arrays[f"y{i}"] for i in range(len(graph.outputs))]
    found = reference.run(graph, inputs)
    return max(
        float(np.abs(found[output.name] - y).max() / np.abs(y).max())
        for output, y in zip(graph.outputs, wanted, strict=True)
    )


@pytest.mark.parametrize(
    "file",
    [
        "dice_adult/adult.h5",
        "mmsplice_Donor/Donor.h5",
        "mltk_keyword_spotting/keyword_spotting.h5",
        "sleepecg_mesa/classifier.keras",
    ],
)
def test_golden_outputs(file: str) -> None:
    path = DATA / file
    assert largest_difference(path, path.with_name("golden.npz")) < GOLDEN_TOLERANCE


@pytest.mark.shared
@pytest.mark.parametrize(
    "file",
    [
        "mltk_anomaly_detection/anomaly_detection.h5",
        "mltk_visual_wake_words/visual_wake_words.h5",
        "mltk_image_classification/image_classification.h5",
        "fer_mini_xception/emotion_model.hdf5",
        "deeplc_8c22/full_hc_PXD005573_pub_8c22d89667368f2f02ad996469ba157e.keras",
    ],
)
def test_golden_outputs_of_larger_models(shared_models: Path, file: str) -> None:
    path = shared_models / file
    assert largest_difference(path, path.with_name("golden.npz")) < GOLDEN_TOLERANCE


def test_golden_outputs_after_writing(tmp_path: Path) -> None:
    folder = DATA / "mmsplice_Donor"
    write_keras(read_model(folder / "Donor.h5").graph, tmp_path / "written.keras")
    assert largest_difference(tmp_path / "written.keras", folder / "golden.npz") < GOLDEN_TOLERANCE


def test_what_a_file_says_about_itself() -> None:
    file = read_model(DATA / "mmsplice_Donor" / "Donor.h5")
    assert file.format is FileFormat.HDF5
    assert file.keras_version == "2.2.2"
    assert file.graph.name == "model_1"
    assert [(i.name, i.type.sample_shape) for i in file.graph.inputs] == [("ss", (18, 4))]
    assert [o.name for o in file.graph.outputs] == ["dense_1"]
    assert file.notes == ()


def test_a_lambda_layer_is_refused() -> None:
    path = DATA / "mltk_siamese_lambda" / "fingerprint_signature_generator.siamese.h5"
    with pytest.raises(CustomCodeError) as caught:
        read_model(path)
    assert str(caught.value) == (
        "layer 'lambda' (Lambda) holds Python code, which Prunus never runs; expected layers that are part of"
        " Keras; got Lambda; rebuild the model from layers of Keras and save it again"
    )


@pytest.mark.shared
def test_weights_only_is_refused(shared_models: Path) -> None:
    with pytest.raises(WeightsOnlyError) as caught:
        read_model(shared_models / "chars2vec_eng50" / "weights.h5")
    assert str(caught.value) == (
        "the file holds weights without the architecture; expected architecture and weights;"
        " save the whole model with model.save('model.keras') and upload that, or send the architecture,"
        " model.to_json(), as the file and this one as its weights"
    )


# Every step rounds, and the next one goes on from there.
RECURRENT_TOLERANCE = 1e-4


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "golden"),
    [
        ("chars2vec_eng50/model.keras", "golden.npz"),
        ("chars2vec_eng50/keras2_hard_sigmoid.h5", "golden_hard_sigmoid.npz"),
        ("crema_chord/std_keras2.h5", "golden.npz"),
    ],
)
def test_golden_outputs_of_recurrent_models(shared_models: Path, file: str, golden: str) -> None:
    path = shared_models / file
    assert largest_difference(path, path.with_name(golden)) < RECURRENT_TOLERANCE
