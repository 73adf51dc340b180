"""Calibration samples and labels from uploaded .npz and .npy files: hostile until checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph.errors import PrunusError
from graph.front import run_front
from graph.graph import Graph, Input
from graph.index_inputs import index_limits
from graph.input_names import by_input_name
from graph.sizes import at_sizes
from graph.tensor_type import DType
from graph.texts import TextError, bytes_of
from pruning.array_file import read_array_file
from pruning.errors import CalibrationError

Array = np.ndarray[Any, np.dtype[Any]]

MAX_SAMPLES = 100_000
_LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Samples for a model, checked against its inputs.

    Attributes:
        inputs: arrays (samples, *sample shape) of the declared dtypes, by the name of the network's input; of a model
            with a front part, what that makes of the samples.
        labels: class numbers (samples,), int64, or None.
    """

    inputs: Mapping[str, Array]
    labels: Array | None = None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))

    @property
    def sizes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of a sample, by input name."""
        return {name: array.shape[1:] for name, array in self.inputs.items()}

    def split(self, share: float, seed: int) -> tuple["Calibration", "Calibration"]:
        """Return most of the samples, and the others, drawn at random: at least one on either side.

        Args:
            share: the share of the samples in the second part, in (0, 1).
            seed: the seed of the draw.
        """
        order = np.random.default_rng(seed).permutation(self.samples)
        count = min(max(round(self.samples * share), 1), self.samples - 1)
        return self._of(np.sort(order[count:])), self._of(np.sort(order[:count]))

    def _of(self, chosen: Array) -> "Calibration":
        labels = None if self.labels is None else self.labels[chosen]
        return Calibration({name: array[chosen] for name, array in self.inputs.items()}, labels)


def read_calibration(path: Path, graph: Graph, labels_path: Path | None = None) -> Calibration:
    """Read one array per model input, and labels from the array `labels` or from a file of their own.

    Args:
        path: .npz, or .npy for a model with one input; the only input of a model may have a name of
            `graph.input_names.ALIASES`, too.
        graph: the model.
        labels_path: .npy, or .npz with one array.

    Raises:
        CalibrationError: a file cannot be read, is too large, holds objects, or its arrays do not fit the model.
        UnknownValueError: a value has no place in what the model looks it up in.
    """
    given = graph.public_inputs
    arrays, labels = _read_samples(path, [one.name for one in given])
    if labels_path is not None:
        labels = _read_labels_file(labels_path)
    inputs = {one.name: _checked_input(one, arrays[one.name]) for one in given}
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1 or not 1 <= max(counts) <= MAX_SAMPLES:
        raise CalibrationError(
            "file",
            f"the same number of samples for every input, 1 to {MAX_SAMPLES}",
            str(sorted(counts)),
        )
    if graph.front is not None:
        inputs = run_front(graph.front, inputs, [one.name for one in graph.inputs])
    _check_indices(graph, inputs)
    checked = None if labels is None else _checked_labels(labels, max(counts))
    return Calibration(inputs, checked)


def _check_indices(graph: Graph, inputs: Mapping[str, Array]) -> None:
    """Refuse samples with indices that embeddings have no row for."""
    try:
        sizes = {name: array.shape[1:] for name, array in inputs.items()}
        fixed = at_sizes(graph, sizes)
    except PrunusError:
        return  # sizes that do not fit are refused where they are used
    for name, limit in index_limits(fixed).items():
        array = inputs[name]
        inside = (array >= 0) & (array < limit) & (array == np.trunc(array))
        wrong = ~inside & np.isfinite(limit)
        if wrong.any():
            place = tuple(int(number) for number in np.argwhere(wrong)[0])
            most = int(np.broadcast_to(limit, array.shape)[place]) - 1
            raise CalibrationError(name, f"indices from 0 to {most}", str(array[place]))


def _read_samples(path: Path, names: Sequence[str]) -> tuple[Mapping[str, Array], Array | None]:
    """Return the array of each input, and the labels that lie beside them."""
    given = ", ".join(
        f"{name}=..." if name.isidentifier() else f"**{{{name!r}: ...}}" for name in names
    )
    hint = f'write it with numpy.savez("calibration.npz", {given}, labels=...); labels are optional'
    content = read_array_file(path, "file", hint)
    if isinstance(content, dict):
        labels = content.pop(_LABELS, None) if _LABELS not in names else None
        arrays = by_input_name(content, names)
    else:
        labels, arrays = None, {names[0]: content} if len(names) == 1 else {"(no name)": content}
    if sorted(arrays) != sorted(names):
        raise CalibrationError(
            "file",
            f"arrays {', '.join(names)}, and {_LABELS!r} for class numbers",
            ", ".join(sorted(arrays)) or "none",
            hint,
        )
    return arrays, labels


def _read_labels_file(path: Path) -> Array:
    content = read_array_file(path, _LABELS, 'write it with numpy.save("labels.npy", labels)')
    if not isinstance(content, dict):
        return content
    if len(content) != 1:
        raise CalibrationError(_LABELS, "one array", f"{len(content)} arrays")
    return next(iter(content.values()))


def _checked_input(given: Input, array: Array) -> Array:
    wanted = given.type.dtype.numpy
    if given.type.dtype is DType.STRING:
        _check_shape(given, array)
        return _texts(given, array)
    if array.dtype.kind not in ("b" if wanted.kind == "b" else "fiu"):
        raise CalibrationError(given.name, f"numbers for {wanted}", str(array.dtype))
    _check_shape(given, array)
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(wanted)
    if not np.isfinite(array).all() or not np.isfinite(converted).all():
        raise CalibrationError(given.name, f"finite numbers of {wanted}", "NaN or infinity")
    if wanted.kind in "iu" and (converted != array).any():
        raise CalibrationError(given.name, f"whole numbers of {wanted}", "other numbers")
    return converted


def _check_shape(given: Input, array: Array) -> None:
    declared = given.type.sample_shape
    fits = array.ndim == len(declared) + 1 and all(
        wanted in (None, length) for wanted, length in zip(declared, array.shape[1:], strict=True)
    )
    if not fits:
        named = ("any length" if length is None else length for length in declared)
        raise CalibrationError(given.name, f"shape {('samples', *named)}", str(array.shape))


def _texts(given: Input, array: Array) -> Array:
    try:
        return bytes_of(array)
    except TextError as error:
        raise CalibrationError(given.name, error.expected, error.got) from error


def _checked_labels(labels: Array, samples: int) -> Array:
    """Class numbers from class numbers or from one-hot rows."""
    if labels.dtype.kind not in "fiub" or not 1 <= labels.ndim <= 2 or len(labels) != samples:
        raise CalibrationError(
            _LABELS, f"{samples} class numbers or one-hot rows", f"{labels.dtype}{labels.shape}"
        )
    if labels.ndim == 2 and labels.shape[1] > 1:
        is_one_hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
        if not is_one_hot:
            # The largest of a row would be taken for a class, whatever the numbers mean.
            raise CalibrationError(_LABELS, "rows with one 1 and else 0", "rows of other numbers")
        return np.asarray(labels.argmax(axis=1), np.int64)
    flat = labels.reshape(samples)
    if not np.isfinite(flat).all() or (flat != np.rint(flat)).any() or flat.min() < 0:
        raise CalibrationError(_LABELS, "whole class numbers from 0", "other numbers")
    return flat.astype(np.int64)
