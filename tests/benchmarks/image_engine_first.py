"""The reference engine, but it takes [batch, channels, height, width], as ONNX has images."""

from benchmarks.networks import FloatArray
from tests.benchmarks.image_engine import Reference


class ChannelsFirst(Reference):
    def run(self, inputs: FloatArray) -> FloatArray:
        shape = (len(inputs), *self._network.description.sample_shape)
        return super().run(inputs.transpose(0, 2, 3, 1).reshape(shape))


def create(threads: int) -> ChannelsFirst:
    return ChannelsFirst()
