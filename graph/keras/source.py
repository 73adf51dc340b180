"""Where a file comes from: the version of Keras, and what computed for it. Both change what layers mean."""

import re
from dataclasses import dataclass

from graph.keras.dialects import Dialect, dialect_of

# Backends that pad as TensorFlow does where padding is "same"; those of Keras 3 imitate it.
_PAD_AS_TENSORFLOW = frozenset({"tensorflow", "jax", "torch", "numpy", "openvino"})


@dataclass(frozen=True, slots=True)
class Source:
    """What the meaning of a file's layers depends on.

    Attributes:
        version: the version of Keras, as the file says.
        backend: "tensorflow", "theano" and so on.
        data_format: what all layers of the model say of where channels are, if one of them says anything and no two
            differ; else None. Some layers of Keras 1 leave it out.
    """

    version: str
    backend: str = "tensorflow"
    data_format: str | None = None

    @property
    def dialect(self) -> Dialect:
        """The major version."""
        return dialect_of(self.version)

    @property
    def flips_kernels(self) -> bool:
        """Whether convolutions turn their kernels around, as Theano does and all other backends do not."""
        return self.backend == "theano"

    @property
    def pads_as_tensorflow(self) -> bool:
        """Whether "same" puts an odd element of padding behind, and depends on the strides."""
        return self.backend in _PAD_AS_TENSORFLOW

    @property
    def is_multi_backend(self) -> bool:
        """Whether it is Keras 1, or a Keras 2 that is not part of TensorFlow."""
        return (
            self.dialect is Dialect.KERAS1
            or re.fullmatch(r"2\.[0-3]\.\d{1,4}", self.version) is not None
        )

    @property
    def outputs_initial_state(self) -> bool:
        """Whether masked first steps of a recurrent layer give its initial state; later they give zeros."""
        return self.is_multi_backend and not self.version.startswith("2.3.")

    @property
    def keras3_minor(self) -> int:
        """The minor version of a Keras 3; -1 for any other."""
        numbers = re.match(r"3\.(\d{1,4})\b", self.version)
        return -1 if numbers is None else int(numbers[1])

    @property
    def joins_masks_by_or(self) -> bool:
        """Whether a step of merged sequences is real where it is in one of them: since Keras 3.4."""
        return self.keras3_minor >= 4

    @property
    def attention_takes_masks(self) -> bool:
        """Whether what MultiHeadAttention is called on has no mask any more for later layers: since Keras 3.8."""
        return self.keras3_minor >= 8

    @property
    def resizes_from_corners(self) -> bool:
        """Whether bilinear upsampling is TensorFlow 1's: Keras 2.2 and 2.3 that are not part of TensorFlow."""
        return re.fullmatch(r"2\.[23]\.\d{1,4}", self.version) is not None
