"""Products with matrices: what Keras writes as Dense, over any number of positions."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from graph.attention_ops import MatMul
from graph.errors import UnsupportedLayerError
from graph.ops import Dense
from graph.saved_model.lengths import Length, fixed, product, show
from graph.saved_model.ops_shape import transpose
from graph.saved_model.site import Rules, Site
from graph.saved_model.tensors import Array
from graph.saved_model.values import Known, Tensor, Value

_EQUATION = re.compile(r"([A-Za-z]{1,8}),([A-Za-z]{1,8})->([A-Za-z]{1,8})")


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
        return _of_two(site, left, right, adjoint)
    raise site.refusal("multiplies a constant by a value of the model")


def _of_two(site: Site, left: Tensor, right: Tensor, adjoint: tuple[bool, bool]) -> Value:
    """Return the products of matrices of each sample."""
    if site.op == "MatMul" and site.builder.has_batch:
        raise UnsupportedLayerError(f"{site.where} multiplies values of different samples")
    a, b = (site.value(site.as_real(one)) for one in (left, right))
    return site.made(site.add(MatMul(*adjoint), a, b))


def _einsum(site: Site) -> Value:
    """Products along named axes: with a constant a Dense layer, of two values a product of matrices of each sample."""
    equation = site.attributes.text("equation").replace(" ", "")
    match = _EQUATION.fullmatch(equation)
    if match is None or len(site.inputs) != 2:
        raise site.refusal("has an equation that is not read", got=repr(equation[:80]))
    left, right, result = match.groups()
    a, b = site.input(0), site.input(1)
    if isinstance(a, Known) and isinstance(b, Tensor):
        a, b, left, right = b, a, right, left
    names = _Names(left, right, result)
    if not isinstance(a, Tensor) or not names.are_plain:
        raise site.refusal("has an equation that is not read", got=repr(equation[:80]))
    if isinstance(b, Known):
        return _einsum_with_constant(site, a, b, names)
    if isinstance(b, Tensor):
        return _einsum_of_two(site, a, b, names)
    raise site.refusal("multiplies something else than tensors")


@dataclass(frozen=True, slots=True)
class _Names:
    """The axes of an equation."""

    left: str
    right: str
    result: str

    @property
    def are_plain(self) -> bool:
        """Whether no axis occurs twice in one value, and each is in two of the three values."""
        texts = (self.left, self.right, self.result)
        return all(len(set(text)) == len(text) for text in texts) and all(
            sum(name in text for text in texts) >= 2 for name in "".join(texts)
        )

    @property
    def summed(self) -> str:
        """Those that are summed over."""
        return "".join(name for name in self.left if name in self.right and name not in self.result)

    @property
    def shared(self) -> str:
        """Those of all three values."""
        return "".join(name for name in self.left if name in self.right and name in self.result)


def _einsum_with_constant(site: Site, x: Tensor, known: Known, names: _Names) -> Value:
    if names.shared or not names.summed:
        raise site.refusal("multiplies axes of a constant one by one", got=names.result)
    kept = "".join(name for name in names.left if name not in names.summed)
    new = "".join(name for name in names.right if name not in names.summed)
    if len(names.left) != len(x.shape) or len(names.right) != known.array.ndim:
        raise site.refusal("has an equation that does not fit its inputs")
    lengths = dict(zip(names.left, x.shape, strict=True))
    units = dict(zip(names.right, known.array.shape, strict=True))
    ordered = _transposed(site, x, names.left, kept + names.summed)
    rows = tuple(lengths[name] for name in kept)
    flat = Tensor(ordered.value, (*rows, product(lengths[name] for name in names.summed)), x.dtype)
    order = [names.right.index(name) for name in names.summed + new]
    array = np.transpose(known.array, order)
    count = math.prod(units[name] for name in new)
    made = dense(site, flat, known, array.reshape(-1, count))
    whole = Tensor(made.value, (*rows, *fixed(units[name] for name in new)), made.dtype)
    return _transposed(site, whole, kept + new, names.result)


def _einsum_of_two(site: Site, a: Tensor, b: Tensor, names: _Names) -> Value:
    if len(names.left) != len(a.shape) or len(names.right) != len(b.shape) or not names.summed:
        raise site.refusal("has an equation that does not fit its inputs")
    if site.builder.has_batch and names.left[0] not in names.shared:
        raise UnsupportedLayerError(f"{site.where} multiplies values of different samples")
    lengths = dict(zip(names.left + names.right, a.shape + b.shape, strict=True))
    rows = "".join(name for name in names.left if name not in names.right)
    columns = "".join(name for name in names.right if name not in names.left)
    left = _transposed(site, site.as_real(a), names.left, names.shared + rows + names.summed)
    right = _transposed(site, site.as_real(b), names.right, names.shared + names.summed + columns)
    outer = tuple(lengths[name] for name in names.shared)

    def length(axes: str) -> Length:
        return product(lengths[name] for name in axes)

    one = Tensor(left.value, (*outer, length(rows), length(names.summed)), a.dtype)
    other = Tensor(right.value, (*outer, length(names.summed), length(columns)), b.dtype)
    made = site.add(MatMul(), site.value(one), site.value(other))
    shape = tuple(lengths[name] for name in names.shared + rows + columns)
    return _transposed(
        site, Tensor(made, shape, a.dtype), names.shared + rows + columns, names.result
    )


def _transposed(site: Site, x: Tensor, before: str, after: str) -> Tensor:
    order = Known(np.array([before.index(name) for name in after], np.int32), site.label)
    moved = transpose(replace(site, inputs=(x, order)))
    if not isinstance(moved, Tensor):
        raise site.refusal("does not follow from the model's inputs")
    return moved


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
    "Einsum": _einsum,
}
