"""Layers that hash, discretize, cross or encode -> ops of the front part; see `vocabulary_layers` for the others."""

import numpy as np

from graph.errors import ConfigError, UnsupportedArgumentError, WeightsMismatchError
from graph.graph import WeightArray
from graph.keras.arguments import Arguments
from graph.keras.dialects import Dialect
from graph.keras.draft import Site
from graph.keras.json_text import Json
from graph.lookup_ops import Cross, Discretize, Encode, Encoding, Hash, Salt
from graph.tensor_type import DType
from graph.vocabulary import Token

_OLDER_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def output_mode(arguments: Arguments, *allowed: str) -> str:
    """Return the output mode under its present name."""
    written = arguments["output_mode"]
    mode = _OLDER_MODES.get(written, written) if isinstance(written, str) else ""
    if mode not in allowed:
        raise arguments.refuse("output_mode", " or ".join(allowed))
    return mode


def encoded(site: Site, value: str, mode: str, depth: int, *, is_strict: bool = False) -> str:
    """Add what an output mode makes of whole numbers."""
    if mode == "int":
        return value
    return site.add(Encode(Encoding(mode), depth, is_strict), on=(value,))


def lower_category_encoding(site: Site) -> str:
    """CategoryEncoding; Keras 2 refuses numbers out of range, Keras 3 leaves them out."""
    mode = output_mode(site.arguments, "one_hot", "multi_hot", "count")
    is_strict = site.draft.dialect is not Dialect.KERAS3
    return encoded(site, site.input, mode, site.arguments.whole("num_tokens"), is_strict=is_strict)


def lower_hashing(site: Site) -> str:
    """Hashing."""
    arguments = site.arguments
    mode = output_mode(arguments, "int", "one_hot", "multi_hot", "count")
    bins = arguments.whole("num_bins")
    is_text = site.draft.keras_type(site.input) is DType.STRING
    op = Hash(bins, token(arguments, "mask_value", is_text=is_text), salt_of(arguments))
    return encoded(site, site.add(op, name="" if mode == "int" else "bins"), mode, bins)


def lower_hashed_crossing(site: Site) -> str:
    """HashedCrossing."""
    mode = output_mode(site.arguments, "int", "one_hot")
    bins = site.arguments.whole("num_bins")
    return encoded(site, site.add(Cross(bins), name="" if mode == "int" else "bins"), mode, bins)


def lower_discretization(site: Site) -> str:
    """Discretization, whose boundaries are in the configuration, or follow from what Keras 2 keeps of the data."""
    mode = output_mode(site.arguments, "int", "one_hot", "multi_hot", "count")
    boundaries = _boundaries(site)
    value = site.add(Discretize(boundaries), name="" if mode == "int" else "bins")
    return encoded(site, value, mode, len(boundaries) + 1)


def _boundaries(site: Site) -> tuple[float, ...]:
    if site.arguments["bin_boundaries"]:
        # TensorFlow keeps them as float32.
        rounded = np.asarray(site.arguments.numbers("bin_boundaries"), np.float32)
        return tuple(sorted(rounded.tolist()))
    summary = site.stored("summary")
    if summary is None:
        raise ConfigError(
            f"{site.arguments.where} has no boundaries",
            expected="bin_boundaries",
            hint="call adapt() and save the model again",
        )
    return _quantiles(summary, site.arguments.whole("num_bins"), site.arguments.where)


def _quantiles(summary: WeightArray, bins: int, where: str) -> tuple[float, ...]:
    """Return boundaries of bins that hold equal shares of the data that a summary describes.

    Args:
        summary: numbers in rising order, and how many numbers of the data each stands for; (2, n).
        bins: the number of bins.
        where: the layer, for errors.
    """
    if summary.ndim != 2 or summary.shape[0] != 2 or not summary.shape[1] or bins < 1:
        raise WeightsMismatchError(
            f"summary of {where} does not fit", expected="(2, n)", got=str(summary.shape)
        )
    if summary.shape[1] / bins >= 1:
        shares = 1.0 / bins + np.arange(0.0, 1.0, 1.0 / bins)
        sums = summary[1].cumsum()
        found = np.interp(shares, sums / sums[-1], summary[0]).astype(np.float32)
    else:
        found = summary[0]
    return tuple(sorted(found[:-1].tolist()))


def salt_of(arguments: Arguments) -> Salt | None:
    """Return the key of a salted hash: two words of 64 bits, which may be written as one number."""
    value = arguments["salt"]
    if value is None:
        return None
    words = value if isinstance(value, list) else [value, value]
    if len(words) != 2 or not all(_is_int64(word) for word in words):
        raise arguments.refuse("salt", "a whole number, or two")
    first, second = (int(word) % 2**64 for word in words if isinstance(word, int))
    return first, second


def token(arguments: Arguments, name: str, *, is_text: bool) -> Token | None:
    """Return a token that stands for something special, or None."""
    value = arguments[name]
    if value is None:
        return None
    if is_text and isinstance(value, str):
        return text_bytes(value, arguments.where)
    if not is_text and _is_int64(value) and isinstance(value, int):
        return value
    raise arguments.refuse(name, "a text" if is_text else "a whole number")


def text_bytes(text: str, where: str) -> bytes:
    """Return a text in UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UnsupportedArgumentError(
            f"{where} has a text that is no valid Unicode", got=ascii(text)[:80]
        ) from None


def _is_int64(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
