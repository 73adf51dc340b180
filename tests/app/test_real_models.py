"""Real models over HTTP, from upload to prediction, beside what Keras itself computes."""

import io
from pathlib import Path

import numpy as np
import pytest

from tests.app.live import Live
from tests.app.test_predict import NPZ, npz
from tests.conftest import REPOSITORY

DATA = REPOSITORY / "tests" / "data"
# The bounds, relative to each output's scale.
GOLDEN_TOLERANCE = 1e-5
NEAR_ZERO_TOLERANCE = 1e-6


def golden_difference(service: Live, name: str, golden: Path) -> float:
    """Predict the golden inputs and return the largest difference, relative to an output's scale."""
    with np.load(golden) as arrays:
        given = dict(arrays)
    return difference(service, name, given)


def difference(service: Live, name: str, given: dict[str, np.ndarray]) -> float:
    """The same for inputs `x0`, ... and outputs `y0`, ... in the model's order."""
    summary = service.http.get(f"/models/{name}").json()["versions"][-1]["summary"]
    inputs = {spec["name"]: given[f"x{i}"] for i, spec in enumerate(summary["inputs"])}
    answer = service.http.post(
        "/predict", params={"model": name}, content=npz(**inputs), headers=NPZ
    )
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content)) as found:
        return max(
            float(np.abs(found[spec["name"]] - given[f"y{i}"]).max() / np.abs(given[f"y{i}"]).max())
            for i, spec in enumerate(summary["outputs"])
        )


def serve(service: Live, path: Path) -> str:
    answer = service.upload(path, path.stem)
    assert answer.status_code == 201, answer.text
    return path.stem


@pytest.mark.parametrize("file", ["dice_adult/adult.h5", "mmsplice_Donor/Donor.h5"])
def test_golden_outputs(service: Live, file: str) -> None:
    path = DATA / file
    name = serve(service, path)
    assert golden_difference(service, name, path.with_name("golden.npz")) <= GOLDEN_TOLERANCE


@pytest.mark.shared
def test_golden_outputs_of_an_autoencoder(service: Live, shared_models: Path) -> None:
    path = shared_models / "mltk_anomaly_detection" / "anomaly_detection.h5"
    name = serve(service, path)
    assert golden_difference(service, name, path.with_name("golden.npz")) <= GOLDEN_TOLERANCE


def test_the_questions_network_loses_its_near_zero_weights_and_nothing_else(
    service: Live,
) -> None:
    folder = DATA / "near_zero_mlp"
    (path,) = folder.glob("*.keras")
    name = serve(service, path)
    summary = service.http.get(f"/models/{name}").json()["versions"][-1]["summary"]
    assert summary["removed_share"] >= 0.95
    assert summary["guarantee"] in {"exact", "rounding"}
    with np.load(folder / "golden.npz") as golden:
        given = {"x0": golden["images"].astype(np.float32) / 255, "y0": golden["outputs"]}
    assert difference(service, name, given) <= NEAR_ZERO_TOLERANCE


def test_a_lambda_layer_is_refused_with_the_reason(service: Live) -> None:
    path = DATA / "mltk_siamese_lambda" / "fingerprint_signature_generator.siamese.h5"
    answer = service.upload(path, "siamese")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/custom-code"
    assert "lambda" in answer.json()["detail"]


@pytest.mark.shared
def test_a_file_of_weights_only_is_refused_with_the_reason(
    service: Live, shared_models: Path
) -> None:
    answer = service.upload(shared_models / "chars2vec_eng50" / "weights.h5", "chars")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/weights-only"


@pytest.mark.parametrize("name", ["keras3_export", "tf_keras_save", "tf_module", "tf1_simple_save"])
def test_saved_models(service: Live, name: str) -> None:
    """Those in the repository, of four writers, answer as TensorFlow does."""
    path = DATA / "saved_models" / f"{name}.zip"
    serve(service, path)
    with np.load(path.with_suffix(".npz")) as arrays:
        outputs = [array for key, array in arrays.items() if key != "x"]
        given = {"x0": arrays["x"], **{f"y{i}": array for i, array in enumerate(outputs)}}
    assert difference(service, name, given) <= GOLDEN_TOLERANCE
    summary = service.http.get(f"/models/{name}").json()["versions"][-1]["summary"]
    assert summary["format"] == "saved_model"
    assert service.http.get(f"/models/{name}/versions/1/keras").status_code == 200


def test_a_signature_that_is_not_there_is_refused_with_a_list(service: Live) -> None:
    path = DATA / "saved_models" / "tf_module.zip"
    form = {"name": "signed", "signature": "g"}
    with path.open("rb") as file:
        answer = service.http.post("/models?wait=300", data=form, files={"file": file})
    assert answer.status_code == 422
    assert "'f'" in answer.json()["expected"]
    form["signature"] = "f"
    with path.open("rb") as file:
        answer = service.http.post("/models?wait=300", data=form, files={"file": file})
    assert answer.status_code == 201, answer.text
