"""kill -9 before every single step of publishing, deleting, deactivating and renewing a version.

Whatever is found afterwards is all or nothing; and also beside a lost database, one of before, or folders of before,
what was acknowledged is there, and what was deleted stays deleted.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.app.kill_steps import JOB, MIXES, OPERATIONS
from tests.app.test_storage import SUMMARY
from tests.conftest import REPOSITORY

# Version to: are its files there, is it active, what its summary says of the CPU.
BEFORE = {"1": [True, True, SUMMARY.cpu]}
AFTER = {
    "publish": BEFORE | {"2": [True, True, SUMMARY.cpu]},
    "delete": {},
    "deactivate": {"1": [True, False, SUMMARY.cpu]},
    "renew": {"1": [True, True, "new"]},
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.kill_steps", tmp_path_factory.mktemp("steps")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=OPERATIONS)
def steps(request: pytest.FixtureRequest, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was found after each kill of one operation."""
    return [line for line in lines if line["operation"] == request.param]


def folders(versions: dict[str, Any]) -> list[str]:
    return sorted(f"m/{version}" for version, (is_there, *_) in versions.items() if is_there)


def test_every_step_was_a_place_to_die(steps: list[dict[str, Any]]) -> None:
    assert len(steps) > 8
    assert [line["is_done"] for line in steps] == [False] * (len(steps) - 1) + [True]


def test_what_is_left_is_all_or_nothing(steps: list[dict[str, Any]]) -> None:
    turned = False
    for line in steps:
        found, after = line["found"]["as left"], AFTER[line["operation"]]
        assert found["versions"] in (BEFORE, after), line
        # Once it has happened, it has happened; and when it is done, it has.
        turned = turned or found["versions"] == after
        assert found["versions"] == (after if turned else BEFORE), line
        is_published = line["operation"] == "publish" and turned
        assert found["jobs"][JOB] == ("done" if is_published else "failed"), line
        assert found["lost"] == 0, line
    assert turned


@pytest.mark.parametrize("mix", ["as left", *MIXES])
def test_rows_and_folders_agree_and_nothing_strays(steps: list[dict[str, Any]], mix: str) -> None:
    for line in steps:
        found = line["found"][mix]
        assert found["folders"] == folders(found["versions"]), line
        assert all(found["records"].values()), line
        assert (found["left"], found["unfinished"]) == ([], []), line


@pytest.mark.parametrize("mix", ["no database", "old database"])
def test_folders_make_up_for_a_database_that_is_gone_or_old(
    steps: list[dict[str, Any]], mix: str
) -> None:
    turned = False
    for line in steps:
        found, after = line["found"][mix], AFTER[line["operation"]]
        turned = turned or found["versions"] == after
        assert found["versions"] == (after if turned else BEFORE), line
        assert found["lost"] == 0, line
    assert steps[-1]["found"][mix]["versions"] == AFTER[steps[-1]["operation"]]


def test_old_folders_bring_back_no_deleted_version(steps: list[dict[str, Any]]) -> None:
    found, operation = steps[-1]["found"]["old models"], steps[-1]["operation"]
    if operation == "delete":
        assert (found["versions"], found["folders"]) == ({}, [])
        assert found["lost"] > 0  # set aside, not removed
    elif operation == "publish":  # its files are not there: it is known, and cannot be served
        assert found["versions"] == BEFORE | {"2": [False, True, SUMMARY.cpu]}
    else:  # the row is newer than the record
        assert found["versions"] == AFTER[operation]
