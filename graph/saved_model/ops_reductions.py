"""Operations along axes: sums and means, softmax, the place of the largest element."""

from collections.abc import Mapping

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.ops import Activation
from graph.pooling_ops import GlobalPool, PoolKind
from graph.reduction_ops import ArgReduce, Cumulative, CumulativeKind, Reduce, ReduceKind
from graph.saved_model.lengths import show
from graph.saved_model.site import Rules, Site
from graph.saved_model.values import Tensor, Value

_KINDS: Mapping[str, ReduceKind] = {
    "Mean": ReduceKind.MEAN,
    "Sum": ReduceKind.SUM,
    "Max": ReduceKind.MAX,
    "Min": ReduceKind.MIN,
    "Prod": ReduceKind.PROD,
    "All": ReduceKind.ALL,
    "Any": ReduceKind.ANY,
}
_POOLS = {"Mean": PoolKind.AVERAGE, "Max": PoolKind.MAX}


def _reduce(site: Site) -> Value:
    is_logic = site.op in ("All", "Any")
    x = site.tensor(0) if is_logic else site.real(0)
    axes = sorted({site.axis(x, axis) for axis in site.integers(1)})
    kept = site.attributes.flag("keep_dims")
    if not axes:
        return x
    value = site.value(x)
    rank = len(site.builder.lengths(value)) + 1
    if site.op in _POOLS and rank > 2 and axes == list(range(1, rank - 1)):
        return site.made(site.add(GlobalPool(_POOLS[site.op], keepdims=kept), value))
    made = site.add(Reduce(_KINDS[site.op], tuple(axes), kept), value)
    return site.made(made, x.dtype)


def _arg(site: Site) -> Value:
    x, axis = site.real(0), site.integer(1)
    value = site.value(x)
    made = site.add(ArgReduce(site.op == "ArgMax", site.axis(x, axis)), value)
    number = site.attributes.dtype("output_type", 9)
    return site.made(made, np.dtype(np.int32 if number == 3 else np.int64))


def _softmax(site: Site) -> Value:
    x = site.real(0)
    if len(x.shape) < 2 and site.builder.has_batch:
        raise site.refusal("works across samples", got=show(x.shape))
    rows = site.rows(x)
    function = Function.SOFTMAX if site.op == "Softmax" else Function.LOG_SOFTMAX
    lengths = site.builder.lengths(rows)
    made = site.add(Activation(ActivationFunction(function)), rows, lengths=lengths)
    return Tensor(made, x.shape, x.dtype)


def _cumulative(site: Site) -> Value:
    x, axis = site.real(0), site.integer(1)
    if site.attributes.flag("exclusive") or site.attributes.flag("reverse"):
        raise site.refusal("adds up in an unusual order")
    value = site.value(x)
    kind = CumulativeKind.SUM if site.op == "Cumsum" else CumulativeKind.PROD
    made = site.add(
        Cumulative(kind, site.axis(x, axis)), value, lengths=site.builder.lengths(value)
    )
    return site.made(made)


RULES: Rules = {
    **dict.fromkeys(_KINDS, _reduce),
    "ArgMax": _arg,
    "ArgMin": _arg,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Cumsum": _cumulative,
    "Cumprod": _cumulative,
}
