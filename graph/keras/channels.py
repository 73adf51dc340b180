"""Which axis the channels are, and the moves that bring them to the end and back: all spatial ops have them last."""

from graph.keras.dialects import Dialect
from graph.keras.draft import Site
from graph.tensor_type import TensorType

_FORMATS = ("channels_last", "channels_first")


def has_channels_first(site: Site) -> bool:
    """Return whether the layer's axis 1 are the channels.

    Keras 1 leaves the data format out of some layers, which then have the one that was set where the file is loaded.
    Where all other layers of the model state one and the same, it is that; signals always had their channels last.

    Raises:
        UnsupportedArgumentError: another data format, or none that can be known.
    """
    data_format = site.arguments["data_format"]
    if data_format is None:
        if site.draft.dialect is not Dialect.KERAS1 or "1D" in site.layer.class_name:
            return False
        data_format = site.draft.source.data_format
    if data_format not in _FORMATS:
        raise site.arguments.refuse("data_format", " or ".join(_FORMATS))
    return data_format == "channels_first"


class Channels:
    """The layer's input with its channels last, and the way back for the result."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._is_first = has_channels_first(site)
        rank = site.type.rank
        self.input = site.input
        if self._is_first and rank > 2:
            to_last = (*range(2, rank), 1)
            self.input = site.permuted(site.input, to_last, "channels_last")

    @property
    def type(self) -> TensorType:
        """The type of `input`."""
        return self._site.draft.type(self.input)

    def restored(self, value: str) -> str:
        """Return a value of the layer with its channels where the layer has them."""
        rank = self._site.draft.type(value).rank
        if not self._is_first or rank < 3:
            return value
        return self._site.permuted(value, (rank - 1, *range(1, rank - 1)), "channels_first")
