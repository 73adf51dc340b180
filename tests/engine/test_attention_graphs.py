"""Embeddings, products, masked softmax and attention against the float64 interpreter: every level, one sample and many."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler import CompileOptions
from engine.core.target import Isa, available_isas
from engine.machine_code.object_cache import ObjectCache
from tests.engine.attention_graphs import KINDS, attention_graphs
from tests.engine.compiled import assert_close, compiled, oracle


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12)
@given(data=st.data())
def test_an_op(object_cache: ObjectCache, isa: Isa, kind: str, data: st.DataObject) -> None:
    graph, inputs = data.draw(attention_graphs(kind))
    lanes = data.draw(st.sampled_from([1, 4, 8, 16, 32]))
    options = CompileOptions(tune=False, buckets=(lanes,))
    found = compiled(graph, object_cache, isa, options).run(inputs)
    assert_close(found, oracle(graph, inputs))
