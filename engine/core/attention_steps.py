"""The steps of tokens and attention: rows of a table, products of two values, softmax under a mask."""

import math
from dataclasses import dataclass
from enum import StrEnum

from engine.core.places import Place

# Axes of groups that a product goes over, outermost first.
GROUP_AXES = 3


@dataclass(frozen=True, slots=True)
class LookupStep:
    """y[p][:] = table[x[p]][:] with the fraction of x[p] cut off; NaN where that is no row of the table.

    Attributes:
        x: one row for each index.
        y: [indices][features] rows.
        table: constant float32[table rows][features].
        table_rows: rows of the table.
    """

    x: Place
    y: Place
    table: str
    table_rows: int

    @property
    def features(self) -> int:
        """Numbers of a row of the table."""
        return self.y.rows // self.x.rows


@dataclass(frozen=True, slots=True)
class ProductStep:
    """y[g][m][n] = scale * sum over t < terms of a[g][m][t] * b[g][t][n], for groups g over three axes.

    All strides are in rows. Columns of b and y lie side by side; the others say how far apart things lie, 0 where
    groups share a matrix.

    Attributes:
        a: first value.
        b: second value.
        y: results, each row of the place once.
        groups: groups along each of the three axes.
        a_groups: rows of `a` from one group to the next along each axis.
        b_groups: the same of `b`.
        y_groups: the same of `y`.
        rows: rows m of a result.
        terms: products of a sum.
        columns: columns n of a result.
        a_row: rows of `a` from one m to the next.
        a_term: rows of `a` from one term to the next.
        b_term: rows of `b` from one term to the next.
        y_row: rows of `y` from one m to the next.
        scale: what each sum is multiplied with.
    """

    a: Place
    b: Place
    y: Place
    groups: tuple[int, ...]
    a_groups: tuple[int, ...]
    b_groups: tuple[int, ...]
    y_groups: tuple[int, ...]
    rows: int
    terms: int
    columns: int
    a_row: int
    a_term: int
    b_term: int
    y_row: int
    scale: float

    @property
    def products(self) -> int:
        """Multiplications for one sample."""
        return math.prod(self.groups) * self.rows * self.terms * self.columns


class MaskedKind(StrEnum):
    """What becomes of masked scores; as `graph.attention_ops.Masking`."""

    EQUAL = "equal"
    ZERO = "zero"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class MaskedSoftmaxStep:
    """Softmax over the keys of [outer][keys][queries] rows, of which some are masked for some queries.

    Attributes:
        masking: what becomes of masked scores.
        x: scores.
        y: their shares.
        mask: [mask_outer][keys][queries] rows, 1 where a key is seen and 0 where it is not; None: all are seen.
        outer: groups of scores.
        keys: scores of a group for one query.
        queries: queries of a group.
        mask_outer: groups of the mask, each for a run of as many groups of scores.
        ahead: how many places behind the query a key may lie that is seen.
        back: how many places in front of it.
    """

    masking: MaskedKind
    x: Place
    y: Place
    mask: Place | None
    outer: int
    keys: int
    queries: int
    mask_outer: int
    ahead: int
    back: int

    @property
    def sees_all(self) -> bool:
        """Whether the places of keys and queries do not matter."""
        return self.ahead >= self.keys - 1 and self.back >= self.queries - 1


AttentionStep = LookupStep | ProductStep | MaskedSoftmaxStep


def reads(step: AttentionStep) -> tuple[Place, ...]:
    """Return the places that a step reads."""
    match step:
        case LookupStep():
            return (step.x,)
        case ProductStep():
            return (step.a, step.b)
        case MaskedSoftmaxStep():
            return (step.x,) if step.mask is None else (step.x, step.mask)


def constants_of(step: AttentionStep) -> tuple[str, ...]:
    """Return the names of the constants that a step uses."""
    return (step.table,) if isinstance(step, LookupStep) else ()


def name_of(step: AttentionStep) -> str:
    """Return the printed form of a step's kind and numbers."""
    match step:
        case LookupStep():
            return f"lookup<{step.table_rows}>"
        case ProductStep():
            groups = math.prod(step.groups)
            return f"product<{groups}, {step.rows}, {step.terms}, {step.columns}>"
        case MaskedSoftmaxStep():
            causal = "" if step.sees_all else f" {step.back} back, {step.ahead} ahead"
            counts = f"{step.outer}, {step.keys}, {step.queries}"
            return f"masked_softmax_{step.masking.value}<{counts}>{causal}"
