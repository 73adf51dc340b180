"""The parts of the sandbox one by one, where the kernel or the machine does not have them."""

import base64
import errno
import os
import resource
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from app import compile_kernels
from app.core.job_errors import SandboxUnavailableError
from app.sandbox import capabilities, confine, landlock, private_root, seccomp
from app.sandbox.confine import Limits
from app.sandbox.system import SandboxError, libc_call, prctl, syscall
from engine.core.functions import FusedActivation
from engine.core.target import host_target
from engine.execution.modules import module_sources
from engine.kernels.elementwise import activation_spec, glu_spec
from engine.machine_code.object_cache import compile_here

LIMITS = Limits(1 << 33, 60, 1 << 20, 64, 64, sandbox_required=False)


def refusing(code: int) -> Callable[..., int]:
    def refuse(*_: object) -> int:
        raise SandboxError(code, os.strerror(code))

    return refuse


def test_the_kernels_refusals_are_told() -> None:
    with pytest.raises(SandboxError, match="prctl 9999"):
        prctl(9999)
    with pytest.raises(SandboxError, match="system call 9999"):
        syscall(9999)
    with pytest.raises(SandboxError, match="umount2"):
        libc_call("umount2", b"/nowhere", 0)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_kernel_without_landlock_has_version_0(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "syscall", refusing(code))
    assert landlock.landlock_version() == 0
    with pytest.raises(SandboxError, match="no Landlock"):
        landlock.apply_landlock([], [])


@pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL])
def test_a_refusal_is_not_taken_for_absence(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "syscall", refusing(code))
    with pytest.raises(SandboxError):
        landlock.landlock_version()
    with pytest.raises(SandboxError):
        landlock.apply_landlock([], [])


@pytest.mark.parametrize(("version", "bytes_"), [(1, 8), (3, 8), (4, 16), (6, 24)])
def test_a_ruleset_is_as_long_as_the_version_knows_it(
    version: int, bytes_: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[tuple[object, ...]] = []

    def record(*arguments: object) -> int:
        calls.append(arguments)
        return version if arguments[1] is None else os.open(tmp_path, os.O_RDONLY)

    monkeypatch.setattr(landlock, "syscall", record)
    assert landlock.apply_landlock([tmp_path, Path("/nowhere"), Path(__file__)], []) == version
    assert getattr(calls[1][2], "value", None) == bytes_
    assert len(calls) == 5  # the version, the ruleset, two rules, and restrict


def test_an_unknown_machine_has_no_filter_and_no_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="pdp11"))
    with pytest.raises(SandboxError, match="pdp11"):
        seccomp.apply_filter()
    with pytest.raises(SandboxError, match="not known"):
        private_root.enter_private_root(tmp_path, [])


def test_a_user_namespace_that_cannot_be_mapped_is_no_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(private_root, "libc_call", lambda *_: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(SandboxError, match="user namespace: not permitted"):
        private_root._enter(tmp_path, [tmp_path])


def test_what_is_mounted_once_is_not_mounted_again(tmp_path: Path) -> None:
    job = tmp_path / "rooms" / "data" / "job"
    job.mkdir(parents=True)
    paths = [tmp_path / "rooms", tmp_path / "rooms" / "data", tmp_path / "none", job]
    assert private_root._without_nested(paths) == [tmp_path / "rooms", job]


def test_a_kernel_with_fewer_capabilities_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped: list[int] = []

    def drop(_: int, number: int) -> None:
        if number > 5:
            raise SandboxError(errno.EINVAL, "no such capability")
        dropped.append(number)

    monkeypatch.setattr(capabilities, "prctl", drop)
    capabilities.empty_bounding_set()
    assert dropped == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr(capabilities, "prctl", refusing(errno.EPERM))
    capabilities.empty_bounding_set()
    monkeypatch.setattr(capabilities, "prctl", refusing(errno.EIO))
    with pytest.raises(SandboxError):
        capabilities.empty_bounding_set()


def test_held_capabilities_are_those_that_count() -> None:
    status = "Name:\tx\nCapInh:\t0\nCapPrm:\t3\nCapEff:\t4\nCapBnd:\tff\nCapAmb:\t0\n"
    assert capabilities.held_capabilities(status) == 7


def test_another_system_has_limits_on_resources_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "is_linux", lambda: False)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    applied = confine.confine(LIMITS, os.getppid())
    assert {applied.network, applied.file_access, applied.capabilities} == {"not limited"}
    assert applied.dies_with_server is False
    required = Limits(**{**asdict(LIMITS), "sandbox_required": True})
    with pytest.raises(SandboxUnavailableError, match="Linux"):
        confine.confine(required, os.getppid())


@pytest.mark.parametrize("is_given", [True, False])
def test_root_takes_another_user_only_where_the_folder_can_be_given_to_it(
    is_given: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became: list[int] = []

    def give(*_: object) -> None:
        if not is_given:
            raise OSError(errno.EINVAL, "no such user here")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(confine, "_is_readable_by_others", lambda: True)
    monkeypatch.setattr(confine, "enter_private_root", lambda *_: None)
    monkeypatch.setattr(confine, "empty_bounding_set", lambda: None)
    monkeypatch.setattr(confine, "give_to", give)
    monkeypatch.setattr(confine, "become", became.append)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    told = confine._enter_own_root(LIMITS, tmp_path, [])
    assert told["user"] == ("its own" if is_given else "the server's")
    assert len(became) == is_given


def test_capabilities_that_are_still_held_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for step in ("prctl", "empty_bounding_set", "drop_capabilities"):
        monkeypatch.setattr(confine, step, lambda *_: None)
    monkeypatch.setattr(confine, "held_capabilities", lambda _: 1)
    assert confine._attempt(confine._give_up_capabilities) == "capabilities 1 are still held"


def test_the_compiling_process_reads_words_and_gives_code(monkeypatch: pytest.MonkeyPatch) -> None:
    confined: list[Limits] = []
    monkeypatch.setattr(compile_kernels, "confine", lambda limits, _: confined.append(limits))
    monkeypatch.setattr(os, "nice", lambda _: 0)
    target = host_target()
    specs = [activation_spec(target.isa, FusedActivation.RELU), glu_spec(target.isa)]
    sources = module_sources(specs, target.isa, several_threads=False)
    request = {
        "parent": 1,
        "limits": asdict(LIMITS),
        "target": asdict(target),
        "written": [
            each.written if isinstance(each.written, str | None) else asdict(each.written)
            for each in sources
        ],
    }
    answer = orjson.loads(compile_kernels.main(orjson.loads(orjson.dumps(request))))
    code = {symbol: base64.b64decode(text) for symbol, text in answer.items()}
    assert code == compile_here(sources, target)
    assert confined == [LIMITS]
