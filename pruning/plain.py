"""Turn results into what JSON has: dicts with text keys, lists, text, numbers, booleans and None."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum

import numpy as np


def as_plain(value: object) -> object:
    """Turn dataclasses, mappings, sequences and enumerations into what JSON has."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, Sequence):
        return [as_plain(item) for item in value]
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value) if isinstance(value, float | np.floating) else math.nan
    return number if math.isfinite(number) else None
