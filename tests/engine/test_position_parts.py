"""Layers split by positions: all parts together are the layer, in every mode and from a file; bad splits are refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.errors import ManifestError
from engine.core.layers import ConvLayer, DenseLayer, DepthwiseLayer
from engine.core.target import Isa, available_isas, host_target
from engine.execution.runtime import Executable
from engine.kernels.position_blocks import blocks_of
from engine.kernels.registry import kernel_candidates
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import (
    Split,
    SplitAxis,
    packed_parts,
    split_axes,
    split_evenly,
    split_layer,
)
from engine.planning.plan import CompiledModel
from engine.planning.schedule import Mode
from graph.graph import Graph
from tests.builders import random_inputs
from tests.engine.compiled import UNTUNED, assert_close, oracle
from tests.engine.spatial_graphs import spatial_graphs
from tests.engine.tamper import Tampered
from tests.engine.test_positions_inside import residual
from tests.engine.threaded import executable_in

TAPS = np.array([0, 1, 2], np.uint32)


def conv(groups: int = 1, positions: int = 70) -> ConvLayer:
    rng = np.random.default_rng(1)
    kernel = rng.standard_normal((6 // groups * 3, 32)).astype(np.float32)
    kernel[rng.random(kernel.shape) < 0.6] = 0
    return ConvLayer(kernel, None, TAPS, groups, positions + 2, (positions,), (1,))


def depthwise(multiplier: int, units: int = 8, positions: int = 70) -> DepthwiseLayer:
    kernel = np.ones((3, units), np.float32)
    return DepthwiseLayer(kernel, None, TAPS, multiplier, positions + 2, (positions,), (1,))


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
    # Channels of a depthwise layer go whole, where there are enough of them.
    assert split_layer(depthwise(1, units=32, positions=4096), 2, 1, sparse=False) == by_units
    narrow = split_layer(depthwise(1, units=16, positions=4096), 2, 1, sparse=False)
    assert narrow.axis is SplitAxis.POSITIONS
    assert split_axes(DenseLayer(np.ones((4, 4), np.float32), positions=5)) == ()


def network() -> Graph:
    return residual(2, (16, 16))


def in_parts_along(model: CompiledModel, axis: SplitAxis, count: int) -> CompiledModel:
    """The model with every layer that has this axis in parts along it."""
    steps, tiles = model.program.weighted_steps(), []
    for tile in model.plan.tiles:
        choices = dict(tile.choices)
        for number, choice in choices.items():
            step = steps[number]
            if axis not in split_axes(step):
                continue
            parts = split_evenly(step.units, count)
            if axis is SplitAxis.POSITIONS:
                most = min(count, step.positions)
                bounds = [step.positions * part // most for part in range(most + 1)]
                parts = tuple(map(range, bounds[:-1], bounds[1:]))
            choices[number] = replace(choice, packed=None, parts=parts, axis=axis)
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles), threads=count))


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache) -> CompiledModel:
    return in_parts_along(
        compile_graph(network(), host_target(), UNTUNED, object_cache), SplitAxis.POSITIONS, 3
    )


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
    whole = compile_graph(network(), target, UNTUNED, object_cache)
    split = in_parts_along(whole, SplitAxis.POSITIONS, 2)
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


@pytest.mark.parametrize("axis", SplitAxis)
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_drawn_networks_in_parts(
    object_cache: ObjectCache, axis: SplitAxis, data: st.DataObject
) -> None:
    graph = data.draw(spatial_graphs(None))
    lanes = data.draw(st.sampled_from([1, 4, 16]))
    inputs = random_inputs(graph, data.draw(st.integers(1, lanes + 1)))
    options = CompileOptions(tune=False, buckets=(lanes,))
    whole = compile_graph(graph, host_target(), options, object_cache)
    split = in_parts_along(whole, axis, data.draw(st.integers(2, 4)))
    with np.errstate(all="ignore"):
        one = executable_in(Mode.ALONE, whole, object_cache, host_target()).run(inputs)
        shared = executable_in(Mode.SHARED, split, object_cache, host_target(), threads=3)
        found = shared.run(inputs)
    for name, array in found.items():
        if axis is SplitAxis.POSITIONS:
            np.testing.assert_array_equal(array, one[name])
        else:
            scale = np.abs(one[name][np.isfinite(one[name])]).max(initial=1e-3)
            np.testing.assert_allclose(array, one[name], rtol=0, atol=1e-5 * scale)
