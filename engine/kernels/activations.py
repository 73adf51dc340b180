"""Element functions in vector form, applied by kernels to what they store.

The meaning of each is `graph.activations`; NaN gives NaN, infinities give what the formula gives.
Errors are stated in docs/kernels.md and held by tests/engine/kernels/test_activations.py.

Sample (relu on 16 lanes)::

    %neg = fcmp olt <16 x float> %x, splat (float 0.0)
    %y = select <16 x i1> %neg, <16 x float> splat (float 0.0), <16 x float> %x   ; NaN stays NaN
"""

import math
from collections.abc import Callable, Mapping

from engine.core.functions import FusedActivation
from engine.kernels import vector_math as vm
from engine.kernels.emit import Value
from engine.kernels.kernel_writer import KernelWriter
from engine.kernels.operations import OPERATIONS, clip

Parameters = tuple[Value, ...]
Emitter = Callable[[KernelWriter, Value, Parameters], Value]

# Klambauer et al. 2017, "Self-Normalizing Neural Networks": the constants Keras uses.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805
# Above this, softplus(x) is x in float32.
_MISH_LINEAR = 20.0


def load_parameters(w: KernelWriter, width: int) -> Parameters:
    """Load the run-time parameters that the kernel's activation has, each in a whole vector."""
    if w.spec.activation is None:
        return ()
    count = PARAMETER_COUNTS.get(w.spec.activation, 0)
    return tuple(w.float_argument(f"p{place}", width) for place in range(count))


def apply(w: KernelWriter, x: Value, parameters: Parameters) -> Value:
    """Apply the activation of the kernel's specification to a scalar or vector of float32."""
    if w.spec.activation is None:
        return x
    return apply_function(w, w.spec.activation, x, parameters)


def apply_function(
    w: KernelWriter, function: FusedActivation, x: Value, parameters: Parameters
) -> Value:
    """Apply an element function to a scalar or vector of float32."""
    return _EMITTERS[function](w, x, parameters)


def _plain(function: Callable[[KernelWriter, Value], Value]) -> Emitter:
    """Return an emitter of a function that has no parameters."""
    return lambda w, x, _: function(w, x)


def _clamp(w: KernelWriter, x: Value, p: Parameters) -> Value:
    """keras.layers.ReLU: max_value above, identity, negative_slope * (x - threshold) below."""
    slope, ceiling, threshold = p
    below = w.op("fmul", slope, w.op("fsub", x, threshold))
    # A slope of zero gives zero also for -inf, where 0 * -inf would be NaN.
    below = w.select(w.compare("oeq", slope, w.zero(x.type)), w.zero(x.type), below)
    upper = w.select(w.compare("ogt", x, ceiling), ceiling, x)
    return w.select(w.compare("ole", x, threshold), below, upper)


def _leaky_relu(w: KernelWriter, x: Value, p: Parameters) -> Value:
    return w.select(w.compare("olt", x, w.zero(x.type)), w.op("fmul", x, p[0]), x)


def _elu(w: KernelWriter, x: Value, p: Parameters) -> Value:
    low = w.op("fmul", p[0], vm.expm1_negative(w, vm.minimum(w, x, 0.0)))
    return w.select(w.compare("ogt", x, w.zero(x.type)), x, low)


def _celu(w: KernelWriter, x: Value, p: Parameters) -> Value:
    scaled = w.op("fdiv", vm.minimum(w, x, 0.0), p[0])
    low = w.op("fmul", p[0], vm.expm1_negative(w, scaled))
    return w.select(w.compare("ogt", x, w.zero(x.type)), x, low)


def _selu(w: KernelWriter, x: Value) -> Value:
    low = vm.expm1_negative(w, vm.minimum(w, x, 0.0))
    low = w.op("fmul", w.const(x.type, _SELU_SCALE * _SELU_ALPHA), low)
    high = w.op("fmul", w.const(x.type, _SELU_SCALE), x)
    return w.select(w.compare("ogt", x, w.zero(x.type)), high, low)


def _gelu(w: KernelWriter, x: Value) -> Value:
    return w.op("fmul", x, vm.normal_distribution(w, x))


def _gelu_tanh(w: KernelWriter, x: Value) -> Value:
    """x * sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3): the same as (1 + tanh u) / 2."""
    factor = 2.0 * math.sqrt(2.0 / math.pi)
    inner = w.fma(w.op("fmul", x, x), w.const(x.type, factor * 0.044715), w.const(x.type, factor))
    return w.op("fmul", x, vm.sigmoid(w, w.op("fmul", x, inner)))


def _hard_sigmoid(w: KernelWriter, x: Value) -> Value:
    shifted = vm.minimum(w, vm.maximum(w, w.op("fadd", x, w.const(x.type, 3.0)), 0.0), 6.0)
    return w.op("fmul", shifted, w.const(x.type, 1.0 / 6.0))


def _hard_sigmoid_keras2(w: KernelWriter, x: Value) -> Value:
    line = w.fma(x, w.const(x.type, 0.2), w.const(x.type, 0.5))
    return vm.minimum(w, vm.maximum(w, line, 0.0), 1.0)


