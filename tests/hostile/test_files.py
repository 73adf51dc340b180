"""Every hostile file is refused with its own error, nothing in it runs, and nothing is left behind."""

import resource
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graph.errors import GraphError, ModelFileError, NotAModelFileError
from graph.keras.export import write_keras
from graph.limits import FileLimits
from graph.model_files.read import read_model_file
from tests.hostile.catalog import all_files
from tests.hostile.files.code import touching_code
from tests.hostile.files.registry import valid_archive, valid_legacy

FILES = all_files()


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where to write the file. Afterwards: nothing ran, nothing was unpacked, and little memory was taken."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = peak_bytes()
    yield tmp_path / "upload"
    # Code in the files would leave a file `executed` in the working folder.
    assert list(folder.iterdir()) == []
    assert {entry.name for entry in tmp_path.iterdir()} <= {"upload", "work", "written"}
    assert peak_bytes() - before < 300 * 1024 * 1024


@pytest.mark.parametrize("name", [name for name, file in FILES.items() if file.error])
def test_refused(name: str, upload: Path) -> None:
    FILES[name].write(upload)
    with pytest.raises(GraphError) as caught:
        read_model_file(upload)
    assert type(caught.value) is FILES[name].error, caught.value
    assert caught.value.message
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("name", [name for name, file in FILES.items() if not file.error])
def test_harmless(name: str, upload: Path) -> None:
    """Read, with a note that says what was ignored, and nothing of it in the file that comes back."""
    FILES[name].write(upload)
    file = read_model_file(upload)
    (note,) = [note for note in file.notes if "only training uses were ignored" in note]
    assert " of " in note
    written = upload.with_name("written")
    write_keras(file.graph, written)
    with zipfile.ZipFile(written) as archive:
        text = "".join(archive.read(name).decode("latin-1") for name in archive.namelist())
    for trace in ("lambda", "executed", "Popen", "subprocess", "system", touching_code()[:20]):
        assert trace not in text


def test_every_error_is_tested() -> None:
    def leaves(error: type[ModelFileError]) -> set[type[ModelFileError]]:
        return {error, *(leaf for sub in error.__subclasses__() for leaf in leaves(sub))}

    raised = {file.error for file in FILES.values()}
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
    graph = read_model_file(write(tmp_path / "upload")).graph
    assert [node.name for node in graph.nodes] == ["dense"]


def test_limits_can_be_set_lower(tmp_path: Path) -> None:
    path = valid_archive(tmp_path / "upload")
    with pytest.raises(ModelFileError, match="the file is too large; expected at most 100 bytes"):
        read_model_file(path, FileLimits(file_max_bytes=100))
    with pytest.raises(ModelFileError, match=r"config\.json is too large"):
        read_model_file(path, FileLimits(config_max_bytes=100))
    with pytest.raises(ModelFileError, match="the model has too many layers; expected at most 2"):
        read_model_file(path, FileLimits(max_layers=2))
    with pytest.raises(ModelFileError, match="too many declared bytes in"):
        read_model_file(path, FileLimits(data_max_bytes=10))


def test_a_pickle_is_named_as_what_it_is(tmp_path: Path) -> None:
    FILES["pickle_that_would_run_code"].write(tmp_path / "upload")
    with pytest.raises(NotAModelFileError, match="a Python pickle, which could run code"):
        read_model_file(tmp_path / "upload")
