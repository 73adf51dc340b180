"""Mode calibrated with its guard: weights are fitted to some samples and judged on others, until the gate holds."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from graph.graph import Graph, WeightArray
from graph.kernel_rows import has_rows
from graph.linear import kernel_of
from graph.reference import run
from pruning.calibrate import Calibration
from pruning.calibrator import Advance, Calibrator, Target
from pruning.choice import Choice
from pruning.errors import CalibrationError, QualityGateError
from pruning.gate import judge
from pruning.markdown import percent
from pruning.prunable import WeightedLayer
from pruning.quality import OriginalAnswers
from pruning.recipe import LayerOverride, NofM, PruningRecipe

MIN_SAMPLES = 64
# What is left grows by so much from one try to the next, and how many there are.
_GROWTH, _TRIES = 1.3, 12
# The scores of all layers take about as long as fitting them once.
_SCORES_SHARE = 0.5
METHOD = (
    "Weights were removed by what they add to the outputs of their layer on the calibration samples, and those that are"
    " left were fitted to these outputs."
)
_DEPTHWISE = "depthwise: pruned only where the recipe gives the layer a sparsity"
_NO_ROWS = "mode calibrated does not know how this kind of layer uses its kernel"


def choose_calibrated(
    graph: Graph,
    layers: Sequence[WeightedLayer],
    recipe: PruningRecipe,
    calibration: Calibration,
    advance: Advance,
) -> Choice:
    """Choose and fit weights on most of the samples, and judge them on the others.

    Args:
        graph: the model as trained, with fixed sample shapes.
        layers: its layers with weights.
        recipe: what was asked for, of mode calibrated.
        calibration: checked samples, perhaps with labels.
        advance: called with the fraction of the work that is done.

    Raises:
        CalibrationError: there are too few samples.
        QualityGateError: the gate does not hold on the samples that were held out, even with little removed.
    """
    if calibration.samples < MIN_SAMPLES:
        raise CalibrationError(
            "file",
            f"at least {MIN_SAMPLES} samples (mode calibrated fits weights to them)",
            str(calibration.samples),
            "send more samples, a few thousand are best; or choose mode magnitude",
        )
    options = recipe.calibrated
    fit, held_out = calibration.split(options.held_out, options.seed)
    spared = _spared(graph, layers, recipe)
    targets = _targets(graph, layers, spared)
    if not targets:
        return Choice(spared=spared, method=METHOD, held_out=held_out)
    calibrator = Calibrator(
        graph,
        targets,
        fit.inputs,
        recipe,
        lambda done: advance(_SCORES_SHARE * done),
    )
    answers = OriginalAnswers(graph, held_out, (), recipe.gate.answers)
    weights, lowered = _first_that_holds(graph, recipe, calibrator, answers, advance)
    changed = frozenset(
        name for name in weights if not np.array_equal(weights[name], graph.weights[name])
    )
    return Choice(weights, changed, spared, METHOD, lowered, held_out)


def _first_that_holds(
    graph: Graph,
    recipe: PruningRecipe,
    calibrator: Calibrator,
    answers: OriginalAnswers,
    advance: Advance,
) -> tuple[Mapping[str, WeightArray], tuple[str, ...]]:
    """Return the weights of the first try that the gate accepts, and what was given up before, in sentences.

    Raises:
        QualityGateError: it accepts none.
    """
    lowered: list[str] = []
    tries = list(_sparsities(recipe))
    for sparsity in tries:
        weights = calibrator.weights_at(
            sparsity, lambda done: advance(_SCORES_SHARE + (1 - _SCORES_SHARE) * done)
        )
        try:
            judge(
                recipe.gate,
                answers.compare(partial(run, graph.with_weights(weights))),
                is_lossy=True,
            )
        except QualityGateError as error:
            if sparsity is tries[-1]:
                raise
            lowered.append(
                f"a sparsity of {percent(sparsity or 0.0)} was given up: on samples that were held out, {error.got} where"
                f" {error.expected} is allowed"
            )
        else:
            return weights, tuple(lowered)
    raise AssertionError("the last try returns or raises")


def _sparsities(recipe: PruningRecipe) -> Iterator[float | None]:
    """Yield what to try, the most first; one only where the pattern says it, or nothing may be given up."""
    yield recipe.sparsity
    if recipe.sparsity is None or isinstance(recipe.pattern, NofM):
        return
    density = 1.0 - recipe.sparsity
    for _ in range(_TRIES - 1 if recipe.calibrated.back_off else 0):
        density *= _GROWTH
        if density >= 1.0:
            return
        yield 1.0 - density


def _spared(graph: Graph, layers: Sequence[WeightedLayer], recipe: PruningRecipe) -> dict[str, str]:
    """Return why kernels that could be pruned are left whole, by weight name."""
    spared = {}
    for layer in layers:
        if not layer.is_prunable:
            continue
        nodes = [graph.node(name) for name in layer.nodes]
        own = recipe.layers.get(layer.layer, LayerOverride()).sparsity
        if not all(has_rows(node.op) for node in nodes):
            is_depthwise = kernel_of(graph, nodes[0]).is_depthwise
            spared[layer.weight] = _DEPTHWISE if is_depthwise and own is None else _NO_ROWS
    return spared


def _targets(
    graph: Graph, layers: Sequence[WeightedLayer], spared: dict[str, str]
) -> tuple[Target, ...]:
    """Return the layers to prune, in the order in which the graph computes them."""
    place = {node.name: number for number, node in enumerate(graph.nodes)}
    found = []
    for layer in layers:
        if not layer.is_prunable or layer.weight in spared:
            continue
        nodes = tuple(
            sorted((graph.node(name) for name in layer.nodes), key=lambda n: place[n.name])
        )
        found.append(Target(layer.layer, layer.weight, nodes, kernel_of(graph, nodes[0])))
    return tuple(sorted(found, key=lambda target: place[target.nodes[0].name]))
