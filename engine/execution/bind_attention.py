"""Steps of tokens and attention as kernels with their arguments; see `engine.execution.bind`."""

from collections.abc import Callable

from engine.core.attention_steps import (
    AttentionStep,
    LookupStep,
    MaskedSoftmaxStep,
    ProductStep,
)
from engine.core.functions import float_bits
from engine.core.places import Place
from engine.core.program import Program, dense_array
from engine.core.target import Isa
from engine.execution.bound import Bound
from engine.kernels import lookup, masked_softmax, product


def bind_attention(
    program: Program, isa: Isa, lanes: int, offset: Callable[[Place], int], step: AttentionStep
) -> Bound:
    """Return the kernel of a step, the values of its ARENA and INT fields, and its constants.

    Args:
        program: the program of the step.
        isa: instruction set level.
        lanes: samples per tile.
        offset: gives the byte offset of a place in the arena.
        step: the step.
    """
    match step:
        case LookupStep():
            numbers = {"x": offset(step.x), "y": offset(step.y), "indices": step.x.rows}
            numbers |= {"features": step.features, "table_rows": step.table_rows}
            table = dense_array(program.constants[step.table])
            return lookup.lookup_spec(isa, lanes), numbers, {"table": table}
        case ProductStep():
            spec = product.product_spec(isa, lanes, step.rows, step.columns)
            numbers = {name: offset(getattr(step, name)) for name in ("a", "b", "y")}
            numbers |= product.product_numbers(step)
            return spec, {**numbers, "scale": float_bits(step.scale)}, {}
        case MaskedSoftmaxStep():
            return _masked_softmax(isa, lanes, offset, step)


def _masked_softmax(
    isa: Isa, lanes: int, offset: Callable[[Place], int], step: MaskedSoftmaxStep
) -> Bound:
    spec = masked_softmax.masked_softmax_spec(
        isa, lanes, step.masking, masked=step.mask is not None, placed=not step.sees_all
    )
    numbers = {
        "x": offset(step.x),
        "y": offset(step.y),
        # Without a mask the field is not read.
        "mask": offset(step.mask or step.x),
        "outer": step.outer,
        "group": step.keys,
        "inner": step.queries,
        "share": step.outer // step.mask_outer,
        "ahead": step.ahead,
        "back": step.back,
    }
    return spec, numbers, {}
