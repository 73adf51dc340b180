"""Long dot products in kernels for many samples err no more than TensorFlow's, whatever the row's length."""

import numpy as np
import pytest

from engine.core.layers import DenseLayer
from engine.core.target import host_target
from engine.kernels.panels import layer_panel
from engine.kernels.registry import kernel_candidates
from engine.planning.parts import part_layer
from tests.engine.kernels.dense_oracle import run_candidate

# Root mean square of errors, in units of 2^-24 of the sum of absolute products, where all products are positive: what
# TensorFlow 2.20 has for batches of 4 to 32 is 4.1, 1.7, 1.9 and 3.4. One chain has 4, 16, 33 and 66.
ALLOWED = {256: 4.5, 4096: 2.1, 16_384: 2.4, 65_536: 4.0}


@pytest.mark.parametrize("lanes", [4, 8, 16, 32])
@pytest.mark.parametrize("inputs", ALLOWED)
@pytest.mark.parametrize("density", [1.0, 0.5, 0.1])
def test_errors_do_not_grow_with_the_length_of_a_row(
    inputs: int, density: float, lanes: int
) -> None:
    rng = np.random.default_rng(0)
    kernel = np.abs(rng.standard_normal((inputs, 16))).astype(np.float32)
    kernel[rng.random(kernel.shape) >= density] = 0
    x = np.abs(rng.standard_normal((inputs, lanes))).astype(np.float32)
    exact = kernel.T.astype(np.float64) @ x
    layer = DenseLayer(kernel)
    candidates = kernel_candidates(layer, host_target().isa, lanes)
    assert candidates
    for candidate in candidates:
        error = (run_candidate(candidate, layer, x) - exact) / exact * 2.0**24
        measured = float(np.sqrt((error**2).mean()))
        assert measured <= ALLOWED[inputs], candidate.spec.symbol


def test_a_part_of_a_layer_is_added_up_as_the_whole_layer() -> None:
    kernel = np.zeros((3000, 64), np.float32)
    kernel[:, :32] = 1.0
    whole = DenseLayer(kernel)
    first, second = (part_layer(whole, rows) for rows in (range(32), range(32, 64)))
    assert layer_panel(first, 4) == layer_panel(second, 4) == layer_panel(whole, 4)
    assert layer_panel(part_layer(first, range(16)), 4) == layer_panel(whole, 4)
    # By themselves they would be added in other panels.
    assert layer_panel(DenseLayer(np.zeros((3000, 32), np.float32)), 4) > layer_panel(whole, 4)
