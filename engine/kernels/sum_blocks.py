"""How kernels for many samples add long dot products: in blocks of inputs, each from zero, then block to block.

The error of a sum of n products in one chain grows like sqrt(n), and at worst like n; in blocks of b, it grows like
sqrt(b) and sqrt(n / b) (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2). TensorFlow's products
are added in blocks, too. Layers of up to `LONGEST_CHAIN` inputs are one block, so that there all kernels that add in
the order of the inputs give the same bits, whatever their panels or tiles.
"""

from collections.abc import Callable, Sequence

from engine.kernels.emit import I64, Value, Writer

LONGEST_CHAIN = 384
# Inputs of a block of a dense kernel; from `LONG` inputs on, where blocks are many, larger ones err less.
BLOCK, LARGE_BLOCK = 256, 512
LONG = 8192
# Non-zeros of a row in a panel of a sparse kernel, on the average of the layer.
PANEL_NONZEROS = 192


def most_columns(density: float) -> int:
    """Columns of a panel in which a row has as many non-zeros as should be added in one chain.

    Args:
        density: share of the layer's weights that are not zero.
    """
    return max(LONGEST_CHAIN, int(PANEL_NONZEROS / max(density, 1e-6)))


def block_length(w: Writer, inputs: Value) -> Value:
    """Write how many inputs a dense kernel adds in one chain."""
    is_long = w.compare("sgt", inputs, w.i64(LONG))
    block = w.select(is_long, w.i64(LARGE_BLOCK), w.i64(BLOCK))
    return w.select(w.compare("sgt", inputs, w.i64(LONGEST_CHAIN)), block, inputs)


def windows_in_blocks(
    w: Writer,
    windows: Value,
    slide: Value,
    streams: Sequence[Value],
    zeros: Sequence[Value],
    block: Callable[[Value, Value, Sequence[Value]], Sequence[Value]],
) -> tuple[list[Value], list[Value]]:
    """Write a sweep's sums over all windows, as many in one chain as cover about `LARGE_BLOCK` inputs.

    Args:
        w: the kernel's writer.
        windows: number of windows.
        slide: inputs from one window to the next.
        streams: addresses that are read on from window to window.
        zeros: the vector that sums start from.
        block: writes the loop over the windows from the first value to the second, with the streams; gives the
            streams behind them, and the sums.

    Returns:
        The streams behind all windows, and the sums.
    """
    length = w.value(I64, f"udiv {w.i64(LARGE_BLOCK)}, {slide.name}")
    count = w.value(I64, f"udiv {w.add(windows, w.add(length, -1))}, {length.name}")
    with w.loop(0, count, carried=(*streams, *zeros)) as number:
        start = w.mul(number.index, length)
        end = w.intrinsic("smin", w.add(start, length), windows)
        before = number.carried[: len(streams)]
        found = block(start, end, before)
        sums = zip(number.carried[len(streams) :], found[len(streams) :], strict=True)
        totals = [w.op("fadd", total, one) for total, one in sums]
        number.carry((*found[: len(streams)], *totals))
    return list(number.carried[: len(streams)]), list(number.carried[len(streams) :])


def sum_in_blocks(
    w: Writer,
    inputs: Value,
    zeros: Sequence[Value],
    block: Callable[[Value, Value], Sequence[Value]],
) -> list[Value]:
    """Write the sums over all inputs.

    Args:
        w: the kernel's writer.
        inputs: number of inputs.
        zeros: the vector that sums start from.
        block: writes the loop over the inputs from the first value to the second, and gives its sums.
    """
    length = block_length(w, inputs)
    whole = w.add(inputs, w.add(length, -1))
    count = w.value(I64, f"udiv {whole}, {length.name}")
    with w.loop(0, count, carried=zeros) as number:
        start = w.mul(number.index, length)
        end = w.intrinsic("smin", w.add(start, length), inputs)
        sums = block(start, end)
        number.carry(
            [w.op("fadd", total, one) for total, one in zip(number.carried, sums, strict=True)]
        )
    return list(number.carried)
