"""Kernels chosen again for an artifact, on the host it is to run on.

An artifact holds its program and neutral weights, so neither the model's file nor the graph is needed. Use it
where `Executable.is_tuned_here` is false: the artifact comes from another kind of CPU, was made for fewer
threads, was compiled without timing, or was written by an older version.
"""

from dataclasses import replace

from engine.artifacts.artifact import Artifact
from engine.core.target import Target
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.tuning.planner import CompileOptions, Progress, plan_program


def retune(
    artifact: Artifact | CompiledModel,
    target: Target,
    options: CompileOptions,
    cache: ObjectCache,
    progress: Progress | None = None,
) -> CompiledModel:
    """Plan an artifact's program for another target; what it computes stays the same.

    Args:
        artifact: an opened artifact, or its model; it is not changed, and the result refers to its
            weights.
        target: the CPU; where `options.tune` is set it must be this host.
        options: how to plan. Its `values` are kept as they are asked for: see `options_of` for those
            of the artifact.
        cache: object code; kernels that are timed are compiled into it.
        progress: told the stage (`tune`, `pack`, `measure`) and its share done, in [0, 1].

    Raises:
        ThreadCountError: `options.threads` is not 1 or more.
        UnsupportedModelError: the model's values do not fit into memory.
        NarrowValuesError: a weight is too large for `options.values`.
        CodegenError: a kernel could not be compiled or loaded.
    """
    model = artifact.model if isinstance(artifact, Artifact) else artifact
    made = plan_program(model.program, target, options, cache, progress)
    return replace(made, varying=model.varying, front=model.front)


def options_of(model: CompiledModel, options: CompileOptions) -> CompileOptions:
    """Return the options with what the model's outputs depend on: its 16-bit values, its subnormal numbers."""
    plan = model.plan
    return replace(options, values=plan.values, keeps_subnormals=plan.keeps_subnormals)
