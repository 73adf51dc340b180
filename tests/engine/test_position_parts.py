"""Layers split by positions: all parts together are the layer, in every mode and from a file; bad splits are refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import compile_graph
from engine.core.errors import ManifestError
from engine.core.layers import ConvLayer, DenseLayer, DepthwiseLayer
from engine.core.target import Isa, available_isas, host_target
from engine.execution.runtime import Executable
from engine.kernels.position_blocks import blocks_of
from engine.kernels.registry import kernel_candidates
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import Split, SplitAxis, packed_parts, split_axes, split_layer
from engine.planning.plan import CompiledModel, layer_of
from engine.planning.schedule import Mode
from graph.graph import Graph
from tests.builders import random_inputs
from tests.engine.compiled import UNTUNED, assert_close, oracle
from tests.engine.tamper import Tampered
from tests.engine.test_positions_inside import residual
from tests.engine.threaded import executable_in

TAPS = np.array([0, 1, 2], np.uint32)


def conv(groups: int = 1, positions: int = 70) -> ConvLayer:
    rng = np.random.default_rng(1)
    kernel = rng.standard_normal((6 // groups * 3, 32)).astype(np.float32)
    kernel[rng.random(kernel.shape) < 0.6] = 0
    return ConvLayer(kernel, None, TAPS, groups, positions + 2, (positions,), (1,))


def depthwise(multiplier: int) -> DepthwiseLayer:
    kernel = np.ones((3, 8), np.float32)
    return DepthwiseLayer(kernel, None, TAPS, multiplier, 72, (70,), (1,))


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_every_block_is_in_one_part(isa: Isa, lanes: int, count: int) -> None:
    layer = conv()
    for candidate in kernel_candidates(layer, isa, lanes):
        bounds = [70 * part // count for part in range(count + 1)]
        split = Split(SplitAxis.POSITIONS, tuple(map(range, bounds[:-1], bounds[1:])))
        whole = candidate.pack(layer)
        parts = packed_parts(candidate.pack, layer, split, lanes)
        end = 0
        for part in parts:
            assert part.ints["first_block"] == end
            end += part.ints["blocks"]
            assert part.constants.keys() == whole.constants.keys()
            assert all(part.constants[name] is parts[0].constants[name] for name in part.constants)
        assert end == whole.ints["blocks"] == len(whole.constants["table"])
        assert blocks_of(whole.constants["table"], range(70), lanes) == (0, end)


def test_what_a_layer_is_split_by() -> None:
    assert split_layer(conv(positions=4096), 3, 1, sparse=True).axis is SplitAxis.POSITIONS
    by_units = split_layer(conv(positions=49), 2, 1, sparse=True)
    assert by_units == Split(SplitAxis.UNITS, (range(16), range(16, 32)))
    # Groups, and several units of a channel, are not ranges of outputs.
    for layer in (conv(groups=2, positions=49), depthwise(2)):
        assert split_axes(layer) == (SplitAxis.POSITIONS,)
        found = split_layer(layer, 2, 1, sparse=True)
        assert found.axis is SplitAxis.POSITIONS
        assert [part.stop for part in found.parts] == [layer.positions // 2, layer.positions]
    assert len(split_layer(conv(groups=2, positions=3), 8, 1, sparse=True).parts) == 3
    assert split_axes(DenseLayer(np.ones((4, 4), np.float32), positions=5)) == ()


def network() -> Graph:
    return residual(2, (16, 16))


def by_positions(model: CompiledModel, count: int) -> CompiledModel:
    """The model with every layer that has positions in parts of them."""
    steps, tiles = model.program.weighted_steps(), []
    for tile in model.plan.tiles:
        choices = dict(tile.choices)
        for number, choice in choices.items():
            layer = layer_of(model.program, steps[number])
            assert SplitAxis.POSITIONS in split_axes(layer)
            bounds = [layer.positions * part // count for part in range(count + 1)]
            parts = tuple(map(range, bounds[:-1], bounds[1:]))
            split = replace(choice, packed=None, parts=parts, axis=SplitAxis.POSITIONS)
            choices[number] = split
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles), threads=count))


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache) -> CompiledModel:
    return by_positions(compile_graph(network(), host_target(), UNTUNED, object_cache), 3)


@pytest.mark.parametrize("batch", [1, 19])
def test_parts_by_positions_give_the_bits_of_the_whole(
    object_cache: ObjectCache, model: CompiledModel, batch: int
) -> None:
    inputs = random_inputs(network(), batch)
    wanted = oracle(network(), inputs)
    whole = compile_graph(network(), host_target(), UNTUNED, object_cache)
    one = executable_in(Mode.ALONE, whole, object_cache, host_target()).run(inputs)
    assert_close(one, wanted)
    read = parse_artifact(artifact_bytes(model)).model
    assert {c.axis for tile in read.plan.tiles for c in tile.choices.values()} == {
        SplitAxis.POSITIONS
    }
    for mode, form in ((Mode.ALONE, model), (Mode.SHARED, model), (Mode.SHARED, read)):
        found = executable_in(mode, form, object_cache, host_target(), threads=3).run(inputs)
        np.testing.assert_array_equal(found["y0"], one["y0"])


@pytest.mark.parametrize("isa", available_isas())
def test_parts_by_positions_on_every_level(object_cache: ObjectCache, isa: Isa) -> None:
    target = host_target(isa)
    split = by_positions(compile_graph(network(), target, UNTUNED, object_cache), 2)
    inputs = random_inputs(network(), 3)
    found = Executable(split, object_cache, target).run(inputs)
    assert_close(found, oracle(network(), inputs))


@pytest.mark.parametrize(
    ("parts", "split"),
    [
        ([], "positions"),
        ([128], "positions"),
        ([100, 257], "positions"),
        ([100, 100, 256], "positions"),
        ([0, 256], "positions"),
        ([200, 100, 256], "positions"),
        ([85, 170, 256], "units"),
        ([85, 170, 256], "rows"),
        ([85, 170, 256], None),
    ],
)
def test_parts_of_a_file_that_do_not_cover_the_positions_are_refused(
    model: CompiledModel, parts: list[int], split: Any
) -> None:
    tampered = Tampered(artifact_bytes(model))
    assert tampered.layer(1)["parts"] == [85, 170, 256]
    tampered.layer(1).update(parts=parts, split=split, packed=None)
    with pytest.raises(ManifestError):
        parse_artifact(tampered.sealed())


def test_a_dense_step_has_no_parts_by_positions(object_cache: ObjectCache) -> None:
    graph = residual(1)
    content = artifact_bytes(compile_graph(graph, host_target(), UNTUNED, object_cache))
    for parts in ([64, 128], [128]):
        tampered = Tampered(content)
        tampered.layer(1).update(parts=parts, split="positions")
        with pytest.raises(ManifestError, match="along an axis of the layer"):
            parse_artifact(tampered.sealed())


def test_the_axis_of_parts_is_not_left_out(model: CompiledModel) -> None:
    tampered = Tampered(artifact_bytes(model))
    del tampered.layer(1)["split"]
    with pytest.raises(ManifestError, match="split is missing"):
        parse_artifact(tampered.sealed())
