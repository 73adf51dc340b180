"""Normalizations over any set of axes, and without weights, on the engine."""

import numpy as np
import pytest

from engine.machine_code.object_cache import ObjectCache
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import assert_close, compiled, oracle


@pytest.mark.parametrize("axes", [(1,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("kind", ["unit", "rms"])
def test_axes_need_not_lie_side_by_side(
    kind: str, axes: tuple[int, ...], object_cache: ObjectCache
) -> None:
    b = GraphBuilder()
    x = b.input(4, 5, 3)
    if kind == "unit":
        y = b.add(UnitNormalization(axes), [x])
    else:
        lengths = (4, 5, 3)[-len(axes) :]
        if lengths != tuple((4, 5, 3)[axis - 1] for axis in axes):
            pytest.skip("Keras lays the scale along the last axes, which have other lengths")
        scale = b.weight("scale", np.linspace(0.5, 2, int(np.prod(lengths))).reshape(lengths))
        y = b.add(RmsNormalization(axes), [x], [scale])
    graph = b.build(y)
    executable = compiled(graph, object_cache)
    for batch in (1, 17):
        inputs = random_inputs(graph, batch)
        assert_close(executable.run(inputs), oracle(graph, inputs))


def test_groups_without_scale_and_shift(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    x = b.input(5, 3, 6)
    graph = b.build(b.add(GroupNormalization(3, scale=False, center=False), [x]))
    inputs = random_inputs(graph, 9)
    assert_close(compiled(graph, object_cache).run(inputs), oracle(graph, inputs))
