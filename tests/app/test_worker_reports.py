"""Reports of a worker process are shown, or its job fails: no request meets one that cannot be shown."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.errors import JobCrashedError
from app.core.job_folder import ARTIFACT_FILE, OUTPUT_FOLDER, REPORT_FILE, RESULT_FILE
from app.core.settings import Settings
from app.services import worker_report
from app.services.onboarding import Onboarding
from app.services.pages import report_page
from app.services.stored_version import StoredVersion
from app.services.summary import ModelSummary, Tensor
from app.services.worker_output import read_summary
from app.services.worker_report import check_page, check_report, short
from tests.app.live import Live
from tests.app.test_storage import SUMMARY

STORED = StoredVersion("m", 1, 0.0, "job", SUMMARY, Path())


@pytest.fixture(scope="module")
def honest(service: Live) -> dict[str, Any]:
    (version,) = service.http.get("/models/small").json()["versions"]
    report = service.http.get(version["links"]["report"], params={"format": "json"})
    document: dict[str, Any] = report.json()
    return document


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def test_honest_reports_are_shown(honest: dict[str, Any]) -> None:
    check_report(encoded(honest))
    check_page(encoded(honest), STORED)
    assert "m, version 1" in report_page(encoded(honest), STORED)


@pytest.mark.parametrize(
    "change",
    [
        {"layers": None},
        {"layers": [{}]},
        {"layers": [1]},
        {"summary": [1]},
        {"texts": []},
        {"certificate": "x", "texts": {"certainty": [[]]}},
        {"versions": []},
        {"engine": 1, "sizes": {"rows": [{"before": "x"}]}},
    ],
)
def test_reports_of_another_shape_are_refused(
    change: dict[str, Any], honest: dict[str, Any]
) -> None:
    report = encoded({**honest, **change})
    check_report(report)
    with pytest.raises(JobCrashedError, match="cannot be shown"):
        check_page(report, STORED)


def test_an_empty_report_is_refused() -> None:
    check_report(b"{}")
    with pytest.raises(JobCrashedError, match="cannot be shown"):
        check_page(b"{}", STORED)


@pytest.mark.parametrize("value", ["[],", "{},", "1,", '"",'])
def test_reports_of_many_values_are_refused_before_they_are_read(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(worker_report.orjson, "loads", read)
    many = f'{{"layers": [{value * worker_report.VALUES_MAX}1]}}'.encode()
    with pytest.raises(JobCrashedError, match="too many values"):
        check_report(many)


@pytest.mark.parametrize("heads", [["x" * 65], "x", [1], {"a": "b"}])
def test_reports_whose_columns_have_long_names_are_refused(heads: object) -> None:
    check_report(encoded({"texts": {"trial_heads": ["x" * 64], "trials": "x" * 65}}))
    with pytest.raises(JobCrashedError, match="no short names"):
        check_report(encoded({"texts": {"trial_heads": heads}}))


def test_a_page_that_is_too_long_is_refused(
    honest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_report, "PAGE_MAX_CHARACTERS", 1_000)
    with pytest.raises(JobCrashedError, match="page is too long"):
        check_page(encoded(honest), STORED)


def test_notes_are_cut_together() -> None:
    notes = ("x" * 4096,) * 100
    cut = short(SUMMARY.model_copy(update={"notes": notes}))
    assert len("".join(cut.notes)) < 65 * 1024
    assert cut.notes[-1] == "84 more notes are left out here."
    assert short(SUMMARY) == SUMMARY


def test_summaries_have_a_limit_of_their_own(tmp_path: Path) -> None:
    tensors = (Tensor(name="x" * 4096, dtype="float32", shape=(None,)),) * 300
    (tmp_path / "result.json").write_text(
        SUMMARY.model_copy(update={"inputs": tensors}).model_dump_json()
    )
    with pytest.raises(JobCrashedError, match="too large"):
        read_summary(tmp_path / "result.json")


def taken(tmp_path: Path, report: bytes) -> ModelSummary:
    """Let the service take what a worker left: an artifact, a result, a report, and no upload any more."""
    output = tmp_path / OUTPUT_FOLDER
    output.mkdir()
    (output / ARTIFACT_FILE).write_bytes(b"artifact")
    (output / RESULT_FILE).write_text(SUMMARY.model_dump_json())
    (output / REPORT_FILE).write_bytes(report)
    part: Any = SimpleNamespace(owner_id="owner")
    onboarding = Onboarding(Settings(data_dir=tmp_path), part, part, part, "none", 1)
    job: Any = SimpleNamespace(id="job", name="m", version=1, created_at=0.0, upload_bytes=7)
    return onboarding._take(tmp_path, job)


def test_the_size_of_the_upload_is_what_arrived(tmp_path: Path, honest: dict[str, Any]) -> None:
    assert taken(tmp_path, encoded(honest)).uploaded_bytes == 7


def test_a_version_whose_report_cannot_be_shown_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(JobCrashedError, match="cannot be shown"):
        taken(tmp_path, b"{}")
