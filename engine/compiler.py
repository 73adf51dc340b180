"""Graph to compiled model: the stages, top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.choose import default_plan, tile_widths
from engine.codegen import ObjectCache
from engine.passes.pipeline import build_program
from engine.plan import CompiledModel
from engine.target import Target
from graph.graph import Graph

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile.

    Attributes:
        tune: whether kernels are timed on this host.
        tune_seconds: how long timing may take, whole-network times included.
        buckets: batch sizes to have a tile width for.
        allow_sparse: False gives the dense baseline on the same engine.
    """

    tune: bool = True
    tune_seconds: float = 5.0
    buckets: tuple[int, ...] = (1, 16, 64)
    allow_sparse: bool = True


def compile_graph(
    graph: Graph,
    target: Target,
    options: CompileOptions,
    cache: ObjectCache,
    progress: Progress | None = None,
) -> CompiledModel:
    """Compile."""
    program = build_program(graph)
    widths = tile_widths(options.buckets, target.isa)
    plan = default_plan(program, target, widths, allow_sparse=options.allow_sparse)
    return CompiledModel(program, plan, (), ())
