"""Weights of recurrent layers, from whatever version of Keras, in the layout that Keras 3 gives them.

Keras 3 stores the kernels of all gates side by side: i, f, c, o of an LSTM, z, r, h of a GRU. Other layouts:

- Keras 1 stores a kernel for each gate, in the order i, c, f, o, unless `consume_less` is "gpu";
- CuDNN's layers (Keras 2.1 to 2.15) store each gate's kernels transposed, and a bias for each of the two kernels; see
  `_convert_rnn_weights` in keras/engine/saving.py of Keras 2.2.4.
"""

from dataclasses import dataclass

import numpy as np

from graph.graph import WeightArray
from graph.keras.draft import Site

_KERAS1_GATES = {"LSTM": "ifco", "GRU": "zrh"}


@dataclass(frozen=True, slots=True)
class CellWeights:
    """The weights of one cell, by the names that they have in the graph.

    Attributes:
        kernel: the kernel of the input, (features, gates * units).
        bias: what is added to the input's product, (gates * units,), or None.
        recurrent_kernel: the kernel of the state, (units, gates * units).
        recurrent_bias: what is added to the state's product, (gates * units,), or None.
    """

    kernel: str
    bias: str | None
    recurrent_kernel: str
    recurrent_bias: str | None


def cell_weights(
    site: Site, features: int | None, units: int, gates: int, *, two_biases: bool
) -> CellWeights:
    """Add the weights of a recurrent layer or cell.

    Args:
        site: the layer, or the cell as a part of one.
        features: how many numbers each step of the input has.
        units: how many units there are.
        gates: how many columns of the kernels each unit has.
        two_biases: whether there is a bias for each kernel, where there is any.

    Raises:
        WeightsMismatchError: a weight is not there, or has another shape.
    """
    columns = gates * units
    kernel = site.weight("kernel", (features, columns), later=_kernel(site, "kernel", "W", gates))
    recurrent = _kernel(site, "recurrent_kernel", "U", gates)
    recurrent_kernel = site.weight("recurrent_kernel", (units, columns), later=recurrent)
    if not site.arguments.flag("use_bias"):
        return CellWeights(kernel, None, recurrent_kernel, None)
    bias = _bias(site, columns)
    if not two_biases:
        return CellWeights(
            kernel, site.weight("bias", (columns,), later=bias), recurrent_kernel, None
        )
    if bias is not None and bias.size == 2 * columns:
        bias = bias.reshape(2, columns)
    first, second = site.draft.weight(site.weight("bias", (2, columns), later=bias))
    return CellWeights(
        kernel,
        site.weight("input_bias", (columns,), later=first),
        recurrent_kernel,
        site.weight("recurrent_bias", (columns,), later=second),
    )


def _kernel(site: Site, role: str, keras1: str, gates: int) -> WeightArray | None:
    stored = site.stored(role)
    if stored is None:
        return _joined(site, keras1)
    if (
        site.layer.class_name.startswith("CuDNN")
        and stored.ndim == 2
        and stored.shape[1] % gates == 0
    ):
        parts = [_from_cudnn(part, role) for part in np.split(stored, gates, axis=1)]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))
    return stored


def _from_cudnn(kernel: WeightArray, role: str) -> WeightArray:
    """Return the kernel of one gate as it is applied from the right."""
    if role == "recurrent_kernel":
        return kernel.T
    return kernel.T.reshape(kernel.shape, order="F")


def _joined(site: Site, kind: str) -> WeightArray | None:
    """Return what Keras 1 stored for each gate, joined in the order of Keras 3."""
    gates = _KERAS1_GATES.get(site.layer.class_name, "")
    parts = [site.stored(f"{kind}_{gate}") for gate in gates]
    found = [part for part in parts if part is not None]
    if not found or len(found) != len(gates) or len({part.shape[:-1] for part in found}) != 1:
        return None
    return np.concatenate(found, axis=-1)


def _bias(site: Site, columns: int) -> WeightArray | None:
    stored = site.stored("bias")
    if stored is None:
        return _joined(site, "b")
    if site.layer.class_name == "CuDNNLSTM" and stored.size == 2 * columns:
        # Both are added to the same sum.
        return stored.reshape(2, columns).sum(axis=0)
    return stored
