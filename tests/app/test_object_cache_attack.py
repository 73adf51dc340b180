"""What a taken-over worker writes is never executed by the server, in the same run or after a restart."""

import base64
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from app.core.job_errors import KernelCompilerError
from app.core.settings import GIB, Settings
from app.sandbox.confine import Limits
from app.services.database import Database
from app.services.job_log import JobLog
from app.services.kernel_compiler import KernelCompiler
from app.services.ownership import Ownership
from app.services.recovery import recover
from app.services.storage import Storage
from engine.core import limits
from engine.core.errors import UnsupportedModelError
from engine.core.functions import FusedActivation
from engine.core.target import Isa, host_target
from engine.execution.modules import module_sources, source_of
from engine.execution.native import load_specs, run_function
from engine.kernels import driver
from engine.kernels.abi import KernelSpec
from engine.kernels.elementwise import activation_spec
from engine.machine_code.object_cache import ObjectCache, compile_here
from graph import reference
from graph.graph import Graph
from tests.app.cache_attack_worker import MARK, planted
from tests.app.live import live
from tests.conftest import REPOSITORY

needs_known_cpu = pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"},
    reason="the planted code is of two CPU families",
)
LIMITS = Limits(
    memory_max_bytes=8 * GIB,
    cpu_max_seconds=60,
    file_max_bytes=1,
    open_files_max=64,
    threads_max=64,
    sandbox_required=False,
)


@needs_known_cpu
def test_code_that_a_worker_plants_never_runs_in_the_server(
    make_settings: Callable[..., Settings], small_file: Path, small_graph: Graph
) -> None:
    settings: Settings = make_settings()
    x = np.ones((1, 6), np.float32)
    (expected,) = reference.run(small_graph, {"x": x}).values()
    with live(settings, "tests.app.cache_attack_worker") as service:
        for _ in range(2):
            answer = service.upload(small_file, "small")
            assert answer.status_code == 201, answer.text
        assert not (settings.data_dir / MARK).exists()
    # The honest worker, over a restart: nothing of the planted code has stayed.
    with live(settings) as service:
        answer = service.predict(model="small", inputs=x.tolist())
        np.testing.assert_allclose(answer.json()["outputs"], expected, rtol=1e-5)
        assert service.upload(small_file, "other").status_code == 201
        assert not (settings.data_dir / MARK).exists()
        names = os.listdir(settings.data_dir / "kernels")
        assert all(name.endswith(".o") and name != "0" * 64 + ".o" for name in names)
        assert not os.listdir(settings.data_dir / "jobs")
        assert not (settings.data_dir / "objects").exists()


@needs_known_cpu
def test_the_planted_code_would_run_from_a_trusted_cache(tmp_path: Path) -> None:
    """The attack above can fail: what lies in the server's own cache is executed."""
    target = host_target()
    source = source_of(driver.SYMBOL, target.isa)
    cache = ObjectCache(tmp_path / "kernels")
    cache._write(source.key(target), planted(tmp_path / MARK))
    library = load_specs([], target, cache)
    run_function(library)(None)
    library.close()
    assert (tmp_path / MARK).is_dir()


def test_a_start_removes_old_caches_and_whatever_is_no_object(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"x")
    database = Database(tmp_path / "prunus.db")
    storage, ownership = Storage(tmp_path, database), Ownership(tmp_path / "owners")
    honest = storage.kernels / ("a" * 64 + ".o")
    try:
        (tmp_path / "objects").mkdir()
        (tmp_path / "objects" / honest.name).write_bytes(b"x")
        storage.kernels.mkdir()
        honest.write_bytes(b"x")
        (storage.kernels / "folder").mkdir()
        (storage.kernels / "folder" / "file").write_bytes(b"x")
        (storage.kernels / "junk").write_bytes(b"x")
        (storage.kernels / ("b" * 64 + ".o")).symlink_to(outside / "kept")
        (storage.kernels / "link").symlink_to(outside)
        os.mkfifo(storage.kernels / "fifo")
        recover(storage, JobLog(database), ownership)
        assert list(storage.kernels.iterdir()) == [honest]
        assert not (tmp_path / "objects").exists()
        (tmp_path / "objects").symlink_to(outside)
        recover(storage, JobLog(database), ownership)
        assert not (tmp_path / "objects").is_symlink()
        assert (outside / "kept").exists()
    finally:
        ownership.close()
        database.close()


def test_the_compiling_process_gives_what_this_process_compiles() -> None:
    target = host_target()
    specs = [
        activation_spec(target.isa, each) for each in (FusedActivation.RELU, FusedActivation.ELU)
    ]
    sources = module_sources(specs, target.isa, several_threads=True)
    assert KernelCompiler(LIMITS)(sources, target) == compile_here(sources, target)


