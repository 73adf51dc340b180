"""Errors of the graph room, and the base that every room's errors share.

PrunusError                 anything Prunus refuses; carries what was expected, what came, what to do
└── GraphError              something is wrong with a model as data
    ├── ShapeError          an op does not accept the shapes it is given
    ├── VerifyError         a graph breaks an invariant (our own bug, or a hostile file)
    ├── ExportError         a graph has an op that Keras has no layer for
    ├── UnknownValueError   a value that a lookup of the model has no place for
    └── ModelFileError      an uploaded file cannot be read, for one of these reasons:
        ├── NotAModelFileError        neither a `.keras` archive nor a Keras HDF5 file
        ├── DamagedFileError          truncated, or its own checks fail
        ├── WeightsOnlyError          weights without the architecture
        ├── ArchiveError              a zip archive that Keras would not write: encrypted, duplicates, links
        │   ├── EntryNameError        an entry's name leaves the archive
        │   └── ZipBombError          an entry expands far beyond what is stored
        ├── UnsafeHdf5Error           HDF5 that reaches outside the file, or is not plain arrays
        ├── FileLimitError            over one of `graph.limits`
        ├── ConfigError               the architecture's JSON is not what Keras writes
        │   └── TopologyError         the layers do not form a graph from inputs to outputs
        ├── CustomCodeError           needs Python code from outside Keras
        ├── UnsupportedLayerError     a Keras layer that Prunus does not read
        ├── UnsupportedArgumentError  a layer's argument that Prunus does not read
        ├── UnsupportedDtypeError     values of a type that is not read
        ├── VocabularyError           a vocabulary that is too large, or not plain texts or whole numbers
        └── WeightsMismatchError      weights that do not fit the architecture
            └── NonFiniteWeightsError NaN or infinity among the weights
"""

from typing import ClassVar


class PrunusError(Exception):
    """Base of every error that Prunus raises on purpose.

    Attributes:
        slug: stable identifier of the kind of error, used in problem documents.
        title: the kind of error in a few words.
        expected: what would have been accepted, or nothing.
        got: what came instead, or nothing.
        hint: what the user can do about it, or nothing.
    """

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something was refused"

    def __init__(self, message: str, *, expected: str = "", got: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        if self.hint:
            parts.append(self.hint)
        return "; ".join(parts)


class GraphError(PrunusError):
    """Something is wrong with a model as data."""

    slug = "invalid-graph"
    title = "The model's graph is not valid"


class ShapeError(GraphError):
    """An op does not accept the shapes it is given."""

    slug = "shape-mismatch"
    title = "Shapes in the model do not fit together"


class VerifyError(GraphError):
    """A graph breaks one of the invariants listed in `graph.verify`."""

    slug = "invalid-graph"


class ModelFileError(GraphError):
    """An uploaded model file cannot be read."""

    slug = "unreadable-model"
    title = "The model file cannot be read"


class ExportError(GraphError):
    """A graph cannot be written as a Keras model."""

    slug = "not-exportable"
    title = "The model cannot be written as a Keras file"


class UnknownValueError(GraphError):
    """A value of an input has no place in the vocabulary or the range that a layer looks it up in."""

    slug = "unknown-value"
    title = "A value is not one that the model knows"


class NotAModelFileError(ModelFileError):
    """The file is neither a `.keras` archive nor a Keras HDF5 file."""

    slug = "not-a-model-file"
    title = "The file is not a Keras model"


class DamagedFileError(ModelFileError):
    """The file is truncated, or its own structure or checksums do not hold."""

    slug = "damaged-file"
    title = "The model file is damaged"


class WeightsOnlyError(ModelFileError):
    """The file has weights but not the architecture."""

    slug = "weights-only"
    title = "The file has only weights, not the model"


class ArchiveError(ModelFileError):
    """The zip archive has something that Keras never writes."""

    slug = "unsafe-archive"
    title = "The archive is not one that Keras writes"


class EntryNameError(ArchiveError):
    """An archive entry's name is absolute, climbs, or is not a plain relative path."""

    slug = "unsafe-entry-name"
    title = "An archive entry has an unsafe name"


class ZipBombError(ArchiveError):
    """An archive entry expands far beyond what is stored."""

    slug = "zip-bomb"
    title = "The archive expands beyond reason"


class UnsafeHdf5Error(ModelFileError):
    """The HDF5 file reaches outside itself, or holds more than plain arrays."""

    slug = "unsafe-hdf5"
    title = "The HDF5 file has links, storage or types that are not allowed"


class FileLimitError(ModelFileError):
    """The file is over one of the limits in `graph.limits`."""

    slug = "over-limit"
    title = "The model is over a limit"


class ConfigError(ModelFileError):
    """The architecture is not JSON as Keras writes it."""

    slug = "invalid-config"
    title = "The model's architecture cannot be understood"


class TopologyError(ConfigError):
    """The layers do not form a graph from inputs to outputs: a cycle, or a reference to nothing."""

    slug = "invalid-topology"
    title = "The model's layers are not connected into a graph"


class CustomCodeError(ModelFileError):
    """The model needs Python code that is not part of Keras; such code is never run."""

    slug = "custom-code"
    title = "The model needs custom Python code"


class UnsupportedLayerError(ModelFileError):
    """A layer of Keras that Prunus does not read."""

    slug = "unsupported-layer"
    title = "A layer is not supported"


class UnsupportedArgumentError(ModelFileError):
    """An argument, or a value of it, that Prunus does not read."""

    slug = "unsupported-argument"
    title = "A layer's argument is not supported"


class UnsupportedDtypeError(ModelFileError):
    """Values of a type that is not read: integers that are calculated with, weights that are stored in other ways."""

    slug = "unsupported-dtype"
    title = "The model has values of a type that is not supported"


class VocabularyError(ModelFileError):
    """A vocabulary is too large, has a token twice, or tokens that are not plain texts or whole numbers."""

    slug = "invalid-vocabulary"
    title = "A vocabulary cannot be used"


class WeightsMismatchError(ModelFileError):
    """The weights do not fit the architecture."""

    slug = "weights-mismatch"
    title = "The weights do not fit the model"


class NonFiniteWeightsError(WeightsMismatchError):
    """Weights contain NaN or infinity, and this was not allowed explicitly."""

    slug = "non-finite-weights"
    title = "The weights contain NaN or infinity"
