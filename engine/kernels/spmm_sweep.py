"""Four or eight samples, sparse: the sweep of `spmv_sweep` over four samples at a time.

A tile has the samples of an input side by side; a window wants the inputs of a sample side by side. So the
layer's input is first transposed, four samples at a time, onto the stack. Then a step of a vector of rows is one
load of weights, one of columns, and for each sample a permutation of its window and a multiply-add::

    %columns = zext (load <16 x i8>, ptr %codes)
    %x0 = vpermi2ps(%a0, %columns, %b0)                         ; window of sample 0: 32 columns
    %sum0 = select (%w != 0), fmuladd(%w, %x0, %sum0), %sum0
    %x1 = vpermi2ps(%a1, %columns, %b1)
    ...

At the end of a chunk the sums are transposed, four rows and four samples to a register; the weights that the
windows left behind are added there, each with one load of four samples. The sums of a sample are added in the
same order as by `spmv_sweep`. Requirement: AVX-512, and inputs that fit the stack.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.formats.sweep import choose_pace
from engine.kernels import spmv_sweep
from engine.kernels.abi import Candidate, KernelSpec
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.emit import F32, I16, I32, I64, PTR, Value, vector
from engine.kernels.estimate import layer_size, sweep_work
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.one_sample import accumulate, sum_type
from engine.kernels.spmv_sweep import (
    MOST_DENSITY,
    STREAMS,
    pack_layer,
    permuted,
    vectors_of,
    window_width,
)
from engine.kernels.sum_blocks import windows_in_blocks
from engine.kernels.weight_loads import load_weights, value_bytes, weight_element, with_values

FAMILY = "spmm_sweep"
FIELDS = spmv_sweep.FIELDS
VARIANTS: Mapping[str, Collection[int | str]] = {"vectors": (1, 2, 4)}
ISAS = (Isa.AVX512,)
LANES = (4, 8)
# The transposed input lies on the stack: 64 KB for four samples.
MAX_INPUTS = 4096
SAMPLES = 4


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the candidate for a layer with zeros."""
    size = layer_size(layer)
    fits = isa in ISAS and lanes in LANES and layer.inputs <= MAX_INPUTS
    if not fits or not 0 < size.density <= MOST_DENSITY:
        return ()
    _, load = choose_pace(layer.kernel, window_width(isa))
    variant = with_values((("vectors", vectors_of(layer, isa)),), layer, isa)
    spec = KernelSpec(FAMILY, isa, lanes, layer.activation.function, variant)
    work = sweep_work(size, load.stepped, load.rest, value_bytes(spec), samples=lanes)
    return (Candidate(spec, True, partial(pack_layer, spec=spec), work),)


