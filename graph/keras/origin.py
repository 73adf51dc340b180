"""What a file that comes back takes over from the uploaded one, besides the graph: class, layers, training settings."""

from dataclasses import dataclass

from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.description import Model
from graph.keras.dialects import Dialect
from graph.keras.json_text import JsonObject
from graph.keras.training_settings import compile_settings


@dataclass(frozen=True, slots=True)
class Origin:
    """The uploaded model as its file described it.

    Attributes:
        model: the description.
        dialect: the Keras that wrote it.
        compile_config: its compile settings where they may be passed on, else None.
        why_not_compiled: why there are none; empty where there are some.
        was_compiled: the uploaded model had compile settings.
    """

    model: Model
    dialect: Dialect
    compile_config: JsonObject | None
    why_not_compiled: str
    was_compiled: bool


def origin_of(archive: ModelArchive, model: Model, dialect: Dialect) -> Origin:
    """Collect what may be passed on from an opened file; nothing of it is used here."""
    if archive.format is FileFormat.HDF5:
        was_compiled = "training_config" in archive.weights.file.attrs
        return Origin(model, dialect, None, "they are not read from HDF5 files", was_compiled)
    # A model that was never compiled may have an empty object there.
    written = archive.config.get("compile_config") or None
    if dialect is not Dialect.KERAS3:
        reason = f"Keras {dialect.value} wrote them in another form than Keras 3"
        return Origin(model, dialect, None, reason, written is not None)
    settings, reason = compile_settings(written)
    return Origin(model, dialect, settings, reason, written is not None)
