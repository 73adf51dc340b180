"""What is the same to the last bit, as docs/kernels.md ("Exactness") promises it."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts.artifact import open_artifact, write_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import Isa, available_isas, host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import split_rows
from engine.planning.plan import CompiledModel, layer_of
from engine.planning.schedule import Mode, Schedule
from tests.builders import GraphBuilder, random_inputs
from tests.engine.deep import executable, forced_models, well_posed_graph

BATCH = 70
SPLITS = ((1,) * BATCH, (35, 35), (1, 2, 3, 4, 60), (64, 6), (69, 1), (7,) * 10, (23, 24, 23))
# As in docs/kernels.md: two ways of splitting a batch, as a share of the largest output.
SPLIT_DIFFERENCE = 2e-5


def outputs_in_pieces(
    ready: Executable, inputs: dict[str, np.ndarray], sizes: Sequence[int]
) -> np.ndarray:
    ends = np.cumsum(sizes)
    pieces = [
        ready.run({name: array[end - size : end] for name, array in inputs.items()})["y0"]
        for size, end in zip(sizes, ends, strict=True)
    ]
    return np.concatenate(pieces)


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache) -> CompiledModel:
    graph = well_posed_graph(0, 0.9)
    return compile_graph(graph, host_target(), CompileOptions(tune=False), object_cache)


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    return random_inputs(well_posed_graph(0, 0.9), BATCH)


@pytest.mark.parametrize("batch", [1, 2, 8, 33, BATCH])
def test_a_request_gives_the_same_bits_every_time(
    object_cache: ObjectCache, model: CompiledModel, inputs: dict[str, np.ndarray], batch: int
) -> None:
    ready = executable(model, object_cache)
    asked = {name: array[:batch] for name, array in inputs.items()}
    spoiled = {name: np.full_like(array, np.nan) for name, array in inputs.items()}
    first = ready.run(asked)["y0"]
    for _ in range(5):
        ready.run(spoiled)  # leaves NaN in the workspace
        np.testing.assert_array_equal(ready.run(asked)["y0"], first)
    again = executable(model, object_cache)
    np.testing.assert_array_equal(again.run(asked)["y0"], first)


def test_other_processes_give_the_same_bits(
    object_cache: ObjectCache, model: CompiledModel, inputs: dict[str, np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "model.prunus"
    write_artifact(model, path)
    np.savez(tmp_path / "inputs.npz", allow_pickle=False, **inputs)
    code = (
        "import hashlib, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from engine.machine_code.object_cache import ObjectCache\n"
        "from engine.execution.runtime import load\n"
        "folder = Path(sys.argv[1])\n"
        "ready = load(folder / 'model.prunus', ObjectCache(folder / 'objects'), threads=1)\n"
        "with np.load(folder / 'inputs.npz') as inputs:\n"
        "    print(hashlib.sha256(ready.run(dict(inputs))['y0'].tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    }
    ready = Executable(open_artifact(path).model, object_cache, host_target(), 1)
    assert digests == {hashlib.sha256(ready.run(inputs)["y0"].tobytes()).hexdigest()}


def test_many_python_threads_get_the_bits_of_one(
    object_cache: ObjectCache, model: CompiledModel, inputs: dict[str, np.ndarray]
) -> None:
    ready = executable(model, object_cache)
    wanted = [outputs_in_pieces(ready, inputs, sizes) for sizes in SPLITS]

    def ask(number: int) -> np.ndarray:
        return outputs_in_pieces(ready, inputs, SPLITS[number % len(SPLITS)])

    with ThreadPoolExecutor(16) as pool:
        for number, actual in enumerate(pool.map(ask, range(48))):
            np.testing.assert_array_equal(actual, wanted[number % len(SPLITS)])


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("sparsity", [0.0, 0.9])
def test_with_one_tile_width_splits_make_no_difference(
    object_cache: ObjectCache, isa: Isa, sparsity: float
) -> None:
    graph = well_posed_graph(0, sparsity)
    inputs = random_inputs(graph, BATCH)
    for forced in forced_models(graph, isa, (1, 8, 16, 32), object_cache):
        ready = executable(forced, object_cache)
        wanted = ready.run(inputs)["y0"]
        kernels = {choice.spec.symbol for choice in forced.plan.tiles[0].choices.values()}
        for sizes in SPLITS:
            actual = outputs_in_pieces(ready, inputs, sizes)
            np.testing.assert_array_equal(actual, wanted, err_msg=f"{sizes[:5]} {kernels}")
        ready.close()


@pytest.mark.parametrize("isa", available_isas())
def test_kernels_that_sum_in_the_order_of_inputs_give_the_same_bits(
    object_cache: ObjectCache, isa: Isa
) -> None:
    graph = well_posed_graph(0, 0.9)
    inputs = random_inputs(graph, BATCH)
    widths = {"spmv_sell": (1,), "spmm_rows": (8, 16, 32, 64), "dense_gemm": (16, 64)}
    found = [
        executable(model, object_cache).run(inputs)["y0"]
        for family, lanes in widths.items()
        for model in forced_models(graph, isa, lanes, object_cache, family)
    ]
    assert len(found) >= 7
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.95, 0.99])
def test_over_all_tile_widths_splits_differ_within_the_documented_bound(
    object_cache: ObjectCache, sparsity: float
) -> None:
    graph = well_posed_graph(0, sparsity)
    inputs = random_inputs(graph, BATCH)
    model = compile_graph(graph, host_target(), CompileOptions(tune=False), object_cache)
    ready = executable(model, object_cache)
    whole = ready.run(inputs)["y0"]
    for sizes in SPLITS:
        difference = np.abs(outputs_in_pieces(ready, inputs, sizes) - whole).max()
        assert difference <= SPLIT_DIFFERENCE * np.abs(whole).max(), sizes[:5]


def shared_model(cache: ObjectCache, lanes: int) -> CompiledModel:
    """Layers in up to three parts, in one tile width."""
    b = GraphBuilder(3)
    value = b.input(300)
    for units in (300, 257, 129, 10):
        value = b.dense(value, units, sparsity=0.9)
    options = CompileOptions(tune=False, buckets=(lanes,))
    model = compile_graph(b.build(value), host_target(), options, cache)
    steps = model.program.weighted_steps()
    (tile,) = model.plan.tiles
    choices = {
        number: replace(
            choice,
            packed=None,
            parts=split_rows(layer_of(model.program, steps[number]).kernel, 3),
        )
        for number, choice in tile.choices.items()
    }
    assert any(len(choice.parts) > 1 for choice in choices.values())
    return replace(model, plan=replace(model.plan, tiles=(replace(tile, choices=choices),)))


@pytest.mark.parametrize("lanes", [1, 16])
def test_the_number_of_threads_makes_no_difference_with_one_tile_width(
    object_cache: ObjectCache, lanes: int
) -> None:
    model = shared_model(object_cache, lanes)
    rng = np.random.default_rng(0)
    inputs = {"x0": rng.standard_normal((BATCH, 300)).astype(np.float32)}
    wanted = Executable(model, object_cache, host_target(), 1).run(inputs)["y0"]
    zeros = (0,) * (BATCH + 1)
    for mode, threads in ((Mode.SHARED, 2), (Mode.SHARED, 3), (Mode.SPREAD, 2), (Mode.SPREAD, 3)):
        chunks = ((7,) if mode is Mode.SPREAD else (0,)) * (BATCH + 1)
        times = (1e-3,) * (BATCH + 1)
        schedule = Schedule(zeros, zeros, (mode,) * (BATCH + 1), chunks, times)
        ready = Executable(model, object_cache, host_target(), threads, schedule)
        for _ in range(20):
            np.testing.assert_array_equal(ready.run(inputs)["y0"], wanted)
        ready.close()
