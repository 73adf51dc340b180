"""Layers of images and signals as Keras 1 writes them -> the names and the forms of later versions.

Sources: keras/layers/convolutional.py and pooling.py of Keras 1.0.8 and 1.2.2, and keras/legacy/interfaces.py and
engine/topology.py (preprocess_weights_for_loading) of Keras 2.0.8.
"""

from collections.abc import Mapping

import numpy as np

from graph.graph import WeightArray
from graph.keras.arguments import plain
from graph.keras.json_text import Json, JsonObject

_RENAMED: Mapping[str, str] = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
    "bias": "use_bias",
}
_KERNEL_SIDES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_FORMATS: Mapping[str, str] = {"th": "channels_first", "tf": "channels_last"}


def later_arguments(config: JsonObject) -> JsonObject:
    """Return a layer's configuration with the names of Keras 2; what is not known stays, and is refused later."""
    found: JsonObject = {}
    for name, value in config.items():
        if name == "dim_ordering" and isinstance(value, str):
            found["data_format"] = _FORMATS.get(value, value)
        elif name == "init":
            found["kernel_initializer"] = value
        elif name == "padding":
            found[name] = _padding(value)
        else:
            found[_RENAMED.get(name, name)] = value
    for sides in _KERNEL_SIDES:
        if all(side in found for side in sides):
            found["kernel_size"] = [found.pop(side) for side in sides]
    return found


def _padding(value: Json) -> Json:
    """Padding of images as pairs, where it is given as an object, or as top, bottom, left, right."""
    numbers = plain(value)
    if isinstance(numbers, dict) and set(numbers) <= {
        "top_pad",
        "bottom_pad",
        "left_pad",
        "right_pad",
    }:
        top, bottom = numbers.get("top_pad", 0), numbers.get("bottom_pad", 0)
        return [[top, bottom], [numbers.get("left_pad", 0), numbers.get("right_pad", 0)]]
    if isinstance(numbers, list) and len(numbers) == 4:
        return [numbers[:2], numbers[2:]]
    return value


def later_kernel(
    array: WeightArray, shape: tuple[int | None, ...], *, channels_first: bool, is_transposed: bool
) -> WeightArray:
    """Return a kernel of Keras 1 in the layout of later versions; one of another form stays as it is.

    Args:
        array: as the file has it.
        shape: the shape that the layer needs, spatial axes first.
        channels_first: what the layer says; the kernels of images are then stored with their channels first, too.
        is_transposed: of a transposed convolution, which ends in filters and channels and not the other way around.
    """
    rank = len(shape) - 2
    if rank == 1 and array.ndim == 4:
        # Signals were images of width 1, and before Keras 1.2 their kernels were always stored with channels first.
        is_late = array.shape[:2] == (shape[0], 1) and array.shape[3] == shape[2]
        image = array if is_late else array.transpose(2, 3, 1, 0)
        return np.ascontiguousarray(image[:, 0]) if image.shape[1] == 1 else array
    if array.ndim != rank + 2:
        return array
    spatial = tuple(range(2, rank + 2))
    if channels_first:
        order = (*spatial, 0, 1) if is_transposed else (*spatial, 1, 0)
    else:
        order = (*range(rank), rank + 1, rank) if is_transposed else tuple(range(rank + 2))
    return np.ascontiguousarray(array.transpose(order))
