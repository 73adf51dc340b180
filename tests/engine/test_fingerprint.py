"""What stands for the text of kernels changes whenever the text could."""

import ast
import os
import shutil
import time
from pathlib import Path

import pytest

from engine.core.functions import FusedActivation
from engine.core.target import host_target
from engine.execution import modules, native
from engine.kernels.elementwise import activation_spec
from engine.machine_code.fingerprint import fingerprint_of, writer_sources, writers_fingerprint
from engine.machine_code.object_cache import ObjectCache

LATER = time.time() + 3600


def copies(tmp_path: Path) -> list[Path]:
    """The sources, in folders of their own names."""
    found = []
    for source in writer_sources():
        folder = tmp_path / source.parent.name
        folder.mkdir(exist_ok=True)
        found.append(Path(shutil.copy(source, folder)))
    return found


def test_equal_sources_have_one_fingerprint(tmp_path: Path) -> None:
    known = fingerprint_of(writer_sources(), LATER)
    assert known is not None
    assert fingerprint_of(copies(tmp_path), LATER) == known


@pytest.mark.parametrize(
    "number", range(len(writer_sources())), ids=lambda n: writer_sources()[n].name
)
def test_a_changed_source_gives_another_fingerprint(tmp_path: Path, number: int) -> None:
    sources = copies(tmp_path)
    known = fingerprint_of(sources, LATER)
    with sources[number].open("a") as file:
        file.write("\n")
    assert fingerprint_of(sources, LATER) not in (known, None)


def test_a_new_or_renamed_source_gives_another_fingerprint(tmp_path: Path) -> None:
    sources = copies(tmp_path)
    known = fingerprint_of(sources, LATER)
    assert fingerprint_of(sources[1:], LATER) != known
    sources[0] = sources[0].rename(sources[0].with_name("other.py"))
    assert fingerprint_of(sources, LATER) != known


def test_a_source_newer_than_the_loaded_code_has_no_fingerprint(tmp_path: Path) -> None:
    sources = copies(tmp_path)
    os.utime(sources[0], (0, 0))  # its time of modification can be set, that of its change cannot
    assert fingerprint_of(sources, time.time()) is None
    assert fingerprint_of(sources, LATER) is not None


def test_without_sources_there_is_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprint_of([tmp_path / "missing.py"], LATER) is None


def test_all_that_the_writers_import_is_covered() -> None:
    covered = {f"{path.parent.name}.{path.stem}" for path in writer_sources()}
    messages = "engine.core.errors"  # no text of a kernel comes from there
    for source in writer_sources():
        for node in ast.walk(ast.parse(source.read_text())):
            module = str(node.module) if isinstance(node, ast.ImportFrom) else ""
            if module.startswith(("engine", "graph")) and module != messages:
                names = [module, *(f"{module}.{name.name}" for name in node.names)]
                assert any(".".join(name.split(".")[-2:]) in covered for name in names), module


def refuse(_: object) -> str:
    raise AssertionError("written")


def test_kernels_come_from_the_cache_without_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "writers_fingerprint", lambda: "one version of the writers")
    specs, target = [activation_spec(host_target().isa, FusedActivation.RELU)], host_target()
    native.load_specs(specs, target, ObjectCache(tmp_path / "objects")).close()
    monkeypatch.setattr(modules, "emit", refuse)
    native.load_specs(specs, target, ObjectCache(tmp_path / "objects")).close()
    monkeypatch.setattr(modules, "writers_fingerprint", lambda: "another")
    with pytest.raises(AssertionError, match="written"):
        native.load_specs(specs, target, ObjectCache(tmp_path / "objects"))


def test_where_writers_are_unknown_the_text_is_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "writers_fingerprint", lambda: None)
    spec, target = activation_spec(host_target().isa, FusedActivation.RELU), host_target()
    written: list[object] = []
    emit = modules.emit
    monkeypatch.setattr(modules, "emit", lambda one: (written.append(one), emit(one))[1])
    for _ in range(2):
        native.load_specs([spec], target, ObjectCache(tmp_path / "objects")).close()
    assert written.count(spec) >= 2


def test_this_process_knows_its_fingerprint_or_its_sources_are_new() -> None:
    newest = max(source.stat().st_ctime for source in writer_sources())
    known = writers_fingerprint()
    assert known == fingerprint_of(writer_sources(), LATER) or newest > time.time() - 3600
