"""Unknown means closed: an op without rules between convolutions."""

import numpy as np
import pytest

from graph.activations import FloatArray
from graph.conv_ops import Conv
from graph.graph import Graph
from graph.linear import is_linear
from graph.op import Op
from graph.windows import Padding
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.drop import drop_negligible
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.prunable import weighted_layers
from pruning.prune import prune
from pruning.recipe import PruningRecipe
from pruning.simplify.constants import constant_elements
from pruning.simplify.keep import kept_elements
from pruning.simplify.liveness import needed_elements
from pruning.simplify.relations import relations
from tests.pruning.images import ImageBuilder
from tests.unknown_ops import SAME_SHAPE

RANGES = {"": InputRange(-2, 2)}


def planted_image(op: Op) -> Graph:
    """An image -> convolution with an unread, a constant, a tiny and two equal channels -> op -> convolution."""
    b = ImageBuilder(3)
    kernel = b.rng.standard_normal((3, 3, 2, 6))
    kernel[..., 1] = 0.0
    kernel[..., 3] = kernel[..., 2]
    kernel[..., 4] *= 1e-30
    h = b.conv(b.input(5, 6, 2), 6, 3, padding=Padding.SAME, kernel=kernel, bias=False, name="h")
    weird = b.add(op, [h], name="weird")
    read = b.rng.standard_normal((1, 1, 6, 3))
    read[:, :, [0, 2]] = 0.0
    return b.build(b.conv(weird, 3, 1, kernel=read, name="y"))


@pytest.mark.parametrize("op", SAME_SHAPE, ids=lambda op: type(op).__name__)
def test_no_channel_around_an_unknown_op_is_removed_and_none_of_its_weights_dropped(op: Op) -> None:
    graph = planted_image(op)
    constants = constant_elements(graph)
    assert np.isnan(constants["weird"]).all()
    needed = needed_elements(graph, constants)
    assert needed["h"].all()
    assert kept_elements(graph, constants, needed)["h"].all()
    assert relations(graph)["weird"].is_trivial
    bounds = magnitude_bounds(graph, RANGES)
    assert bounds.values["weird"].unknown.all()
    assert drop_negligible(graph, bounds, LosslessOptions(input_ranges=RANGES)).claims == ()
    result = prune(graph, PruningRecipe())
    assert result.graph.weights["h/kernel"].shape == (3, 3, 2, 6)
    assert result.certificate.simplification.worst <= 1e-6


def test_a_subclass_of_a_convolution_has_no_kernel_that_is_known() -> None:
    class Mirrored(Conv):
        """A convolution with its window turned around."""

        def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
            turned = [weights[0][::-1, ::-1], *weights[1:]]
            return Conv.evaluate(self, inputs, turned)

    b = ImageBuilder(4)
    x = b.input(5, 5, 2)
    names = b.parameters("odd", (3, 3, 2, 3), 3, bias=False)
    op = Mirrored((1, 1), (1, 1), Padding.SAME, use_bias=False)
    graph = b.build(b.conv(b.add(op, [x], names, name="odd"), 2, 1))
    assert not is_linear(op)
    assert weighted_layers(graph, {})[0].reason == "Mirrored: it has no kernel that can be pruned"
    assert np.array_equal(
        prune(graph, PruningRecipe()).graph.weights["odd/kernel"], graph.weights["odd/kernel"]
    )