def test_a_cache_asks_its_compiler_only_for_what_is_missing(tmp_path: Path) -> None:
    target = host_target()
    asked = list[list[str]]()

    def compiler(sources: object, target: object) -> dict[str, bytes]:
        assert isinstance(sources, list)
        asked.append([source.symbol for source in sources])
        return {source.symbol: b"code" for source in sources}

    first, second = (
        source_of(activation_spec(target.isa, each), target.isa)
        for each in (FusedActivation.RELU, FusedActivation.ELU)
    )
    cache = ObjectCache(tmp_path / "kernels", compile_written=compiler)
    cache.get(first, target)
    cache.get_all([first, second], target)
    again = ObjectCache(tmp_path / "kernels", compile_written=compiler)
    assert again.get_all([first, second], target) == {
        first.symbol: b"code",
        second.symbol: b"code",
    }
    assert asked == [[first.symbol], [second.symbol]]


def test_a_private_cache_reads_another_one_and_writes_only_its_own_folder(tmp_path: Path) -> None:
    target = host_target()
    source = source_of(activation_spec(target.isa, FusedActivation.RELU), target.isa)
    other = source_of(activation_spec(target.isa, FusedActivation.ELU), target.isa)
    shared, own = tmp_path / "kernels", tmp_path / "objects"
    code = ObjectCache(shared).get(source, target)

    def never(sources: object, target: object) -> dict[str, bytes]:
        raise AssertionError("compiled again")

    cache = ObjectCache(own, read_only=shared, compile_written=never)
    assert cache.get(source, target) == code
    before = sorted(shared.iterdir())
    ObjectCache(own, read_only=shared).get(other, target)
    assert sorted(shared.iterdir()) == before
    assert len(list(own.iterdir())) == 1


def test_kernels_that_take_too_long_to_compile_are_given_up() -> None:
    specs = [
        KernelSpec("dense_gemm", Isa.GENERIC, 256, activation, (("rows", rows),))
        for activation in FusedActivation
        for rows in range(1, 5)
    ]
    sources = [source_of(spec, spec.isa) for spec in specs]
    with pytest.raises(KernelCompilerError, match="too long") as refused:
        KernelCompiler(replace(LIMITS, cpu_max_seconds=1))(sources, host_target(Isa.GENERIC))
    assert refused.value.hint.endswith("PRUNUS_COMPILE_CPU_MAX_SECONDS")


@pytest.mark.parametrize(
    ("answer", "reason"), [(b"{", "no object code"), (b"{}", "no object code"), (None, "too large")]
)
def test_what_the_compiling_process_answers_is_checked(
    answer: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = host_target()
    source = source_of(activation_spec(target.isa, FusedActivation.RELU), target.isa)
    code = orjson.dumps({source.symbol: base64.b64encode(b"code").decode()})
    monkeypatch.setattr(KernelCompiler, "_run", lambda *_: code if answer is None else answer)
    monkeypatch.setattr("app.services.kernel_compiler.OBJECT_MAX_BYTES", 3)
    with pytest.raises(KernelCompilerError, match=reason):
        KernelCompiler(LIMITS)([source], target)


def test_a_server_that_stops_waits_for_no_compiling_process() -> None:
    compiler = KernelCompiler(LIMITS)
    compiler.close()
    target = host_target()
    source = source_of(activation_spec(target.isa, FusedActivation.RELU), target.isa)
    with pytest.raises(KernelCompilerError, match="server stopped"):
        compiler([source], target)


def test_words_that_are_no_kernel_are_refused_by_the_compiling_process() -> None:
    spec = KernelSpec("no_such_family", Isa.GENERIC, 1)
    with pytest.raises(KernelCompilerError, match="status 1"):
        KernelCompiler(LIMITS)([source_of(spec, spec.isa)], host_target(Isa.GENERIC))


def test_a_model_cannot_name_kernels_without_end() -> None:
    spec = activation_spec(Isa.GENERIC, FusedActivation.RELU)
    specs = [spec] * (limits.MAX_KERNELS + 1)
    with pytest.raises(UnsupportedModelError, match="too many different kernels"):
        module_sources(specs, Isa.GENERIC, several_threads=False)
    assert (
        len(module_sources(specs[1:], Isa.GENERIC, several_threads=False)) == limits.MAX_KERNELS + 2
    )


def test_what_a_confined_process_compiles_is_found_in_its_folder(tmp_path: Path) -> None:
    """System calls that the cache needs are allowed: an object that is not written is compiled again and again."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from app.sandbox.confine import Limits, confine\n"
        "confine(Limits(1 << 33, 60, 1 << 30, 64, 64, False), os.getppid(), Path(sys.argv[1]))\n"
        "from engine.execution.modules import module_sources\n"
        "from engine.machine_code.object_cache import ObjectCache\n"
        "from engine.core.target import host_target\n"
        "target = host_target()\n"
        "sources = module_sources([], target.isa, several_threads=False)\n"
        "ObjectCache(Path(sys.argv[1]) / 'objects').get_all(sources, target)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=REPOSITORY)
    names = [path.name for path in (tmp_path / "objects").iterdir()]
    assert len(names) == 2
    assert all(name.endswith(".o") for name in names)
