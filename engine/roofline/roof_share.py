"""Which roof holds a layer down, and how near it comes: arithmetic on what was measured.

A roof is the least time that a kernel of its kind could take: for its multiplications at the FMA peak, for
its packed weights at the bandwidth of the level that they come from, and where every weight needs an element
of its own for each sample, for fetching those elements. The longest of these times binds; the share is that
time over the measured one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.roofline.layer_times import LayerRun
from engine.roofline.roof import Roofs


class Roof(StrEnum):
    """Kinds of roofs."""

    FMA = "FMA"
    BANDWIDTH = "bandwidth"
    GATHER = "gather"
    PERMUTE = "permute"


# How sparse kernels fetch the elements of x that their weights ask for, where each asks for its own; None where
# one access serves several weights, so that no such roof holds.
FETCHES: Mapping[str, Roof | None] = {
    "spmv_blocks": None,
    "spmv_delta": Roof.GATHER,
    "spmv_expand": None,
    "spmv_sell": Roof.GATHER,
    "spmm_sweep": Roof.PERMUTE,
    "spmv_sweep": Roof.PERMUTE,
    "spmv_window": Roof.PERMUTE,
}


@dataclass(frozen=True, slots=True)
class Share:
    """A layer in one tile width, against the roofs of one core.

    Attributes:
        gflops: 10^9 multiplications and additions a second, on weights that are not zero.
        gigabytes_per_second: packed weights read.
        ns_per_nonzero: time per weight that is not zero and sample.
        flops_per_byte: operations on non-zeros per byte of packed weights.
        limits: seconds that the layer would take at each roof.
        roof: the one that binds.
        level: where the weights come from: "L1", "L2", "L3" or "memory".
        share: share of the roof that binds, in [0, 1] but for noise.
    """

    gflops: float
    gigabytes_per_second: float
    ns_per_nonzero: float
    flops_per_byte: float
    limits: Mapping[Roof, float]
    roof: Roof
    level: str
    share: float

    @property
    def roof_name(self) -> str:
        """The roof that binds, for readers: bandwidth with the level."""
        return f"{self.level} bandwidth" if self.roof is Roof.BANDWIDTH else str(self.roof)


def share_of(run: LayerRun, resident_bytes: int, roofs: Roofs) -> Share:
    """Hold a layer against the roofs.

    Args:
        run: the layer with its time; the time must be above zero.
        resident_bytes: what the network goes over in every call: it says in which level a call finds the
            weights.
        roofs: what one core can do at most.
    """
    limits = _limits(run, resident_bytes, roofs)
    roof = max(limits, key=lambda one: limits[one])
    flops, read = 2 * run.useful_products, run.bytes * run.positions
    return Share(
        gflops=flops / run.seconds / 1e9,
        gigabytes_per_second=read / run.seconds / 1e9,
        ns_per_nonzero=run.seconds * 1e9 / max(1, run.useful_products),
        flops_per_byte=flops / read,
        limits=limits,
        roof=roof,
        level=roofs.home(resident_bytes).name,
        share=limits[roof] / run.seconds,
    )


def _limits(run: LayerRun, resident_bytes: int, roofs: Roofs) -> dict[Roof, float]:
    # Further positions of a sample find the layer where it fits by itself.
    first = run.bytes / roofs.home(resident_bytes).gigabytes_per_second
    again = (run.positions - 1) * run.bytes / roofs.home(run.bytes).gigabytes_per_second
    limits = {
        Roof.FMA: 2 * run.products / roofs.gflops * 1e-9,
        Roof.BANDWIDTH: (first + again) * 1e-9,
    }
    fetch = FETCHES.get(run.spec.family)
    if fetch is Roof.GATHER:
        limits[fetch] = run.products / roofs.gather_per_ns * 1e-9
    if fetch is Roof.PERMUTE and roofs.permute_per_ns is not None:
        limits[fetch] = run.products / roofs.permute_per_ns * 1e-9
    return limits
