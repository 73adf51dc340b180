"""Einstein sums -> ops: EinsumDense as a Dense over the axes that it contracts, products of two values as MatMul.

An equation of two operands has letters of four kinds: those that only the first and the result have, those that only
the second and the result have, those that are contracted, and those that all three have. Axes are brought into an order
in which letters of one kind lie side by side, and become one axis.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.activations import LINEAR
from graph.attention_ops import MatMul
from graph.element_ops import Constant
from graph.errors import ShapeError, UnsupportedArgumentError
from graph.graph import WeightArray
from graph.keras.activation_layers import activation_of
from graph.keras.draft import Site
from graph.ops import Activation, Dense, Merge, MergeKind
from graph.shape_ops import Reshape

_EQUATION = re.compile(r"([A-Za-z.]+),([A-Za-z.]+)->([A-Za-z.]+)")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation of two operands, without an ellipsis.

    Attributes:
        first: letters of the first operand.
        second: letters of the second operand.
        result: letters of the result.
    """

    first: str
    second: str
    result: str

    @property
    def shared(self) -> str:
        """Letters of both operands that the result has, too, in its order."""
        return "".join(x for x in self.result if x in self.first and x in self.second)

    @property
    def contracted(self) -> str:
        """Letters of both operands that the result has not."""
        return "".join(x for x in self.first if x in self.second and x not in self.result)

    def only(self, letters: str) -> str:
        """Letters of the result that one operand alone has, in the result's order."""
        other = self.second if letters == self.first else self.first
        return "".join(x for x in self.result if x in letters and x not in other)


def equation_of(text: str, first_rank: int, second_rank: int | None = None) -> Equation:
    """Read an equation, with letters in place of an ellipsis.

    Args:
        text: such as "abc,cde->abde".
        first_rank: number of axes of the first operand.
        second_rank: that of the second; None where an ellipsis stands for no axis of it.

    Raises:
        ShapeError: it is none of two operands that a product of matrices can compute.
    """
    found = _EQUATION.fullmatch(text.replace(" ", ""))
    if found is None:
        raise ShapeError("an equation is not understood", expected="ab,bc->ac", got=text[:80])
    first, second, result = found.groups()
    free = [letter for letter in _LETTERS if letter not in text]
    rest = "".join(free[: max(0, first_rank - len(first.replace("...", "")))])
    named = Equation(
        first.replace("...", rest),
        second.replace("...", rest if second_rank is not None else ""),
        result.replace("...", rest),
    )
    every = (named.first, named.second, named.result)
    known = all(x in named.first or x in named.second for x in named.result)
    summed = all(
        x in other or x in named.result
        for x, other in [
            *((x, named.second) for x in named.first),
            *((x, named.first) for x in named.second),
        ]
    )
    fits = len(named.first) == first_rank and second_rank in (None, len(named.second))
    if (
        "." in "".join(every)
        or not known
        or not summed
        or not fits
        or any(len(set(one)) != len(one) for one in every)
    ):
        raise ShapeError(
            "an equation cannot be computed as a product of matrices",
            expected="two operands with each letter once, of as many axes as they have letters",
            got=text[:80],
        )
    return named


def lower_einsum_dense(site: Site) -> str:
    """Add an EinsumDense.

    Raises:
        UnsupportedArgumentError: the batch is not the first axis of the result, or the kernel has it.
    """
    text = site.arguments["equation"]
    if not isinstance(text, str):
        raise site.arguments.refuse("equation", "an equation such as ab,bc->ac")
    equation = equation_of(text, site.type.rank)
    _expect_batch(site, equation)
    sizes = _kernel_sizes(site, equation)
    shape = tuple(sizes[x] for x in equation.second)
    if equation.shared:
        kernel = site.weight("kernel", shape)
        constant = site.add(Constant(), weights=[kernel], name="kernel")
        batched = Equation(equation.first, equation.first[0] + equation.second, equation.result)
        value = product(site, batched, site.input, constant)
        value = _with_bias(site, equation, sizes, value)
    else:
        value = _dense(site, equation, sizes, shape)
    function = activation_of(site.arguments["activation"], site.arguments, site.draft.dialect)
    if function != LINEAR:
        value = site.add(Activation(function), on=(value,), name="activation")
    return value


