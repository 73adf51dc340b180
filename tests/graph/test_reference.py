"""The oracle holds a value only while it is read, streams, and can be resumed in the middle."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import batches as batches_module
from graph.activations import Function
from graph.batches import batches, held_elements, operations, samples_at_once
from graph.errors import GraphError
from graph.graph import Graph
from graph.ops import Merge, MergeKind
from graph.reference import iter_values, run, run_values, values_before
from graph.shape_ops import RepeatVector
from tests.builders import GraphBuilder, random_inputs
from tests.strategies import graphs


def chain(layers: int, width: int = 1000) -> Graph:
    b = GraphBuilder()
    x = b.input(width)
    for layer in range(layers):
        x = b.activation(x, Function.TANH, name=f"layer{layer}")
    return b.build(x)


def peak_bytes(graph: Graph, batch: int) -> int:
    inputs = {name: array.astype(np.float64) for name, array in random_inputs(graph, batch).items()}
    tracemalloc.start()
    try:
        run(graph, inputs, np.float64)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_of_a_deep_network_does_not_grow_with_its_depth() -> None:
    value = 8 * 1000 * 100
    shallow, deep = (peak_bytes(chain(layers), 100) for layers in (3, 40))
    assert deep < shallow + value / 2
    assert deep < 5 * value


def test_a_value_is_held_until_its_last_reader() -> None:
    b = GraphBuilder()
    x = b.input(1000)
    first = y = b.activation(x, Function.TANH)
    for _ in range(10):
        y = b.activation(y, Function.TANH)
    graph = b.build(b.add(Merge(MergeKind.ADD), [y, first]))
    expected = run_values(graph, random_inputs(graph, 3))[graph.outputs[0].value]
    assert np.array_equal(run(graph, random_inputs(graph, 3))["y0"], expected)


@given(graphs(), st.data())
@settings(max_examples=40)
def test_a_graph_resumed_at_any_node_computes_the_same(graph: Graph, data: st.DataObject) -> None:
    inputs = random_inputs(graph, 3)
    values = run_values(graph, inputs)
    first = data.draw(st.sampled_from(graph.nodes)).name
    given = {name: values[name] for name in values_before(graph, first)}
    resumed = dict(iter_values(graph, given, first=first))
    names = [node.name for node in graph.nodes]
    assert list(resumed) == names[names.index(first) :]
    for name, value in resumed.items():
        assert np.array_equal(value, values[name], equal_nan=True)


def test_a_graph_is_not_resumed_without_the_values_that_are_read() -> None:
    graph = chain(3)
    assert values_before(graph, "layer1") == ("layer0",)
    with pytest.raises(GraphError, match="resumed at 'layer1'") as caught:
        list(iter_values(graph, {}, first="layer1"))
    assert "layer0" in caught.value.expected
    with pytest.raises(GraphError, match="no node 'layer9'"):
        list(iter_values(graph, {}, first="layer9"))


def test_what_is_held_at_once_counts_all_values_that_are_still_read() -> None:
    b = GraphBuilder()
    x = b.input(10)
    wide = b.add(RepeatVector(7), [x])
    graph = b.build(b.add(Merge(MergeKind.ADD), [wide, wide]), x)
    # The input is an output, too; the wide value is read while the sum is made, and an op may need two more arrays.
    assert held_elements(graph) == 10 + 70 + 70 + 2 * 70


@pytest.mark.parametrize("width", [1, 1000, 3_000_000])
def test_batches_fit_into_the_memory_of_the_oracle(width: int) -> None:
    graph = chain(2, width)
    most = samples_at_once(graph)
    held = most * held_elements(graph) * 8
    assert held <= batches_module.HELD_BYTES or most == 1
    assert samples_at_once(graph, 4) == max(1, most // 4)


def test_batches_hold_every_sample_once_and_in_order() -> None:
    inputs = {"a": np.arange(10), "b": np.arange(10) * 2}
    parts = list(batches(inputs, 4))
    assert [len(part["a"]) for part in parts] == [4, 4, 2]
    for name, array in inputs.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), array)


def test_operations_count_each_weight_at_each_position_and_each_element() -> None:
    b = GraphBuilder()
    dense = b.build(b.dense(b.input(5, 7, 3), 4, name="dense"))
    assert operations(dense) == 5 * 7 * 3 * 4 + 64 * 5 * 7 * 4
    b = GraphBuilder()
    assert operations(b.build(b.prelu(b.input(50, 30)))) == 64 * 50 * 30
    assert operations(replace(dense, nodes=(), outputs=())) == 1
