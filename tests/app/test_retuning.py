"""Models tuned for fewer threads than there are: served at once, tuned again in the background, crash-safe."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.settings import Settings
from app.retune import retune_artifact
from app.services.retuning import Retuning
from app.services.storage import Storage
from engine.execution.runtime import Executable, load
from engine.machine_code.object_cache import ObjectCache
from graph.graph import Graph
from pruning.errors import OutputCheckError
from tests.app.live import Live, live
from tests.builders import random_inputs

Make = Callable[..., Settings]
DEADLINE_SECONDS = 300.0


def version_of(service: Live) -> Any:
    return service.http.get("/models/small").json()["versions"][0]


def wait_for_metric(service: Live, line: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while line not in service.http.get("/metrics").text:
        assert time.monotonic() < deadline, service.http.get("/metrics").text
        time.sleep(0.05)


@pytest.fixture
def tuned_elsewhere(make_settings: Make, small_file: Path) -> Make:
    """A data folder with a version that was tuned for one thread."""
    with live(make_settings(threads=1)) as service:
        assert service.upload(small_file, "small").status_code == 201
        assert version_of(service)["tuned_here"] is True
    return make_settings


def artifact_digest(settings: Settings) -> str:
    path = settings.data_dir / "models" / "small" / "1" / "model.prunus"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_model_is_served_at_once_and_tuned_again(
    tuned_elsewhere: Make, small_graph: Graph
) -> None:
    settings = tuned_elsewhere(threads=2)
    old = artifact_digest(settings)
    inputs = random_inputs(small_graph, 5, seed=2)["x"].tolist()
    with live(settings) as service:
        before = service.predict(model="small", inputs=inputs)
        assert before.status_code == 200
        wait_for_metric(service, 'prunus_retunes_finished_total{state="done"} 1.0')
        version = version_of(service)
        assert version["tuned_here"] is True
        assert version["version"] == 1
        assert artifact_digest(settings) == version["summary"]["artifact_sha256"] != old
        after = service.predict(model="small", inputs=inputs).json()["outputs"]
        np.testing.assert_allclose(after, before.json()["outputs"], rtol=1e-4, atol=1e-5)
        label = '{model_name="small",model_version="1"}'
        assert f"prunus_model_tuned_here{label} 1.0" in service.http.get("/metrics").text
        assert list((settings.data_dir / "jobs").iterdir()) == []
    with live(settings) as service:  # and it stays so
        assert version_of(service)["tuned_here"] is True


@pytest.mark.parametrize("wanted", [True, False])
def test_it_can_be_switched_off(
    make_settings: Make, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    begun = threading.Event()

    async def run(_: Retuning) -> None:
        begun.set()

    monkeypatch.setattr(Retuning, "run", run)
    with live(make_settings(retune=wanted)) as service:
        assert service.http.get("/models").json()["models"] == []
        assert begun.wait(20 if wanted else 0) is wanted


def test_a_crash_between_row_and_file_is_made_good(
    tuned_elsewhere: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tuned_elsewhere(threads=2)
    old, renew = artifact_digest(settings), Storage.renew

    def crash(self: Storage, stored: Any, summary: Any, artifact: Path | None) -> bool:
        if artifact is not None:
            raise OSError("the machine went off")
        return renew(self, stored, summary, artifact)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "renew", crash)
        with live(settings) as service:
            wait_for_metric(service, 'prunus_retunes_finished_total{state="failed"} 1.0')
            assert service.predict(model="small", inputs=[[0] * 6]).status_code == 200
            assert version_of(service)["tuned_here"] is False
    assert artifact_digest(settings) == old
    with live(settings) as service:
        wait_for_metric(service, 'prunus_retunes_finished_total{state="done"} 1.0')
        assert artifact_digest(settings) == version_of(service)["summary"]["artifact_sha256"]


def test_a_worker_that_fails_leaves_the_version_as_it_was(tuned_elsewhere: Make) -> None:
    settings = tuned_elsewhere(threads=2)
    old = artifact_digest(settings)
    with live(settings, "tests.app.probe_worker") as service:
        wait_for_metric(service, 'prunus_retunes_finished_total{state="failed"} 1.0')
        assert service.predict(model="small", inputs=[[0] * 6]).status_code == 200
    assert artifact_digest(settings) == old


def test_a_version_deleted_meanwhile_stays_deleted(
    tuned_elsewhere: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, renew = tuned_elsewhere(threads=2), Storage.renew

    def late(self: Storage, stored: Any, summary: Any, artifact: Path | None) -> bool:
        self.delete("small", [1])
        return renew(self, stored, summary, artifact)

    monkeypatch.setattr(Storage, "renew", late)
    with live(settings) as service:
        wait_for_metric(service, 'prunus_retunes_finished_total{state="failed"} 1.0')
        assert json.loads(service.http.get("/models").text)["models"] == []


def test_other_answers_are_refused(
    tuned_elsewhere: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tuned_elsewhere(threads=2)
    old = settings.data_dir / "models" / "small" / "1" / "model.prunus"
    cache = ObjectCache(settings.data_dir / "kernels")
    retune_artifact(old, tmp_path / "new.prunus", cache, 0.05, 2)
    assert load(tmp_path / "new.prunus", cache, threads=2).is_tuned_here
    honest, calls = Executable.run, list[None]()

    def drifting(self: Executable, inputs: Any) -> Any:
        calls.append(None)
        return {name: array + len(calls) for name, array in honest(self, inputs).items()}

    monkeypatch.setattr(Executable, "run", drifting)
    with pytest.raises(OutputCheckError, match="tuning again"):
        retune_artifact(old, tmp_path / "newer.prunus", cache, 0.05, 2)
