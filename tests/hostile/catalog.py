"""All hostile files by name."""

from tests.hostile.files import code, configurations, containers, hdf5, training_only, weights
from tests.hostile.files.registry import HostileFile

_MODULES = (containers, hdf5, configurations, code, training_only, weights)


def all_files() -> dict[str, HostileFile]:
    found: dict[str, HostileFile] = {}
    for module in _MODULES:
        assert not found.keys() & module.FILES.keys()
        found.update(module.FILES)
    return found
