"""Every limit on a worker process, shown to hold by a process that tries to break it."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.landlock import landlock_version
from app.sandbox.seccomp import build_filter
from app.sandbox.system import ARCHITECTURES
from app.settings import Settings
from tests.app.live import Live, live

PROBE = "tests.app.probe_worker"
KEY = "AWS_SECRET_ACCESS_KEY"
needs_landlock = pytest.mark.skipif(landlock_version() == 0, reason="the kernel has no Landlock")


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, "secret")
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("probed"),
            job_memory_max_bytes=2 * 1024**3,
            job_cpu_max_seconds=2,
            job_file_max_bytes=1024**2,
            job_open_files_max=64,
        )
        with live(settings, PROBE) as service:
            yield service


def attempt(service: Live, name: str) -> dict[str, Any]:
    """Let a worker try something; return the problem of its job."""
    answer = service.http.post(
        "/models", params={"wait": 60}, data={"name": "probe"}, files={"file": name.encode()}
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert list((service.data / "jobs").iterdir()) == []
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.mark.parametrize(
    "name", ["internet", "internet_6", "unix_socket", "run_program", "fork", "kill_server"]
)
def test_the_kernel_refuses(probed: Live, name: str) -> None:
    assert attempt(probed, name)["detail"] == "PermissionError: Operation not permitted"


@needs_landlock
@pytest.mark.parametrize(
    "name",
    ["write_outside", "write_elsewhere", "read_database", "read_users", "read_server"],
)
def test_files_outside_the_job_cannot_be_touched(probed: Live, name: str) -> None:
    assert attempt(probed, name)["detail"] == "PermissionError: Permission denied"
    assert not (probed.data / "models" / "outside").exists()


@needs_landlock
def test_files_cannot_be_moved_out(probed: Live) -> None:
    detail = attempt(probed, "rename_out")["detail"]
    assert detail in {
        "PermissionError: Permission denied",
        "OSError: Invalid cross-device link",
    }
    assert list((probed.data / "models").iterdir()) == []


def test_the_environment_holds_no_credentials(probed: Live) -> None:
    names = ast.literal_eval(attempt(probed, "environment")["detail"])
    assert KEY not in names
    assert set(names) <= {
        *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PRUNUS_ISA", "PRUNUS_TUNING_SEED"),
        *("PATH", "HOME", "TMPDIR"),
        *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"),
        *("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"),
    }


def test_too_much_memory_fails_the_job_and_says_so(probed: Live) -> None:
    problem = attempt(probed, "memory")
    assert problem["type"] == "/problems/job-memory-limit"
    assert problem["expected"] == f"at most {2 * 1024**3:,} bytes"
    assert "PRUNUS_JOB_MEMORY_MAX_BYTES" in problem["hint"]


def test_too_much_cpu_time_fails_the_job_and_says_so(probed: Live) -> None:
    problem = attempt(probed, "cpu")
    assert problem["type"] == "/problems/job-cpu-limit"
    assert problem["stage"] == "read"


def test_a_file_that_grows_too_large_fails_the_job_and_says_so(probed: Live) -> None:
    problem = attempt(probed, "big_file")
    assert (problem["type"], problem["status"]) == ("/problems/job-file-limit", 507)


def test_open_files_are_limited(probed: Live) -> None:
    assert attempt(probed, "open_files")["detail"] == "OSError: Too many open files"


def test_threads_are_allowed(probed: Live) -> None:
    assert attempt(probed, "thread")["detail"] == "[1]"


def test_links_in_the_output_are_not_followed(probed: Live) -> None:
    assert attempt(probed, "link_out")["type"] == "/problems/job-crashed"


def test_a_worker_that_aborts_is_a_failed_job(probed: Live) -> None:
    problem = attempt(probed, "abort")
    assert problem["type"] == "/problems/job-crashed"
    assert "SIGABRT" in problem["detail"]


def test_a_flood_of_output_harms_nothing(probed: Live) -> None:
    assert attempt(probed, "flood")["detail"] == "'flooded'"


def test_a_job_that_takes_too_long_is_ended_and_says_so(
    make_settings: Callable[..., Settings],
) -> None:
    with live(make_settings(job_timeout_seconds=1.0), PROBE) as service:
        problem = attempt(service, "sleep")
        assert problem["type"] == "/problems/job-timeout"
        assert "PRUNUS_JOB_TIMEOUT_SECONDS" in problem["hint"]
        assert problem["stage"] == "read"


def test_a_real_job_without_enough_memory_says_so(
    make_settings: Callable[..., Settings], small_file: Path
) -> None:
    with live(make_settings(job_memory_max_bytes=200 * 1024**2)) as service:
        answer = service.upload(small_file, "small")
        assert answer.status_code == 422
        assert answer.json()["type"] == "/problems/job-memory-limit"


def test_the_limits_are_reported_with_the_job(probed: Live) -> None:
    attempt(probed, "thread")
    limits = probed.http.get("/jobs").json()["jobs"][0]["limits"]
    assert limits["memory_max_bytes"] == 2 * 1024**3
    assert limits["network"] == "none"
    assert limits["new_processes"] == "none"
    assert limits["landlock_version"] == landlock_version()
    assert limits["dies_with_server"] is True


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_filter_only_jumps_inside_itself(name: str) -> None:
    code = build_filter(ARCHITECTURES[name], pid=1)
    instructions = [code[at : at + 8] for at in range(0, len(code), 8)]
    assert len(instructions) < 4096
    for place, instruction in enumerate(instructions):
        if instruction[0] & 7 == 5:  # BPF_JMP
            assert place + 1 + max(instruction[2], instruction[3]) < len(instructions)
    assert instructions[-1][0] == 6  # BPF_RET
