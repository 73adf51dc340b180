"""Object code, its cache and its loading: what is damaged or foreign is never executed."""

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engine.core.errors import CacheFolderError, CompileError, LinkError
from engine.core.target import Isa, available_isas, host_target
from engine.machine_code import linking, object_cache
from engine.machine_code.linking import load_kernels
from engine.machine_code.object_cache import ModuleSource, ObjectCache, cache_key
from engine.machine_code.object_code import LLVM_LOCK, compile_to_object, on_cores
from tests.engine.forks import exit_code_of_child, held_by_another_thread

SYMBOL = "answer"
IR = "define i64 @answer() {\n  ret i64 42\n}\n"


def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def answer(cache: ObjectCache) -> int:
    library = load_kernels({SYMBOL: IR}, host_target(), cache)
    result = ctypes.CFUNCTYPE(ctypes.c_int64)(library.address(SYMBOL))()
    library.close()
    return int(result)


def source(text: str, identity: str | None = None) -> ModuleSource:
    return ModuleSource(SYMBOL, lambda: text, identity)


def only_file(path: Path) -> Path:
    (file,) = path.iterdir()
    return file


def test_code_runs_and_is_cached_with_closed_permissions(tmp_path: Path) -> None:
    path = folder(tmp_path)
    assert answer(ObjectCache(path)) == 42
    assert path.stat().st_mode & 0o777 == 0o700
    assert only_file(path).stat().st_mode & 0o022 == 0


def test_a_cached_object_is_not_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(ObjectCache(folder(tmp_path)))
    monkeypatch.setattr(object_cache, "compile_to_object", None)
    assert answer(ObjectCache(folder(tmp_path))) == 42


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "foreign", "huge"])
def test_a_damaged_file_is_compiled_again_and_replaced(tmp_path: Path, damage: str) -> None:
    path = folder(tmp_path)
    answer(ObjectCache(path))
    file = only_file(path)
    good = file.read_bytes()
    broken = {
        "flip": good[:-1] + bytes([good[-1] ^ 1]),
        "truncate": good[:50],
        "empty": b"",
        "foreign": b"\x7fELF" + good,
        "huge": good + bytes(object_cache.OBJECT_MAX_BYTES),
    }[damage]
    file.write_bytes(broken)
    assert answer(ObjectCache(path)) == 42
    assert only_file(path).read_bytes() == good


def test_an_object_under_another_key_is_not_used(tmp_path: Path) -> None:
    path = folder(tmp_path)
    cache = ObjectCache(path)
    other = IR.replace("42", "41")
    cache.get(source(other), host_target())
    key = cache_key("text", IR, host_target())
    only_file(path).rename(path / f"{key}.o")
    assert answer(ObjectCache(path)) == 42


def test_a_link_or_a_file_that_others_may_write_is_not_read(tmp_path: Path) -> None:
    path = folder(tmp_path)
    answer(ObjectCache(path))
    file = only_file(path)
    file.chmod(0o666)
    assert answer(ObjectCache(path)) == 42
    assert file.stat().st_mode & 0o022 == 0
    target = tmp_path / "elsewhere"
    file.rename(target)
    file.symlink_to(target)
    assert answer(ObjectCache(path)) == 42
    assert not file.is_symlink()


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path)
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(CacheFolderError, match="others can write"):
        ObjectCache(path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path)
    path.write_text("")
    with pytest.raises(CacheFolderError):
        ObjectCache(path)


def test_no_files_are_left_behind_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    cache = ObjectCache(folder(tmp_path))
    monkeypatch.setattr(os, "replace", refuse)
    assert answer(cache) == 42
    assert list(folder(tmp_path).iterdir()) == []


def test_the_key_changes_with_text_and_target() -> None:
    target = host_target()
    keys = {cache_key("text", IR, host_target(isa)) for isa in available_isas()}
    keys.add(cache_key("text", IR + "\n", target))
    assert len(keys) == len(available_isas()) + 1


def test_a_module_with_an_identity_is_written_only_to_compile_it(tmp_path: Path) -> None:
    def never() -> str:
        raise AssertionError("written although its object is cached")

    code = ObjectCache(folder(tmp_path)).get(source(IR, "answer 1"), host_target())
    cached = ObjectCache(folder(tmp_path))
    assert cached.get(ModuleSource(SYMBOL, never, "answer 1"), host_target()) == code
    with pytest.raises(AssertionError, match="written"):
        cached.get(ModuleSource(SYMBOL, never, "answer 2"), host_target())


def test_an_identity_is_never_taken_for_a_text() -> None:
    assert source(IR).key(host_target()) != source("", IR).key(host_target())
    identities = {source("", "a").key(host_target(isa)) for isa in available_isas()}
    assert len(identities) == len(available_isas())


