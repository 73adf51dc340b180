"""Operations of Keras 3 on tensors, each as a small model: what is called on x [8, 4], y [8, 4] and z [6]."""

from collections.abc import Callable
from typing import Any

import numpy as np

# Eight steps, as samples are five: Keras 3.15 adds a value of one number for each sample along the last axis instead
# where that is as long as the batch (`add` of its TensorFlow backend takes it for a bias).
Call = Callable[[Any, Any, Any, Any], Any]
ROW = np.array([1.0, -2.0, 0.5, 4.0], np.float32)

# Each with the operation that it is about; `o` is keras.ops.
ELEMENTS: dict[str, Call] = {
    "Absolute": lambda o, x, y, z: abs(x),
    "Add": lambda o, x, y, z: x + y,
    "Add a row": lambda o, x, y, z: x + ROW,
    "Add a column": lambda o, x, y, z: x + np.ones((8, 1), np.float32),
    "Add a batch of one": lambda o, x, y, z: x + ROW.reshape(1, 1, 4),
    "Add a whole number": lambda o, x, y, z: 3 + x,
    "Arccos": lambda o, x, y, z: o.arccos(0.9 * o.tanh(x)),
    "Arccosh": lambda o, x, y, z: o.arccosh(1 + abs(x)),
    "Arcsin": lambda o, x, y, z: o.arcsin(0.9 * o.tanh(x)),
    "Arcsinh": lambda o, x, y, z: o.arcsinh(x),
    "Arctan": lambda o, x, y, z: o.arctan(x),
    "Arctan2": lambda o, x, y, z: o.arctan2(x, y),
    "Arctanh": lambda o, x, y, z: o.arctanh(0.5 * o.tanh(x)),
    "Cast to int": lambda o, x, y, z: o.cast(o.cast(x * 3, "int32") + 1, "float32"),
    "Cast to bool": lambda o, x, y, z: o.cast(o.cast(o.relu(x), "bool"), "float32"),
    "Ceil": lambda o, x, y, z: o.ceil(x),
    "Clip": lambda o, x, y, z: o.clip(x, -0.5, 1),
    "Cos": lambda o, x, y, z: o.cos(x),
    "Cosh": lambda o, x, y, z: o.cosh(x),
    "Divide": lambda o, x, y, z: o.divide(x, 1 + abs(y)),
    "Equal": lambda o, x, y, z: o.cast(o.equal(o.floor(x), o.floor(y)), "float32"),
    "Erf": lambda o, x, y, z: o.erf(x),
    "Expm1": lambda o, x, y, z: o.expm1(x),
    "Floor": lambda o, x, y, z: o.floor(x),
    "FloorDivide": lambda o, x, y, z: x // 0.7,
    "FullLike": lambda o, x, y, z: x * o.full_like(x, 2.5),
    "Greater": lambda o, x, y, z: o.cast(x > y, "float32"),
    "GreaterEqual": lambda o, x, y, z: o.cast(x >= 0.25, "float32"),
    "Isfinite": lambda o, x, y, z: o.cast(o.isfinite(o.log(x)), "float32"),
    "Isinf": lambda o, x, y, z: o.cast(o.isinf(x / o.relu(y)), "float32"),
    "Isnan": lambda o, x, y, z: o.cast(o.isnan(o.sqrt(x)), "float32"),
    "Less": lambda o, x, y, z: o.cast(x < 0.5, "float32"),
    "LessEqual": lambda o, x, y, z: o.cast(x >= 0.5, "float32"),
    "Log": lambda o, x, y, z: o.log(1 + abs(x)),
    "Log10": lambda o, x, y, z: o.log10(1 + abs(x)),
    "Log1p": lambda o, x, y, z: o.log1p(abs(x)),
    "Log2": lambda o, x, y, z: o.log2(1 + abs(x)),
    "Logaddexp": lambda o, x, y, z: o.logaddexp(x, y),
    "LogicalAnd": lambda o, x, y, z: o.cast((x > 0) & (y > 0), "float32"),
    "LogicalNot": lambda o, x, y, z: o.cast(~(x > 0), "float32"),
    "LogicalOr": lambda o, x, y, z: o.cast((x > 0) | (y > 0), "float32"),
    "LogicalXor": lambda o, x, y, z: o.cast(o.logical_xor(x > 0, y > 0), "float32"),
    "Maximum": lambda o, x, y, z: o.maximum(x, 0.1) + o.maximum(x, y),
    "Minimum": lambda o, x, y, z: o.minimum(0.1, x) + o.minimum(x, ROW),
    "Mod": lambda o, x, y, z: x % 0.7,
    "Multiply": lambda o, x, y, z: x * ROW * y * 2,
    "Negative": lambda o, x, y, z: -x,
    "NotEqual": lambda o, x, y, z: o.cast(o.not_equal(o.floor(x), 0), "float32"),
    "OnesLike": lambda o, x, y, z: x + o.ones_like(x),
    "Power": lambda o, x, y, z: x**2 + abs(x) ** 0.5 + abs(x) ** 1.7 + 2.0**x + abs(x) ** y,
    "Reciprocal": lambda o, x, y, z: o.reciprocal(1 + abs(x)),
    "Round": lambda o, x, y, z: o.round(x * 2),
    "Rsqrt": lambda o, x, y, z: o.rsqrt(1 + abs(x)),
    "Sign": lambda o, x, y, z: o.sign(o.relu(x) - o.relu(y)),
    "Sin": lambda o, x, y, z: o.sin(x),
    "Sinh": lambda o, x, y, z: o.sinh(x),
    "Sqrt": lambda o, x, y, z: o.sqrt(abs(x)),
    "Square": lambda o, x, y, z: o.square(x),
    "Subtract": lambda o, x, y, z: (x - y) + (1.5 - x) + o.subtract(ROW, x) + (x - 2),
    "Tan": lambda o, x, y, z: o.tan(o.tanh(x)),
    "TrueDivide": lambda o, x, y, z: x / 3 + 2 / (1 + abs(y)) + x / ROW,
    "Where": lambda o, x, y, z: o.where(x > 0.5, x, y) + o.where(x > y, x, 0.0),
    "Where a row": lambda o, x, y, z: o.where(x > 0, 1.0, ROW) * o.where(o.relu(y), x, y),
    "ZerosLike": lambda o, x, y, z: o.where(x > 0, x, o.zeros_like(x)),
    "whole numbers": lambda o, x, y, z: o.cast(
        o.maximum(o.cast(x * 9, "int32") // 2 % 3, 1) * o.cast(y * 2, "int32"), "float32"
    ),
}
SHAPES: dict[str, Call] = {
    "BroadcastTo": lambda o, x, y, z: (
        o.expand_dims(z, 1) + o.zeros_like(o.concatenate([x, y], -1)[..., :6])
    ),
    "Concatenate": lambda o, x, y, z: o.concatenate([x, y, x], axis=1),
    "Concatenate last": lambda o, x, y, z: o.concatenate([x, y], axis=-1),
    "ExpandDims": lambda o, x, y, z: o.expand_dims(x, -1) + o.expand_dims(y, (3,)),
    "Flip": lambda o, x, y, z: o.flip(x, axis=1) + o.flip(y, axis=(1, 2)),
    "GetItem": lambda o, x, y, z: x[:, 1:4],
    "GetItem last": lambda o, x, y, z: x[:, -1],
    "GetItem backwards": lambda o, x, y, z: x[:, ::-1, 1],
    "GetItem steps": lambda o, x, y, z: x[:, ::2, -3:-1],
    "GetItem ellipsis": lambda o, x, y, z: x[..., None, 0],
    "GetItem new axis": lambda o, x, y, z: x[:, None, :, None],
    "GetItem number": lambda o, x, y, z: x[:, 2, -1:] * z[:, 0:1],
    "Hstack": lambda o, x, y, z: o.hstack([x, y]),
    "Moveaxis": lambda o, x, y, z: o.moveaxis(o.expand_dims(x, 3), [1, 3], [2, 1]),
    "Pad": lambda o, x, y, z: o.pad(x, [[0, 0], [1, 2], [0, 1]]),
    "Pad a number": lambda o, x, y, z: o.pad(z, [[0, 0], [2, 0]], constant_values=1.5),
    "Repeat": lambda o, x, y, z: o.repeat(x, 2, axis=1),
    "Reshape": lambda o, x, y, z: (
        o.reshape(x, (-1, 2, 16)) + o.reshape(y, (-1, 2, 8, 2))[:, :, 0, :1]
    ),
    "Roll": lambda o, x, y, z: o.roll(x, 2, axis=1),
    "Split": lambda o, x, y, z: o.split(x, 2, axis=-1)[1] + o.split(y, 2, axis=2)[0],
    "Split at": lambda o, x, y, z: o.concatenate(o.split(x, [1, 3], axis=1)[::-1], axis=1),
    "Squeeze": lambda o, x, y, z: o.squeeze(o.expand_dims(x, 1), 1) + o.squeeze(y[:, None]),
    "Stack": lambda o, x, y, z: o.stack([x, y], axis=1) + o.stack([y, x], axis=-1)[..., 0][:, None],
    "Swapaxes": lambda o, x, y, z: o.swapaxes(x, 1, 2),
    "Take": lambda o, x, y, z: o.take(x, [0, 2, -1], axis=1) * o.take(y, 1, axis=1)[:, None],
    "Tile": lambda o, x, y, z: o.tile(x, (1, 2, 3)),
    "Transpose": lambda o, x, y, z: o.transpose(x, (0, 2, 1)),
    "Unstack": lambda o, x, y, z: o.unstack(x, axis=1)[3] + o.unstack(y, axis=1)[0],
}
AXES: dict[str, Call] = {
    "All": lambda o, x, y, z: o.cast(o.all(x > -1, axis=1), "float32"),
    "Any": lambda o, x, y, z: o.cast(o.any(x > 1, axis=2, keepdims=True), "float32"),
    "Argmax": lambda o, x, y, z: o.cast(o.argmax(x, axis=1), "float32"),
    "Argmin": lambda o, x, y, z: o.cast(o.argmin(x, axis=-1), "float32"),
    "Cumprod": lambda o, x, y, z: o.cumprod(x, axis=1),
    "Cumsum": lambda o, x, y, z: o.cumsum(x, axis=2),
    "Einsum": lambda o, x, y, z: o.einsum("bij,bkj->bki", x, y),
    "Logsumexp": lambda o, x, y, z: o.logsumexp(x, axis=1),
    "Matmul": lambda o, x, y, z: o.matmul(x, o.transpose(y, (0, 2, 1))),
    "Matmul a matrix": lambda o, x, y, z: o.matmul(x, np.ones((4, 3), np.float32)),
    "Max": lambda o, x, y, z: o.max(x, axis=1),
    "Mean": lambda o, x, y, z: x - o.mean(x, axis=1, keepdims=True),
    "Mean of all": lambda o, x, y, z: o.mean(x, axis=(1, 2)) + o.mean(y, axis=[-1, 1]),
    "Min": lambda o, x, y, z: o.min(x, axis=(1, 2), keepdims=True),
    "Norm": lambda o, x, y, z: o.norm(x, axis=-1) + o.norm(y, axis=(1, 2), keepdims=True)[:, 0],
    "Normalize": lambda o, x, y, z: o.normalize(x) + o.normalize(y, axis=1),
    "OneHot": lambda o, x, y, z: o.one_hot(o.cast(abs(x) * 2, "int32"), 4),
    "Prod": lambda o, x, y, z: o.prod(x, axis=2),
    "Std": lambda o, x, y, z: o.std(x, axis=1),
    "Sum": lambda o, x, y, z: o.sum(x, axis=[1, 2]),
    "Sum of truth": lambda o, x, y, z: o.cast(o.sum(x > 0, axis=1), "float32"),
    "Var": lambda o, x, y, z: o.var(x, axis=(1, 2)),
}
# They have no kernel yet.
WITHOUT_KERNEL: dict[str, Call] = {
    "TopK": lambda o, x, y, z: o.top_k(x, 2)[0] + o.cast(o.top_k(y, 2)[1], "float32"),
    "Sort": lambda o, x, y, z: o.sort(x, axis=1),
    "Argsort": lambda o, x, y, z: o.cast(o.argsort(x, axis=-1), "float32"),
}
CALLS: dict[str, Call] = {**ELEMENTS, **SHAPES, **AXES, **WITHOUT_KERNEL}


def model_of(keras: Any, name: str) -> Any:
    x, y, z = (
        keras.Input(shape, name=name) for name, shape in (("x", (8, 4)), ("y", (8, 4)), ("z", (6,)))
    )
    found = CALLS[name](keras.ops, x, y, z)
    # All inputs are used, whatever the operation uses.
    return keras.Model([x, y, z], [found, x, y, z])
