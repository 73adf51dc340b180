"""What was chosen for a program: kernels per layer and tile width, and what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from engine.core.layers import (
    ConvLayer,
    DenseLayer,
    DepthwiseLayer,
    RecurrentLayer,
    ValueType,
    WeightedLayer,
)
from engine.core.program import Program, dense_array
from engine.core.recurrent_steps import BLOCK_UNITS
from engine.core.steps import (
    ConvStep,
    DenseStep,
    DepthwiseStep,
    RecurrentStep,
    WeightedStep,
)
from engine.core.target import Isa
from engine.formats.narrow import narrow_layer
from engine.kernels.abi import KernelSpec, PackedLayer
from engine.planning.parts import Split, SplitAxis

if TYPE_CHECKING:  # models of fixed shapes are served without the ops
    from graph.graph import Front, Graph
    from graph.sizes import Sizes


@dataclass(frozen=True, slots=True, eq=False)
class KernelChoice:
    """The kernel of one step with weights in one tile width, and the layer packed for it.

    Attributes:
        spec: the machine code.
        sparse: whether it skips zeros.
        packed: each part in the kernel's format; None where they are packed when loaded.
        parts: ranges that threads may compute at the same time; see `engine.planning.parts`.
        axis: what they are ranges of.
    """

    spec: KernelSpec
    sparse: bool
    packed: tuple[PackedLayer, ...] | None
    parts: tuple[range, ...]
    axis: SplitAxis = SplitAxis.UNITS

    @property
    def split(self) -> Split:
        """The parts with their axis."""
        return Split(self.axis, self.parts)

    @property
    def packed_bytes(self) -> int:
        """Size of the packed layer; arrays that several parts read count once."""
        arrays = {id(a): a.nbytes for part in self.packed or () for a in part.constants.values()}
        return sum(arrays.values())


@dataclass(frozen=True, slots=True, eq=False)
class TilePlan:
    """One tile width.

    Attributes:
        lanes: samples per tile.
        choices: the chosen kernels, by number of the step.
        seconds: measured or estimated time of one tile through the whole network, by one thread.
        half_seconds: the same with at most half of its samples, which kernels for few lanes make use of; None
            where it is no less.
        shared_seconds: wall time of one tile where the plan's threads share the parts of its layers; None
            where that is not done.
        spread_seconds: wall time of one tile while each of the plan's other threads runs one, too; None
            where that is not done.
    """

    lanes: int
    choices: Mapping[int, KernelChoice]
    seconds: float
    shared_seconds: float | None = None
    spread_seconds: float | None = None
    half_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ExecutionPlan:
    """How a program is run on one kind of CPU.

    Attributes:
        isa: instruction set level of all kernels.
        cpu_name: LLVM's name of the CPU that it was chosen on.
        tuned: whether kernels were timed there, or there are none to choose; otherwise they are the model's
            best guess.
        tiles: the tiles by rising lanes; empty where this version has no use for the plan of a file.
        threads: number of threads that it was made for.
        values: what weights are rounded to before they are packed.
        keeps_subnormals: whether subnormal numbers are computed with while serving. They are flushed to zero, as
            TensorFlow does, but where that moves an output too far; such a plan has no times of mode SHARED.
    """

    isa: Isa
    cpu_name: str
    tuned: bool
    tiles: tuple[TilePlan, ...]
    threads: int = 1
    values: ValueType = ValueType.FLOAT32
    keeps_subnormals: bool = False


def without_sharing(tiles: Sequence[TilePlan]) -> tuple[TilePlan, ...]:
    """Return the tiles without mode SHARED, for plans that keep subnormal numbers."""
    return tuple(replace(tile, shared_seconds=None) for tile in tiles)


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """What one layer does in one batch bucket.

    Attributes:
        lanes: samples per tile.
        kernel: native symbol.
        sparse: whether it skips zeros.
        bytes: size of the layer in the kernel's format.
        parts: number of threads that can share the layer.
        seconds: time of the chosen kernel for one tile, as measured on this layer or on one of its shape and
            function with as many non-zeros, give or take 10 %; None where not measured.
        dense_seconds: time of the best dense kernel; None where not measured.
        sparse_seconds: time of the best sparse kernel; None where not measured or not admissible.
    """

    lanes: int
    kernel: str
    sparse: bool
    bytes: int
    parts: int
    seconds: float | None
    dense_seconds: float | None
    sparse_seconds: float | None


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer with weights of the compiled network, for reports.

    Attributes:
        name: name of the graph's node; a layer that is applied twice is there twice, under two names.
        op: kind of layer, with its fused activation, e.g. `dense+relu`.
        inputs: weights of one output.
        units: number of outputs at one position.
        positions: how often the layer is applied to one sample.
        nonzeros: weights of the kernel that are not zero.
        sparsity: share of the kernel's weights that are zero, in [0, 1].
        buckets: what the layer does in each tile width, by rising lanes.
        rounding: largest relative change of a weight by the plan's 16-bit values; 0 with float32.
    """

    name: str
    op: str
    inputs: int
    units: int
    positions: int
    nonzeros: int
    sparsity: float
    buckets: tuple[BucketPlan, ...]
    rounding: float = 0.0


