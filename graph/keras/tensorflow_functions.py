"""The functions of TensorFlow that tf.keras writes as layers of a functional model, by the operation that they mean.

tf.keras calls such a layer TFOpLambda, or SlicingOpLambda for `x[...]`. The first argument is the tensor itself; the
others are named as in TensorFlow 2, or for functions of compat.v1 as there.
What `==` and `!=` of tensors compare with, tf.keras does not write, nor the tensors of tf.einsum: they are not read.
Source: the signatures of TensorFlow 2.20, and the models of tf.keras that the tests save.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

TENSORFLOW_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda"})
# Arguments that change no number, and what they may be besides None.
_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "validate_indices": (), "batch_dims": (0,), "conjugate": (False,), "data_format": ("NHWC", "N...C"),
    "output_type": ("int32", "int64"), "out_type": ("int32",), "beta": (1.0, 1), "sorted": (True, False),
    "transpose_a": (False,), "adjoint_a": (False,), "adjoint_b": (False,), "a_is_sparse": (False,),
    "b_is_sparse": (False,), "on_value": (1, 1.0), "off_value": (0, 0.0), "layout": ("any",),
    "interpolation": (),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorflowFunction:
    """What a function is as an operation of Keras 3.

    Attributes:
        operation: the operation.
        first: the operation's name of the first argument.
        renamed: the operation's names of arguments that TensorFlow names otherwise.
        fixed: arguments that the function implies where they are not given.
    """

    operation: str
    first: str = "x"
    renamed: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments by the operation's names; those that change nothing are left out."""
        found = dict(self.fixed)
        for name, value in given.items():
            if name in self.renamed:
                found[self.renamed[name]] = value
            elif name in ("transpose_a", "transpose_b") or not _is_harmless(name, value):
                found[name] = value
        return found


def _is_harmless(name: str, value: Any) -> bool:
    return name in _HARMLESS and (value is None or any(value == one for one in _HARMLESS[name]))


def _function(
    operation: str, first: str = "x", fixed: Mapping[str, Any] | None = None, **renamed: str
) -> TensorflowFunction:
    return TensorflowFunction(operation, first, renamed, fixed or {})


_REDUCTION = {"input_tensor": "x"}
_UNARY: Mapping[str, str] = {
    "math.negative": "Negative", "math.exp": "Exp", "math.sigmoid": "Sigmoid", "math.tanh": "Tanh",
    "math.softplus": "Softplus", "math.abs": "Absolute", "math.square": "Square",
    "math.sqrt": "Sqrt", "math.rsqrt": "Rsqrt", "math.log": "Log", "math.log1p": "Log1p",
    "math.expm1": "Expm1", "math.sign": "Sign", "math.floor": "Floor", "math.ceil": "Ceil",
    "math.round": "Round", "math.sin": "Sin", "math.cos": "Cos", "math.tan": "Tan",
    "math.asin": "Arcsin", "math.acos": "Arccos", "math.atan": "Arctan", "math.sinh": "Sinh",
    "math.cosh": "Cosh", "math.asinh": "Arcsinh", "math.acosh": "Arccosh",
    "math.atanh": "Arctanh", "math.erf": "Erf", "math.reciprocal": "Reciprocal",
    "math.log_sigmoid": "LogSigmoid", "math.softsign": "Softsign",
    "math.logical_not": "LogicalNot", "math.is_nan": "Isnan", "math.is_finite": "Isfinite",
    "math.is_inf": "Isinf", "identity": "StopGradient", "stop_gradient": "StopGradient",
    "zeros_like": "ZerosLike", "ones_like": "OnesLike",
    "nn.relu": "Relu", "nn.relu6": "Relu6", "nn.selu": "Selu", "nn.elu": "Elu",
    "nn.sigmoid": "Sigmoid", "nn.silu": "Silu", "nn.softplus": "Softplus",
    "nn.softsign": "Softsign", "nn.tanh": "Tanh",
}  # fmt: skip
_BINARY: Mapping[str, str] = {
    "__operators__.add": "Add", "math.add": "Add", "math.subtract": "Subtract",
    "math.multiply": "Multiply", "math.truediv": "TrueDivide", "math.divide": "TrueDivide",
    "math.maximum": "Maximum", "math.minimum": "Minimum", "math.pow": "Power",
    "math.floordiv": "FloorDivide", "compat.v1.floor_div": "FloorDivide",
    "math.floormod": "Mod", "math.mod": "Mod",
    "math.equal": "Equal", "math.not_equal": "NotEqual",
    "math.less": "Less", "math.less_equal": "LessEqual",
    "math.greater": "Greater", "math.greater_equal": "GreaterEqual",
    "math.logical_and": "LogicalAnd", "math.logical_or": "LogicalOr",
    "math.logical_xor": "LogicalXor", "math.squared_difference": "SquaredDifference",
    "math.divide_no_nan": "DivideNoNan",
}  # fmt: skip
_REDUCTIONS: Mapping[str, str] = {
    "math.reduce_sum": "Sum", "math.reduce_mean": "Mean", "math.reduce_max": "Max",
    "math.reduce_min": "Min", "math.reduce_prod": "Prod", "math.reduce_any": "Any",
    "math.reduce_all": "All", "math.reduce_std": "Std", "math.reduce_variance": "Var",
    "math.reduce_logsumexp": "Logsumexp",
}  # fmt: skip