def _expect_batch(site: Site, equation: Equation) -> None:
    batch = equation.first[0]
    if equation.result[0] != batch or batch in equation.second:
        raise UnsupportedArgumentError(
            f"{site.arguments.where} moves the batch, or sums over it",
            expected="the first letter of the input first in the result, and not in the kernel",
            got=str(site.arguments["equation"])[:80],
        )


def _kernel_sizes(site: Site, equation: Equation) -> Mapping[str, int]:
    """Return the length of each letter of the kernel, from the input and from the stored kernel."""
    stored = site.stored("kernel")
    if stored is None or stored.ndim != len(equation.second):
        site.weight("kernel", (None,) * len(equation.second))
        raise AssertionError  # never reached: it does not fit
    sizes = dict(zip(equation.second, stored.shape, strict=True))
    for letter, length in zip(equation.first, site.type.shape, strict=True):
        if letter in sizes and sizes[letter] != length:
            raise ShapeError(
                "the kernel does not fit what the layer is called on",
                expected=str(length),
                got=f"{sizes[letter]} along {letter!r}",
            )
    return sizes


def _dense(site: Site, equation: Equation, sizes: Mapping[str, int], shape: tuple[int, ...]) -> str:
    """Add a Dense over the contracted axes, and bring axes in order before and after."""
    kept, contracted = equation.only(equation.first), equation.contracted
    units = equation.only(equation.second)
    stored = site.draft.weight(site.weight("kernel", shape))
    order = [equation.second.index(x) for x in (*contracted, *units)]
    matrix = (math.prod(sizes[x] for x in contracted), math.prod(sizes[x] for x in units))
    kernel = site.weight(
        "kernel_matrix", matrix, later=np.ascontiguousarray(stored.transpose(order).reshape(matrix))
    )
    value = ordered(site, site.input, equation.first, kept + contracted)
    lengths = dict(zip(equation.first, site.type.shape, strict=True)) | dict(sizes)
    value = _reshaped(site, value, [lengths[x] for x in kept[1:]] + [matrix[0]])
    bias = _unit_bias(site, equation, sizes, units)
    weights = [kernel] if bias is None else [kernel, bias]
    value = site.add(Dense(matrix[1], bias is not None), on=(value,), weights=weights)
    value = _reshaped(site, value, [lengths[x] for x in (*kept[1:], *units)])
    value = ordered(site, value, kept + units, equation.result)
    return value if bias is not None else _with_bias(site, equation, sizes, value)


def _bias_axes(site: Site) -> str:
    axes = site.arguments["bias_axes"]
    if axes is None:
        return ""
    if not isinstance(axes, str):
        raise site.arguments.refuse("bias_axes", "letters of the result")
    return axes


def _unit_bias(site: Site, equation: Equation, sizes: Mapping[str, int], units: str) -> str | None:
    """Return the bias as one number for each unit; None where there is none, or other axes have one."""
    axes = _bias_axes(site)
    if not axes or any(x not in units for x in axes):
        return None
    stored = site.draft.weight(site.weight("bias", tuple(_bias_shape(equation, sizes, axes))))
    numbers = _in_order(stored, equation, units, sizes)
    return site.weight("bias_of_units", (numbers.size,), later=numbers)


def _bias_shape(equation: Equation, sizes: Mapping[str, int], axes: str) -> list[int]:
    """Return the shape as Keras makes it: 1 along the axes behind the first one that have no bias."""
    first = min(equation.result.index(x) for x in axes)
    return [sizes[x] if x in axes else 1 for x in equation.result[first:]]


