"""A step of a program, for one tile width, as a kernel with its arguments.

This is where counts of rows become counts of elements (rows x lanes) and places become byte offsets
into the arena. Nothing here comes from a file: offsets and counts are computed from a checked program.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

import numpy.typing as npt

from engine.core.errors import ProgramError
from engine.core.functions import ElementFunction, float_bits
from engine.core.program import Program, dense_array
from engine.core.steps import (
    AffineStep,
    AttentionStep,
    ConvStep,
    CopyStep,
    DenseStep,
    DotStep,
    ElementStep,
    GeneralStep,
    GluStep,
    GroupFunction,
    LayerNormStep,
    MergeStep,
    Pack,
    Place,
    PlainStep,
    PReluStep,
    RecurrentStep,
    SoftmaxStep,
    SpatialStep,
    Step,
    TransposeStep,
    Unpack,
    WeightedStep,
)
from engine.core.target import Isa
from engine.execution.bind_attention import bind_attention
from engine.execution.bind_general import bind_general
from engine.execution.bind_recurrent import Phase, Projection, RecurrentBinder
from engine.execution.bind_spatial import bind_spatial, masked, nothing, staging
from engine.execution.bound import BoundStep
from engine.kernels import dot, elementwise, groups, layout, rows, sparsemax, transpose
from engine.kernels.abi import KernelSpec, PackedLayer
from engine.planning.memory import ArenaPlan


class Binder:
    """Binds the steps of one program for one tile width."""

    def __init__(self, program: Program, isa: Isa, lanes: int, arena: ArenaPlan) -> None:
        self._program = program
        self._isa = isa
        self._lanes = lanes
        self._arena = arena

    def weighted(self, step: WeightedStep, spec: KernelSpec, packed: PackedLayer) -> BoundStep:
        """Bind a step with weights to the kernel that was chosen for it."""
        numbers = {"x": self._offset(step.x), "y": self._offset(step.y), **packed.ints}
        if isinstance(step, ConvStep) and step.added is not None:
            numbers["added"] = self._offset(step.added)
        return BoundStep(spec, numbers, packed.constants)

    def recurrent(
        self,
        step: RecurrentStep,
        spec: KernelSpec,
        parts: Sequence[range],
        packed: Sequence[PackedLayer],
        projection: Projection | None,
    ) -> tuple[Phase, ...]:
        """Bind a recurrent step to the kernel that was chosen for its product, and what makes its x between."""
        binder = RecurrentBinder(step, self._isa, self._lanes, self._offset)
        return binder.phases(spec, parts, packed, projection)

    def nothing(self) -> BoundStep:
        """Return a step that does nothing."""
        return BoundStep(*nothing(self._isa, self._lanes))

    def staged(
        self, move: Step, step: tuple[Step, Step], bound: BoundStep, number: int
    ) -> BoundStep:
        """Let a step over windows make the move before it, channel by channel, or do without it.

        Args:
            move: the move.
            step: the whole step and the part of it that is bound.
            bound: the part.
            number: the number of the part: each has room for a channel of its own.
        """
        found = masked(self._program, self._lanes, self._offset, move, step, bound.spec)
        if found is not None:
            masked_spec, numbers, constants = found
            return BoundStep(
                masked_spec, {**bound.numbers, **numbers}, {**bound.constants, **constants}
            )
        spec, numbers, constants = staging(
            self._program, self._lanes, self._offset, move, (*step, number)
        )
        variant = tuple(sorted((*bound.spec.variant, *spec)))
        return BoundStep(
            replace(bound.spec, variant=variant),
            {**bound.numbers, **numbers},
            {**bound.constants, **constants},
        )

    def step(self, step: Step) -> BoundStep:
        """Bind any other step.

        Raises:
            ProgramError: a step with weights, which needs a choice of kernel.
        """
        if isinstance(step, SpatialStep):
            return BoundStep(
                *bind_spatial(self._program, self._isa, self._lanes, self._offset, step)
            )
        if isinstance(step, AttentionStep):
            return BoundStep(
                *bind_attention(self._program, self._isa, self._lanes, self._offset, step)
            )
        if isinstance(step, GeneralStep):
            return bind_general(self._program, self._isa, self._lanes, self._offset, step)
        return self._plain(step)

    def _plain(self, step: PlainStep) -> BoundStep:
        match step:
            case Pack() | Unpack():
                return self._border(step)
            case ElementStep():
                return self._element(step.x, step.y, step.function)
            case MergeStep():
                return self._merge(step)
            case GluStep():
                elements = step.y.rows // step.outer * self._lanes
                numbers = {**self._xy(step.x, step.y), "outer": step.outer, "elements": elements}
                return BoundStep(elementwise.glu_spec(self._isa), numbers, {})
            case DotStep():
                return self._dot(step)
            case TransposeStep():
                counts = {
                    name: getattr(step, name) for name in ("outer", "rows", "columns", "inner")
                }
                spec = transpose.transpose_spec(self._isa, self._lanes)
                return BoundStep(spec, {**self._xy(step.x, step.y), **counts}, {})
            case SoftmaxStep() | LayerNormStep():
                return self._group(step)
            case CopyStep() | AffineStep() | PReluStep():
                return self._row_step(step)
            case DenseStep() | RecurrentStep():
                raise ProgramError("a step with weights was bound without a kernel")
            case _:
                assert_never(step)

    def _border(self, step: Pack | Unpack) -> BoundStep:
        if isinstance(step, Pack):
            dtype = self._program.inputs[step.slot].dtype
            numbers = {"y": self._offset(step.y), "slot": step.slot, "elements": step.y.rows}
            return BoundStep(layout.pack_spec(self._isa, self._lanes, dtype), numbers, {})
        numbers = {"x": self._offset(step.x), "slot": step.slot, "elements": step.x.rows}
        return BoundStep(layout.unpack_spec(self._isa, self._lanes), numbers, {})

    def _offset(self, place: Place) -> int:
        return self._arena.offsets[place.buffer] + place.first * self._lanes * 4

    def _xy(self, x: Place, y: Place) -> dict[str, int]:
        return {"x": self._offset(x), "y": self._offset(y)}

    def _constant(self, name: str) -> npt.NDArray[Any]:
        return dense_array(self._program.constants[name])

    def _element(self, x: Place, y: Place, function: ElementFunction) -> BoundStep:
        spec = elementwise.activation_spec(self._isa, function.function)
        elements = x.rows * self._lanes
        return BoundStep(spec, {**self._xy(x, y), "elements": elements, **function.as_ints()}, {})

    def _merge(self, step: MergeStep) -> BoundStep:
        numbers = {f"x{number}": self._offset(x) for number, x in enumerate(step.xs)}
        numbers |= {"y": self._offset(step.y), "elements": step.y.rows * self._lanes}
        return BoundStep(elementwise.merge_spec(self._isa, step.op, len(step.xs)), numbers, {})

    def _row_step(self, step: CopyStep | AffineStep | PReluStep) -> BoundStep:
        xy = self._xy(step.x, step.y)
        if isinstance(step, CopyStep):
            index = {"index": self._constant(step.index)}
            return BoundStep(
                rows.gather_spec(self._isa, self._lanes), {**xy, "rows": step.y.rows}, index
            )
        numbers = {**xy, "outer": step.outer, "length": step.length, "inner": step.inner}
        match step:
            case AffineStep():
                spec = rows.affine_spec(self._isa, self._lanes)
                constants = {
                    "scale": self._constant(step.scale),
                    "shift": self._constant(step.shift),
                }
                return BoundStep(spec, numbers, constants)
            case PReluStep():
                spec = rows.prelu_spec(self._isa, self._lanes)
                return BoundStep(spec, numbers, {"alpha": self._constant(step.alpha)})

    def _group(self, step: SoftmaxStep | LayerNormStep) -> BoundStep:
        numbers = {
            **self._xy(step.x, step.y),
            "outer": step.outer,
            "group": step.length,
            "inner": step.inner,
        }
        if isinstance(step, LayerNormStep):
            spec = groups.layer_norm_spec(self._isa, self._lanes, centred=step.centred)
            numbers["epsilon"] = float_bits(step.epsilon)
            constants = {"gamma": self._constant(step.gamma), "beta": self._constant(step.beta)}
            return BoundStep(spec, numbers, constants)
        if step.function is GroupFunction.SPARSEMAX:
            return BoundStep(sparsemax.sparsemax_spec(self._isa, self._lanes), numbers, {})
        kind = groups.SoftmaxKind(step.function.value)
        return BoundStep(groups.softmax_spec(self._isa, self._lanes, kind), numbers, {})

    def _dot(self, step: DotStep) -> BoundStep:
        numbers = {
            "a": self._offset(step.a),
            "b": self._offset(step.b),
            "y": self._offset(step.y),
            "rows": step.y.rows,
            "terms": step.terms,
            "a_stride": step.a_stride,
            "b_stride": step.b_stride,
        }
        constants = {name: self._constant(getattr(step, name)) for name in ("a_base", "b_base")}
        spec = dot.dot_spec(self._isa, self._lanes, normalize=step.normalize)
        return BoundStep(spec, numbers, constants)
