"""Generated text stays as it is unless someone means to change it."""

import pytest

from engine.kernels.abi import KernelSpec
from engine.kernels.registry import emit
from tests.engine.kernels.golden_kernels import FOLDER, SPECS, path_of


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.symbol)
def test_the_text_is_the_kept_one(spec: KernelSpec) -> None:
    assert emit(spec) == path_of(spec).read_text(), "see golden_kernels.py to renew"


def test_no_stale_files() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {path_of(spec).name for spec in SPECS}
