"""On which cores workers may run."""

import os
import threading
import time

import pytest

from engine.core.target import host_target
from engine.execution.pool import PoolTimes, ThreadPool
from engine.machine_code.object_cache import ObjectCache

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores to choose from",
)


def test_workers_may_use_the_cores_of_the_process_not_of_their_first_caller(
    object_cache: ObjectCache,
) -> None:
    pool = ThreadPool(host_target(), object_cache, PoolTimes())
    everything = os.sched_getaffinity(0)

    def first_caller() -> None:
        os.sched_setaffinity(0, {min(everything)})
        pool.grow(1)

    caller = threading.Thread(target=first_caller)
    caller.start()
    caller.join()
    (worker,) = pool._threads
    deadline = time.monotonic() + 20
    while pool.sleeping < 1 and time.monotonic() < deadline:  # then it has chosen its cores
        time.sleep(0.001)
    assert worker.native_id is not None
    assert os.sched_getaffinity(worker.native_id) == everything
    assert pool.stop(20.0)
