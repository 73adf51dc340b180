"""What the recipe's mode chooses, for any mode."""

from collections.abc import Callable, Sequence

from graph.graph import Graph
from pruning.calibrate import Calibration
from pruning.choice import Choice
from pruning.choose_calibrated import choose_calibrated
from pruning.magnitude import choose_by_size
from pruning.prunable import WeightedLayer
from pruning.recipe import Mode, PruningRecipe
from pruning.recipe_parser import check_data


def choose(
    graph: Graph,
    layers: Sequence[WeightedLayer],
    recipe: PruningRecipe,
    calibration: Calibration | None,
    advance: Callable[[float], None],
) -> Choice:
    """Return the weights that the recipe's mode puts in the place of those as trained.

    Args:
        graph: the model as trained, with fixed sample shapes.
        layers: its layers with weights.
        recipe: what was asked for.
        calibration: samples, which mode calibrated needs.
        advance: called with the fraction of the work that is done.

    Raises:
        RecipeError: the mode or a gate needs samples or labels that were not given.
        CalibrationError: there are too few samples for the mode.
        QualityGateError: mode calibrated finds nothing that its gate accepts.
    """
    has_labels = calibration is not None and calibration.labels is not None
    check_data(recipe, has_samples=calibration is not None, has_labels=has_labels)
    if recipe.mode is Mode.CALIBRATED and calibration is not None:
        return choose_calibrated(graph, layers, recipe, calibration, advance)
    return choose_by_size(graph, layers, recipe)
