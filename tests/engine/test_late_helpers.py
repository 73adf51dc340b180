"""How long calls run alone after helpers held one up: as long as it took, longer where that goes on.

The pool's clock is replaced by one that makes every call with a wait in it a late one, so that no core has
to be kept busy. Where other processes keep them busy, a helper still comes: the caller's own chunk takes some
milliseconds, in which the helper gets a core.
"""

import ctypes
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from engine.compiler import compile_graph
from engine.core.target import host_target, usable_cores
from engine.execution.pool import PROCESS_POOL, PoolTimes, ProcessPool, ThreadPool
from engine.execution.runtime import Executable
from engine.kernels.pool import Pool
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.planning.schedule import Mode
from engine.tuning.measure_modes import race_modes
from engine.tuning.stopwatch import Contender
from graph.graph import Graph
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import UNTUNED
from tests.engine.threaded import executable_in

pytestmark = pytest.mark.skipif(
    usable_cores() < 2, reason="on one core nobody helps at the same time"
)

PATIENCE = 4
CHUNK = 1024
WAIT_NS = 1_000_000
# A call with a wait reads the clock at its begin, at both ends of the wait, and at its end.
READINGS_NS = (0, 1, 1 + WAIT_NS, 2 + WAIT_NS)
TOOK_NS = READINGS_NS[-1]
DEADLINE_SECONDS = 300.0


@dataclass
class Clock:
    """Tells the caller's thread the time of its call by how often it asks, and workers always the same."""

    begin_ns: int = 0
    asked: int = 0

    def read(self, _: int, place: int) -> int:
        """`clock_gettime`."""
        now = 0
        if threading.current_thread() is threading.main_thread():
            now = self.begin_ns + READINGS_NS[min(self.asked, 3)]
            self.asked += 1
        (ctypes.c_int64 * 2).from_address(place)[:] = divmod(now, 10**9)
        return 0


def core() -> int:
    """`sched_getcpu`: a worker is never on its caller's core."""
    return int(threading.current_thread() is not threading.main_thread())


@dataclass
class Calls:
    """Calls of one executable at times that a test chooses."""

    clock: Clock
    pool: ThreadPool
    executable: Executable
    inputs: dict[str, np.ndarray]

    @property
    def alone_until_ns(self) -> int:
        """Until when calls are not helped."""
        return int(self.pool._fields[Pool.CALM_UNTIL // 8])

    def call(self, begin_ns: int) -> None:
        """One call that begins then."""
        self.clock.begin_ns, self.clock.asked = begin_ns, 0
        self.executable.run(self.inputs)

    def late_call(self, after_ns: int) -> int:
        """Have a late call, so long after calls may be helped again; how long they run alone after it.

        Helpers come when they can: calls are made until the caller had to wait for one.
        """
        before = self.alone_until_ns
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.alone_until_ns == before:
            assert time.monotonic() < deadline, "no helper held a call up"
            self.call(before + after_ns)
        return self.alone_until_ns - self.clock.begin_ns - TOOK_NS


@pytest.fixture(scope="module")
def graph() -> Graph:
    b = GraphBuilder(11)
    return b.build(b.dense(b.dense(b.input(400), 800, sparsity=0.5), 300, sparsity=0.5))


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache, graph: Graph) -> CompiledModel:
    return compile_graph(graph, host_target(), UNTUNED, object_cache)


@pytest.fixture
def calls(
    object_cache: ObjectCache,
    model: CompiledModel,
    graph: Graph,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Calls]:
    times = PoolTimes(spin_ns=2**62, hot_ns=2**62, wake_ns=0, calm_ns=0, patience=PATIENCE)
    pool = ThreadPool(host_target(), object_cache, times)
    clock = Clock()
    read = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)(clock.read)
    where = ctypes.CFUNCTYPE(ctypes.c_int)(core)
    for field, function in ((Pool.CLOCK, read), (Pool.GET_CPU, where)):
        pool._fields[field // 8] = ctypes.cast(function, ctypes.c_void_p).value
    pool.grow(1)
    monkeypatch.setattr(PROCESS_POOL, "pool", pool)
    executable = executable_in(Mode.SPREAD, model, object_cache, host_target(), 2, CHUNK)
    yield Calls(clock, pool, executable, random_inputs(graph, 2 * CHUNK))
    assert pool.stop(DEADLINE_SECONDS)  # before the functions above go


def test_one_late_call_costs_one_calls_help(calls: Calls) -> None:
    assert calls.late_call(after_ns=10**12) == TOOK_NS


def test_calls_run_alone_until_then(calls: Calls) -> None:
    calls.late_call(after_ns=10**12)
    helped = calls.pool.helped
    for _ in range(50):
        calls.call(calls.alone_until_ns - 1)
    assert calls.pool.helped == helped


def test_soon_after_each_other_late_calls_double_the_pause(calls: Calls) -> None:
    pauses = [calls.late_call(after_ns=10**12)] + [calls.late_call(after_ns=0) for _ in range(4)]
    assert pauses == [TOOK_NS * times for times in (1, 2, 4, PATIENCE, PATIENCE)]


def test_after_a_while_without_the_pause_is_short_again(calls: Calls) -> None:
    pauses = [calls.late_call(after_ns) for after_ns in (10**12, 0, 0, 100 * TOOK_NS)]
    assert pauses == [TOOK_NS * times for times in (1, 2, 4, 1)]


def test_races_between_modes_have_no_pauses(calls: Calls) -> None:
    patience = Pool.PATIENCE // 8
    seen = []
    contender = Contender(lambda _: seen.append(int(calls.pool._fields[patience])))
    race_modes([contender], 0.0)
    assert seen
    assert set(seen) == {0}
    assert calls.pool._fields[patience] == PoolTimes().patience


def test_a_pool_made_during_a_race_has_none_either(object_cache: ObjectCache) -> None:
    process = ProcessPool()
    with process.without_pauses():
        pool = process.of(0, host_target(), object_cache)
        assert pool._fields[Pool.PATIENCE // 8] == 0
    assert pool._fields[Pool.PATIENCE // 8] == PoolTimes().patience
