"""How the serving process starts: what it imports, and that ten models need no compiler."""

import re
import shutil
from pathlib import Path

import pytest

from app.core.settings import Settings
from app.services.database import Database
from app.services.job_log import JobLog, NewJob
from app.services.storage import KERNELS_FOLDER, Storage
from tests.app.live import Live, Process, live, seed_objects

MODELS = 10
HEAVY = ("tensorflow", "keras", "tf_keras", "h5py", "scipy")


@pytest.fixture(scope="module")
def ten_models(tmp_path_factory: pytest.TempPathFactory, objects: Path, small_file: Path) -> Path:
    data = tmp_path_factory.mktemp("ten") / "data"
    seed_objects(data, objects)
    with live(Settings(data_dir=data, job_tune_seconds=0.05)) as service:
        assert service.upload(small_file, "m0").status_code == 201
    database = Database(data / "prunus.db")
    storage = Storage(data, database)
    first = storage.version("m0", 1)
    for number in range(1, MODELS):
        JobLog(database).add(NewJob(f"j{number}", f"m{number}", None, "nobody", "f", 1), 99)
        shutil.copytree(first.folder, storage.jobs / f"j{number}" / "out")
        storage.publish(f"j{number}", f"m{number}", 1, first.summary, ())
    database.close()
    return data


def objects_of(data: Path) -> dict[str, int]:
    """Return the files of object code with the times at which they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (data / KERNELS_FOLDER).iterdir()}


def test_ten_models_are_loaded_from_their_artifacts_alone(ten_models: Path) -> None:
    """What a start could wait for is compiling; how long it takes is measured by `make bench`."""
    before = objects_of(ten_models)
    assert before
    for _ in range(2):
        with Process(ten_models) as server:
            ready = server.http.get("/health/ready").json()
            assert ready == {"status": "ready", "models_loaded": MODELS}
    assert objects_of(ten_models) == before


def test_a_serving_process_never_imports_what_only_jobs_need(
    ten_models: Path, small_file: Path, tmp_path: Path
) -> None:
    """Not at its start, not for an upload with a recipe, a prediction, a report or a page."""
    shutil.copytree(ten_models, tmp_path / "data")
    with Process(tmp_path / "data", {"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        with small_file.open("rb") as file:
            answer = server.http.post(
                "/models?wait=300",
                data={
                    "name": "new",
                    "recipe": '{"mode": "magnitude", "sparsity": 0.5}',
                    "activate": "true",
                },
                files={"file": file},
            )
        assert answer.status_code == 201, answer.text
        for path in ("/", "/models/new/versions/1/report", "/metrics", "/openapi.json"):
            html = server.http.get(path, headers={"Accept": "text/html"})
            assert html.status_code == 200
        answer = server.http.post("/predict", json={"model": "new", "inputs": [[1.0] * 6]})
        assert answer.status_code == 200
        server.process.terminate()
        log = server.finish()
    imported = {line.split("|")[-1].strip() for line in re.findall(r"import time:.*", log)}
    assert {"engine.execution.runtime", "app.main"} <= imported
    assert [name for name in sorted(imported) if name.split(".")[0] in HEAVY] == []
    assert not {"graph.keras.read", "engine.compiler", "pruning.prune"} & imported


def test_no_code_of_libraries_for_jobs_is_in_the_serving_process(ten_models: Path) -> None:
    with Process(ten_models) as server:
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "llvmlite" in maps
    assert not [name for name in HEAVY if f"/{name}/" in maps]


def test_metrics_are_not_process_wide(service: Live) -> None:
    from prometheus_client import REGISTRY

    assert not [m for m in REGISTRY.collect() if m.name.startswith("prunus_")]
