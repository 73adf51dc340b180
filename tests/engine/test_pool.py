"""The thread pool: help changes no bit, comes when it can, costs nothing when idle, and survives everything."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.compiler import compile_graph
from engine.core.errors import ThreadCountError
from engine.core.target import host_target, usable_cores, wanted_threads
from engine.execution.pool import MAX_THREADS, PROCESS_POOL, PoolTimes, ProcessPool, ThreadPool
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.machine_code.object_code import LLVM_LOCK
from engine.planning.plan import CompiledModel
from engine.planning.schedule import Mode
from graph.graph import Graph
from tests.builders import random_inputs
from tests.engine.compiled import UNTUNED
from tests.engine.forks import exit_code_of_child, held_by_another_thread
from tests.engine.threaded import executable_in, in_parts, threaded_network
from tests.strategies import graphs

# Workers look for work only for a moment, are always woken, and nothing keeps calls from being helped: they
# come and go in the middle of everything.
RESTLESS = PoolTimes(spin_ns=1_000, hot_ns=0, wake_ns=0, calm_ns=0, patience=0)
NEVER_WOKEN = PoolTimes(spin_ns=0, hot_ns=0, wake_ns=2**62, calm_ns=0, patience=0)
BATCHES = (1, 7, 16, 65, 200)


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache) -> CompiledModel:
    return in_parts(compile_graph(threaded_network(), host_target(), UNTUNED, object_cache), 4)


@contextlib.contextmanager
def pool_with(times: PoolTimes, cache: ObjectCache, workers: int = 3) -> Iterator[ThreadPool]:
    """The process's pool with other times; its workers are woken once, so that they know."""
    PROCESS_POOL.of(workers, host_target(), cache)
    pool = PROCESS_POOL.pool
    assert pool is not None
    pool.set_times(times)
    try:
        yield pool
    finally:
        pool.set_times(PoolTimes())


def outputs(executable: Executable, batch: int) -> np.ndarray:
    return executable.run(random_inputs(threaded_network(), batch))["y0"]


def expected(model: CompiledModel, cache: ObjectCache, mode: Mode, batch: int) -> np.ndarray:
    """What one thread computes; chunks are cut into tiles as requests of their size are."""
    alone = executable_in(Mode.ALONE, model, cache, host_target())
    (x,) = random_inputs(threaded_network(), batch).values()
    step = 8 if mode is Mode.SPREAD else batch
    pieces = [alone.run({"x0": x[first : first + step]})["y0"] for first in range(0, batch, step)]
    return np.concatenate(pieces)


@pytest.mark.parametrize("times", [PoolTimes(), RESTLESS, NEVER_WOKEN], ids=["", "restless", "off"])
@pytest.mark.parametrize("mode", [Mode.SHARED, Mode.SPREAD])
def test_help_changes_no_bit(
    object_cache: ObjectCache, model: CompiledModel, mode: Mode, times: PoolTimes
) -> None:
    helped = executable_in(mode, model, object_cache, host_target(), threads=4)
    with pool_with(times, object_cache):
        for batch in BATCHES:
            wanted = expected(model, object_cache, mode, batch)
            for _ in range(30):
                np.testing.assert_array_equal(outputs(helped, batch), wanted)


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(graph=graphs(), batch=st.integers(1, 90), chunk=st.sampled_from([1, 8, 32]))
def test_every_network_gives_the_same_bits_in_every_mode(
    object_cache: ObjectCache, graph: Graph, batch: int, chunk: int
) -> None:
    target = host_target()
    compiled = in_parts(compile_graph(graph, target, UNTUNED, object_cache), 3)
    inputs = random_inputs(graph, batch)
    alone = executable_in(Mode.ALONE, compiled, object_cache, target)
    with pool_with(RESTLESS, object_cache):
        shared = executable_in(Mode.SHARED, compiled, object_cache, target, 3).run(inputs)
        spread = executable_in(Mode.SPREAD, compiled, object_cache, target, 3, chunk).run(inputs)
    for name, wanted in alone.run(inputs).items():
        np.testing.assert_array_equal(shared[name], wanted)
        # Chunks are cut into tiles as requests are: their bits are those of requests of their size.
        first = {key: array[:chunk] for key, array in inputs.items()}
        np.testing.assert_array_equal(spread[name][:chunk], alone.run(first)[name])
        np.testing.assert_allclose(spread[name], wanted, rtol=1e-3, atol=1e-3)


def test_sixteen_threads_at_once_get_the_bits_of_one(
    object_cache: ObjectCache, model: CompiledModel
) -> None:
    target = host_target()
    executables = [
        executable_in(mode, model, object_cache, target, threads=4) for mode in list(Mode)
    ]
    wanted = {
        (number, batch): outputs(executable, batch)
        for number, executable in enumerate(executables)
        for batch in BATCHES
    }
    failures: list[object] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(40):
            number, batch = int(rng.integers(3)), int(rng.choice(BATCHES))
            if not np.array_equal(outputs(executables[number], batch), wanted[number, batch]):
                failures.append((number, batch))

    with pool_with(RESTLESS, object_cache):
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


@pytest.mark.skipif(usable_cores() < 2, reason="helpers need a core of their own")
@pytest.mark.parametrize("mode", [Mode.SHARED, Mode.SPREAD])
def test_workers_do_take_part(object_cache: ObjectCache, model: CompiledModel, mode: Mode) -> None:
    executable = executable_in(mode, model, object_cache, host_target(), threads=2)
    inputs = random_inputs(threaded_network(), 200)
    deadline = time.monotonic() + 20  # a busy machine may keep them away for long
    with pool_with(RESTLESS, object_cache) as pool:
        before = pool.helped
        while pool.helped == before and time.monotonic() < deadline:
            executable.run(inputs)
        assert pool.helped > before


