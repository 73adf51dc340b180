"""One running service with three models, shared by all tests that change nothing of what they share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.core.settings import Settings
from app.services.storage import KERNELS_FOLDER
from graph.activations import Function
from graph.graph import Graph
from graph.keras.export import write_keras
from graph.shape_ops import Concatenate
from graph.tensor_type import DType, TensorType
from tests.app.live import Live, live, seed_objects
from tests.builders import GraphBuilder
from tests.conftest import REPOSITORY

DIGITS = REPOSITORY / "app" / "demo" / "digits.keras"
TUNE_SECONDS = 0.05


@pytest.fixture(scope="session")
def objects(pytestconfig: pytest.Config) -> Path:
    """Kernels that were compiled before, kept between runs."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("prunus-app-objects")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="session")
def small_graph() -> Graph:
    builder = GraphBuilder(seed=1)
    x = builder.input(6, name="x")
    hidden = builder.dense(x, 8, sparsity=0.5, activation=Function.RELU)
    return builder.build(builder.dense(hidden, 3))


@pytest.fixture(scope="session")
def two_inputs_graph() -> Graph:
    """Two inputs, one of them of integers, and two outputs."""
    builder = GraphBuilder(seed=2)
    left = builder.input(4, name="left")
    right = builder.input(name="right", type_=TensorType(DType.INT32, (None, 2)))
    joined = builder.add(Concatenate(-1), [left, builder.dense(right, 3)])
    first = builder.dense(joined, 3, activation=Function.TANH)
    return builder.build(first, builder.dense(joined, 2))


@pytest.fixture(scope="session")
def small_file(small_graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "small.keras"
    write_keras(small_graph, path)
    return path


@pytest.fixture(scope="session")
def two_inputs_file(two_inputs_graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "two.keras"
    write_keras(two_inputs_graph, path)
    return path


@pytest.fixture(scope="session")
def nonfinite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    builder = GraphBuilder(seed=3)
    x = builder.input(3, name="x")
    kernel = np.ones((3, 2), np.float32)
    kernel[0, 1] = np.nan
    path = tmp_path_factory.mktemp("models") / "nan.keras"
    write_keras(builder.build(builder.dense(x, 2, kernel=kernel)), path)
    return path


@pytest.fixture(scope="session")
def service(
    objects: Path,
    small_file: Path,
    two_inputs_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("data")
    seed_objects(data, objects)
    with live(Settings(data_dir=data, job_tune_seconds=TUNE_SECONDS)) as running:
        for path, name in ((DIGITS, "digits"), (small_file, "small"), (two_inputs_file, "two")):
            answer = running.upload(path, name)
            assert answer.status_code == 201, answer.text
        yield running
    shutil.copytree(data / KERNELS_FOLDER, objects, dirs_exist_ok=True)


@pytest.fixture
def make_settings(tmp_path: Path, objects: Path) -> Callable[..., Settings]:
    """Settings with a data folder of the test's own."""

    def make(**changes: object) -> Settings:
        data = tmp_path / "data"
        seed_objects(data, objects)
        return Settings(data_dir=data, **{"job_tune_seconds": TUNE_SECONDS, **changes})  # type: ignore[arg-type]

    return make
