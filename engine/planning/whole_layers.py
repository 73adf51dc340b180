"""Layers that run in several steps (`engine.passes.split_chains`), as one entry of a report each."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.planning.plan import BucketPlan, LayerPlan


def whole_layers(parts: Iterable[LayerPlan]) -> tuple[LayerPlan, ...]:
    """Return one entry for each name, in the order in which names come first."""
    named: dict[str, list[LayerPlan]] = {}
    for part in parts:
        named.setdefault(part.name, []).append(part)
    return tuple(_joined(own) if len(own) > 1 else own[0] for own in named.values())


def _joined(parts: Sequence[LayerPlan]) -> LayerPlan:
    units = sum(part.units for part in parts)
    nonzeros = sum(part.nonzeros for part in parts)
    return replace(
        parts[0],
        units=units,
        nonzeros=nonzeros,
        sparsity=1 - nonzeros / (parts[0].inputs * units),
        buckets=tuple(
            _joined_bucket(own) for own in zip(*(part.buckets for part in parts), strict=True)
        ),
        rounding=max(part.rounding for part in parts),
    )


def _joined_bucket(parts: Sequence[BucketPlan]) -> BucketPlan:
    """Return what all parts take together; the kernel is that of the first."""
    return replace(
        parts[0],
        bytes=sum(part.bytes for part in parts),
        parts=max(part.parts for part in parts),
        seconds=_sum(part.seconds for part in parts),
        dense_seconds=_sum(part.dense_seconds for part in parts),
        sparse_seconds=_sum(part.sparse_seconds for part in parts),
    )


def _sum(numbers: Iterable[float | None]) -> float | None:
    """Return the sum; None where one is not known."""
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)