def test_workers_that_may_not_help_sleep(object_cache: ObjectCache, model: CompiledModel) -> None:
    """Calls follow each other, each for one helper only; the other workers have nothing to stay awake for."""
    executable = executable_in(Mode.SHARED, model, object_cache, host_target(), threads=2)
    with pool_with(PoolTimes(calm_ns=0, patience=0), object_cache) as pool:
        assert pool.workers >= 3
        deadline = time.monotonic() + 20
        while pool.sleeping < pool.workers - 1 and time.monotonic() < deadline:
            outputs(executable, 200)
        assert pool.sleeping >= pool.workers - 1


def test_one_thread_needs_no_pool(
    object_cache: ObjectCache, model: CompiledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProcessPool, "of", None)  # calling it would fail
    executable = executable_in(Mode.SHARED, model, object_cache, host_target(), threads=1)
    assert outputs(executable, 65).shape == (65, 40)


def test_arenas_of_helpers_are_counted(object_cache: ObjectCache, model: CompiledModel) -> None:
    executable = executable_in(Mode.SPREAD, model, object_cache, host_target(), threads=3)
    alone = executable_in(Mode.ALONE, model, object_cache, host_target())
    constants = alone.resident_bytes
    assert executable.resident_bytes == constants
    outputs(alone, 65)
    arena = alone.resident_bytes - constants
    outputs(executable, 65)
    assert executable.resident_bytes - constants == 3 * arena
    # As if it ran: then another call has memory of its own, but no helpers.
    busy = executable._idle.pop()
    outputs(executable, 65)
    executable._idle.append(busy)
    assert executable.resident_bytes - constants == 4 * arena


def test_a_stopped_pool_leaves_the_work_to_callers(
    object_cache: ObjectCache, model: CompiledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ThreadPool(host_target(), object_cache, RESTLESS)
    pool.grow(2)
    assert pool.workers == 2
    assert pool.stop(20.0)
    monkeypatch.setattr(PROCESS_POOL, "pool", pool)
    for mode in (Mode.SHARED, Mode.SPREAD):
        executable = executable_in(mode, model, object_cache, host_target(), threads=2)
        wanted = expected(model, object_cache, mode, 65)
        np.testing.assert_array_equal(outputs(executable, 65), wanted)


def test_without_more_threads_callers_work_alone(
    object_cache: ObjectCache, model: CompiledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = ThreadPool(host_target(), object_cache, RESTLESS)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        pool.grow(2)
    assert pool.workers == 0
    monkeypatch.setattr(PROCESS_POOL, "pool", pool)
    monkeypatch.setattr(pool, "grow", lambda _: None)
    executable = executable_in(Mode.SHARED, model, object_cache, host_target(), threads=2)
    wanted = expected(model, object_cache, Mode.SHARED, 65)
    np.testing.assert_array_equal(outputs(executable, 65), wanted)


# Python 3.12 warns that forking with threads may deadlock: what it means is tested here.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_makes_workers_of_its_own(
    object_cache: ObjectCache, model: CompiledModel
) -> None:
    executable = executable_in(Mode.SHARED, model, object_cache, host_target(), threads=2)
    wanted = outputs(executable, 65)
    with pool_with(RESTLESS, object_cache) as pool:

        def in_child() -> bool:
            same = all(np.array_equal(outputs(executable, 65), wanted) for _ in range(20))
            own = PROCESS_POOL.pool is not pool
            PROCESS_POOL.end()
            return same and own

        assert exit_code_of_child(in_child) == 0
    np.testing.assert_array_equal(outputs(executable, 65), wanted)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_another_thread_compiles_does_not_hold_the_child_up(
    object_cache: ObjectCache, model: CompiledModel
) -> None:
    executable = executable_in(Mode.SHARED, model, object_cache, host_target(), threads=2)
    wanted = outputs(executable, 65)

    def in_child() -> bool:
        same = np.array_equal(outputs(executable, 65), wanted)
        PROCESS_POOL.end()
        return same

    with pool_with(RESTLESS, object_cache), held_by_another_thread(LLVM_LOCK):
        assert exit_code_of_child(in_child) == 0


@pytest.mark.parametrize(
    ("text", "threads"), [("", 5), (" ", 5), ("1", 1), (" 3 ", 3), ("200", 200)]
)
def test_the_environment_says_how_many_threads(text: str, threads: int) -> None:
    assert wanted_threads(5, {"PRUNUS_THREADS": text}) == threads
    assert wanted_threads(5, {}) == 5


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1e3", "0x2", "9" * 30, "\u0662"])
def test_what_is_no_number_of_threads_is_refused(text: str) -> None:
    with pytest.raises(ThreadCountError, match="1 or more"):
        wanted_threads(5, {"PRUNUS_THREADS": text})


def test_executables_take_the_environments_threads(
    object_cache: ObjectCache, model: CompiledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = replace(host_target(), cores=3)
    monkeypatch.delenv("PRUNUS_THREADS", raising=False)
    assert Executable(model, object_cache, target).threads == 3
    monkeypatch.setenv("PRUNUS_THREADS", "2")
    assert Executable(model, object_cache, target).threads == 2
    assert Executable(model, object_cache, target, 1).threads == 1
    assert Executable(model, object_cache, target, 10_000).threads == MAX_THREADS
    with pytest.raises(ThreadCountError):
        Executable(model, object_cache, target, 0)
