"""An artifact's kernels chosen again on this host, and the proof that it still answers the same."""

from pathlib import Path

import numpy as np

from app.errors import OutputCheckError
from engine.artifacts.artifact import open_artifact, write_artifact
from engine.machine_code.object_cache import ObjectCache
from engine.retune import options_of, retune
from engine.runtime import load
from engine.target import host_target
from engine.tuning.measure import random_batch
from engine.tuning.planner import CompileOptions

# Of an output's largest magnitude: kernels add in another order.
TOLERANCE = 1e-5
_SAMPLES = (1, 7, 64)


def retune_artifact(
    old: Path, new: Path, cache: ObjectCache, tune_seconds: float, threads: int | None
) -> None:
    """Write `old` with kernels for this host to `new`.

    Raises:
        ArtifactError: `old` is no artifact that may be read.
        OutputCheckError: the two do not answer the same.
    """
    target, opened = host_target(), open_artifact(old)
    options = options_of(opened.model, CompileOptions(tune_seconds=tune_seconds, threads=threads))
    write_artifact(retune(opened, target, options, cache), new)
    before, after = (load(path, cache, target, threads) for path in (old, new))
    for samples in _SAMPLES:
        inputs = random_batch(opened.model.program, samples)
        wanted, found = before.run(inputs), after.run(inputs)
        for name, values in wanted.items():
            finite = values[np.isfinite(values)]
            allowed = TOLERANCE * float(np.abs(finite).max(initial=0.0))
            if not np.allclose(found[name], values, rtol=0.0, atol=allowed, equal_nan=True):
                raise OutputCheckError(
                    f"output {name!r} differs after tuning again",
                    expected=f"differences of at most {allowed:.2g}",
                    hint="the version is served as before; please report this",
                )
