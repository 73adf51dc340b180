"""Calibration samples and labels from uploaded .npz and .npy files: hostile until checked."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph.activations import FloatArray, Function
from graph.graph import Graph, Input
from graph.ops import Activation
from graph.reference import run
from pruning.errors import CalibrationError

# What zipfile, zlib and NumPy raise for damaged, encrypted or lying files.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    KeyError,
)

Array = np.ndarray[Any, np.dtype[Any]]

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ARRAYS = 64
MAX_SAMPLES = 100_000
_LABELS = "labels"
# Names under which the only input of a model may also be given.
_ALIASES = ("x", "inputs")
_BATCH_ELEMENTS = 4_000_000


@dataclass(frozen=True, slots=True)
class Calibration:
    """Samples for a model, checked against its inputs.

    Attributes:
        inputs: arrays (samples, *sample shape) of the declared dtypes, by input name.
        labels: class numbers (samples,), int64, or None.
    """

    inputs: Mapping[str, Array]
    labels: Array | None = None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of samples whose class is right, before and after, and on how many samples both agree."""

    before: float
    after: float
    agreement: float
    samples: int


def read_calibration(path: Path, graph: Graph, labels_path: Path | None = None) -> Calibration:
    """Read an .npz of one array per model input, and labels from its array `labels` or from a file of their own.

    Args:
        path: .npz; the only input of a model may also be called `x` or `inputs`.
        graph: the model.
        labels_path: .npy, or .npz with one array.

    Raises:
        CalibrationError: the file is no .npz, too large, holds objects, or its arrays do not fit the model.
    """
    arrays = _read_arrays(path)
    labels = arrays.pop(_LABELS, None) if _LABELS not in {i.name for i in graph.inputs} else None
    if labels_path is not None:
        labels = _read_labels_file(labels_path)
    if len(graph.inputs) == 1 and len(arrays) == 1 and next(iter(arrays)) in _ALIASES:
        arrays = {graph.inputs[0].name: next(iter(arrays.values()))}
    wanted = [given.name for given in graph.inputs]
    if sorted(arrays) != sorted(wanted):
        raise CalibrationError(
            "file", f"arrays {', '.join(wanted)}", ", ".join(sorted(arrays)) or "none"
        )
    inputs = {given.name: _checked_input(given, arrays[given.name]) for given in graph.inputs}
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1 or not 1 <= max(counts) <= MAX_SAMPLES:
        raise CalibrationError(
            "file",
            f"the same number of samples for every input, 1 to {MAX_SAMPLES}",
            str(sorted(counts)),
        )
    checked = None if labels is None else _checked_labels(labels, max(counts))
    return Calibration(inputs, checked)


def _read_arrays(path: Path) -> dict[str, Array]:
    """All arrays of an .npz, sizes checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_ARRAYS or size > MAX_FILE_BYTES:
            raise CalibrationError(
                "file",
                f"at most {MAX_ARRAYS} arrays of {MAX_FILE_BYTES} bytes together",
                f"{len(entries)} arrays, {size} bytes",
            )
        with np.load(path, allow_pickle=False) as loaded:
            return {name: np.asarray(loaded[name]) for name in loaded.files}
    except _UNREADABLE as error:
        raise CalibrationError("file", "a .npz file of plain arrays", str(error)) from error


def _read_labels_file(path: Path) -> Array:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CalibrationError(_LABELS, f"at most {MAX_FILE_BYTES} bytes", str(path.stat().st_size))
    if zipfile.is_zipfile(path):
        arrays = _read_arrays(path)
        if len(arrays) != 1:
            raise CalibrationError(_LABELS, "one array", f"{len(arrays)} arrays")
        return next(iter(arrays.values()))
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except _UNREADABLE as error:
        raise CalibrationError(_LABELS, "a .npy file of a plain array", str(error)) from error


def _checked_input(given: Input, array: Array) -> Array:
    if array.dtype.kind not in "fiub":
        raise CalibrationError(given.name, "numbers", str(array.dtype))
    if array.shape[1:] != given.type.static_sample_shape or array.ndim < 1:
        expected = ("samples", *given.type.static_sample_shape)
        raise CalibrationError(given.name, f"shape {expected}", str(array.shape))
    if not np.isfinite(array).all():
        raise CalibrationError(given.name, "finite numbers", "NaN or infinity")
    with np.errstate(over="ignore"):
        return array.astype(given.type.dtype.numpy)


def _checked_labels(labels: Array, samples: int) -> Array:
    """Class numbers from class numbers or from one-hot rows."""
    if labels.dtype.kind not in "fiub" or not 1 <= labels.ndim <= 2 or len(labels) != samples:
        raise CalibrationError(
            _LABELS, f"{samples} class numbers or one-hot rows", f"{labels.dtype}{labels.shape}"
        )
    if labels.ndim == 2 and labels.shape[1] > 1:
        return np.asarray(labels.argmax(axis=1), np.int64)
    flat = labels.reshape(samples)
    if not np.isfinite(flat).all() or (flat != np.rint(flat)).any() or flat.min() < 0:
        raise CalibrationError(_LABELS, "whole class numbers from 0", "other numbers")
    return flat.astype(np.int64)


def measure_accuracy(original: Graph, pruned: Graph, calibration: Calibration) -> Accuracy | None:
    """Accuracy of both graphs in float32; None without labels.

    The class is the largest of several scores; of a single score, whether it is above one half (sigmoid) or 0.

    Raises:
        CalibrationError: the model has no single vector output, or a label is no class of it.
    """
    labels = calibration.labels
    if labels is None:
        return None
    kind = original.value_types()[original.outputs[0].value]
    if len(original.outputs) != 1 or kind.rank != 2:
        raise CalibrationError(
            _LABELS, "a model with one output of class scores", f"{len(original.outputs)} outputs"
        )
    classes = max(kind.sample_size, 2)
    if labels.max(initial=0) >= classes:
        raise CalibrationError(_LABELS, f"class numbers below {classes}", str(labels.max()))
    before, after = (_classes(graph, calibration) for graph in (original, pruned))
    return Accuracy(
        float((before == labels).mean()),
        float((after == labels).mean()),
        float((before == after).mean()),
        len(labels),
    )


def _classes(graph: Graph, calibration: Calibration) -> Array:
    largest = max(kind.sample_size for kind in graph.value_types().values())
    step = max(1, _BATCH_ELEMENTS // largest)
    parts = []
    for first in range(0, calibration.samples, step):
        batch = {name: a[first : first + step] for name, a in calibration.inputs.items()}
        parts.append(_class_of(graph, run(graph, batch)[graph.outputs[0].name]))
    return np.concatenate(parts)


def _class_of(graph: Graph, scores: FloatArray) -> Array:
    if scores.shape[1] > 1:
        return np.asarray(scores.argmax(axis=1))
    producer = graph.producers().get(graph.outputs[0].value)
    is_sigmoid = (
        producer is not None
        and isinstance(producer.op, Activation)
        and producer.op.function.function is Function.SIGMOID
    )
    return np.asarray(scores[:, 0] > (0.5 if is_sigmoid else 0.0), np.int64)
