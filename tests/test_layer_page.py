"""docs/layers.md says what the code does."""

from typing import Any

import pytest

from engine.passes.pipeline import build_program
from graph.activations import Function
from graph.graph import Graph
from graph.keras.dialects import LAYER_CLASSES
from graph.shape_ops import Permute, Reshape
from tests.builders import GraphBuilder
from tests.layer_page import PAGE, how, page, rows

pytestmark = [pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")]


def test_the_page_of_layers_is_current(keras: Any, tf_keras: Any) -> None:
    found = rows(keras, tf_keras)
    assert [row.name for row in found] == sorted(LAYER_CLASSES)
    untested = [row.name for row in found if not row.tests]
    assert untested == []
    assert PAGE.read_text() == page(found), "docs/layers.md is not current: make layers-page"


def only(op: Any, *shape: int) -> Graph:
    b = GraphBuilder()
    return b.build(b.add(op, [b.input(*shape)]))


def test_how_a_program_runs() -> None:
    b = GraphBuilder()
    assert how(build_program(b.build(b.dense(b.input(4), 2)))) == "sparse"
    b = GraphBuilder()
    assert how(build_program(b.build(b.activation(b.input(4), Function.TANH)))) == "dense"
    assert how(build_program(only(Permute((2, 1)), 3, 4))) == "moves"
    assert how(build_program(only(Reshape((2, 2)), 4))) == "nothing is left"