def _mish(w: KernelWriter, x: Value) -> Value:
    """x * tanh(log(1 + e)) = x * n / (n + 2) with e = exp(x), n = e (e + 2)."""
    e = vm.exp(w, vm.minimum(w, x, _MISH_LINEAR))
    n = w.op("fmul", e, w.op("fadd", e, w.const(x.type, 2.0)))
    ratio = w.op("fdiv", n, w.op("fadd", n, w.const(x.type, 2.0)))
    linear = w.compare("ogt", x, w.const(x.type, _MISH_LINEAR))
    return w.select(linear, x, w.op("fmul", x, ratio))


def _softsign(w: KernelWriter, x: Value) -> Value:
    return w.op("fdiv", x, w.op("fadd", vm.absolute(w, x), w.const(x.type, 1.0)))


def _soft_shrink(w: KernelWriter, x: Value, p: Parameters) -> Value:
    threshold = p[0]
    less = vm.negative(w, threshold)
    up = w.select(w.compare("olt", x, less), w.op("fadd", x, threshold), w.zero(x.type))
    shrunk = w.select(w.compare("ogt", x, threshold), w.op("fsub", x, threshold), up)
    return w.select(w.compare("uno", x, x), x, shrunk)


def _hard_shrink(w: KernelWriter, x: Value, p: Parameters) -> Value:
    return w.select(w.compare("ole", vm.absolute(w, x), p[0]), w.zero(x.type), x)


def _threshold(w: KernelWriter, x: Value, p: Parameters) -> Value:
    return w.select(w.compare("ole", x, p[0]), p[1], x)


def _squareplus(w: KernelWriter, x: Value, p: Parameters) -> Value:
    size = vm.absolute(w, x)
    root = w.intrinsic("sqrt", w.fma(x, x, p[0]))
    # Far out the root is |x| itself, where its square would overflow.
    root = w.select(w.compare("ogt", size, w.const(x.type, 1e15)), size, root)
    return w.op("fmul", w.op("fadd", x, root), w.const(x.type, 0.5))


def _sparse_plus(w: KernelWriter, x: Value) -> Value:
    above = w.op("fadd", x, w.const(x.type, 1.0))
    square = w.op("fmul", w.op("fmul", above, above), w.const(x.type, 0.25))
    curved = w.select(w.compare("olt", x, w.const(x.type, 1.0)), square, x)
    return w.select(w.compare("ole", x, w.const(x.type, -1.0)), w.zero(x.type), curved)


def _sparse_sigmoid(w: KernelWriter, x: Value) -> Value:
    line = w.fma(x, w.const(x.type, 0.5), w.const(x.type, 0.5))
    return vm.minimum(w, vm.maximum(w, line, 0.0), 1.0)


_EMITTERS: Mapping[FusedActivation, Emitter] = {
    **{name: _plain(function) for name, function in OPERATIONS.items()},
    FusedActivation.CLIP: clip,
    FusedActivation.LINEAR: lambda _, x, __: x,
    FusedActivation.RELU: _plain(lambda w, x: vm.maximum(w, x, 0.0)),
    FusedActivation.CLAMP: _clamp,
    FusedActivation.LEAKY_RELU: _leaky_relu,
    FusedActivation.ELU: _elu,
    FusedActivation.CELU: _celu,
    FusedActivation.SELU: _plain(_selu),
    FusedActivation.GELU: _plain(_gelu),
    FusedActivation.GELU_TANH: _plain(_gelu_tanh),
    FusedActivation.SIGMOID: _plain(vm.sigmoid),
    FusedActivation.HARD_SIGMOID: _plain(_hard_sigmoid),
    FusedActivation.HARD_SIGMOID_KERAS2: _plain(_hard_sigmoid_keras2),
    FusedActivation.HARD_SILU: _plain(lambda w, x: w.op("fmul", x, _hard_sigmoid(w, x))),
    FusedActivation.TANH: _plain(vm.tanh),
    FusedActivation.HARD_TANH: _plain(lambda w, x: vm.minimum(w, vm.maximum(w, x, -1.0), 1.0)),
    FusedActivation.TANH_SHRINK: _plain(vm.tanh_shrink),
    FusedActivation.SILU: _plain(lambda w, x: w.op("fmul", x, vm.sigmoid(w, x))),
    FusedActivation.MISH: _plain(_mish),
    FusedActivation.SOFTPLUS: _plain(vm.softplus),
    FusedActivation.SOFTSIGN: _plain(_softsign),
    FusedActivation.SOFT_SHRINK: _soft_shrink,
    FusedActivation.HARD_SHRINK: _hard_shrink,
    FusedActivation.THRESHOLD: _threshold,
    FusedActivation.EXPONENTIAL: _plain(vm.exp),
    FusedActivation.LOG_SIGMOID: _plain(
        lambda w, x: vm.negative(w, vm.softplus(w, vm.negative(w, x)))
    ),
    FusedActivation.SQUAREPLUS: _squareplus,
    FusedActivation.SPARSE_PLUS: _plain(_sparse_plus),
    FusedActivation.SPARSE_SIGMOID: _plain(_sparse_sigmoid),
}
PARAMETER_COUNTS: Mapping[FusedActivation, int] = {
    FusedActivation.CLAMP: 3,
    FusedActivation.LEAKY_RELU: 1,
    FusedActivation.ELU: 1,
    FusedActivation.CELU: 1,
    FusedActivation.SOFT_SHRINK: 1,
    FusedActivation.HARD_SHRINK: 1,
    FusedActivation.THRESHOLD: 2,
    FusedActivation.SQUAREPLUS: 1,
    FusedActivation.CLIP: 2,
}
