"""read_model_file: an uploaded model, whichever kind of file it is -> the graph."""

from pathlib import Path

from graph.errors import ConfigError
from graph.keras.archive import FileFormat
from graph.keras.read import ModelFile, read_model
from graph.limits import FileLimits
from graph.saved_model.files import holds_saved_model
from graph.saved_model.read import read_saved_model


def read_model_file(
    path: Path,
    limits: FileLimits | None = None,
    *,
    allow_nonfinite: bool = False,
    signature: str | None = None,
    weights: Path | None = None,
) -> ModelFile:
    """Read a `.keras` archive, a legacy `.h5`/`.hdf5` file, a SavedModel, or an architecture with its weights.

    Args:
        path: the file, or the folder of a SavedModel; its name does not matter.
        limits: the limits to hold, by default those of `graph.limits`.
        allow_nonfinite: accept NaN and infinity among the weights.
        signature: of a SavedModel, the signature to serve; by default "serving_default", or the only one.
        weights: the weights, an HDF5 file, where the file is an architecture as JSON.

    Raises:
        ModelFileError: the file is refused; the class says for what kind of reason, the message where.
        GraphError: the layers' shapes do not fit together.
        FileNotFoundError: there is no such file.
    """
    bounds = limits or FileLimits()
    if weights is None and holds_saved_model(path):
        graph, notes = read_saved_model(
            path, bounds, allow_nonfinite=allow_nonfinite, signature=signature
        )
        return ModelFile(graph, FileFormat.SAVED_MODEL, "", None, notes)
    if signature:
        raise ConfigError(
            "only a SavedModel has signatures",
            expected="no signature for a .keras or HDF5 file",
            got=repr(signature[:100]),
        )
    return read_model(path, bounds, allow_nonfinite=allow_nonfinite, weights=weights)
