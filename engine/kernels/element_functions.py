"""Graph activation functions in terms of the kernels' element functions (compiler half only)."""

import math

from engine.core.functions import ElementFunction, FusedActivation
from graph.activations import ActivationFunction, Function


def element_function(activation: ActivationFunction) -> ElementFunction:
    """Return the element function that computes an elementwise graph activation.

    Axis functions (softmax, glu, ...) have kernels of their own: ValueError.
    """
    if not activation.is_elementwise:
        raise ValueError(f"{activation.function.value} acts along an axis")
    if activation.function is Function.RELU:
        return _relu(activation)
    if activation.function is Function.CLIP:
        low = -math.inf if activation.min_value is None else activation.min_value
        high = math.inf if activation.max_value is None else activation.max_value
        return ElementFunction(FusedActivation.CLIP, (low, high))
    if activation.function is Function.GELU and activation.approximate:
        return ElementFunction(FusedActivation.GELU_TANH)
    parameters = {
        Function.ELU: (activation.alpha,),
        Function.CELU: (activation.alpha,),
        Function.SOFT_SHRINK: (activation.threshold,),
        Function.HARD_SHRINK: (activation.threshold,),
        Function.THRESHOLD: (activation.threshold, activation.default_value),
        Function.SQUAREPLUS: (activation.b,),
    }.get(activation.function, ())
    return ElementFunction(FusedActivation(activation.function.value), parameters)


def _relu(activation: ActivationFunction) -> ElementFunction:
    slope, threshold = activation.negative_slope, activation.threshold
    if activation.max_value is None and threshold == 0.0:
        if slope == 0.0:
            return ElementFunction(FusedActivation.RELU)
        return ElementFunction(FusedActivation.LEAKY_RELU, (slope,))
    maximum = math.inf if activation.max_value is None else activation.max_value
    return ElementFunction(FusedActivation.CLAMP, (slope, maximum, threshold))
