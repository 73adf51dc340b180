"""Operations that repeat, pad or reverse values, and counting."""

from dataclasses import replace

import numpy as np

from graph.errors import UnsupportedLayerError
from graph.resizing_ops import Pad
from graph.saved_model.lengths import BATCH, ONE, Lengths, fixed
from graph.saved_model.site import Rules, Site
from graph.saved_model.values import Known, Repeated, Tensor, TimeMajor, Value
from graph.shape_ops import Concatenate
from graph.slice_ops import BroadcastTo, Slice


def _tile(site: Site) -> Value:
    counts = site.lengths(1)
    value = site.input(0)
    if isinstance(value, Known):
        return _tiled_constant(site, value, counts)
    x = site.tensor(0)
    if len(counts) != len(x.shape):
        raise site.refusal("repeats another number of axes")
    repeated = [axis for axis, count in enumerate(counts) if count != ONE]
    if not repeated:
        return x
    if any(x.shape[axis] != ONE for axis in repeated):
        return _repeated_by_joining(site, x, counts)
    shape = tuple(a.times(b) for a, b in zip(x.shape, counts, strict=True))
    target = [site.number(length) for length in site.sample_lengths(shape)]
    return site.made(site.add(BroadcastTo(tuple(target)), site.value(x)), x.dtype)


def _tiled_constant(site: Site, value: Known, counts: Lengths) -> Value:
    array = value.array
    if counts and counts[0] == BATCH and array.shape[0] == 1 and site.builder.has_batch:
        rest = [site.number(count) for count in counts[1:]]
        if any(count != 1 for count in rest):
            raise site.refusal("repeats a constant along several axes")
        return Repeated(Known(array[0], value.name), (BATCH, *fixed(array.shape[1:])))
    if any(site.number(count) != 1 for count in counts):
        raise site.refusal("repeats a constant")
    return value


def _repeated_by_joining(site: Site, x: Tensor, counts: Lengths) -> Value:
    """Copies of an axis one after another are the value, joined with itself."""
    value = site.value(x)
    for axis, count in enumerate(counts):
        number = site.number(count)
        if not 1 <= number <= 64:
            raise site.refusal(
                "repeats an axis too often", expected="1 to 64 times", got=str(number)
            )
        if number > 1:
            value = site.add(Concatenate(site.axis(x, axis)), *[value] * number)
    return site.made(value, x.dtype)


def _pad(site: Site) -> Value:
    x = site.real(0)
    amounts = site.known(1).array
    if len(site.inputs) > 2 and float(site.known(2).array.reshape(-1)[0]) != 0.0:
        raise site.refusal("pads with something else than zeros")
    if amounts.shape != (len(x.shape), 2) or (amounts < 0).any():
        raise site.refusal("has a padding that does not fit", got=str(amounts.shape))
    pairs = [(int(before), int(behind)) for before, behind in amounts]
    if site.builder.has_batch:
        if any(pairs[0]):
            raise UnsupportedLayerError(f"{site.where} adds samples to the batch")
        pairs = pairs[1:]
    if not any(map(any, pairs)):
        return x
    if len(pairs) < 2 or any(pairs[-1]):
        return _padded_features(site, x, pairs)
    return site.made(site.add(Pad(tuple(pairs[:-1])), site.value(x)))


def _padded_features(site: Site, x: Tensor, pairs: list[tuple[int, int]]) -> Value:
    """Pad the last axis, too: as one more spatial axis in front of channels of length 1."""
    lengths = site.sample_lengths(x.shape)
    value = site.shaped(x, (*lengths, ONE))
    made = site.made(site.add(Pad(tuple(pairs)), value))
    return Tensor(made.value, made.shape[:-1], x.dtype)


def _reverse(site: Site) -> Value:
    given = site.input(0)
    if isinstance(given, TimeMajor):
        if site.integers(1) != (0,):
            raise site.refusal("turns something else of a sequence around than the time")
        time = Known(np.array([1], np.int32), site.label)
        turned = _reverse(replace(site, inputs=(given.tensor, time)))
        return TimeMajor(turned) if isinstance(turned, Tensor) else turned
    x = site.tensor(0)
    value = site.value(x)
    lengths = site.builder.lengths(value)
    for axis in site.integers(1):
        value = site.add(Slice(site.axis(x, axis), None, None, -1), value, lengths=lengths)
    return site.made(value, x.dtype)


def _range(site: Site) -> Value:
    start, stop, step = (site.known(place).array.reshape(-1)[0] for place in (0, 1, 2))
    if step == 0 or not 0 <= (float(stop) - float(start)) / float(step) <= 1_000_000:
        raise site.refusal("counts too far", got=f"{start} to {stop} by {step}")
    numbers = np.arange(float(start), float(stop), float(step))
    return Known(numbers.astype(site.known(0).array.dtype), site.label)


RULES: Rules = {
    "Tile": _tile,
    "Pad": _pad,
    "PadV2": _pad,
    "ReverseV2": _reverse,
    "Range": _range,
}
