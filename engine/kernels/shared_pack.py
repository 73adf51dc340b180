"""Packs a layer once for candidates that differ in their code only."""

from collections.abc import Callable

from engine.core.layers import DenseLayer
from engine.kernels.abi import PackedLayer


class SharedPack:
    """A packing function that remembers its last result, for as long as its candidates live."""

    def __init__(self, pack: Callable[[DenseLayer], PackedLayer]) -> None:
        """Wrap a pure function."""
        self._pack = pack
        self._last: tuple[DenseLayer, PackedLayer] | None = None

    def __call__(self, layer: DenseLayer) -> PackedLayer:
        """Return the packed layer; the same object again for the same layer object."""
        last = self._last
        if last is None or last[0] is not layer:
            last = (layer, self._pack(layer))
            self._last = last
        return last[1]