def _in_order(
    stored: WeightArray, equation: Equation, units: str, sizes: Mapping[str, int]
) -> WeightArray:
    """Return a stored bias as one number for each unit, in the order of the units."""
    behind = equation.result[len(equation.result) - stored.ndim :]
    full = stored.reshape([n for x, n in zip(behind, stored.shape, strict=True) if x in units])
    letters = [x for x in behind if x in units]
    missing = [x for x in units if x not in letters]
    full = full.reshape(*full.shape, *[1] * len(missing))
    order = [[*letters, *missing].index(x) for x in units]
    spread = np.broadcast_to(full.transpose(order), [sizes[x] for x in units])
    return np.ascontiguousarray(spread).reshape(-1)


def _with_bias(site: Site, equation: Equation, sizes: Mapping[str, int], value: str) -> str:
    """Add a bias along any axes of the result."""
    axes = _bias_axes(site)
    if not axes:
        return value
    lengths = dict(zip(equation.result, site.draft.type(value).shape, strict=True))
    known = {x: n for x, n in lengths.items() if n is not None} | dict(sizes)
    shape = tuple(_bias_shape(equation, known, axes))
    bias = site.weight("bias", shape)
    constant = site.add(Constant(), on=(value,), weights=[bias], name="bias")
    return site.add(Merge(MergeKind.ADD), on=(value, constant), name="with_bias")


def product(site: Site, equation: Equation, first: str, second: str) -> str:
    """Add the product of two values that an equation describes; the batch is the first letter of all three.

    Raises:
        ShapeError: lengths differ, or one that varies would have to be joined with another.
    """
    shared, contracted = equation.shared, equation.contracted
    rows, columns = equation.only(equation.first), equation.only(equation.second)
    lengths: dict[str, int | None] = {}
    for letters, value in ((equation.first, first), (equation.second, second)):
        for letter, length in zip(letters, site.draft.type(value).shape, strict=True):
            if lengths.setdefault(letter, length) != length:
                raise ShapeError(
                    "two operands differ in length",
                    got=f"{lengths[letter]} and {length} along {letter!r}",
                )

    def grouped(letters: str) -> int | None:
        found = [lengths[x] for x in letters]
        if len(found) == 1:
            return found[0]
        if None in found:
            raise ShapeError("axes of varying length cannot be joined", got=f"axes {letters}")
        return math.prod(length for length in found if length is not None)

    before = [lengths[x] for x in shared[1:]]
    left = ordered(site, first, equation.first, shared + rows + contracted)
    left = _reshaped(site, left, [*before, grouped(rows), grouped(contracted)])
    right = ordered(site, second, equation.second, shared + columns + contracted)
    right = _reshaped(site, right, [*before, grouped(columns), grouped(contracted)])
    value = site.add(MatMul(transpose_b=True), on=(left, right), name="product")
    value = _reshaped(site, value, [lengths[x] for x in (*shared[1:], *rows, *columns)])
    return ordered(site, value, shared + rows + columns, equation.result)


def ordered(site: Site, value: str, letters: str, wanted: str) -> str:
    """Return a value with its axes in another order; the first letter of both is the batch."""
    if letters == wanted:
        return value
    return site.permuted(value, tuple(letters.index(x) for x in wanted[1:]), "order")


def _reshaped(site: Site, value: str, lengths: Sequence[int | None]) -> str:
    """Return a value with other sample axes, of which one may vary in length."""
    if site.draft.type(value).sample_shape == tuple(lengths):
        return value
    if lengths.count(None) > 1:
        raise ShapeError("axes of varying length cannot be split or joined", got=str(lengths))
    shape = tuple(-1 if length is None else length for length in lengths)
    return site.add(Reshape(shape), on=(value,), name="shape")


def lower_einsum(site: Site, text: str, first: str, second: str) -> str:
    """Add an Einstein sum of two values.

    Raises:
        ShapeError: no product of matrices computes it, or an operand has not the batch first.
    """
    ranks = [site.draft.type(value).rank for value in (first, second)]
    equation = equation_of(text, *ranks)
    batch = equation.first[0]
    if equation.second[0] != batch or equation.result[0] != batch:
        raise ShapeError(
            "an equation moves the batch, or sums over it",
            expected="the same letter first in both operands and in the result",
            got=text[:80],
        )
    return product(site, equation, first, second)
