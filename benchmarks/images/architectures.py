"""The networks of the image and signal benchmark; windows are padded by the same amount on both sides."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.images.network import (
    INPUT,
    Addition,
    Classifier,
    Convolution,
    Description,
    GlobalAverage,
    MaxPooling,
    Step,
)

# The last normalization of a residual block starts small, as in training; sums of many blocks keep their scale so.
RESIDUAL_GAIN = 0.3


@dataclass(slots=True)
class Builder:
    """Collects steps; every method returns the name of the value that it adds."""

    axes: int
    steps: list[Step] = field(default_factory=list)

    def convolve(
        self,
        x: str,
        filters: int,
        size: int = 1,
        stride: int = 1,
        activation: str = "relu",
        *,
        depthwise: bool = False,
        prunable: bool = True,
        gain: float = 1.0,
    ) -> str:
        """Add a convolution that keeps the image's size but for its stride."""
        name = f"conv_{len(self.steps)}"
        self.steps.append(
            Convolution(
                name,
                x,
                (size,) * self.axes,
                filters,
                (stride,) * self.axes,
                ((size // 2, size // 2),) * self.axes,
                activation,
                depthwise,
                prunable,
                gain,
            )
        )
        return name

    def pool(self, x: str) -> str:
        """Add max pooling of 3 with stride 2."""
        name = f"pool_{len(self.steps)}"
        shape = ((3,) * self.axes, (2,) * self.axes, ((1, 1),) * self.axes)
        self.steps.append(MaxPooling(name, x, *shape))
        return name

    def add(self, x: str, other: str, activation: str) -> str:
        """Add a sum."""
        name = f"add_{len(self.steps)}"
        self.steps.append(Addition(name, x, other, activation))
        return name

    def classify(self, x: str, units: int, *, prunable: bool) -> None:
        """Add the average over the image and the last layer."""
        self.steps.append(GlobalAverage("average", x))
        self.steps.append(Classifier("classifier", "average", units, prunable))


def resnet50(image: int = 224) -> Description:
    """Return ResNet-50 as keras.applications has it: the stride is in a block's first convolution.

    All kernels but the first are prunable. Source: He et al., 2015, arXiv:1512.03385.
    """
    builder = Builder(axes=2)
    x = builder.convolve(INPUT, 64, size=7, stride=2, prunable=False)
    x = builder.pool(x)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            x = _bottleneck(builder, x, 64 << stage, stride, project=not block)
    builder.classify(x, 1000, prunable=True)
    return Description("ResNet-50", (image, image, 3), tuple(builder.steps))


def _bottleneck(builder: Builder, x: str, width: int, stride: int, *, project: bool) -> str:
    shortcut = builder.convolve(x, 4 * width, stride=stride, activation="") if project else x
    y = builder.convolve(x, width, stride=stride)
    y = builder.convolve(y, width, size=3)
    y = builder.convolve(y, 4 * width, activation="", gain=RESIDUAL_GAIN)
    return builder.add(shortcut, y, "relu")


# Factor of the expansion, channels, blocks, stride of the first block.
_INVERTED = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(image: int = 224) -> Description:
    """Return MobileNetV2 of width 1, whose 1x1 convolutions are prunable. Source: Sandler et al., arXiv:1801.04381."""
    builder = Builder(axes=2)
    x = builder.convolve(INPUT, 32, size=3, stride=2, activation="relu6", prunable=False)
    channels = 32
    for factor, filters, blocks, first_stride in _INVERTED:
        for stride in (first_stride, *[1] * (blocks - 1)):
            x = _inverted_residual(builder, x, channels, factor, filters, stride)
            channels = filters
    x = builder.convolve(x, 1280, activation="relu6")
    builder.classify(x, 1000, prunable=False)
    return Description("MobileNetV2", (image, image, 3), tuple(builder.steps))


def _inverted_residual(
    builder: Builder, x: str, channels: int, factor: int, filters: int, stride: int
) -> str:
    wide, y = factor * channels, x
    if factor > 1:
        y = builder.convolve(y, wide, activation="relu6")
    y = builder.convolve(y, wide, 3, stride, "relu6", depthwise=True, prunable=False)
    if stride > 1 or channels != filters:
        return builder.convolve(y, filters, activation="")
    y = builder.convolve(y, filters, activation="", gain=RESIDUAL_GAIN)
    return builder.add(x, y, "")


def conv1d_resnet(length: int = 2048) -> Description:
    """Return a residual network for signals of twelve channels, such as an electrocardiogram's, into ten classes.

    A first convolution of 15, then eight blocks of two convolutions of 7, 64 to 512 channels; all but the first are
    prunable.
    """
    builder = Builder(axes=1)
    x = builder.convolve(INPUT, 64, size=15, stride=2, prunable=False)
    x = builder.pool(x)
    for stage in range(4):
        for block in range(2):
            stride, width = 2 if stage and not block else 1, 64 << stage
            shortcut = builder.convolve(x, width, stride=stride, activation="") if stride > 1 else x
            y = builder.convolve(x, width, 7, stride)
            y = builder.convolve(y, width, 7, activation="", gain=RESIDUAL_GAIN)
            x = builder.add(shortcut, y, "relu")
    builder.classify(x, 10, prunable=False)
    return Description("Conv1D-ResNet", (length, 12), tuple(builder.steps))


def multiply_adds(description: Description, kept: Iterable[tuple[str, int]]) -> int:
    """Return the multiply-adds of one sample: each non-zero of a kernel once for every place of its window.

    Args:
        description: The network.
        kept: Non-zeros by the name of the step.
    """
    shapes = description.shapes()
    total = 0
    for name, nonzeros in kept:
        places = 1
        for length in shapes[name][:-1]:
            places *= length
        total += nonzeros * places
    return total
