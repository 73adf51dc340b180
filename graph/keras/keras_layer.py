"""What a layer to be written is."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graph.keras.json_text import JsonObject

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """A layer to write.

    Attributes:
        class_name: class in keras.layers.
        config: its arguments, without name and dtype.
        weights: arrays in Keras' order.
        module: where the class is; operations are not in keras.layers, and have no folder of weights.
    """

    class_name: str
    config: JsonObject = field(default_factory=dict)
    weights: tuple[Array, ...] = ()
    module: str = "keras.layers"

    @property
    def is_operation(self) -> bool:
        """Whether Keras keeps it as an operation and not as a layer."""
        return self.module != "keras.layers"
