"""The operations of Keras 3 that are read (keras.ops in a functional model), by name, with the arguments they may have.

An operation gets arguments in two ways: those of its class stand in the layer's configuration, those of the call in the
call. Which is which has changed from version to version, so both are looked at together.
Sources: `keras/src/ops` of Keras 3.0 to 3.15.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# How many tensors an operation gives at most; which of them there are is known when it is lowered.
MANY = 4096


@dataclass(frozen=True, slots=True)
class OperationClass:
    """What an operation may be called with.

    Attributes:
        positions: names of the call's arguments, in order.
        names: names of all other arguments that are read.
        outputs: how many tensors it gives at most.
    """

    positions: tuple[str, ...]
    names: frozenset[str] = frozenset()
    outputs: int = 1


def _of(positions: str, names: str = "", outputs: int = 1) -> OperationClass:
    return OperationClass(tuple(positions.split()), frozenset(names.split()), outputs)


def _each(names: str, one: OperationClass) -> dict[str, OperationClass]:
    return dict.fromkeys(names.split(), one)


OPERATION_CLASSES: Mapping[str, OperationClass] = MappingProxyType(
    {
        # Activation functions.
        **_each(
            "Relu Relu6 Sigmoid Tanh HardTanh TanhShrink Softplus Softsign SparsePlus SparseSigmoid Silu Selu"
            " Exp HardSigmoid HardSilu LogSigmoid",
            _of("x"),
        ),
        **_each("LeakyRelu", _of("x", "negative_slope")),
        **_each("SoftShrink HardShrink", _of("x", "threshold")),
        **_each("Threshold", _of("x", "threshold default_value")),
        **_each("Squareplus", _of("x", "b")),
        **_each("Elu Celu", _of("x", "alpha")),
        **_each("Gelu", _of("x", "approximate")),
        **_each("Softmax LogSoftmax Sparsemax Glu", _of("x", "axis")),
        # Functions of one value.
        **_each(
            "Absolute Abs Negative Square Sign Trunc Ceil Floor Sqrt Rsqrt Reciprocal Log Log2 Log10 Log1p Expm1"
            " Sin Cos Tan Arcsin Arccos Arctan Sinh Cosh Arcsinh Arccosh Arctanh Erf LogicalNot Isnan Isfinite"
            " Isinf StopGradient Copy",
            _of("x"),
        ),
        **_each("Round", _of("x", "decimals")),
        **_each("Clip", _of("x x_min x_max")),
        **_each("Cast", _of("x dtype")),
        **_each("ZerosLike OnesLike", _of("x dtype")),
        **_each("FullLike", _of("x fill_value dtype")),
        # Functions of two values, and of three.
        **_each(
            "Add Subtract Multiply Maximum Minimum Divide TrueDivide FloorDivide Mod Power Arctan2 Equal NotEqual"
            " Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr LogicalXor Logaddexp SquaredDifference"
            " DivideNoNan",
            _of("x1 x2"),
        ),
        **_each("Where", _of("condition x1 x2")),
        **_each("AddN", _of("xs")),
        **_each("Matmul", _of("x1 x2", "transpose_a transpose_b")),
        **_each("Einsum", _of("x1 x2", "subscripts")),
        # Along axes.
        **_each("Sum Mean Prod Var Std Logsumexp Any All", _of("x", "axis keepdims")),
        **_each("Max Min Amax Amin", _of("x", "axis keepdims initial")),
        **_each("Argmax Argmin", _of("x", "axis keepdims")),
        **_each("Cumsum Cumprod", _of("x", "axis exclusive reverse")),
        **_each("TopK", _of("x", "k sorted", outputs=2)),
        **_each("Sort Argsort", _of("x", "axis")),
        **_each("Norm", _of("x", "ord axis keepdims")),
        **_each("Normalize", _of("x", "axis order epsilon")),
        **_each("L2Normalize", _of("x", "axis epsilon")),
        **_each("OneHot", _of("x", "num_classes axis dtype sparse")),
        # Parts and shapes.
        **_each("Reshape", _of("x", "newshape")),
        **_each("Transpose", _of("x", "axes")),
        **_each("Swapaxes", _of("x", "axis1 axis2")),
        **_each("Moveaxis", _of("x", "source destination")),
        **_each("ExpandDims Squeeze Flip", _of("x", "axis")),
        **_each("Concatenate Stack", _of("xs", "axis")),
        **_each("Hstack", _of("xs")),
        **_each("Split", _of("x", "indices_or_sections sizes axis", outputs=MANY)),
        **_each("Unstack", _of("x", "num axis", outputs=MANY)),
        **_each("Take", _of("x indices", "axis")),
        **_each("Roll", _of("x", "shift axis")),
        **_each("Tile", _of("x", "repeats")),
        **_each("Repeat", _of("x", "repeats axis")),
        **_each("BroadcastTo", _of("x", "shape")),
        **_each("Pad", _of("x", "pad_width mode constant_values")),
        **_each("Slice", _of("x start_indices shape")),
        **_each("GetItem", _of("x key")),
    }
)
# Other names that versions of Keras gave the same arguments.
OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "new_shape": "newshape",
        "threshold_value": "threshold",
        "value": "default_value",
        "inputs": "x",
        "variable": "x",
        "a": "x",
        "arrays": "xs",
    }
)
