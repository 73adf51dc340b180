"""A TensorFlow `tf.function` over constants on networks of images, channels last, normalizations folded."""

from typing import Any

import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.images.network import (
    INPUT,
    Addition,
    Classifier,
    Convolution,
    GlobalAverage,
    MaxPooling,
    Step,
    WeightedNetwork,
    as_image,
)
from benchmarks.peers.tensorflow_function import TensorflowFunction


def build_module(network: WeightedNetwork) -> tf.Module:
    """Return a module whose `network` takes [batch, *sample shape]."""
    module = tf.Module()
    shape = network.description.sample_shape
    image = as_image(network)
    weights = {
        step.name: tuple(map(tf.constant, image.folded(step)))
        for step in image.description.steps
        if isinstance(step, Convolution | Classifier)
    }
    signature = [tf.TensorSpec([None, *shape])]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def function(inputs: tf.Tensor) -> tf.Tensor:
        x = tf.expand_dims(inputs, 1) if len(shape) < 3 else inputs
        values = {INPUT: x}
        for step in image.description.steps:
            values[step.name] = _compute(step, values, weights.get(step.name))
        return values[image.description.steps[-1].name]

    module.network = function
    return module


def _compute(step: Step, values: dict[str, Any], weights: tuple[Any, Any] | None) -> Any:
    x = values[step.x]
    if isinstance(step, Addition):
        return _activated(x + values[step.other], step.activation)
    if isinstance(step, GlobalAverage):
        return tf.reduce_mean(x, [1, 2])
    if isinstance(step, MaxPooling):
        x = tf.pad(x, [[0, 0], *step.padding, [0, 0]])
        return tf.nn.max_pool2d(x, step.size, step.strides, "VALID")
    if weights is None:
        raise ValueError(f"{step.name} has no weights")
    if isinstance(step, Classifier):
        return tf.nn.bias_add(tf.linalg.matmul(x, weights[0]), weights[1])
    padding = "VALID"
    if is_same(step):
        padding = "SAME"
    elif any(map(sum, step.padding)):
        x = tf.pad(x, [[0, 0], *step.padding, [0, 0]])
    if step.depthwise:
        y = tf.nn.depthwise_conv2d(x, weights[0], [1, *step.strides, 1], padding)
    else:
        y = tf.nn.conv2d(x, weights[0], step.strides, padding)
    return _activated(tf.nn.bias_add(y, weights[1]), step.activation)


def is_same(step: Convolution) -> bool:
    """Return whether TensorFlow's SAME pads as this step does: both sides alike, which it does at stride 1 only."""
    return max(step.strides) == 1 and all(
        both == (size // 2, size // 2) and size % 2
        for both, size in zip(step.padding, step.size, strict=True)
    )


def _activated(y: Any, activation: str) -> Any:
    if activation == "relu6":
        return tf.nn.relu6(y)
    return tf.nn.relu(y) if activation else y


class TensorflowImages(TensorflowFunction):
    """One compiled graph for all batch sizes."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Trace the function once."""
        self._module = build_module(network)
        self._function = self._module.network.get_concrete_function()


def create(threads: int) -> TensorflowImages:
    """Return the engine."""
    return TensorflowImages(threads)
