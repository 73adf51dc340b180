"""Fixtures of the engine's tests."""

import pytest

from engine.machine_code.object_cache import ObjectCache


@pytest.fixture(scope="session")
def object_cache(pytestconfig: pytest.Config) -> ObjectCache:
    """One cache for all tests and all workers, kept between runs: kernels take longest to compile."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("prunus-objects")
    folder.chmod(0o700)
    return ObjectCache(folder)
