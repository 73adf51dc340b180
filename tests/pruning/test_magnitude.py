"""Masks of mode threshold, beside the plain form that sorts every unit's weights."""

import numpy as np
import pytest

from pruning.magnitude import choose_masks
from pruning.patterns import protected
from pruning.prunable import weighted_layers
from pruning.recipe import Mode, PruningRecipe
from tests.builders import GraphBuilder


@pytest.mark.parametrize("keep_per_row", [0, 1, 3, 50])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0, 1.5, 9.0])
def test_a_unit_keeps_what_is_larger_and_its_largest_weights(
    keep_per_row: int, threshold: float
) -> None:
    b = GraphBuilder(3)
    # Halves: many weights are equal, to one another and to the threshold.
    kernel = np.round(2 * b.rng.standard_normal((20, 30))) / 2
    kernel[:, 5] = 0.0
    graph = b.build(b.dense(b.input(20), 30, kernel=kernel, name="h"))
    recipe = PruningRecipe(Mode.THRESHOLD, threshold=threshold, keep_per_row=keep_per_row)
    (mask,) = choose_masks(graph, weighted_layers(graph, {}), recipe).values()
    size = np.abs(kernel)
    np.testing.assert_array_equal(mask, (size > threshold) | protected(size, keep_per_row))
