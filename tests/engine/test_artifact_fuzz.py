"""Artifacts changed at random and sealed again: an error of ours, or a run that leaves no buffer."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.assemble import Packer
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import SplitAxis, split_axes, split_evenly
from engine.planning.plan import CompiledModel
from graph.recurrent_ops import LstmCell, Recurrent, RecurrentResult
from tests.builders import random_inputs
from tests.engine.attention_graphs import every_attention_step
from tests.engine.compiled import UNTUNED, assert_close, oracle
from tests.engine.general_graphs import every_step
from tests.engine.image_network import image_network
from tests.engine.recurrent_graphs import recurrent_graph
from tests.engine.tamper import Tampered, leaves, outcome
from tests.engine.test_artifact import model_graph
from tests.engine.threaded import in_parts

ENOUGH = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# Two widths for images: three threads share their layers, by positions and by outputs.
IMAGES = CompileOptions(tune=False, buckets=(1, 16), threads=3)


@pytest.fixture(scope="module", params=["dense", "images", "general", "recurrent", "attention"])
def content(object_cache: ObjectCache, request: pytest.FixtureRequest) -> bytes:
    if request.param == "dense":
        return artifact_bytes(compile_graph(model_graph(), host_target(), UNTUNED, object_cache))
    if request.param == "general":
        return artifact_bytes(compile_graph(every_step(), host_target(), UNTUNED, object_cache))
    if request.param == "attention":
        graph = every_attention_step()
        return artifact_bytes(compile_graph(graph, host_target(), UNTUNED, object_cache))
    if request.param == "recurrent":
        return artifact_bytes(recurrent_model(object_cache))
    model = compile_graph(image_network(), host_target(), IMAGES, object_cache)
    axes = (SplitAxis.POSITIONS, SplitAxis.UNITS)
    return artifact_bytes(with_parts(model, axes))


def recurrent_model(cache: ObjectCache) -> CompiledModel:
    """A masked LSTM in parts, packed."""
    op = Recurrent(
        LstmCell(),
        masked=True,
        stateful_inputs=True,
        result=RecurrentResult.SEQUENCE_AND_STATES,
        use_recurrent_bias=True,
    )
    graph = recurrent_graph(op, 4, 40, sparsity=0.8)
    model = in_parts(compile_graph(graph, host_target(), IMAGES, cache), 3)
    steps, packer = model.program.weighted_steps(), Packer(model.program)
    tiles = []
    for tile in model.plan.tiles:
        choices = {
            number: replace(choice, packed=packer.packed(steps[number], choice))
            for number, choice in tile.choices.items()
        }
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles)))


def with_parts(model: CompiledModel, axes: tuple[SplitAxis, ...]) -> CompiledModel:
    """The model packed, with its layers in parts: in each width by one of the axes, where they may be."""
    steps, packer = model.program.weighted_steps(), Packer(model.program)
    tiles = []
    for tile, axis in zip(model.plan.tiles, axes, strict=True):
        choices = {}
        for number, choice in tile.choices.items():
            if axis in split_axes(steps[number]):
                size = steps[number].positions if axis is SplitAxis.POSITIONS else None
                parts = (
                    split_evenly(steps[number].units, 3)
                    if size is None
                    else (range(size // 3), range(size // 3, size))
                )
                choice = replace(choice, packed=None, parts=parts, axis=axis)
            packed = packer.packed(steps[number], choice)
            choices[number] = replace(choice, packed=packed)
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles)))


def test_an_untouched_artifact_runs(content: bytes, object_cache: ObjectCache) -> None:
    assert outcome(Tampered(content).sealed(), object_cache) == "ran"


def test_the_image_network_computes_what_the_oracle_does(object_cache: ObjectCache) -> None:
    graph = image_network()
    inputs = random_inputs(graph, 17)
    wanted = oracle(graph, inputs)
    model = compile_graph(graph, host_target(), IMAGES, object_cache)
    for form in (model, with_parts(model, (SplitAxis.POSITIONS, SplitAxis.UNITS))):
        executable = load(parse_artifact(artifact_bytes(form)), object_cache)
        assert_close(executable.run(inputs), wanted)


@ENOUGH
@given(data=st.data())
def test_flipped_data_bytes_never_lead_outside(
    content: bytes, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(tampered.data) - 1))
        tampered.data[place] ^= data.draw(st.integers(1, 255))
    assert outcome(tampered.sealed(), object_cache) in {"refused", "ran"}


@ENOUGH
@given(data=st.data())
def test_changed_manifest_values_never_lead_outside(
    content: bytes, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(content)
    holder, key = data.draw(st.sampled_from(leaves(tampered.manifest)))
    holder[key] = data.draw(
        st.one_of(
            st.integers(-2, 80),
            st.sampled_from([2**31, 2**40, 2**53, -(2**63), None, True, "", "relu", [], {}]),
        )
    )
    assert outcome(tampered.sealed(), object_cache) in {"refused", "ran"}


@ENOUGH
@given(data=st.data())
def test_flipped_manifest_bytes_never_lead_outside(
    content: bytes, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(content)
    text = bytearray(json.dumps(tampered.manifest).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 127))
    assert outcome(tampered.sealed(bytes(text)), object_cache) in {"refused", "ran"}
