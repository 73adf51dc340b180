"""read_model: an uploaded Keras file -> the graph, without Keras and without running anything in the file.

The stages in order: `archive` opens the file under limits, `config` describes the architecture by allow-list, `weights`
reads the arrays, `lowering` builds and verifies the graph. h5py's C library parses hostile bytes on the way, so this
runs in the sandboxed worker process.
"""

from dataclasses import dataclass
from pathlib import Path

from graph.graph import Graph
from graph.keras.archive import FileFormat, open_archive
from graph.keras.config import parse_model
from graph.keras.lowering import lower_model
from graph.keras.notes import notes_on
from graph.keras.origin import Origin, origin_of
from graph.keras.quantized import without_quantization
from graph.keras.source import Source
from graph.keras.two_files import open_two_files
from graph.keras.weights import read_weights
from graph.limits import FileLimits


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that was read.

    Attributes:
        graph: the model, verified.
        format: the container it came in.
        keras_version: the version of Keras that wrote it, as it says itself; empty for a SavedModel.
        origin: what a pruned model written back takes over from the file; None where it is not of Keras.
        notes: what a reader of the report should know, in sentences; may be empty.
    """

    graph: Graph
    format: FileFormat
    keras_version: str
    origin: Origin | None
    notes: tuple[str, ...] = ()


def read_model(
    path: Path,
    limits: FileLimits | None = None,
    *,
    allow_nonfinite: bool = False,
    weights: Path | None = None,
) -> ModelFile:
    """Read a `.keras` archive, a legacy `.h5`/`.hdf5` file, or a model in two files.

    Args:
        path: the file; its name does not matter.
        limits: the limits to hold, by default those of `graph.limits`.
        allow_nonfinite: accept NaN and infinity among the weights.
        weights: the weights, where the file is an architecture as JSON.

    Raises:
        ModelFileError: the file is refused; the class says for what kind of reason, the message where.
        GraphError: the layers' shapes do not fit together.
        FileNotFoundError: there is no such file.
    """
    bounds = limits or FileLimits()
    opened = (
        open_archive(path, bounds) if weights is None else open_two_files(path, weights, bounds)
    )
    with opened as archive:
        source = Source(archive.keras_version, archive.backend)
        dialect = source.dialect
        model = parse_model(archive, bounds)
        arrays = read_weights(archive, model, allow_nonfinite=allow_nonfinite)
        graph = lower_model(model, arrays, source)
        notes = notes_on(model, source, archive.config)
        origin = origin_of(archive, without_quantization(model), dialect)
        return ModelFile(graph, archive.format, archive.keras_version, origin, notes)
