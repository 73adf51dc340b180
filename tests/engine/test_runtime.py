"""What callers of an executable rely on: errors, threads, copies, closing, forking, few imports."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from engine.compiler import compile_graph
from engine.core.errors import (
    BatchMismatchError,
    EmptyBatchError,
    ExecutableClosedError,
    InputDtypeError,
    InputShapeError,
    MissingInputError,
    UnknownInputError,
)
from engine.core.target import host_target
from engine.execution.runtime import Executable, TensorSpec
from engine.machine_code.object_cache import ObjectCache
from graph.activations import Function
from graph.graph import Graph
from graph.ops import Merge, MergeKind
from graph.tensor_type import DType, TensorType, float32
from graph.windows import Padding
from tests.builders import GraphBuilder, random_inputs
from tests.conftest import REPOSITORY
from tests.engine.compiled import UNTUNED, assert_close, compiled, oracle
from tests.pruning.images import ImageBuilder


def small_graph() -> Graph:
    b = GraphBuilder(3)
    x, z = b.input(20, name="left"), b.input(2, 10, name="right")
    hidden = b.dense(x, 33, sparsity=0.8, activation=Function.RELU)
    other = b.dense(z, 7, sparsity=0.5)
    return b.build(b.dense(hidden, 5), other, other)


@pytest.fixture
def executable(object_cache: ObjectCache) -> Executable:
    return compiled(small_graph(), object_cache)


def test_signature_is_the_graphs(executable: Executable) -> None:
    assert executable.name == "model"
    assert executable.inputs == (
        TensorSpec("left", "float32", (20,), (20,)),
        TensorSpec("right", "float32", (2, 10), (2, 10)),
    )
    assert executable.outputs == (
        TensorSpec("y0", "float32", (5,), (5,)),
        TensorSpec("y1", "float32", (2, 7), (2, 7)),
        TensorSpec("y2", "float32", (2, 7), (2, 7)),
    )


def test_a_missing_input_is_refused(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 3)
    del inputs["right"]
    with pytest.raises(MissingInputError, match="'right' is missing"):
        executable.run(inputs)


def test_an_unknown_input_is_refused(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 3)
    with pytest.raises(UnknownInputError, match="'third'"):
        executable.run({**inputs, "third": inputs["left"]})


@pytest.mark.parametrize("dtype", [np.float64, np.int32, ">f4", object])
def test_another_dtype_is_refused(executable: Executable, dtype: object) -> None:
    inputs = random_inputs(small_graph(), 3)
    with pytest.raises(InputDtypeError, match="expected float32"):
        executable.run({**inputs, "left": inputs["left"].astype(dtype)})


def test_something_that_is_no_array_is_refused(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 1)
    with pytest.raises(InputDtypeError, match="got list"):
        executable.run({**inputs, "left": [[0.0] * 20]})  # type: ignore[dict-item]


@pytest.mark.parametrize("shape", [(20,), (3, 19), (3, 4, 5), ()])
def test_another_shape_is_refused(executable: Executable, shape: tuple[int, ...]) -> None:
    inputs = random_inputs(small_graph(), 3)
    with pytest.raises(InputShapeError, match=r"expected \[batch, 20\]"):
        executable.run({**inputs, "left": np.zeros(shape, np.float32)})


def test_an_empty_batch_is_refused(executable: Executable) -> None:
    with pytest.raises(EmptyBatchError):
        executable.run(random_inputs(small_graph(), 0))


def test_different_batch_sizes_are_refused(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 3)
    with pytest.raises(BatchMismatchError, match=r"'left'.*'right'"):
        executable.run({**inputs, "right": inputs["right"][:2]})


@pytest.mark.parametrize("batch", [1, 2, 15, 16, 17, 31, 33, 64, 65, 127, 200, 321])
def test_every_batch_size_is_cut_into_tiles(executable: Executable, batch: int) -> None:
    inputs = random_inputs(small_graph(), batch)
    assert_close(executable.run(inputs), oracle(small_graph(), inputs))


def test_strided_fortran_and_read_only_arrays_are_taken(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 6)
    wanted = executable.run(inputs)
    left = np.repeat(inputs["left"], 2, axis=0)[::2]
    right = np.asfortranarray(inputs["right"])
    right.flags.writeable = False
    assert not left.flags.c_contiguous
    actual = executable.run({"left": left, "right": right})
    for name, array in wanted.items():
        np.testing.assert_array_equal(actual[name], array)


def test_results_are_new_contiguous_arrays(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 4)
    first, second = executable.run(inputs), executable.run(inputs)
    for name, array in first.items():
        assert array.flags.c_contiguous
        assert array.flags.writeable
        array[:] = np.nan
        assert np.isfinite(second[name]).all()


def test_nan_stays_in_its_sample(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 40)
    wanted = executable.run(inputs)
    spoiled = {name: array.copy() for name, array in inputs.items()}
    spoiled["left"][7] = np.nan
    spoiled["right"][9] = np.inf
    actual = executable.run(spoiled)
    assert np.isnan(actual["y0"][7]).all()
    assert not np.isfinite(actual["y1"][9]).all()
    for name, sample in (("y0", 7), ("y1", 9), ("y2", 9)):
        others = np.delete(np.arange(40), sample)
        np.testing.assert_array_equal(actual[name][others], wanted[name][others])


def test_threads_share_an_executable(executable: Executable) -> None:
    graph = small_graph()
    jobs = [random_inputs(graph, 1 + 7 * seed, seed) for seed in range(8)]
    wanted = [executable.run(job) for job in jobs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            result = executable.run(jobs[number])
            same = all(np.array_equal(result[name], wanted[number][name]) for name in result)
            if not same:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_closed_executable_refuses_calls(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 2)
    executable.run(inputs)
    assert executable.resident_bytes > 0
    executable.close()
    executable.close()
    assert executable.resident_bytes == 0
    with pytest.raises(ExecutableClosedError):
        executable.run(inputs)


def test_closing_lets_running_calls_end(object_cache: ObjectCache) -> None:
    b = GraphBuilder(5)
    x = b.input(256)
    for _ in range(4):
        x = b.dense(x, 256, sparsity=0.5, activation=Function.TANH)
    graph = b.build(x)
    executable = compiled(graph, object_cache)
    inputs = random_inputs(graph, 512)
    wanted = executable.run(inputs)["y0"]
    results: list[np.ndarray] = []
    started = threading.Barrier(3)

    def work() -> None:
        started.wait()
        try:
            while True:
                results.append(executable.run(inputs)["y0"])
        except ExecutableClosedError:
            return

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    started.wait()
    while not results:
        pass
    executable.close()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, wanted)


# Python 3.12 warns that forking with threads may deadlock: an executable takes no locks in `run`.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_can_run_what_its_parent_loaded(executable: Executable) -> None:
    inputs = random_inputs(small_graph(), 17)
    wanted = executable.run(inputs)["y0"]
    child = os.fork()
    if child == 0:  # pragma: no cover (the child leaves without writing coverage)
        same = np.array_equal(executable.run(inputs)["y0"], wanted)
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype is not DType.STRING])
def test_inputs_of_every_dtype_are_converted(object_cache: ObjectCache, dtype: DType) -> None:
    b = GraphBuilder(1)
    x = b.input(name="x", type_=TensorType(dtype, (None, 21)))
    graph = b.build(b.dense(x, 4))
    rng = np.random.default_rng(0)
    inputs = {"x": (rng.uniform(0, 2, (19, 21)) * 3).astype(dtype.numpy)}
    assert_close(compiled(graph, object_cache).run(inputs), oracle(graph, inputs))


def test_an_output_may_be_an_input(object_cache: ObjectCache) -> None:
    b = GraphBuilder(1)
    x = b.input(21)
    graph = b.build(x, x, b.dense(x, 3))
    inputs = random_inputs(graph, 18)
    result = compiled(graph, object_cache).run(inputs)
    np.testing.assert_array_equal(result["y0"], inputs["x0"])
    np.testing.assert_array_equal(result["y1"], inputs["x0"])
    assert result["y0"] is not result["y1"]


def test_an_input_may_be_unused_and_a_sample_a_scalar(object_cache: ObjectCache) -> None:
    b = GraphBuilder(1)
    x, _ = b.input(type_=float32()), b.input(4)
    graph = b.build(b.add(Merge(MergeKind.ADD), [x, x]))
    inputs = random_inputs(graph, 5)
    result = compiled(graph, object_cache).run(inputs)
    np.testing.assert_array_equal(result["y0"], 2 * inputs["x0"])


def test_the_runtime_imports_no_compiler_and_no_reader() -> None:
    code = (
        "import sys, engine.execution.runtime\n"
        "unwanted = ('graph.keras', 'graph.ops', 'engine.compiler', 'engine.passes', 'engine.tuning',"
        " 'engine.roofline', 'pruning', 'h5py', 'scipy', 'tensorflow', 'keras', 'fastapi')\n"
        "found = [m for m in sys.modules if m.startswith(unwanted)]\n"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_plan_of_kernels_that_there_are_no_more_is_made_anew(object_cache: ObjectCache) -> None:
    """Another version offers other blocks of positions: a stored model is served all the same."""
    b = ImageBuilder(6)
    graph = b.build(b.conv(b.input(9, 9, 3, name="image"), 5, 3, padding=Padding.SAME))
    model = compile_graph(graph, host_target(), UNTUNED, object_cache)
    (tile,) = [tile for tile in model.plan.tiles if tile.lanes == 1]
    choices = {
        number: replace(choice, spec=replace(choice.spec, variant=(("rows", 99),)), packed=None)
        for number, choice in tile.choices.items()
    }
    plan = replace(model.plan, tiles=(replace(tile, choices=choices),), tuned=True)
    executable = Executable(replace(model, plan=plan), object_cache, host_target())
    assert not executable.is_tuned_here
    inputs = {"image": np.random.default_rng(0).standard_normal((2, 9, 9, 3)).astype(np.float32)}
    assert_close(executable.run(inputs), oracle(graph, inputs))
