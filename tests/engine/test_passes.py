"""What each compiler pass does, seen in the printed program."""

from dataclasses import replace

import numpy as np
import pytest

from engine.core.errors import VariableLengthError
from engine.core.program import dense_array
from engine.core.program_text import to_text
from engine.passes.pipeline import build_program
from graph.activations import Function
from graph.graph import Graph
from graph.ops import BatchNormalization, Dense, Merge, MergeKind, Normalization, Rescaling
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.tensor_type import float32
from tests.builders import GraphBuilder


def steps(graph: Graph) -> list[str]:
    return [line.strip() for line in to_text(build_program(graph)).splitlines() if "=" in line]


def test_the_printed_form_is_stable() -> None:
    b = GraphBuilder()
    x = b.input(8)
    y = b.activation(b.dense(x, 3, activation=Function.RELU, name="a"), Function.SOFTMAX)
    assert to_text(build_program(b.build(y, name="tiny"))) == (
        "program tiny\n"
        "  %0: 8 rows\n"
        "  %1: 3 rows\n"
        "  %2: 3 rows\n"
        "  %0 = input x0\n"
        "  %1 = dense+relu(%0) [a/kernel, a/bias]\n"
        "  %2 = softmax<1, 3, 1>(%1)\n"
        "  output y0 = %2\n"
    )


def test_batch_normalization_is_folded_into_the_layer_before() -> None:
    b = GraphBuilder()
    x = b.batch_normalization(b.dense(b.input(8), 6, bias=False, name="a"))
    x = b.add(Rescaling((2.0,), (1.0,)), [x])
    assert steps(b.build(b.activation(x, Function.RELU)))[1:] == [
        "%1 = dense+relu(%0) [a/folded_kernel_, a/folded_bias_]",
        "output y0 = %1",
    ]


def test_batch_normalization_of_another_axis_is_not_folded() -> None:
    b = GraphBuilder()
    x = b.batch_normalization(b.dense(b.input(3, 8), 6, name="a"), axis=1)
    assert steps(b.build(x))[1] == "%1 = dense+linear x3(%0) [a/kernel, a/bias]"


def test_batch_normalization_is_not_folded_where_the_product_is_used_too() -> None:
    b = GraphBuilder()
    x = b.dense(b.input(8), 6, name="a")
    found = steps(b.build(b.batch_normalization(x), x))
    assert [line.split("(")[0] for line in found[1:3]] == [
        "%1 = dense+linear",
        "%2 = affine<1, 6, 1>",
    ]


def test_a_scale_that_is_not_finite_is_not_folded() -> None:
    b = GraphBuilder()
    x = b.dense(b.input(8), 6, name="a")
    found = steps(b.build(b.add(Rescaling((float("inf"),)), [x])))
    assert [line.split("(")[0] for line in found[1:3]] == [
        "%1 = dense+linear",
        "%2 = affine<1, 1, 6>",
    ]


def test_a_scale_that_makes_weights_overflow_is_not_folded() -> None:
    b = GraphBuilder()
    kernel = np.full((2, 2), 1e30, np.float32)
    x = b.dense(b.input(2), 2, kernel=kernel, name="a")
    found = steps(b.build(b.add(Rescaling((1e10,), (0.0,)), [x])))
    assert [line.split("(")[0] for line in found[1:3]] == [
        "%1 = dense+linear",
        "%2 = affine<1, 1, 2>",
    ]


def test_a_shared_layer_keeps_its_weights_where_one_use_is_folded() -> None:
    b = GraphBuilder()
    kernel = b.weight("k", b.rng.standard_normal((4, 4)))
    x = b.add(Dense(4, use_bias=False), [b.input(4)], [kernel], name="one")
    y = b.add(Dense(4, use_bias=False), [b.batch_normalization(x)], [kernel], name="two")
    found = steps(b.build(y))
    assert found[1] == "%1 = dense+linear(%0) [one/folded_kernel, one/folded_bias]"
    assert found[2] == "%2 = dense+linear(%1) [k]"


def test_an_activation_is_fused_through_a_reshape() -> None:
    b = GraphBuilder()
    x = b.dense(b.input(8), 6, name="a")
    y = b.activation(b.add(Reshape((2, 3)), [x]), Function.TANH)
    assert "%1 = dense+tanh(%0) [a/kernel, a/bias]" in steps(b.build(y))


def test_an_activation_is_not_fused_where_the_product_is_used_too() -> None:
    b = GraphBuilder()
    x = b.dense(b.input(8), 6, name="a")
    found = steps(b.build(b.activation(x, Function.TANH), x))
    assert "%1 = dense+linear(%0) [a/kernel, a/bias]" in found
    assert "%2 = tanh(%1)" in found


def test_a_second_activation_stays() -> None:
    b = GraphBuilder()
    x = b.dense(b.input(8), 6, activation=Function.RELU, name="a")
    found = steps(b.build(b.activation(x, Function.TANH)))
    assert found[1:3] == ["%1 = dense+relu(%0) [a/kernel, a/bias]", "%2 = tanh(%1)"]


def test_copies_that_keep_the_order_vanish() -> None:
    b = GraphBuilder()
    x = b.add(RepeatVector(1), [b.input(8)])
    x = b.add(Permute((2, 1)), [x])
    x = b.add(Concatenate(), [x])
    assert steps(b.build(x)) == ["%0 = input x0", "output y0 = %0"]


