"""All hostile files by name."""

from collections.abc import Mapping

from tests.hostile.files import (
    code,
    configurations,
    containers,
    hdf5,
    saved_models,
    training_only,
    weights,
)
from tests.hostile.files.registry import HostileFile

_KINDS: Mapping[str, Mapping[str, HostileFile]] = {
    "other formats, damaged files, archives": containers.FILES,
    "HDF5 that is more than arrays": hdf5.FILES,
    "configurations": configurations.FILES,
    "code where prediction needs a value": code.FILES,
    "code that only training uses": training_only.FILES,
    "weights": weights.FILES,
    "SavedModels": saved_models.FILES,
}


def files_by_kind() -> Mapping[str, Mapping[str, HostileFile]]:
    """The files by what they are about."""
    return _KINDS


def all_files() -> dict[str, HostileFile]:
    """All of them by name."""
    found: dict[str, HostileFile] = {}
    for files in _KINDS.values():
        assert not found.keys() & files.keys()
        found.update(files)
    return found
