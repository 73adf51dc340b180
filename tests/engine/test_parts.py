"""Splitting dense layers into parts: ranges that cover the outputs, and parts that compute them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import compile_graph
from engine.core.errors import ManifestError, PackedLayerError
from engine.core.functions import ElementFunction
from engine.core.layers import DenseLayer
from engine.core.steps import DenseStep, Place
from engine.core.target import Isa, available_isas, host_target
from engine.execution.assemble import Packer
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import ROW_STEP, are_parts, part_layer, part_step, split_rows
from graph.activations import Function
from graph.graph import Graph
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import UNTUNED, assert_close, oracle
from tests.engine.tamper import Tampered
from tests.engine.threaded import in_parts


@given(
    units=st.integers(1, 300),
    parts=st.integers(1, 9),
    sparsity=st.sampled_from([0.0, 0.9, 1.0]),
)
def test_ranges_cover_the_outputs_in_whole_steps(units: int, parts: int, sparsity: float) -> None:
    kernel = (np.random.default_rng(units).random((20, units)) >= sparsity).astype(np.float32)
    found = split_rows(kernel, parts)
    assert 1 <= len(found) <= parts
    assert are_parts(found, units)
    if units >= ROW_STEP * 4 * parts:
        assert len(found) == parts


def test_parts_have_about_as_many_nonzeros() -> None:
    kernel = np.zeros((512, 256), np.float32)
    kernel[:, :64] = 1.0  # a quarter of the outputs has nearly all of the work
    first, second = split_rows(kernel, 2)
    assert first == range(32)
    assert second == range(32, 256)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (range(16),),
        (range(32), range(48, 64)),
        (range(24), range(24, 64)),
        (range(64), range(64, 64)),
        (range(0, 64, 2),),
        (range(64), range(64, 48)),
    ],
)
def test_what_does_not_cover_the_outputs_is_not_parts(parts: tuple[range, ...]) -> None:
    assert not are_parts(parts, 64)


def test_a_part_is_a_layer_of_some_outputs() -> None:
    kernel = np.arange(8 * 48, dtype=np.float32).reshape(8, 48)
    layer = DenseLayer(kernel, np.arange(48, dtype=np.float32), nonzeros=383)
    part = part_layer(layer, range(16, 48))
    np.testing.assert_array_equal(part.kernel, kernel[:, 16:])
    np.testing.assert_array_equal(part.bias_or_zeros(), np.arange(16, 48))
    assert part.nonzeros is None
    assert part_layer(layer, range(48)) is layer
    step = DenseStep("d", Place(0, 0, 8), Place(1, 5, 48), "k", "b", 1, 383, ElementFunction())
    assert part_step(step, range(16, 48)).y == Place(1, 21, 32)
    assert part_step(step, range(48)) is step


def network() -> Graph:
    b = GraphBuilder(5)
    x = b.dense(b.input(70), 200, sparsity=0.8, activation=Function.RELU, name="one")
    return b.build(b.dense(x, 83, sparsity=0.8, name="two"))


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("batch", [1, 19])
def test_a_network_in_parts_computes_what_the_oracle_does(
    object_cache: ObjectCache, isa: Isa, batch: int
) -> None:
    model = compile_graph(network(), host_target(isa), UNTUNED, object_cache)
    inputs = random_inputs(network(), batch)
    executable = Executable(in_parts(model, 3), object_cache, host_target(isa))
    assert_close(executable.run(inputs), oracle(network(), inputs))


@pytest.fixture(scope="module")
def content(object_cache: ObjectCache) -> bytes:
    """An artifact whose layers are packed in parts."""
    model = in_parts(compile_graph(network(), host_target(), UNTUNED, object_cache), 2)
    packer, steps = Packer(model.program), model.program.weighted_steps()
    tiles = []
    for tile in model.plan.tiles:
        choices = {
            number: replace(choice, packed=packer.packed(steps[number], choice))
            for number, choice in tile.choices.items()
        }
        tiles.append(replace(tile, choices=choices))
    return artifact_bytes(replace(model, plan=replace(model.plan, tiles=tuple(tiles))))


def test_parts_are_stored_and_read_again(object_cache: ObjectCache, content: bytes) -> None:
    model = parse_artifact(content).model
    for tile in model.plan.tiles:
        for choice in tile.choices.values():
            assert choice.packed is not None
            assert len(choice.packed) == len(choice.parts) == 2
    inputs = random_inputs(network(), 19)
    executable = Executable(model, object_cache, host_target())
    assert_close(executable.run(inputs), oracle(network(), inputs))


@pytest.mark.parametrize(
    "parts", [[], [200], [112, 199], [112, 216], [0, 200], [104, 200], [200, 112], [-16, 200], "x"]
)
def test_parts_of_a_file_that_do_not_cover_the_layer_are_refused(
    content: bytes, parts: Any
) -> None:
    tampered = Tampered(content)
    tampered.layer(1)["parts"] = parts
    with pytest.raises(ManifestError):
        parse_artifact(tampered.sealed())


def test_a_packed_part_for_other_rows_is_refused(content: bytes) -> None:
    tampered = Tampered(content)
    first, last = tampered.layer(1)["parts"]
    tampered.layer(1)["parts"] = [first + ROW_STEP, last]
    with pytest.raises(PackedLayerError):
        parse_artifact(tampered.sealed())
