"""Pruning of graphs whose inputs have axes of varying length.

Every rule of pruning works on fixed shapes. So such a graph is pruned at two sizes, the usual one and another one, and
only what comes out the same at both is taken: the same nodes, and the same bits in every weight. A rewrite that had
used a length would have left it in a node or in a weight. Where the results differ, pruning is tried again with fewer
steps, at last with none but those that the recipe asks for. What is served is compared with the original at all sizes
that `graph.sizes` chose, and at each it must hold what it must hold for a model of that size.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from graph.errors import ShapeError
from graph.graph import Graph, WeightArray
from graph.sizes import at_sizes, format_sizes, is_varying, usual_sizes, with_inputs_of
from pruning.calibrate import Calibration
from pruning.choice import Choice
from pruning.prune import Progress, PruneResult, Varying, prune
from pruning.recipe import PruningRecipe


def prune_any(
    graph: Graph,
    recipe: PruningRecipe,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> PruneResult:
    """Prune a model, whether its inputs have fixed shapes or not; see `pruning.prune.prune`.

    Args:
        graph: the model, verified.
        recipe: what to remove.
        calibration: samples; their size is the usual size of the model.
        progress: called with a stage's name and the fraction done, in [0, 1].

    Returns:
        The pruned graph with its certificate; of a model with axes of varying length at its usual size, with the
        graphs of any size beside it.

    Raises:
        ShapeError: no two sizes are found that the layers fit.
        PrunusError: as `pruning.prune.prune` raises.
    """
    if not is_varying(graph):
        return prune(graph, recipe, calibration, progress)
    sizes = usual_sizes(graph, None if calibration is None else calibration.sizes)
    usual, other = at_sizes(graph, sizes[0]), at_sizes(graph, sizes[1])
    undone: list[str] = []
    choice: Choice | None = None
    for step, tried in _with_fewer_steps(recipe):
        found = prune(usual, tried, calibration, progress, choice)
        # What is chosen by samples is chosen once: at the size that they have.
        choice = found.choice
        beside = prune(other, tried, choice=choice)
        varying = _same_at(found, beside.graph, graph)
        if varying is not None:
            break
        undone.append(f"{step}: what came of it depends on the size of the inputs")
    else:
        raise ShapeError("pruning changes with the size of the inputs")  # masks never do
    certificate = replace(
        found.certificate,
        assumptions=(
            *found.certificate.assumptions,
            "The inputs vary in size. Claims and measurements are of samples of "
            f"{format_sizes(sizes[0])}; pruning at {format_sizes(sizes[1])} left the same weights.",
        ),
        rolled_back=(*found.certificate.rolled_back, *undone),
    )
    return replace(
        found,
        recipe=recipe,
        certificate=certificate,
        varying=Varying(varying, graph, sizes),
    )


def _with_fewer_steps(recipe: PruningRecipe) -> Iterator[tuple[str, PruningRecipe]]:
    """Yield what is given up next, and the recipe before that."""
    options = recipe.lossless
    yield "steps fold and simplify were undone", recipe
    options = replace(options, fold=False, simplify=False)
    yield "small weights were put back", replace(recipe, lossless=options)
    yield "nothing is left to undo", replace(recipe, lossless=replace(options, drop=False))


def _same_at(found: PruneResult, other: Graph, original: Graph) -> Graph | None:
    """Return the pruned graph with inputs of varying length; None where another size gave another one."""
    graph = found.graph
    is_same = (
        graph.nodes == other.nodes
        and graph.outputs == other.outputs
        and _same_weights(graph.weights, other.weights)
    )
    if not is_same:
        return None
    try:
        return with_inputs_of(graph, original)
    except ShapeError:
        return None


def _same_weights(ours: Mapping[str, WeightArray], theirs: Mapping[str, WeightArray]) -> bool:
    return ours.keys() == theirs.keys() and all(
        array.shape == theirs[name].shape and array.tobytes() == theirs[name].tobytes()
        for name, array in ours.items()
    )
