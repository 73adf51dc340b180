"""Graph to compiled model: the stages, top to bottom."""

from dataclasses import replace

from engine.core.target import Target
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.plan import CompiledModel, Varying
from engine.tuning.planner import CompileOptions as CompileOptions
from engine.tuning.planner import Progress, plan_program
from graph.graph import Graph


def compile_graph(
    graph: Graph,
    target: Target,
    options: CompileOptions,
    cache: ObjectCache,
    progress: Progress | None = None,
    varying: Varying | None = None,
) -> CompiledModel:
    """Turn a verified graph into a model that can be written as an artifact, or run.

    Args:
        graph: weights that are zero are what sparse kernels skip.
        target: the CPU; where `options.tune` is set it must be this host.
        options: the options to compile with.
        cache: object code; kernels that are timed are compiled into it.
        progress: told the stage (`lower`, `tune`, `pack`, `measure`) and its share done, in [0, 1].
        varying: the same model for other sizes, where its inputs have axes of varying length; `graph` is at its first
            size.

    Raises:
        ThreadCountError: `options.threads` is not 1 or more.
        UnsupportedModelError: the engine cannot run this model.
        CodegenError: a kernel could not be compiled or loaded.
    """
    if progress is not None:
        progress("lower", 0.0)
    model = plan_program(build_program(graph), target, options, cache, progress)
    return replace(model, varying=varying)
