"""Models whose inputs vary in size over HTTP and on the command line: every size beside the NumPy oracle."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from app.cli import main
from app.core.settings import Settings
from app.services.storage import KERNELS_FOLDER
from engine.execution.size_fits import SizeFits
from graph.activations import Function
from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.read import read_model
from graph.reference import run
from graph.sizes import at_sizes
from graph.windows import Padding
from tests.app.conftest import TUNE_SECONDS
from tests.app.live import Live, live, seed_objects
from tests.app.test_predict import NPY, NPZ, close, npy, npz, slug
from tests.engine.varying import varying
from tests.pruning.images import ImageBuilder

MAX_LENGTH, MAX_ANSWER_BYTES = 150, 100_000


@pytest.fixture(scope="module")
def network() -> Graph:
    """An image in, an image of half the size out."""
    b = ImageBuilder(7)
    x = b.input(8, 8, 2, name="image")
    x = b.activation(b.conv(x, 4, 3, padding=Padding.SAME, stride=2), Function.RELU)
    graph = varying(b.build(b.conv(x, 3, 3, padding=Padding.SAME)))
    assert graph is not None
    return graph


@pytest.fixture(scope="module")
def file(network: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("varying") / "varying.keras"
    write_keras(network, path)
    return path


@pytest.fixture(scope="module")
def served(file: Path, objects: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("data")
    seed_objects(data, objects)
    samples = file.parent / "samples.npy"
    np.save(samples, image(20, 24, 8))
    settings = Settings(
        data_dir=data,
        job_tune_seconds=TUNE_SECONDS,
        size_max_length=MAX_LENGTH,
        predict_decoded_max_bytes=MAX_ANSWER_BYTES,
        sizes_max_kept=4,
    )
    with live(settings) as running:
        with file.open("rb") as model, samples.open("rb") as calibration:
            answer = running.http.post(
                "/models?wait=300",
                data={"name": "varying"},
                files={"file": model, "calibration": calibration},
                timeout=90,
            )
        assert answer.status_code == 201, answer.text
        yield running
    shutil.copytree(data / KERNELS_FOLDER, objects, dirs_exist_ok=True)


def image(height: int, width: int, samples: int = 1) -> np.ndarray:
    rng = np.random.default_rng([height, width])
    return rng.standard_normal((samples, height, width, 2)).astype(np.float32)


def wanted(network: Graph, images: np.ndarray) -> np.ndarray:
    (output,) = run(
        at_sizes(network, {"image": images.shape[1:]}), {"image": images}, np.float64
    ).values()
    return output


@pytest.mark.parametrize("size", [(20, 24), (1, 1), (7, 9), (33, 2), (64, 65)])
def test_every_size_is_answered(size: tuple[int, int], network: Graph, served: Live) -> None:
    images = image(*size, samples=2)
    answer = served.predict(model="varying", inputs=images.tolist())
    assert answer.status_code == 200, answer.text
    assert close(answer.json()["outputs"], wanted(network, images))


def test_many_sizes_at_once_are_answered_right(network: Graph, served: Live) -> None:
    def ask(number: int) -> bool:
        images = image(10 + number % 7, 30)
        answer = served.http.post("/predict?model=varying", content=npy(images), headers=NPY)
        if answer.status_code == 503:  # more than may wait
            return True
        return close(np.load(_file(answer.content)), wanted(network, images))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))
    assert served.predict(model="varying", inputs=image(20, 24).tolist()).status_code == 200


def _file(content: bytes) -> object:
    import io

    return io.BytesIO(content)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, MAX_LENGTH + 1, 4, 2), "size-too-large"),
        ((1, 5, 5, 3), "wrong-shape"),
        ((5, 5, 2), "wrong-shape"),
        ((0, 5, 5, 2), "empty-batch"),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, ...], expected: str, served: Live) -> None:
    array = np.zeros(shape, np.float32)
    answer = served.http.post("/predict?model=varying", content=npy(array), headers=NPY)
    assert answer.status_code == 422
    assert slug(answer) == expected


def test_the_answer_is_limited_by_what_its_size_makes_of_it(served: Live) -> None:
    # 3 channels of 70 x 70 float32 are 58,800 bytes: one sample is answered, two are not; two small ones are.
    for length, samples, status in ((140, 1, 200), (20, 2, 200), (140, 2, 413)):
        images = image(length, length, samples)
        answer = served.http.post("/predict?model=varying", content=npy(images), headers=NPY)
        assert answer.status_code == status
    assert slug(answer) == "batch-too-large"


def test_the_event_loop_does_not_look_through_the_graph(
    served: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a deep network that takes milliseconds for each new size, and clients may ask for ever new ones."""
    looked_in = []
    own = SizeFits._fit

    def fit(fits: SizeFits, key: Any) -> Any:
        looked_in.append(threading.current_thread().name)
        return own(fits, key)

    monkeypatch.setattr(SizeFits, "_fit", fit)
    for number, form in enumerate(("json", "npy", "npz")):
        images = image(41 + number, 43)
        if form == "json":
            answer = served.predict(model="varying", inputs=images.tolist())
        elif form == "npy":
            answer = served.http.post("/predict?model=varying", content=npy(images), headers=NPY)
        else:
            answer = served.http.post(
                "/predict?model=varying", content=npz(image=images), headers=NPZ
            )
        assert answer.status_code == 200, answer.text
    assert len(looked_in) == 3
    assert all(name.startswith("sizes") for name in looked_in)


def test_the_description_shows_which_axes_vary(served: Live) -> None:
    version = served.http.get("/models/varying/versions/1").json()["summary"]
    assert version["inputs"][0]["shape"] == [None, None, None, 2]
    assert version["outputs"][0]["shape"] == [None, None, None, 3]
    page = served.http.get("/models/varying/versions/1", headers={"Accept": "text/html"})
    assert page.status_code == 200
    report = served.http.get("/models/varying/versions/1/report?format=markdown").text
    assert "vary in size" in report
    assert "20 x 24 x 2" in report


def test_the_keras_file_that_comes_back_takes_any_size(
    network: Graph, served: Live, tmp_path: Path
) -> None:
    path = tmp_path / "pruned.keras"
    path.write_bytes(served.http.get("/models/varying/versions/1/keras").content)
    graph = read_model(path).graph
    assert graph.inputs == network.inputs


def test_the_command_line_takes_any_size(network: Graph, file: Path, tmp_path: Path) -> None:
    images = image(11, 13, samples=3)
    np.save(tmp_path / "images.npy", images)
    cache = ["--cache-dir", str(tmp_path / "cache")]
    artifact, output = tmp_path / "varying.prunus", tmp_path / "answer.npy"
    command = ["prune", str(file), "-o", str(tmp_path / "out.keras"), "--artifact", str(artifact)]
    done = CliRunner().invoke(main, [*command, "--tune-seconds", "0.05", *cache])
    assert done.exit_code == 0, done.output
    for model in (file, artifact):
        arguments = ["predict", str(model), str(tmp_path / "images.npy"), "-o", str(output)]
        done = CliRunner().invoke(main, [*arguments, *cache])
        assert done.exit_code == 0, done.output
        assert close(np.load(output), wanted(network, images))
    shown = CliRunner().invoke(main, ["inspect", str(artifact), "--json"])
    assert orjson.loads(shown.output)["inputs"] == {"image": ["float32", None, None, 2]}
