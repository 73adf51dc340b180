"""Which version answers a request that names none: after uploads, (de)activation, damage and restarts."""

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.core.settings import Settings
from tests.app.live import Live, live, wait_until

Make = Callable[..., Settings]


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rsplit("/", 1)[1]


def answering(service: Live, name: str = "m") -> Any:
    """Return the version that answers, or the status and slug of the problem."""
    answer = service.predict(model=name, inputs=[[1] * 6])
    if answer.status_code == 200:
        return answer.json()["version"]
    return answer.status_code, slug(answer)


def change(service: Live, version: int, verb: str) -> httpx.Response:
    return service.http.post(f"/models/m/versions/{version}/{verb}")


def shown(service: Live) -> dict[int, bool]:
    versions = service.http.get("/models/m").json()["versions"]
    return {one["version"]: one["active"] for one in versions}


@pytest.fixture
def two(make_settings: Make, small_file: Path) -> Settings:
    """The settings of a data folder with versions 1 and 2 of `m`, of which the second is not active."""
    settings = make_settings()
    with live(settings) as service:
        assert service.upload(small_file, "m").json()["active"] is True
        assert service.upload(small_file, "m", activate="false").json()["active"] is False
    return settings


def test_activation_decides_who_answers_also_after_a_restart(two: Settings) -> None:
    with live(two) as service:
        assert (answering(service), shown(service)) == (1, {1: True, 2: False})
        for _ in range(2):  # doing it twice is fine
            answer = change(service, 2, "activate")
            assert (answer.status_code, answer.json()["active"]) == (200, True)
        assert answering(service) == 2
        assert service.http.get("/models/m").json()["active_version"] == 2
    with live(two) as service:
        assert answering(service) == 2
        for _ in range(2):
            assert change(service, 2, "deactivate").json()["active"] is False
        assert answering(service) == 1
        assert service.predict(model="m", version=2, inputs=[[1] * 6]).status_code == 200
        change(service, 1, "deactivate")
        answer = service.predict(model="m", inputs=[[1] * 6])
        assert (answer.status_code, slug(answer)) == (409, "no-active-version")
        assert "/models/m/versions/2/activate" in answer.json()["hint"]
        assert service.http.get("/models").json()["models"][0]["active_version"] is None
        page = service.http.get("/", headers={"Accept": "text/html"}).text
        assert page.count("not active") == 2
    with live(two) as service:
        assert answering(service) == (409, "no-active-version")


def test_answers_without_words_name_their_version_in_a_header(two: Settings) -> None:
    body = io.BytesIO()
    np.save(body, np.ones((1, 6), np.float32))
    with live(two) as service:
        for query, accept, version in (
            ("", "application/x-npy", "1"),
            ("&version=2", "application/x-npy", "2"),
            ("&version=2", "application/x-npz", "2"),
        ):
            answer = service.http.post(
                f"/predict?model=m{query}",
                content=body.getvalue(),
                headers={"Content-Type": "application/x-npy", "Accept": accept},
            )
            assert answer.headers["x-prunus-version"] == version


def test_another_server_follows(two: Settings) -> None:
    quick = two.model_copy(update={"refresh_seconds": 0.05})
    with live(two) as one, live(quick) as other:
        assert answering(other) == 1
        change(one, 2, "activate")
        assert answering(one) == 2
        wait_until(lambda: answering(other) == 2, "the other server's turn to version 2")
        change(one, 2, "deactivate")
        change(one, 1, "deactivate")
        wait_until(lambda: answering(other) == (409, "no-active-version"), "no version to answer")


def test_deleting_the_version_that_answers_leaves_it_to_the_active_ones(two: Settings) -> None:
    with live(two) as service:
        assert service.http.delete("/models/m/versions/1").status_code == 204
        assert answering(service) == (409, "no-active-version")
        change(service, 2, "activate")
        assert answering(service) == 2


@pytest.mark.parametrize("verb", ["activate", "deactivate"])
def test_what_cannot_be_activated(service: Live, verb: str) -> None:
    for path, status, problem in (
        (f"/models/nobody/versions/1/{verb}", 404, "model-not-found"),
        (f"/models/small/versions/9/{verb}", 404, "version-not-found"),
        (f"/models/small/versions/0/{verb}", 422, "invalid-request"),
        (f"/models/a%20b/versions/1/{verb}", 422, "invalid-name"),
    ):
        answer = service.http.post(path)
        assert (answer.status_code, slug(answer)) == (status, problem)
    assert service.http.get(f"/models/small/versions/1/{verb}").status_code == 405


def test_a_broken_version_answers_for_no_other_and_can_be_taken_out(two: Settings) -> None:
    with live(two) as service:
        change(service, 2, "activate")
    artifact = two.data_dir / "models" / "m" / "2" / "model.prunus"
    artifact.write_bytes(artifact.read_bytes()[: artifact.stat().st_size // 2])
    with live(two) as service:
        assert answering(service) == (503, "model-unavailable")
        assert service.predict(model="m", version=1, inputs=[[1] * 6]).status_code == 200
        metrics = service.http.get("/metrics").text
        assert "prunus_models_unavailable 1.0" in metrics
        assert 'prunus_model_unavailable{model_name="m",model_version="2"} 1.0' in metrics
        assert change(service, 2, "deactivate").json()["state"] == "unavailable"
        assert answering(service) == 1
        answer = change(service, 2, "activate")
        assert (answer.status_code, slug(answer)) == (503, "model-unavailable")
        assert answering(service) == 1


@pytest.mark.parametrize("way", ["delete", "activate"])
def test_what_found_no_memory_answers_when_there_is_some(two: Settings, way: str) -> None:
    with live(two) as service:
        registry = service.app.state.services.registry
        used = registry.executable("m", 1).resident_bytes
    settings = two.model_copy(
        update={"model_memory_max_bytes": used * 3 // 2, "refresh_seconds": 0.05}
    )
    with live(settings) as service:
        registry = service.app.state.services.registry
        (kept,) = (version for _, version in registry.versions())
        absent = 3 - kept

        def answers() -> bool:
            answer = service.predict(model="m", version=absent, inputs=[[1] * 6])
            return bool(answer.status_code == 200)

        answer = change(service, absent, "activate")
        assert (answer.status_code, slug(answer)) == (503, "model-unavailable")
        assert not answers()
        if way == "delete":
            assert service.http.delete(f"/models/m/versions/{kept}").status_code == 204
            wait_until(answers, "the version for which there is memory now")
        else:
            # As when another reason has passed; the two versions may differ in size, as tuning chose.
            registry._memory_max_bytes = 4 * used
            assert change(service, absent, "activate").json()["state"] == "loaded"
            assert answers()


def test_a_damaged_row_is_shown_and_can_be_deleted(two: Settings) -> None:
    connection = sqlite3.connect(two.data_dir / "prunus.db")
    with connection:
        connection.execute("UPDATE versions SET summary = '{}', active = 1 WHERE version = 2")
    connection.close()
    (two.data_dir / "models" / "m" / "2" / "version.json").unlink()  # else the row is mended
    with live(two) as service:
        assert answering(service) == (503, "model-unavailable")
        (model,) = service.http.get("/models").json()["models"]
        assert model["unreadable_versions"] == [2]
        assert [one["version"] for one in model["versions"]] == [1]
        answer = service.http.get("/models/m/versions/2")
        assert (answer.status_code, slug(answer)) == (503, "model-unavailable")
        assert service.http.delete("/models/m/versions/2").status_code == 204
        assert answering(service) == 1