TENSORFLOW_FUNCTIONS: Mapping[str, TensorflowFunction] = MappingProxyType(
    {
        **{name: _function(operation) for name, operation in _UNARY.items()},
        **{name: _function(operation, "x1", y="x2") for name, operation in _BINARY.items()},
        **{name: _function(operation) for name, operation in _REDUCTIONS.items()},
        "math.atan2": _function("Arctan2", "x1", x="x2"),
        "nn.leaky_relu": _function("LeakyRelu", fixed={"negative_slope": 0.2}, alpha="negative_slope"),
        "nn.gelu": _function("Gelu", fixed={"approximate": False}),
        "nn.softmax": _function("Softmax", fixed={"axis": -1}),
        "nn.log_softmax": _function("LogSoftmax", fixed={"axis": -1}),
        "nn.bias_add": _function("Add", "x1", bias="x2"),
        "math.add_n": _function("AddN", "xs"),
        "math.argmax": _function("Argmax"),
        "math.argmin": _function("Argmin"),
        "math.cumsum": _function("Cumsum", fixed={"axis": 0}),
        "math.cumprod": _function("Cumprod", fixed={"axis": 0}),
        "math.top_k": _function("TopK"),
        "nn.top_k": _function("TopK"),
        "sort": _function("Sort"),
        "argsort": _function("Argsort"),
        "math.l2_normalize": _function("L2Normalize"),
        "nn.l2_normalize": _function("L2Normalize"),
        "linalg.l2_normalize": _function("L2Normalize"),
        "norm": _function("Norm"),
        "compat.v1.norm": _function("Norm"),
        "linalg.matmul": _function("Matmul", "x1", b="x2"),
        "one_hot": _function("OneHot", depth="num_classes"),
        "where": _function("Where", "condition", x="x1", y="x2"),
        "compat.v1.where": _function("Where", "condition", x="x1", y="x2"),
        "cast": _function("Cast"),
        "clip_by_value": _function("Clip", clip_value_min="x_min", clip_value_max="x_max"),
        "__operators__.getitem": _function("GetItem", slice_spec="key"),
        "concat": _function("Concatenate", "xs"),
        "compat.v1.concat": _function("Concatenate", "xs"),
        "stack": _function("Stack", "xs", fixed={"axis": 0}),
        "unstack": _function("Unstack", fixed={"axis": 0}),
        "split": _function("Split", fixed={"axis": 0}, num_or_size_splits="sizes"),
        "compat.v1.split": _function("Split", fixed={"axis": 0}, num_or_size_splits="sizes"),
        "expand_dims": _function("ExpandDims"),
        "compat.v1.expand_dims": _function("ExpandDims"),
        "squeeze": _function("Squeeze"),
        "compat.v1.squeeze": _function("Squeeze", squeeze_dims="axis"),
        "reshape": _function("Reshape", shape="newshape"),
        "transpose": _function("Transpose", perm="axes"),
        "compat.v1.transpose": _function("Transpose", perm="axes"),
        "tile": _function("Tile", multiples="repeats"),
        "repeat": _function("Repeat"),
        "roll": _function("Roll"),
        "reverse": _function("Flip"),
        "gather": _function("Take"),
        "compat.v1.gather": _function("Take"),
        "slice": _function("Slice", begin="start_indices", size="shape"),
        "broadcast_to": _function("BroadcastTo"),
        "pad": _function("Pad", paddings="pad_width"),
        "compat.v1.pad": _function("Pad", paddings="pad_width"),
    }
)  # fmt: skip
