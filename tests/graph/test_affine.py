"""The algebra of BatchNormalization, Normalization and Rescaling equals what the ops compute."""

from dataclasses import replace

import numpy as np
import pytest

from graph.activations import Function
from graph.affine import MAX_OFFSET, ElementwiseAffine, ScaleAndOffset, as_affine
from graph.graph import Graph
from graph.ops import BatchNormalization, Normalization, Rescaling
from graph.reference import run
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder, random_inputs


def affine_of(graph: Graph) -> ElementwiseAffine | None:
    (node,) = graph.nodes
    shape = graph.inputs[0].type.static_sample_shape
    return as_affine(node.op, [graph.weights[name] for name in node.weights], shape)


def batch_normalization(shape: tuple[int, ...], axis: int, scale: bool, center: bool) -> Graph:
    b = GraphBuilder(1)
    return b.build(b.batch_normalization(b.input(*shape), axis, scale=scale, center=center))


def normalization(shape: tuple[int, ...], kept: tuple[int, ...], invert: bool) -> Graph:
    b = GraphBuilder(2)
    lengths = (1, *(n if axis in kept else 1 for axis, n in enumerate(shape, 1)))
    mean = b.weight("mean", b.rng.standard_normal(lengths))
    variance = b.weight("variance", b.rng.uniform(0.1, 3.0, lengths))
    return b.build(b.add(Normalization(invert), [b.input(*shape)], [mean, variance]))


def rescaling(shape: tuple[int, ...], scale: tuple[float, ...], offset: tuple[float, ...]) -> Graph:
    b = GraphBuilder(3)
    x = b.input(type_=TensorType(DType.FLOAT32, (None, *shape)))
    return b.build(b.add(Rescaling(scale, offset), [x]))


GRAPHS = [
    *(batch_normalization((3, 4), axis, s, c) for axis in (1, 2, -1) for s in (0, 1) for c in (0, 1)),
    *(normalization((3, 4), kept, invert) for kept in ((), (2,), (1, 2)) for invert in (False, True)),
    rescaling((3, 4), (2.0,), (0.5, 1.0, -1.0, 0.0)),
    rescaling((), (2.0,), (0.5,)),
    rescaling((1,), (2.0,), (0.5,)),
]  # fmt: skip


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: repr(graph.nodes[0].op))
def test_both_forms_are_what_the_op_computes(graph: Graph) -> None:
    affine = affine_of(graph)
    assert affine is not None
    inputs = random_inputs(graph, 7)
    x = inputs["x0"].astype(np.float64)
    expected = run(graph, inputs, np.float64)["y0"]
    assert affine.scale.shape == affine.offset.shape == x.shape[1:]
    np.testing.assert_allclose(affine.scale * x + affine.offset, expected, rtol=1e-13, atol=1e-13)
    centred = x if affine.centre is None else x - affine.centre
    np.testing.assert_allclose(
        centred * affine.scale + affine.shift, expected, rtol=1e-13, atol=1e-13
    )


def test_a_subclass_has_no_affine_form_for_it_may_mean_something_else() -> None:
    class Other(BatchNormalization):
        """A normalization with a new meaning."""

    graph = batch_normalization((4,), -1, True, True)
    other = graph.with_nodes([replace(graph.nodes[0], op=Other())])
    assert affine_of(graph) is not None
    assert affine_of(other) is None


def test_other_ops_have_no_affine_form() -> None:
    b = GraphBuilder()
    assert affine_of(b.build(b.activation(b.input(4), Function.RELU))) is None


@pytest.mark.parametrize(
    ("mean", "may"), [(MAX_OFFSET, True), (-MAX_OFFSET, True), (9.0, False), (np.nan, False)]
)
def test_the_centre_may_be_dropped_only_where_it_is_small(mean: float, may: bool) -> None:
    b = GraphBuilder()
    weights = [b.weight("mean", np.array([[0.0, mean]])), b.weight("variance", np.ones((1, 2)))]
    affine = affine_of(b.build(b.add(Normalization(), [b.input(2)], weights)))
    assert affine is not None
    assert affine.may_drop_centre is may


def test_an_op_without_a_centre_has_none_to_drop() -> None:
    affine = affine_of(rescaling((2,), (1e30,), (1e30,)))
    assert affine is not None
    assert affine.centre is None
    assert affine.may_drop_centre


@pytest.mark.parametrize(
    ("scale", "same"),
    [([[1.0, 2], [1, 2]], True), ([[1.0, 2], [1, 3]], False), ([[1.0, np.inf], [1, np.inf]], False)],
)  # fmt: skip
def test_vectors_over_the_features_need_equal_positions_and_finite_numbers(
    scale: list[list[float]], same: bool
) -> None:
    row = ScaleAndOffset(np.array(scale), np.zeros((2, 2))).per_feature()
    assert (row is not None) is same
    assert row is None or row.scale.tolist() == [1.0, 2.0]
