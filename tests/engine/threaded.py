"""Models whose layers have parts, and executables that run every request in one given mode."""

from dataclasses import replace

from engine.core.program import Program
from engine.core.target import Target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.parts import SplitAxis, split_axes, split_units
from engine.planning.plan import CompiledModel, KernelChoice, layer_of
from engine.planning.schedule import Mode, Schedule, make_schedule
from graph.activations import Function
from graph.graph import Graph
from tests.builders import GraphBuilder


def in_parts(model: CompiledModel, most: int) -> CompiledModel:
    """The model with every dense layer in up to `most` parts, for as many threads."""
    tiles = []
    for tile in model.plan.tiles:
        choices = {
            number: _in_parts(model.program, number, choice, most)
            for number, choice in tile.choices.items()
        }
        tiles.append(replace(tile, choices=choices))
    return replace(model, plan=replace(model.plan, tiles=tuple(tiles), threads=most))


def _in_parts(program: Program, number: int, choice: KernelChoice, most: int) -> KernelChoice:
    layer = layer_of(program, program.weighted_steps()[number])
    if SplitAxis.UNITS not in split_axes(layer):
        return replace(choice, packed=None)
    return replace(choice, packed=None, parts=split_units(layer, most))


def executable_in(
    mode: Mode,
    model: CompiledModel,
    cache: ObjectCache,
    target: Target,
    threads: int = 2,
    chunk: int = 8,
) -> Executable:
    """An executable of which every request runs in one mode, with the same cut into tiles in all modes."""
    alone = make_schedule(model.plan.tiles, 1, 1)
    count = len(alone.tiles)
    schedule = Schedule(
        tiles=alone.tiles,
        shared_tiles=alone.tiles,
        modes=(mode,) * count,
        chunks=(chunk if mode is Mode.SPREAD else 0,) * count,
        seconds=alone.seconds,
    )
    return Executable(model, cache, target, threads, schedule)


def threaded_network() -> Graph:
    """Three layers, each long enough for parts."""
    b = GraphBuilder(7)
    x = b.dense(b.input(120), 260, sparsity=0.8, activation=Function.RELU)
    x = b.dense(x, 150, sparsity=0.9, activation=Function.TANH)
    return b.build(b.dense(x, 40))
