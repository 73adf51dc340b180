"""What a file that comes back takes over from the uploaded one, besides the graph: class, layers, training settings."""

from dataclasses import dataclass

from graph.errors import ModelFileError
from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.description import Model
from graph.keras.dialects import Dialect
from graph.keras.hdf5 import string_attribute
from graph.keras.json_text import Json, JsonObject, parse_object
from graph.keras.older_settings import settings_of_keras3
from graph.keras.source import Source
from graph.keras.training_settings import compile_settings
from graph.limits import MAX_CONFIG_BYTES


@dataclass(frozen=True, slots=True)
class Origin:
    """The uploaded model as its file described it.

    Attributes:
        model: the description.
        dialect: the Keras that wrote it.
        compile_config: its compile settings where they may be passed on, else None.
        why_not_compiled: why there are none; empty where there are some.
        was_compiled: the uploaded model had compile settings.
        keras3_minor: minor version of the Keras 3 that wrote it; -1 for any other.
    """

    model: Model
    dialect: Dialect
    compile_config: JsonObject | None
    why_not_compiled: str
    was_compiled: bool
    keras3_minor: int = -1


def origin_of(archive: ModelArchive, model: Model, dialect: Dialect) -> Origin:
    """Collect what may be passed on from an opened file; nothing of it is used here."""
    minor = Source(archive.keras_version).keras3_minor
    try:
        # A model that was never compiled may have an empty object there.
        written = _written(archive) or None
    except ModelFileError:
        # Settings for training are no reason to refuse a model.
        return Origin(model, dialect, None, "they cannot be read", True, minor)
    is_keras3 = dialect is Dialect.KERAS3
    if not is_keras3 or archive.format is FileFormat.HDF5:
        settings, reason = compile_settings(settings_of_keras3(written, is_keras3=is_keras3))
    else:
        settings, reason = compile_settings(written)
    return Origin(model, dialect, settings, reason, written is not None, minor)


def _written(archive: ModelArchive) -> Json:
    if archive.format is FileFormat.KERAS:
        return archive.config.get("compile_config")
    text = string_attribute(archive.weights.file, "training_config")
    if text is None or len(text) > MAX_CONFIG_BYTES:
        return None
    return parse_object(text, "training_config")
