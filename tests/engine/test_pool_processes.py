"""Workers of the thread pool in processes of their own: idle, ended in the middle of calls, and forked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.artifacts.artifact import write_artifact
from engine.compiler import compile_graph
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from tests.conftest import REPOSITORY
from tests.engine.compiled import UNTUNED
from tests.engine.threaded import in_parts, threaded_network


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache) -> CompiledModel:
    return in_parts(compile_graph(threaded_network(), host_target(), UNTUNED, object_cache), 4)


def run_script(
    script: str,
    model: CompiledModel,
    folder: Path,
    config: pytest.Config,
    *arguments: str,
    code: int = 0,
) -> str:
    """Run a script in a process of its own, on the model's artifact; return what it printed."""
    write_artifact(model, folder / "a")
    assert config.cache is not None
    objects = config.cache.mkdir("prunus-objects")
    command = [sys.executable, "-W", "ignore", "-c", script, str(folder / "a")]
    # Coverage would wait in forked children for a lock that a thread of their parent held.
    environment = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [*command, str(objects), *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    return done.stdout


# In a process of its own all threads but the first are workers. A thread that sleeps is not run, not even shortly:
# schedstat counts the nanoseconds and the turns that it was on a core.
_IDLE = """
import os, sys, time
from pathlib import Path
import numpy as np
from engine.artifacts.artifact import open_artifact
from engine.execution.pool import PROCESS_POOL, PoolTimes
from engine.machine_code.object_cache import ObjectCache
from engine.planning.schedule import Mode
from engine.core.target import host_target
from tests.engine.threaded import executable_in

artifact, objects = sys.argv[1:3]
executable = executable_in(
    Mode.SHARED, open_artifact(Path(artifact)).model, ObjectCache(Path(objects)), host_target(), 4
)
before = set(os.listdir("/proc/self/task"))
PROCESS_POOL.of(3, host_target(), ObjectCache(Path(objects)))
pool = PROCESS_POOL.pool
pool.set_times(PoolTimes(wake_ns=0))
executable.run({"x0": np.ones((200, 120), np.float32)})
workers = sorted(set(os.listdir("/proc/self/task")) - before)
deadline = time.monotonic() + 20
while pool.sleeping < pool.workers and time.monotonic() < deadline:
    time.sleep(0.01)
turns = [Path(f"/proc/self/task/{worker}/schedstat").read_text() for worker in workers]
time.sleep(0.3)
later = [Path(f"/proc/self/task/{worker}/schedstat").read_text() for worker in workers]
print(len(workers) == pool.workers == pool.sleeping, turns == later)
"""


def test_idle_workers_sleep(
    model: CompiledModel, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert run_script(_IDLE, model, tmp_path, pytestconfig) == "True True\n"


_STRESS = """
import os, random, sys, threading, time
from pathlib import Path
import numpy as np
from engine.artifacts.artifact import open_artifact
from engine.machine_code.object_cache import ObjectCache
from engine.core.errors import ExecutableClosedError
from engine.execution.pool import PROCESS_POOL, PoolTimes
from engine.planning.schedule import Mode
from engine.core.target import host_target
from tests.engine.threaded import executable_in

artifact, objects, how, seed = sys.argv[1:]
random.seed(int(seed))
cache, target = ObjectCache(Path(objects)), host_target()
model = open_artifact(Path(artifact)).model
current = []
results = {}

def renew():
    current[:] = [executable_in(mode, model, cache, target, 3) for mode in Mode for _ in range(2)]

def call():
    while True:
        executable = random.choice(current)
        batch = random.choice((1, 16, 65))
        try:
            (y,) = executable.run({"x0": np.ones((batch, 120), np.float32)}).values()
        except ExecutableClosedError:
            continue
        if not np.array_equal(y, results.setdefault((executable.schedule.modes[1], batch), y)):
            os._exit(3)

renew()
PROCESS_POOL.of(2, target, cache)
PROCESS_POOL.pool.set_times(PoolTimes(1000, 0, 0, 0, 0))
for _ in range(5):
    threading.Thread(target=call, daemon=True).start()
end = time.monotonic() + 0.3 + random.random() / 4
while time.monotonic() < end:
    time.sleep(random.random() / 50)
    if how == "close":
        old = list(current)
        renew()
        for executable in old:
            executable.close()
        del old, executable
    if how == "fork" and os.fork() == 0:
        executable = current[random.randrange(len(current))]
        executable.run({"x0": np.ones((65, 120), np.float32)})
        sys.exit(0)
while how == "fork":
    try:
        if os.wait()[1]:
            os._exit(4)
    except ChildProcessError:
        break
if how == "raise":
    raise SystemExit(7)
"""


@pytest.mark.parametrize(("how", "code"), [("leave", 0), ("raise", 7), ("close", 0), ("fork", 0)])
def test_processes_end_in_the_middle_of_calls(
    model: CompiledModel, tmp_path: Path, pytestconfig: pytest.Config, how: str, code: int
) -> None:
    assert run_script(_STRESS, model, tmp_path, pytestconfig, how, "1", code=code) == ""
