"""Every hostile file is refused with its own error, nothing in it runs, and nothing is left behind."""

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.errors import GraphError, ModelFileError, NotAModelFileError
from graph.keras.read import read_model
from graph.limits import FileLimits
from tests.hostile.files import FILES, valid_archive, valid_legacy


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("name", FILES)
def test_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = tmp_path / "upload"
    wanted = FILES[name](path)
    before = peak_bytes()
    with pytest.raises(ModelFileError) as caught:
        read_model(path)
    assert type(caught.value) is wanted, caught.value
    assert caught.value.message
    assert len(str(caught.value)) < 2000
    # Nothing ran, nothing was unpacked, and no memory was taken for what a file only promises.
    assert list(folder.iterdir()) == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["upload", "work"]
    assert peak_bytes() - before < 300 * 1024 * 1024


def test_every_error_is_tested() -> None:
    def leaves(error: type[ModelFileError]) -> set[type[ModelFileError]]:
        return {error, *(leaf for sub in error.__subclasses__() for leaf in leaves(sub))}

    raised = set()
    for write in FILES.values():
        closure = dict(zip(write.__code__.co_freevars, write.__closure__ or (), strict=True))
        raised.add(closure["error"].cell_contents)
    assert leaves(ModelFileError) - raised == {ModelFileError}


def test_errors_have_slugs_and_titles_of_their_own() -> None:
    errors = [error for error in _all(GraphError) if error.__module__ == "graph.errors"]
    slugs = [error.__dict__.get("slug", "") for error in _all(ModelFileError)]
    assert len(set(slugs)) == len(slugs)
    assert all(error.title and error.__doc__ for error in errors)


def _all(error: type[GraphError]) -> list[type[GraphError]]:
    return [error, *(leaf for sub in error.__subclasses__() for leaf in _all(sub))]


@pytest.mark.parametrize("write", [valid_archive, valid_legacy])
def test_the_files_that_the_hostile_ones_are_made_from_are_read(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    graph = read_model(write(tmp_path / "upload")).graph
    assert [node.name for node in graph.nodes] == ["dense"]


def test_limits_can_be_set_lower(tmp_path: Path) -> None:
    path = valid_archive(tmp_path / "upload")
    with pytest.raises(ModelFileError, match="the file is too large; expected at most 100 bytes"):
        read_model(path, FileLimits(file_max_bytes=100))
    with pytest.raises(ModelFileError, match=r"config\.json is too large"):
        read_model(path, FileLimits(config_max_bytes=100))
    with pytest.raises(ModelFileError, match="the model has too many layers; expected at most 2"):
        read_model(path, FileLimits(max_layers=2))
    with pytest.raises(ModelFileError, match="too many declared bytes in"):
        read_model(path, FileLimits(data_max_bytes=10))


def test_a_pickle_is_named_as_what_it_is(tmp_path: Path) -> None:
    FILES["pickle_that_would_run_code"](tmp_path / "upload")
    with pytest.raises(NotAModelFileError, match="a Python pickle, which could run code"):
        read_model(tmp_path / "upload")