def test_wrong_text_is_a_compile_error() -> None:
    with pytest.raises(CompileError, match="broken"):
        compile_to_object("define i64 @broken() { ret i32 }", "broken", host_target())


def test_an_object_that_is_no_code_is_a_link_error() -> None:
    with pytest.raises(LinkError):
        linking.NativeLibrary({SYMBOL: b"no object"}, host_target())


def test_a_closed_library_gives_no_addresses() -> None:
    library = load_kernels({SYMBOL: IR}, host_target(Isa.GENERIC), ObjectCache())
    library.close()
    with pytest.raises(LinkError, match="closed"):
        library.address(SYMBOL)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_another_thread_compiles_does_not_keep_the_child_from_closing() -> None:
    library = load_kernels({SYMBOL: IR}, host_target(Isa.GENERIC), ObjectCache())

    def in_child() -> bool:
        library.close()
        return True

    with held_by_another_thread(LLVM_LOCK):
        assert exit_code_of_child(in_child) == 0
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(library.address(SYMBOL))() == 42
    library.close()


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    path = folder(tmp_path)
    ObjectCache(path)
    old, fresh = path / ".new-old", path / ".new-fresh"
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    ObjectCache(path)
    assert not old.exists()
    assert fresh.exists(), "it may belong to a process that is writing now"


def test_the_oldest_files_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_cache, "OBJECT_MAX_FILES", 3)
    cache = ObjectCache(folder(tmp_path))
    for number in range(5):
        cache.get(source(IR.replace("42", str(number))), host_target())
        for age, file in enumerate(folder(tmp_path).iterdir()):
            os.utime(file, (file.stat().st_mtime - 10 - age, file.stat().st_mtime - 10 - age))
    kept = {file.stem for file in folder(tmp_path).iterdir()}
    assert len(kept) == 3
    assert cache_key("text", IR.replace("42", "4"), host_target()) in kept


def modules(count: int) -> list[ModuleSource]:
    """Modules that each define a function giving its own number."""

    text = "define i64 @f{0}() {{\n  ret i64 {0}\n}}\n"
    return [ModuleSource(f"f{n}", partial(text.format, n)) for n in range(count)]


def test_modules_compiled_at_the_same_time_give_the_objects_of_one_after_the_other(
    tmp_path: Path,
) -> None:
    one = ObjectCache().get_all(modules(24), replace(host_target(), cores=1))
    many = ObjectCache(folder(tmp_path)).get_all(modules(24), replace(host_target(), cores=4))
    assert many == one
    assert len(list(folder(tmp_path).iterdir())) == 24
    assert ObjectCache(folder(tmp_path)).get_all(modules(24), host_target()) == one


def test_results_keep_the_order_of_the_items() -> None:
    assert on_cores(lambda n: n * n, range(50), 3) == [n * n for n in range(50)]


@pytest.mark.parametrize("cores", [1, 3])
def test_one_wrong_module_among_others_is_a_compile_error(cores: int) -> None:
    wrong = ModuleSource("wrong", lambda: "define i64 @wrong() { ret i32 }")
    with pytest.raises(CompileError, match="wrong"):
        ObjectCache().get_all([*modules(5), wrong], replace(host_target(), cores=cores))


def test_many_threads_load_through_one_cache_at_once(tmp_path: Path) -> None:
    cache = ObjectCache(folder(tmp_path))

    def load(_: int) -> list[int]:
        library = linking.load_sources(modules(6), replace(host_target(), cores=2), cache)
        results = [
            int(ctypes.CFUNCTYPE(ctypes.c_int64)(library.address(f"f{n}"))()) for n in range(6)
        ]
        library.close()
        return results

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(load, range(16))) == [list(range(6))] * 16
    assert len(list(folder(tmp_path).iterdir())) == 6


def test_several_processes_fill_one_folder_at_once(tmp_path: Path) -> None:
    path = folder(tmp_path)
    code = (
        "from pathlib import Path\n"
        "from engine.machine_code.object_cache import ObjectCache\n"
        "from engine.core.target import host_target\n"
        "from tests.engine.test_machine_code import modules\n"
        f"print(len(ObjectCache(Path({str(path)!r})).get_all(modules(20), host_target())))\n"
    )
    root = Path(__file__).parents[2]
    children = [
        subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [child.communicate(timeout=60)[0] for child in children] == ["20\n"] * 3
    assert len(list(path.iterdir())) == 20, "nothing half written is left"
    ObjectCache(path).get_all(modules(20), host_target())
    assert not any(file.stat().st_mode & 0o022 for file in path.iterdir())
