"""Embeddings -> ops: rows of a table, the mask of indices that are not zero, and the table as a kernel in reverse."""

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.attention_ops import Embedding
from graph.element_ops import Binary, BinaryFunction, Constant
from graph.keras.draft import KerasTensor, Site, Tensors
from graph.ops import Activation, Dense, Rescaling


def lower_embedding(site: Site) -> Tensors:
    """Add an Embedding; index 0 is no word where `mask_zero` says so."""
    rows, features = site.arguments.whole("input_dim"), site.arguments.whole("output_dim")
    table = site.weight("embeddings", (rows, features))
    value = site.add(Embedding(rows, features), weights=[table])
    mask = _not_zero(site) if site.arguments.flag("mask_zero") else None
    return (KerasTensor(value, mask),)


def _not_zero(site: Site) -> str:
    weight = site.constant("padding", np.array(0, np.float32))
    zero = site.add(Constant(), on=(site.input,), weights=[weight], name="padding")
    not_equal = Binary(BinaryFunction.NOT_EQUAL)
    return site.add(not_equal, on=(site.input, zero), name="mask")


def lower_reversible_embedding(site: Site) -> Tensors:
    """Add an embedding, or in reverse the product with its table, or with a kernel of its own."""
    if "reverse" not in site.call.flags:
        return lower_embedding(site)
    rows, features = site.arguments.whole("input_dim"), site.arguments.whole("output_dim")
    if site.arguments.flag("tie_weights"):
        table = site.draft.weight(site.weight("embeddings", (rows, features)))
        kernel = site.weight(
            "embeddings_turned", (features, rows), later=np.ascontiguousarray(table.T)
        )
    else:
        kernel = site.weight("reverse_embeddings", (features, rows))
    value = site.add(Dense(rows, use_bias=False), weights=[kernel], name="reverse")
    if site.arguments["logit_soft_cap"] is not None:
        cap = site.arguments.number("logit_soft_cap")
        if cap == 0:
            raise site.arguments.refuse("logit_soft_cap", "a number other than 0")
        value = site.add(Rescaling((1 / cap,)), on=(value,), name="share_of_cap")
        tanh = ActivationFunction(Function.TANH)
        value = site.add(Activation(tanh), on=(value,), name="capped")
        value = site.add(Rescaling((cap,)), on=(value,), name="logits")
    return (KerasTensor(value),)
