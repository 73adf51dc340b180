"""Merge of Keras 1: the cosine, and models that begin with others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.errors import FileLimitError, TopologyError, UnsupportedLayerError
from graph.keras.read import read_model
from tests.graph.keras.handmade import BIAS, KERNEL, write_legacy
from tests.graph.keras.test_dialects import X, Y, keras1_dense, keras1_merge, outputs


def test_the_cosine_has_an_axis_more(tmp_path: Path) -> None:
    """Keras 1.2.2 says that it has not, and gives it all the same."""
    file = read_model(write_legacy(tmp_path / "m", keras1_merge("cos"), version="1.2.2"))
    expected = (X * Y).sum(axis=1) / np.sqrt((X * X).sum(axis=1) * (Y * Y).sum(axis=1))
    found = outputs(file.graph, X, Y)
    assert found.shape == (len(X), 1, 1)
    np.testing.assert_allclose(found[:, 0, 0], expected, rtol=1e-5)


def keras1_branches(mode: Any, branches: list[Any]) -> dict[str, Any]:
    """A Sequential that begins with a Merge of other models."""
    merge = keras1_merge(mode)["config"]["layers"][2]
    merge = {"class_name": "Merge", "config": {**merge["config"], "layers": branches}}
    return {"class_name": "Sequential", "config": [merge, keras1_dense("dense_3", 2)]}


def keras1_branch(name: str, inputs: int) -> dict[str, Any]:
    dense = keras1_dense(name, 2, batch_input_shape=[None, inputs], input_dtype="float32")
    return {"class_name": "Sequential", "config": [dense]}


def test_a_sequential_may_begin_with_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    left, right, last = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((3, 2), (4, 2), (4, 2))
    )
    weights = {
        name: [(f"{name}_W:0", kernel), (f"{name}_b:0", BIAS)]
        for name, kernel in (("dense_1", left), ("dense_2", right), ("dense_3", last))
    }
    config = keras1_branches("concat", [keras1_branch("dense_1", 3), keras1_branch("dense_2", 4)])
    file = read_model(write_legacy(tmp_path / "m", config, weights, version="1.2.2"))
    other = rng.standard_normal((len(X), 4)).astype(np.float32)
    joined = np.concatenate([X @ left + BIAS, other @ right + BIAS], axis=1)
    np.testing.assert_allclose(outputs(file.graph, X, other), joined @ last + BIAS, rtol=1e-5)
    assert [given.name for given in file.graph.inputs] == ["dense_1_input", "dense_2_input"]


def test_branches_may_begin_with_branches(tmp_path: Path) -> None:
    weights = {
        name: [(f"{name}_W:0", kernel), (f"{name}_b:0", BIAS)]
        for name, kernel in (("dense_1", KERNEL), ("dense_2", KERNEL), ("dense_4", KERNEL))
    }
    weights["dense_3"] = [("dense_3_W:0", np.eye(2, dtype=np.float32)), ("dense_3_b:0", BIAS)]
    inner = keras1_branches("sum", [keras1_branch("dense_1", 3), keras1_branch("dense_2", 3)])
    inner["config"][0]["config"]["name"] = "merge_2"
    outer = keras1_branches("mul", [inner, keras1_branch("dense_4", 3)])
    outer["config"].pop()
    file = read_model(write_legacy(tmp_path / "m", outer, weights, version="1.2.2"))
    expected = ((X + Y) @ KERNEL + 3 * BIAS) * (X @ KERNEL + BIAS)
    np.testing.assert_allclose(outputs(file.graph, X, Y, X), expected, rtol=1e-5)


def test_branches_that_cannot_be_joined_are_refused(tmp_path: Path) -> None:
    branch = keras1_branch("dense_1", 3)
    for branches, error, match in (
        ([branch, branch], TopologyError, "two layers named"),
        ([branch, {"class_name": "Model", "config": {}}], UnsupportedLayerError, "no Sequential"),
        ([branch, keras1_dense("d", 2)], UnsupportedLayerError, "no Sequential"),
    ):
        path = write_legacy(tmp_path / "m", keras1_branches("sum", branches), version="1.2.2")
        with pytest.raises(error, match=match):
            read_model(path)
    deep = branch
    for _ in range(20):
        deep = keras1_branches("sum", [deep])
    with pytest.raises(FileLimitError, match="nested too deeply"):
        read_model(write_legacy(tmp_path / "m", deep, version="1.2.2"))
