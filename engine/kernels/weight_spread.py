"""How the weights of one step get into all lanes of a register each."""

from enum import StrEnum

from engine.kernels.emit import F32, Value, Writer, vector


class Spread(StrEnum):
    """How a weight gets into all lanes: loaded R times, or loaded once and permuted in registers.

    AMD's cores can load one 512-bit register per cycle, and a broadcast from memory counts as one:
    there the permutation is up to 1.3 times as fast. Intel's permutations share a port with FMA.
    """

    LOAD = "load"
    PERMUTE = "permute"


def loaded_weights(w: Writer, values: Value, count: int, width: int) -> list[Value]:
    """Return each of `count` weights in all lanes, by as many loads."""
    return [w.splat(w.load(F32, w.at(values, member, F32)), width) for member in range(count)]


def permuted_weights(w: Writer, values: Value, count: int, width: int) -> list[Value]:
    """Return each of 2 or 4 weights in all lanes, by one load and permutations inside quarters."""
    together = w.load(vector(F32, count), values)
    lanes = range(width)
    repeated = w.shuffle(together, together, [lane % count for lane in lanes])
    # An empty instruction that LLVM cannot look through: it would turn each permutation back into
    # a load, and the loads are what the kernel waits for.
    kept = w.value(repeated.type, f'call {repeated.type} asm "", "=v,0"({repeated})', "kept")
    return [
        w.shuffle(kept, kept, [lane // count * count + member for lane in lanes])
        for member in range(count)
    ]
