"""An artifact's kernels chosen again on this host, and the proof that it still answers the same."""

from pathlib import Path

from engine.artifacts.artifact import open_artifact, write_artifact
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.retune import options_of, retune
from engine.tuning.measure import random_batch
from engine.tuning.planner import CompileOptions
from pruning.output_check import check_retuned

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
    # What comes before the network is the same code in both.
    before, after = (load(path, cache, target, threads).network for path in (old, new))
    batches = [random_batch(opened.model.program, samples) for samples in _SAMPLES]
    check_retuned(before.run, after.run, batches)
