"""Subnormal numbers are flushed to zero while a request is computed, and only then; or kept where a plan says so."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.errors import ManifestError
from engine.core.target import Isa, available_isas, host_target
from engine.execution.runtime import Executable, load
from engine.kernels.subnormals import subnormals_text
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.planning.schedule import Mode
from engine.retune import options_of, retune
from graph.graph import Graph
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder
from tests.engine.tamper import Tampered, write_as_before_version_4
from tests.engine.threaded import executable_in, in_parts

TINY = np.float32(1e-40)
UNITS = 64


@pytest.fixture(scope="module")
def tiny_graph() -> Graph:
    """Outputs that are subnormal where the input is 1: of dense layers and of what is not one."""
    b = GraphBuilder()
    kernel = np.zeros((48, UNITS), np.float32)
    kernel[::3, ::2] = TINY
    return b.build(b.dense(b.input(48), UNITS, kernel=kernel, bias=False))


def model_of(graph: Graph, cache: ObjectCache, isa: Isa | None, *, keep: bool) -> CompiledModel:
    options = CompileOptions(tune=False, threads=2, keeps_subnormals=keep)
    return compile_graph(graph, host_target(isa), options, cache)


@pytest.mark.parametrize("batch", [1, 3, 8, 40])
@pytest.mark.parametrize("isa", available_isas())
def test_outputs_that_are_subnormal_become_zero(
    tiny_graph: Graph, object_cache: ObjectCache, isa: Isa, batch: int
) -> None:
    ones = {"x0": np.ones((batch, 48), np.float32)}
    target = host_target(isa)
    for keep in (False, True):
        model = model_of(tiny_graph, object_cache, isa, keep=keep)
        found = load(parse_artifact(artifact_bytes(model)), object_cache, target).run(ones)["y0"]
        assert (found[:, 1::2] == 0).all()
        wanted = 16 * TINY if keep else np.float32(0)
        np.testing.assert_allclose(found[:, ::2], wanted, rtol=1e-4)


def test_the_callers_thread_computes_as_before(
    tiny_graph: Graph, object_cache: ObjectCache
) -> None:
    model = model_of(tiny_graph, object_cache, None, keep=False)
    ready = Executable(model, object_cache, host_target(), threads=1)
    for _ in range(3):
        ready.run({"x0": np.ones((5, 48), np.float32)})
        assert np.float32(0.5) * TINY > 0
        assert TINY + TINY > TINY


def test_what_a_thread_had_set_itself_is_not_taken_from_others(
    tiny_graph: Graph, object_cache: ObjectCache
) -> None:
    ready = Executable(
        model_of(tiny_graph, object_cache, None, keep=False), object_cache, host_target(), threads=1
    )
    seen: list[bool] = []

    def work() -> None:
        ready.run({"x0": np.ones((1, 48), np.float32)})
        seen.append(bool(TINY * np.float32(0.5) > 0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


@pytest.mark.parametrize("isa", available_isas())
def test_no_float16_input_is_flushed(object_cache: ObjectCache, isa: Isa) -> None:
    b = GraphBuilder()
    graph = b.build(
        b.dense(
            b.input(256, type_=TensorType(DType.FLOAT16, (None, 256))),
            256,
            kernel=np.eye(256, dtype=np.float32),
            bias=False,
        )
    )
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = np.where(np.isfinite(halves), halves, np.float16(0)).reshape(256, 256)
    ready = Executable(
        model_of(graph, object_cache, isa, keep=False), object_cache, host_target(isa), threads=1
    )
    np.testing.assert_array_equal(ready.run({"x0": finite})["y0"], finite.astype(np.float32))


@pytest.mark.parametrize("keep", [False, True])
def test_threads_flush_as_the_caller_does(
    tiny_graph: Graph, object_cache: ObjectCache, *, keep: bool
) -> None:
    target = host_target()
    model = in_parts(model_of(tiny_graph, object_cache, None, keep=keep), 2)
    inputs = {"x0": np.ones((64, 48), np.float32)}
    alone = executable_in(Mode.ALONE, model, object_cache, target).run(inputs)["y0"]
    assert bool((alone != 0).any()) is keep
    for mode in (Mode.SPREAD,) if keep else (Mode.SHARED, Mode.SPREAD):
        ready = executable_in(mode, model, object_cache, target)
        for _ in range(50):
            np.testing.assert_array_equal(ready.run(inputs)["y0"], alone)


def test_a_plan_that_keeps_them_shares_no_layer(
    tiny_graph: Graph, object_cache: ObjectCache
) -> None:
    model = model_of(tiny_graph, object_cache, None, keep=True)
    assert all(tile.shared_seconds is None for tile in model.plan.tiles)
    flushed = model_of(tiny_graph, object_cache, None, keep=False)
    tampered = replace(model, plan=replace(model.plan, tiles=flushed.plan.tiles))
    assert any(tile.shared_seconds is not None for tile in tampered.plan.tiles)
    read = parse_artifact(artifact_bytes(tampered)).model
    assert all(tile.shared_seconds is None for tile in read.plan.tiles)


def test_files_of_the_versions_before_keep_them(
    tiny_graph: Graph, object_cache: ObjectCache
) -> None:
    old = Tampered(artifact_bytes(model_of(tiny_graph, object_cache, None, keep=False)))
    old.head[1] = 2
    write_as_before_version_4(old)
    del old.manifest["plan"]["keeps_subnormals"]
    found = parse_artifact(old.sealed()).model
    assert found.plan.keeps_subnormals
    assert found.plan.tiles
    # Chosen again, they are still what outputs depend on.
    options = options_of(found, CompileOptions(tune=False))
    assert retune(found, host_target(), options, object_cache).plan.keeps_subnormals


def test_the_flag_is_taken_from_files_of_its_version_only(
    tiny_graph: Graph, object_cache: ObjectCache
) -> None:
    content = artifact_bytes(model_of(tiny_graph, object_cache, None, keep=False))
    old = Tampered(content)
    old.head[1] = 2
    with pytest.raises(ManifestError, match="unknown fields"):
        parse_artifact(old.sealed())
    new = Tampered(content)
    del new.manifest["plan"]["keeps_subnormals"]
    with pytest.raises(ManifestError, match="keeps_subnormals is missing"):
        parse_artifact(new.sealed())


def test_other_processors_compute_as_they_are_set() -> None:
    text = subnormals_text("riscv64")
    assert "stmxcsr" not in text
    assert "fpcr" not in text
    assert "%flushed = or i64 %state, 0" in text