@dataclass(frozen=True, slots=True)
class NetworkTime:
    """Measured time of a whole call at one batch size, the Python side included.

    Attributes:
        batch: samples of the call.
        seconds: processor time of the compiled network on one thread, median.
        dense_seconds: the same of the network with dense kernels only; None where not measured.
        threaded_seconds: wall time of the compiled network with all threads of its plan; None where it
            has one.
        threaded_dense_seconds: the same with dense kernels only.
    """

    batch: int
    seconds: float
    dense_seconds: float | None
    threaded_seconds: float | None = None
    threaded_dense_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Varying:
    """What is needed to compute a model at other sizes than the one that its program is for.

    Attributes:
        graph: the model, with axes of varying length.
        sizes: sizes that are made ready when the model is loaded; the first is that of the program.
    """

    graph: "Graph"
    sizes: "tuple[Sizes, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledModel:
    """What an artifact holds.

    Attributes:
        program: the network, with its weights in neutral form.
        plan: kernels for the CPU it was compiled on.
        layers: the layers for reports, in program order.
        times: whole-network times, empty where nothing was measured.
        varying: where the inputs have axes of varying length; None where their shapes are fixed.
        front: what makes the inputs of what callers give, or None where callers give the inputs themselves.
    """

    program: Program
    plan: ExecutionPlan
    layers: tuple[LayerPlan, ...]
    times: tuple[NetworkTime, ...]
    varying: Varying | None = None
    front: "Front | None" = None


def layer_of(
    program: Program, step: WeightedStep, values: ValueType = ValueType.FLOAT32
) -> WeightedLayer:
    """Return a step with its weights, as kernels take it.

    Raises:
        NarrowValuesError: a weight is too large for `values`.
    """
    kernel = dense_array(program.constants[step.kernel])
    bias = None if step.bias is None else dense_array(program.constants[step.bias])
    match step:
        case DenseStep():
            layer: WeightedLayer = DenseLayer(
                kernel, bias, step.function, step.positions, step.nonzeros
            )
        case ConvStep():
            layer = ConvLayer(
                kernel,
                bias,
                dense_array(program.constants[step.taps]),
                step.groups,
                step.channel_rows,
                step.sizes,
                step.strides,
                step.function,
                adds=step.added is not None,
                nonzeros=step.nonzeros,
            )
        case DepthwiseStep():
            layer = DepthwiseLayer(
                kernel,
                bias,
                dense_array(program.constants[step.taps]),
                step.multiplier,
                step.channel_rows,
                step.sizes,
                step.strides,
                step.function,
                step.nonzeros,
            )
        case RecurrentStep():
            layer = RecurrentLayer(
                DenseLayer(kernel, bias, step.function, 1, step.nonzeros),
                tuple(gates * step.hidden for gates in step.cell.products),
                step.cell.gates * BLOCK_UNITS,
                step.times,
            )
        case _:
            assert_never(step)
    return narrow_layer(layer, values)
