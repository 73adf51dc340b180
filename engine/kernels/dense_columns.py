"""Dense layer for tiles narrower than a register: the vector holds outputs, samples are broadcast.

`dense_gemm` fills its vectors with samples, so four of them leave most of a register empty. Here a
block of W x `vectors` outputs meets one input of every sample at a time::

    %w0 = load weights[k][0:16]        %w1 = load weights[k][16:32]   ; vectors = 2
    %x0 = broadcast x[k][0]                                           ; for each sample
    %sum00 = fmuladd %w0, %x0, %sum00  %sum10 = fmuladd %w1, %x0, %sum10

At the end of a block the sums are transposed to y's rows of samples. Where at most half of the
samples of a tile exist, only those are computed: the others are copies of the last one (that is how
`pack` fills a tile), and so are their results. Levels: AVX2 and AVX-512; lanes 4 or 8.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from engine.core.functions import FusedActivation
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.kernels.abi import Candidate, Context, KernelSpec
from engine.kernels.activations import Parameters, apply, load_parameters
from engine.kernels.dense_gemm import FIELDS, ask_ahead, pack_dense
from engine.kernels.emit import F32, I64, Value, vector
from engine.kernels.estimate_tiles import Tile, columns_work
from engine.kernels.kernel_writer import KernelWriter, each_vector
from engine.kernels.sum_blocks import sum_in_blocks

FAMILY = "dense_columns"
ISAS = (Isa.AVX2, Isa.AVX512)
VARIANTS: Mapping[str, Collection[int | str]] = {"vectors": range(1, 7)}
# Sums in flight: what the registers hold beside weights and inputs.
_SUMS = {Isa.AVX512: 16, Isa.AVX2: 8}


def candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the candidate for a layer; none where a tile fills a register."""
    if isa not in ISAS or not 1 < lanes < isa.vector_floats:
        return ()
    needed = -(-layer.units // isa.vector_floats)
    vectors = min(4, _SUMS[isa] // lanes, needed)
    spec = KernelSpec(FAMILY, isa, lanes, layer.activation.function, (("vectors", vectors),))
    work = columns_work(layer, Tile(isa, lanes, 1), vectors)
    pack = partial(pack_dense, spec=spec, height=vectors * isa.vector_floats)
    return (Candidate(spec, False, pack, work),)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a dense kernel for narrow tiles."""
    w = KernelWriter(spec, FIELDS)
    parameters = load_parameters(w, w.full_width)
    valid = w.context(Context.VALID_SAMPLES, I64)
    half = spec.lanes // 2
    with w.when(w.compare("sle", valid, w.i64(half))):
        _emit_positions(w, half, parameters)
    with w.when(w.compare("sgt", valid, w.i64(half))):
        _emit_positions(w, spec.lanes, parameters)
    return w.finish()


def _emit_positions(w: KernelWriter, samples: int, parameters: Parameters) -> None:
    inputs, units = w.argument("inputs"), w.argument("units")
    height = w.spec.number("vectors") * w.full_width
    with w.loop(0, w.argument("positions")) as position:
        x = w.row(w.argument("x"), w.mul(position.index, inputs))
        y = w.row(w.argument("y"), w.mul(position.index, units))
        with w.loop(0, w.argument("blocks")) as block:
            first = w.mul(block.index, height)
            base = w.at(w.argument("weights"), w.mul(first, inputs), F32)
            sums = _sums(w, x, base, samples)
            for number in range(w.spec.number("vectors")):
                part = sums[number * samples : (number + 1) * samples]
                _store(w, part, w.add(first, number * w.full_width), y)
            _activate(w, y, first, height, parameters)


def _sums(w: KernelWriter, x: Value, base: Value, samples: int) -> list[Value]:
    """Sums of a block of outputs over all inputs: by vector of outputs, then by sample."""
    zeros = [w.zero(vector(F32, w.full_width))] * (w.spec.number("vectors") * samples)

    def columns(start: Value, end: Value) -> list[Value]:
        return _column_sums(w, x, base, (start, end), zeros)

    return sum_in_blocks(w, w.argument("inputs"), zeros, columns)


def _column_sums(
    w: KernelWriter, x: Value, base: Value, columns: tuple[Value, Value], zeros: Sequence[Value]
) -> list[Value]:
    """Return the same over some inputs, in one chain each."""
    vectors, kind = w.spec.number("vectors"), vector(F32, w.full_width)
    samples = len(zeros) // vectors
    with w.loop(*columns, carried=zeros) as column:
        weights = w.at(base, w.mul(column.index, vectors * w.full_width), F32)
        ask_ahead(w, weights, vectors * w.full_width)
        blocks = [
            w.load(kind, w.at(weights, number * w.full_width, F32)) for number in range(vectors)
        ]
        row = w.row(x, column.index)
        operands = [
            w.splat(w.load(F32, w.at(row, sample, F32)), w.full_width) for sample in range(samples)
        ]
        totals = iter(column.carried)
        column.carry([w.fma(one, operand, next(totals)) for one in blocks for operand in operands])
    return list(column.carried)


def _store(w: KernelWriter, sums: list[Value], first: Value, y: Value) -> None:
    """Add the bias and store the outputs that exist, transposed to [output][sample]."""
    width, lanes = w.full_width, w.spec.lanes
    rows = w.op("sub", w.argument("units"), first)
    rest = w.intrinsic("smax", w.intrinsic("smin", rows, w.i64(width)), w.i64(0))
    place = w.at(w.argument("bias"), first, F32)
    bias = w.masked_load(vector(F32, width), place, w.first_lanes(rest, width))
    totals = [w.op("fadd", total, bias) for total in sums]
    totals += [totals[-1]] * (lanes - len(totals))
    floats = w.mul(rest, lanes)
    for number, part in enumerate(_transposed(w, totals)):
        left = w.op("sub", floats, w.i64(number * width))
        count = w.intrinsic("smax", w.intrinsic("smin", left, w.i64(width)), w.i64(0))
        place = w.at(w.row(y, first), number * width, F32)
        w.masked_store(part, place, w.first_lanes(count, width))


def _transposed(w: KernelWriter, columns: list[Value]) -> list[Value]:
    """Turn one vector of outputs a sample into as many vectors of [output][sample]."""
    width, lanes = w.full_width, len(columns)
    pieces = list(columns)
    while len(pieces) > 2:  # a power of two
        pieces = [
            w.shuffle(one, other, range(2 * width * lanes // len(pieces)))
            for one, other in zip(pieces[::2], pieces[1::2], strict=True)
        ]
    low, high = pieces
    places = range(width * lanes)
    order = [place % lanes * width + place // lanes for place in places]
    return [
        w.shuffle(low, high, order[first : first + width]) for first in range(0, len(order), width)
    ]


def _activate(w: KernelWriter, y: Value, first: Value, height: int, parameters: Parameters) -> None:
    """Apply the activation to the outputs just stored, which lie side by side."""
    if w.spec.activation in {None, FusedActivation.LINEAR}:
        return
    stored = w.intrinsic("smin", w.op("sub", w.argument("units"), first), w.i64(height))
    start = w.row(y, first)

    def body(index: Value, mask: Value | None) -> None:
        place = w.at(start, index, F32)
        total = w.load_part(vector(F32, w.full_width), place, mask)
        w.store_part(apply(w, total, parameters), place, mask)

    each_vector(w, w.mul(stored, w.spec.lanes), w.full_width, body)
