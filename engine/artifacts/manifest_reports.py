"""Layer reports and times of whole networks as JSON, and back."""

import math
from typing import Any

from engine.artifacts.record import Record
from engine.core import limits
from engine.core.errors import ManifestError
from engine.planning.plan import BucketPlan, LayerPlan, NetworkTime


def encode_layer(layer: LayerPlan) -> dict[str, Any]:
    """As JSON."""
    return {
        "name": layer.name,
        "op": layer.op,
        "inputs": layer.inputs,
        "units": layer.units,
        "positions": layer.positions,
        "nonzeros": layer.nonzeros,
        "rounding": float(layer.rounding).hex(),
        "buckets": [
            {
                "lanes": bucket.lanes,
                "kernel": bucket.kernel,
                "sparse": bucket.sparse,
                "bytes": bucket.bytes,
                "parts": bucket.parts,
                "seconds": optional_hex(bucket.seconds),
                "dense_seconds": optional_hex(bucket.dense_seconds),
                "sparse_seconds": optional_hex(bucket.sparse_seconds),
            }
            for bucket in layer.buckets
        ],
    }


def decode_layer(value: Any, path: str) -> LayerPlan:
    """From JSON.

    Raises:
        ManifestError: not of the documented form.
    """
    record = Record(value, path)
    inputs, units = record.integer("inputs", 1), record.integer("units", 1)
    nonzeros = record.integer("nonzeros", 0, inputs * units)
    layer = LayerPlan(
        name=record.text("name"),
        op=record.text("op"),
        inputs=inputs,
        units=units,
        positions=record.integer("positions", 1),
        nonzeros=nonzeros,
        sparsity=1 - nonzeros / (inputs * units),
        buckets=record.items("buckets", limits.MAX_TILES, _decode_bucket),
        rounding=record.number("rounding"),
    )
    record.done()
    if not 0 <= layer.rounding < math.inf:
        raise ManifestError(f"{path}.rounding", expected="a share", got=str(layer.rounding))
    return layer


def _decode_bucket(value: Any, path: str) -> BucketPlan:
    record = Record(value, path)
    bucket = BucketPlan(
        lanes=record.integer("lanes", 1, limits.MAX_LANES),
        kernel=record.text("kernel"),
        sparse=record.flag("sparse"),
        bytes=record.integer("bytes"),
        parts=record.integer("parts", 1, limits.MAX_PARTS),
        seconds=record.optional_number("seconds"),
        dense_seconds=record.optional_number("dense_seconds"),
        sparse_seconds=record.optional_number("sparse_seconds"),
    )
    record.done()
    return bucket


def encode_time(time: NetworkTime) -> dict[str, Any]:
    """As JSON."""
    return {
        "batch": time.batch,
        "seconds": time.seconds.hex(),
        "dense_seconds": optional_hex(time.dense_seconds),
        "threaded_seconds": optional_hex(time.threaded_seconds),
        "threaded_dense_seconds": optional_hex(time.threaded_dense_seconds),
    }


def decode_time(value: Any, path: str) -> NetworkTime:
    """From JSON.

    Raises:
        ManifestError: not of the documented form.
    """
    record = Record(value, path)
    time = NetworkTime(
        record.integer("batch", 1),
        record.number("seconds"),
        record.optional_number("dense_seconds"),
        record.optional_number("threaded_seconds"),
        record.optional_number("threaded_dense_seconds"),
    )
    record.done()
    return time


def optional_hex(seconds: float | None) -> str | None:
    """Return a time in hexadecimal notation, or None."""
    return None if seconds is None else float(seconds).hex()