@dataclass(frozen=True, slots=True)
class _Samples:
    """Four samples of one position.

    Attributes:
        x: address of the first of them in the first input.
        y: the same in the first output.
        turned: address of the transposed input: float32[4][stride].
        stride: floats from one sample to the next.
    """

    x: Value
    y: Value
    turned: Value
    stride: Value


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a sweep kernel for four or eight samples."""
    w = KernelWriter(spec, FIELDS)
    parameters = load_parameters(w, w.full_width)
    x, y = w.argument("x"), w.argument("y")
    inputs = w.value(I64, f"udiv {w.argument('x_bytes')}, {4 * spec.lanes}")
    # A window that begins at the last input reads so many more.
    stride = w.op("and", w.add(inputs, window_width(spec.isa) + 15), w.i64(-16))
    size = w.mul(stride, SAMPLES)
    turned = w.value(PTR, f"alloca float, {size}, align 64", "turned")
    _clear_ends(w, turned, inputs, stride)
    with w.loop(0, w.argument("positions")) as position:
        x_row = w.at(x, w.mul(position.index, w.argument("x_bytes")))
        y_row = w.at(y, w.mul(position.index, w.argument("y_bytes")))
        with w.loop(0, spec.lanes, SAMPLES) as first:
            here = _Samples(
                w.at(x_row, first.index, F32), w.at(y_row, first.index, F32), turned, stride
            )
            _turn(w, here, inputs)
            _emit_chunks(w, here, parameters)
    return w.finish()


def _clear_ends(w: KernelWriter, turned: Value, inputs: Value, stride: Value) -> None:
    """Zeros behind the inputs of each sample: what a window reads there is never what the stack held."""
    with w.loop(inputs, stride) as place:
        for sample in range(SAMPLES):
            row = w.at(turned, w.mul(stride, sample), F32)
            w.store(w.zero(F32), w.at(row, place.index, F32))


def _turn(w: KernelWriter, samples: _Samples, inputs: Value) -> None:
    """Write the transposed input: sixteen inputs at a time, and then the rest one by one."""
    width, lanes = w.full_width, w.spec.lanes
    whole = w.op("and", inputs, w.i64(-width))
    with w.loop(0, whole, width) as block:
        start = w.at(samples.x, w.mul(block.index, lanes), F32)
        fours = [
            w.load(vector(F32, SAMPLES), w.at(start, one * lanes, F32)) for one in range(width)
        ]
        for sample, turned in enumerate(_by_sample(w, fours)):
            w.store(turned, _turned_at(w, samples, sample, block.index))
    with w.loop(whole, inputs) as rest:
        start = w.at(samples.x, w.mul(rest.index, lanes), F32)
        for sample in range(SAMPLES):
            number = w.load(F32, w.at(start, sample, F32))
            w.store(number, _turned_at(w, samples, sample, rest.index))


def _turned_at(w: KernelWriter, samples: _Samples, sample: int, index: Value) -> Value:
    row = w.at(samples.turned, w.mul(samples.stride, sample), F32)
    return w.at(row, index, F32)


def _by_sample(w: KernelWriter, fours: Sequence[Value]) -> list[Value]:
    """Sixteen inputs of four samples each to four samples of sixteen inputs each."""
    joined = _joined(w, fours)  # four registers of four inputs
    turned = []
    for sample in range(SAMPLES):
        places = [SAMPLES * one + sample for one in range(2 * SAMPLES)]
        halves = [_mixed(w, joined[at : at + 2], places) for at in (0, 2)]
        turned.append(_mixed(w, halves, range(4 * SAMPLES)))
    return turned


def _joined(w: KernelWriter, fours: Sequence[Value]) -> list[Value]:
    """Four vectors of four numbers to one register each."""
    found = []
    for at in range(0, len(fours), 4):
        halves = [_mixed(w, fours[first : first + 2], range(8)) for first in (at, at + 2)]
        found.append(_mixed(w, halves, range(16)))
    return found


def _mixed(w: KernelWriter, pair: Sequence[Value], places: Sequence[int]) -> Value:
    return w.shuffle(pair[0], pair[1], places)


def _emit_chunks(w: KernelWriter, samples: _Samples, parameters: Parameters) -> None:
    spec, width = w.spec, w.full_width
    vectors = spec.number("vectors")
    steps, rows, bias = w.argument("steps"), w.argument("rows"), w.argument("bias")
    streams = [w.argument(name) for name in STREAMS]
    with w.loop(0, w.argument("chunks"), carried=streams) as chunk:
        windows = w.cast("zext", w.load(I32, w.at(steps, chunk.index, I32)), I64)
        columns, values, rest, *behind = chunk.carried
        columns, values, *sums = _pass(w, samples, windows, (columns, values))
        for number in range(vectors):
            own = sums[number * SAMPLES : (number + 1) * SAMPLES]
            count = w.cast("zext", w.load(I32, w.at(rest, number, I32)), I64)
            *behind, left = _rest(w, samples, count, behind)
            totals = [
                w.op("fadd", one, more) for one, more in zip(_by_rows(w, own), left, strict=True)
            ]
            place = w.add(w.mul(chunk.index, vectors * width), number * width)
            _finish(
                w, samples, (w.at(bias, place, F32), w.at(rows, place, I32)), totals, parameters
            )
        chunk.carry((columns, values, w.at(rest, vectors, I32), *behind))


def _pass(
    w: KernelWriter, samples: _Samples, windows: Value, streams: tuple[Value, Value]
) -> tuple[Value, ...]:
    """Return all windows over a chunk: the addresses behind what was read, and the sums by vector and sample."""
    zeros = [w.zero(sum_type(w))] * (w.spec.number("vectors") * SAMPLES)

    def block(start: Value, end: Value, before: Sequence[Value]) -> Sequence[Value]:
        return _windows(w, samples, (start, end), (*before, *zeros))

    behind, sums = windows_in_blocks(w, windows, w.argument("slide"), streams, zeros, block)
    return (*behind, *sums)


def _windows(
    w: KernelWriter, samples: _Samples, windows: tuple[Value, Value], start: Sequence[Value]
) -> Sequence[Value]:
    """Some windows, in one chain: the same as of all of them."""
    vectors, width, element = w.spec.number("vectors"), w.full_width, weight_element(w.spec)
    slide, count = w.argument("slide"), w.argument("count")
    with w.loop(*windows, carried=start) as window:
        base = w.op("mul", window.index, slide)
        held = [_window(w, samples, sample, base) for sample in range(SAMPLES)]
        with w.loop(0, count, carried=window.carried) as step:
            columns, values, *sums = step.carried
            following = []
            for number in range(vectors):
                weights = load_weights(w, w.spec, w.at(values, number * width, element), width)
                codes = w.at(columns, number * width)
                for sample, registers in enumerate(held):
                    operand = permuted(w, registers, codes)
                    total = sums[number * SAMPLES + sample]
                    following.append(accumulate(w, weights, operand, total))
            height = vectors * width
            step.carry((w.at(columns, height), w.at(values, height, element), *following))
        window.carry(step.carried)
    return window.carried


def _window(w: KernelWriter, samples: _Samples, sample: int, base: Value) -> list[Value]:
    start = _turned_at(w, samples, sample, base)
    places = range(0, window_width(w.spec.isa), w.full_width)
    return [w.load(sum_type(w), w.at(start, place, F32)) for place in places]


def _by_rows(w: KernelWriter, sums: Sequence[Value]) -> list[Value]:
    """Four samples of sixteen rows each to four registers of four rows, the samples of a row side by side."""
    found = []
    for first in range(0, w.full_width, SAMPLES):
        places = [place for row in range(first, first + 4) for place in (row, row + w.full_width)]
        pairs = [_mixed(w, sums[at : at + 2], places) for at in (0, 2)]
        mixed = [place for row in range(0, 8, 2) for place in (row, row + 1, row + 8, row + 9)]
        found.append(_mixed(w, pairs, mixed))
    return found


def _rest(
    w: KernelWriter,
    samples: _Samples,
    steps: Value,
    streams: Sequence[Value],
) -> tuple[Value, Value, list[Value]]:
    """Return what the windows left of one vector of rows, added up."""
    width, element = w.full_width, weight_element(w.spec)
    zeros = [w.zero(sum_type(w))] * SAMPLES
    with w.loop(0, steps, carried=(*streams, *zeros)) as step:
        columns, values, *current = step.carried
        weights = load_weights(w, w.spec, values, width)
        fours = [_four_samples(w, samples, w.at(columns, row, I16)) for row in range(width)]
        following = []
        for number, operands in enumerate(_joined(w, fours)):
            spread = [number * SAMPLES + lane // SAMPLES for lane in range(width)]
            own = w.shuffle(weights, weights, spread)
            following.append(accumulate(w, own, operands, current[number]))
        step.carry((w.at(columns, width, I16), w.at(values, width, element), *following))
    columns, values, *found = step.carried
    return columns, values, found


def _four_samples(w: KernelWriter, samples: _Samples, column: Value) -> Value:
    number = w.cast("zext", w.load(I16, column, 2), I64)
    return w.load(vector(F32, SAMPLES), w.at(samples.x, w.mul(number, w.spec.lanes), F32))


def _finish(
    w: KernelWriter,
    samples: _Samples,
    places: tuple[Value, Value],
    totals: Sequence[Value],
    parameters: Parameters,
) -> None:
    """Bias and activation of one vector of rows, and its stores in order: a filler's row comes later again."""
    bias, rows = places
    width = w.full_width
    starts = w.load(vector(F32, width), bias)
    for number, total in enumerate(totals):
        spread = [number * SAMPLES + lane // SAMPLES for lane in range(width)]
        own = w.shuffle(starts, starts, spread)
        result = apply(w, w.op("fadd", total, own), parameters)
        for one in range(width // SAMPLES):
            row = w.cast("zext", w.load(I32, w.at(rows, number * SAMPLES + one, I32)), I64)
            four = w.shuffle(result, result, range(one * SAMPLES, (one + 1) * SAMPLES))
            w.store(four, w.at(samples.y, w.mul(row, w.spec.lanes), F32))
