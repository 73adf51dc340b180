"""Element functions in vector form, applied by kernels to what they store.

Sample (relu on 16 lanes)::

    %neg = fcmp olt <16 x float> %x, splat (float 0.0)
    %y = select <16 x i1> %neg, <16 x float> splat (float 0.0), <16 x float> %x   ; NaN stays NaN
"""

from collections.abc import Callable, Mapping

from engine.kernels.abi import FusedActivation
from engine.kernels.emit import KernelWriter, Value

Parameters = tuple[Value, ...]
Emitter = Callable[[KernelWriter, Value, Parameters], Value]


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
    return _EMITTERS[w.spec.activation](w, x, parameters)


def _linear(w: KernelWriter, x: Value, p: Parameters) -> Value:
    del w, p
    return x


def _relu(w: KernelWriter, x: Value, p: Parameters) -> Value:
    del p
    zero = w.zero(x.type)
    return w.select(w.compare("olt", x, zero), zero, x)


def _clamp(w: KernelWriter, x: Value, p: Parameters) -> Value:
    """keras.layers.ReLU: max_value above, identity, negative_slope * (x - threshold) below."""
    slope, maximum, threshold = p
    below = w.op("fmul", slope, w.op("fsub", x, threshold))
    upper = w.select(w.compare("ogt", x, maximum), maximum, x)
    return w.select(w.compare("olt", x, threshold), below, upper)


def _leaky_relu(w: KernelWriter, x: Value, p: Parameters) -> Value:
    return w.select(w.compare("olt", x, w.zero(x.type)), w.op("fmul", x, p[0]), x)


_EMITTERS: Mapping[FusedActivation, Emitter] = {
    FusedActivation.LINEAR: _linear,
    FusedActivation.RELU: _relu,
    FusedActivation.CLAMP: _clamp,
    FusedActivation.LEAKY_RELU: _leaky_relu,
}
PARAMETER_COUNTS: Mapping[FusedActivation, int] = {
    FusedActivation.CLAMP: 3,
    FusedActivation.LEAKY_RELU: 1,
}
