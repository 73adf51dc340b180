"""The process that runs one engine: `python -m benchmarks.worker MODULE CORES`, see benchmarks.protocol.

It imports the standard library, NumPy and the engine's module, nothing else, so that it runs in the
peers' environment too.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import Engine, ImageEngine, SequenceEngine
from benchmarks.images.network import load_network
from benchmarks.networks import load_layers
from benchmarks.protocol import main_output, parse_cores
from benchmarks.sequences.network import load_sequence

MAX_CALLS = 20_000
PR_SET_PDEATHSIG = 1


def time_calls(engine: Engine, command: dict[str, Any]) -> list[int]:
    """Call the engine for `seconds`, but at least `calls` times; return each call's nanoseconds."""
    inputs = np.load(command["inputs"], allow_pickle=False)
    durations: list[int] = []
    turn = int(command["seconds"] * 1e9)
    now = time.process_time_ns if command.get("clock") == "processor" else time.perf_counter_ns
    started = now()
    engine.run(inputs)
    ended = now()
    # Caches are cold after the other engines' turns: the first call counts only where it fills the turn, which makes
    # what was cold a trifle.
    if ended - started > turn:
        durations.append(ended - started)
        deadline = ended
    else:
        deadline = ended + turn
    while (ended < deadline or len(durations) < command["calls"]) and len(durations) < MAX_CALLS:
        started = now()
        engine.run(inputs)
        ended = now()
        durations.append(ended - started)
    return durations


def prepare(engine: Engine, command: dict[str, Any]) -> None:
    """Give the engine the network of the command's file."""
    if "layers" in command:
        engine.load(load_layers(Path(command["layers"])))
    elif "sequence" in command:
        if not isinstance(engine, SequenceEngine):
            raise TypeError(f"{engine.version} is not set up for networks of sequences")
        engine.load_sequence(load_sequence(Path(command["sequence"])))
    elif isinstance(engine, ImageEngine):
        engine.load_network(load_network(Path(command["network"])))
    else:
        raise TypeError(f"{engine.version} is not set up for networks of images")


def answer(engine: Engine, command: dict[str, Any]) -> dict[str, Any]:
    """Do one command."""
    if command["command"] == "load":
        started = time.perf_counter()
        prepare(engine, command)
        return {"version": engine.version, "seconds": time.perf_counter() - started}
    if command["command"] == "outputs":
        outputs = engine.run(np.load(command["inputs"], allow_pickle=False))
        np.save(command["outputs"], outputs, allow_pickle=False)
        return {}
    if command["command"] == "time":
        return {"nanoseconds": time_calls(engine, command)}
    raise ValueError(f"unknown command {command['command']!r}")


def main() -> None:
    """Serve commands from standard input until it ends."""
    # A worker that is stopped between commands would outlive a runner that was killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    module, cores = sys.argv[1:]
    # Before the engine is imported: thread pools count the CPUs that they see.
    os.sched_setaffinity(0, parse_cores(cores))
    threads = len(parse_cores(cores))
    with os.fdopen(main_output(), "w") as answers:
        engine: Engine = importlib.import_module(module).create(threads)
        for line in sys.stdin:
            try:
                reply = answer(engine, json.loads(line))
            except Exception as error:  # noqa: BLE001  # whatever an engine raises, the runner shall read it
                reply = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(reply) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