def test_aligned_parts_of_a_concatenation_are_written_in_place() -> None:
    b = GraphBuilder()
    x = b.input(8)
    left = b.dense(x, 32, name="l", activation=Function.RELU)
    right = b.dense(x, 5, name="r")
    assert steps(b.build(b.add(Concatenate(), [left, right]))) == [
        "%0 = input x0",
        "%1[0:32] = dense+relu(%0) [l/kernel, l/bias]",
        "%1[32:37] = dense+linear(%0) [r/kernel, r/bias]",
        "output y0 = %1",
    ]


def test_unaligned_parts_of_a_concatenation_are_copied() -> None:
    b = GraphBuilder()
    x = b.input(8)
    parts = [b.dense(x, 5, name="l"), b.dense(x, 16, name="r")]
    found = steps(b.build(b.add(Concatenate(), parts)))
    assert "%2[0:5] = dense+linear(%0) [l/kernel, l/bias]" in found
    assert any(line.startswith("%2[5:21] = copy(%1)") for line in found)


def test_a_value_in_two_concatenations_is_copied_once() -> None:
    b = GraphBuilder()
    x, y = b.input(16), b.input(16)
    found = steps(b.build(b.add(Concatenate(), [x, y]), b.add(Concatenate(), [y, x])))
    assert sum("copy(" in line for line in found) == 2


def test_a_concatenation_of_one_value_with_itself_is_right() -> None:
    b = GraphBuilder()
    x = b.input(16)
    found = steps(b.build(b.add(Concatenate(), [x, x])))
    assert found[0] == "%0[0:16] = input x0"
    assert found[1].startswith("%0[16:32] = copy(%0[0:16])")


def test_batch_normalization_is_one_affine_step() -> None:
    b = GraphBuilder()
    found = steps(b.build(b.batch_normalization(b.input(6))))
    assert [line.split("(")[0] for line in found[1:-1]] == ["%1 = affine<1, 6, 1>"]


@pytest.mark.parametrize(
    ("axis", "counts"), [(1, "<1, 20, 1000>"), (2, "<20, 10, 100>"), (-1, "<40, 500, 1>")]
)
def test_numbers_of_channels_are_not_repeated_for_every_row(axis: int, counts: str) -> None:
    b = GraphBuilder()
    program = build_program(b.build(b.batch_normalization(b.input(20, 10, 100), axis=axis)))
    assert f"= affine{counts}(" in to_text(program)
    assert max(array.size for array in map(dense_array, program.constants.values())) <= 512


def test_one_number_is_kept_once() -> None:
    b = GraphBuilder()
    program = build_program(b.build(b.add(Rescaling((1 / 255,)), [b.input(9, 9, 3)])))
    assert "= affine<1, 1, 243>(" in to_text(program)


@pytest.mark.parametrize("op", [Normalization(), BatchNormalization(scale=False, center=False)])
def test_a_mean_far_from_zero_is_taken_off_first(op: Normalization | BatchNormalization) -> None:
    b = GraphBuilder()
    shape = (1, 4) if isinstance(op, Normalization) else (4,)
    mean = b.weight("mean", b.rng.uniform(1e5, 2e5, shape))
    variance = b.weight("variance", b.rng.uniform(0.5, 1, shape))
    found = steps(b.build(b.add(op, [b.input(4)], [mean, variance])))
    assert [line.split("(")[0] for line in found[1:-1]] == [
        "%1 = affine<1, 4, 1>",
        "%2 = affine<1, 4, 1>",
    ]


def test_only_values_that_broadcast_are_copied() -> None:
    b = GraphBuilder()
    x, y, z = b.input(3, 4), b.input(4), b.input(1, 3, 4)
    found = steps(b.build(b.add(Merge(MergeKind.ADD), [x, y, z])))
    assert sum("copy(" in line for line in found) == 1


def test_shared_layers_share_constants() -> None:
    b = GraphBuilder()
    kernel = b.weight("k", b.rng.standard_normal((4, 4)))
    x = b.add(Dense(4, use_bias=False), [b.input(4)], [kernel])
    y = b.add(Dense(4, use_bias=False), [x], [kernel])
    assert list(build_program(b.build(y)).constants) == ["k"]


def test_every_use_of_a_shared_layer_has_a_name_of_its_own() -> None:
    b = GraphBuilder()
    kernel = b.weight("k", b.rng.standard_normal((4, 4)))
    x = b.add(Dense(4, use_bias=False), [b.input(4)], [kernel], name="shared")
    graph = b.build(b.add(Dense(4, use_bias=False), [x], [kernel], name="shared_1"))
    graph = graph.with_nodes(replace(node, layer="shared") for node in graph.nodes)
    names = [step.name for step in build_program(graph).weighted_steps().values()]
    assert names == ["shared", "shared_1"]


def test_varying_lengths_are_refused_with_the_value() -> None:
    b = GraphBuilder()
    x = b.input(type_=float32(None, 4), name="sequence")
    with pytest.raises(VariableLengthError, match=r"'sequence'.*\[batch, \?, 4\]"):
        build_program(
            b.build(
                b.add(
                    Dense(2),
                    [x],
                    [b.weight("k", b.rng.random((4, 2))), b.weight("c", b.rng.random(2))],
                )
            )
        )
