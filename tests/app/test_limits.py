"""Every limit on a worker process, shown to hold by a process that tries to break it."""

import ast
import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.job_errors import SandboxUnavailableError
from app.core.settings import Settings
from app.sandbox import confine
from app.sandbox.calls import ALLOWED, ARCHITECTURES, checks
from app.sandbox.landlock import landlock_version
from app.sandbox.seccomp import build_filter
from app.sandbox.system import SandboxError
from graph.file_kind import ZIP_SIGNATURE
from tests.app.live import Live, live
from tests.conftest import REPOSITORY

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
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
        "/models",
        params={"wait": 300},
        data={"name": "probe"},
        files={"file": ZIP_SIGNATURE + name.encode()},
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
    # Where the worker has a root folder of its own, they do not even exist.
    assert attempt(probed, name)["detail"] in {
        "PermissionError: Permission denied",
        "FileNotFoundError: No such file or directory",
        "OSError: Read-only file system",
    }
    assert not (probed.data / "models" / "outside").exists()


@needs_landlock
def test_files_cannot_be_moved_out(probed: Live) -> None:
    detail = attempt(probed, "rename_out")["detail"]
    assert detail in {
        "PermissionError: Permission denied",
        "OSError: Invalid cross-device link",
        "FileNotFoundError: No such file or directory",
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
    assert (problem["type"], problem["status"]) == ("/problems/job-file-limit", 422)


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
    assert limits["capabilities"] == "none"
    assert limits["threads_max"] == 512


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_numbers_of_system_calls_are_those_of_the_headers(name: str) -> None:
    header = HEADERS[name]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    numbers = {
        match[1]: int(match[2])
        for match in re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\n", header.read_text())
    }
    # asm-generic calls them by what userspace makes of them.
    numbers.setdefault("newfstatat", numbers.get("fstatat", -1))
    calls = ARCHITECTURES[name].calls
    assert {call: numbers.get(call) for call in calls} == calls


def test_every_allowed_call_has_a_number() -> None:
    assert {*ALLOWED, *checks(1), "clone3"} == set(ARCHITECTURES["x86_64"].calls)
    assert set(ARCHITECTURES["aarch64"].calls) < set(ARCHITECTURES["x86_64"].calls)
    assert set(checks(1)) < set(ARCHITECTURES["aarch64"].calls)
    assert len(set(ALLOWED)) == len(ALLOWED)


def test_what_is_required_and_missing_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "apply_landlock", _refused)
    for step in ("_limit_resources", "_give_up_capabilities", "apply_filter", "_die_with_parent"):
        monkeypatch.setattr(confine, step, lambda *_: None)
    limits = confine.Limits(1, 1, 1, 1, 1, sandbox_required=True)
    with pytest.raises(SandboxUnavailableError, match="file_access") as refused:
        confine.confine(limits, 1)
    assert refused.value.got == "not permitted by what is around"
    best_effort = confine.confine(replace(limits, sandbox_required=False), 1)
    assert best_effort.file_access == "not limited: not permitted by what is around"
    assert best_effort.network == "none"
    assert best_effort.landlock_version == 0


def _refused(*_: object) -> int:
    raise SandboxError(errno.EPERM, "not permitted by what is around")


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_filter_only_jumps_inside_itself(name: str) -> None:
    code = build_filter(ARCHITECTURES[name], pid=1)
    instructions = [code[at : at + 8] for at in range(0, len(code), 8)]
    assert len(instructions) < 4096
    for place, instruction in enumerate(instructions):
        if instruction[0] & 7 == 5:  # BPF_JMP
            assert place + 1 + max(instruction[2], instruction[3]) < len(instructions)
    assert instructions[-1][0] == 6  # BPF_RET


CONFINED_IMPORT = """
import os, sys, tempfile
from pathlib import Path
# As where the program was not installed: its folder is on the path, and nothing else knows its modules.
sys.meta_path[:] = [one for one in sys.meta_path if "editable" not in getattr(one, "__module__", "")]
from app.sandbox.confine import Limits, confine
with tempfile.TemporaryDirectory() as folder:
    if os.fork() == 0:
        confine(Limits(1 << 33, 60, 1 << 20, 64, 64, False), os.getppid(), Path(folder))
        import pruning.prune, engine.compiler, graph.keras.read
        os._exit(0)
    raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_confined_process_finds_its_own_modules() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", CONFINED_IMPORT],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
