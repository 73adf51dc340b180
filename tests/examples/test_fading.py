"""The callback that leaves weights near zero, with Keras itself."""

from typing import Any

import numpy as np
import pytest

KEPT = 2


def test_units_keep_their_largest_weights_and_what_fades_goes_on_fading(keras: Any) -> None:
    from examples.fading import grow_fading

    generator = np.random.default_rng(3)
    kernel = generator.standard_normal((30, 20)).astype(np.float32)
    first = grow_fading(kernel, np.zeros(kernel.shape, bool), 0.4, KEPT)
    assert first.sum() == int(0.4 * kernel.size)
    assert np.abs(kernel[first]).max() <= np.abs(kernel[~first]).min()
    last = grow_fading(np.where(first, 1e-20, kernel), first, 0.8, KEPT)
    assert (first & ~last).sum() == 0
    assert (~last).sum(axis=0).min() >= KEPT
    assert (~last).sum(axis=1).min() >= KEPT


def test_the_schedule_rises_from_zero_to_the_target(keras: Any) -> None:
    from examples.fading import FadePlan

    plan = FadePlan(sparsity=0.9, first_step=10, last_step=110, decay=0.9, kept_per_unit=1)
    assert [plan.sparsity_at(step) for step in (0, 10, 110, 500)] == [0, 0, 0.9, 0.9]
    assert plan.sparsity_at(60) == pytest.approx(0.9 * (1 - 0.5**3))


def test_training_ends_with_most_weights_near_zero_and_none_at_zero(keras: Any) -> None:
    from examples.fading import FadePlan, Fading

    keras.utils.set_random_seed(5)
    generator = np.random.default_rng(5)
    inputs = generator.standard_normal((320, 20)).astype(np.float32)
    targets = inputs[:, :1] - inputs[:, 1:2]
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    plan = FadePlan(sparsity=0.8, first_step=20, last_step=60, decay=0.7, kept_per_unit=2)
    model.fit(inputs, targets, batch_size=32, epochs=20, verbose=0, callbacks=[Fading(plan)])
    kernel = np.abs(np.asarray(model.layers[0].kernel))
    assert (kernel < 1e-15).mean() == pytest.approx(0.8, abs=0.01)
    assert kernel.min() > 0
    assert (kernel > 1e-15).any(axis=0).all()
    assert model.evaluate(inputs, targets, verbose=0) < 0.2 * np.var(targets)
