"""Products with matrices: what Keras writes as Dense, over any number of positions."""

import numpy as np

from graph.errors import UnsupportedLayerError
from graph.ops import Dense
from graph.saved_model.lengths import Length, show
from graph.saved_model.site import Rules, Site
from graph.saved_model.tensors import Array
from graph.saved_model.values import Known, Tensor, Value


def _matmul(site: Site) -> Value:
    flag = site.attributes.flag
    return _product(site, adjoint=(flag("transpose_a"), flag("transpose_b")))


def _batch_matmul(site: Site) -> Value:
    flag = site.attributes.flag
    return _product(site, adjoint=(flag("adj_x"), flag("adj_y")))


def _product(site: Site, adjoint: tuple[bool, bool]) -> Value:
    left, right = site.input(0), site.input(1)
    if isinstance(left, Tensor) and isinstance(right, Known):
        if adjoint[0]:
            raise site.refusal("transposes a value that follows from the model's inputs")
        array = right.array
        if any(length != 1 for length in array.shape[:-2]) or array.ndim < 2:
            raise site.refusal("multiplies by several matrices at once", got=str(array.shape))
        matrix = array.reshape(array.shape[-2:])
        return dense(site, left, right, matrix.T if adjoint[1] else matrix)
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        raise UnsupportedLayerError(f"{site.where} multiplies two values of the model")
    raise site.refusal("multiplies a constant by a value of the model")


def dense(site: Site, x: Tensor, known: Known, matrix: Array) -> Tensor:
    """Return x @ matrix over the last axis."""
    site.as_real(x)
    if not x.shape or x.shape[-1].fixed != matrix.shape[0]:
        raise site.refusal(
            "multiplies shapes that do not fit", got=f"{show(x.shape)} and {matrix.shape}"
        )
    rows = site.rows(x)
    units = int(matrix.shape[1])
    weight = site.weight(known, np.ascontiguousarray(matrix))
    lengths = (*site.builder.lengths(rows)[:-1], Length(units))
    made = site.add(Dense(units, use_bias=False), rows, weights=(weight,), lengths=lengths)
    return Tensor(made, (*x.shape[:-1], Length(units)), x.dtype)


RULES: Rules = {
    "MatMul": _matmul,
    "BatchMatMul": _batch_matmul,
    "BatchMatMulV2": _batch_matmul,
}
