"""Limits on what a model may ask for, each a named constant with its unit; all are checked before use."""

from dataclasses import dataclass

MAX_NODES = 10_000
MAX_RANK = 8
MAX_NAME_LENGTH = 512
# Elements of one sample of any value: 64 Mi elements are 256 MiB of float32.
MAX_SAMPLE_ELEMENTS = 64 * 1024 * 1024

# Vocabularies of lookups: one of them, and all of a model together. A token in memory takes some hundred bytes more.
MAX_VOCABULARY_TOKENS = 2_000_000
MAX_VOCABULARY_BYTES = 64 * 1024 * 1024
MAX_TOKEN_BYTES = 4096
MAX_ALL_TOKENS = 4_000_000
# Boundaries of one Discretization, and lengths of n-grams.
MAX_BINS = 1_000_000
MAX_NGRAM_LENGTHS = 16
MAX_NGRAM_LENGTH = 32
# Tokens of one text that the front part of a model makes, and elements of one value that it holds at a time.
MAX_TEXT_TOKENS = 1_000_000
MAX_FRONT_ELEMENTS = 64 * 1024 * 1024

# Uploaded files. Keras stores its archive entries uncompressed, but people compress pruned models, in which most
# weights are zero, and at 99.9 % zeros that gives more than 400:1. So a high ratio is no reason by itself: what is
# inflated more than MAX_ARCHIVE_RATIO times may come to MAX_INFLATED_BYTES in all, which the memory of a job holds
# several times over.
MAX_MODEL_FILE_BYTES = 1024 * 1024 * 1024
MAX_ARCHIVE_ENTRIES = 1000
MAX_ARCHIVE_DIRECTORY_BYTES = 1024 * 1024
MAX_ARCHIVE_RATIO = 100
MAX_INFLATED_BYTES = 512 * 1024 * 1024
# Deflate cannot exceed 1032:1 (RFC 1951: 258 bytes from 2 bits); a file that claims more, headers aside, is not valid.
MAX_DEFLATE_RATIO = 1100
DEFLATE_FLOOR_BYTES = 1024 * 1024
MAX_CONFIG_BYTES = 32 * 1024 * 1024
MAX_CONFIG_DEPTH = 100
MAX_CONFIG_VALUES = 2_000_000
MAX_LAYERS = 10_000
# Calls of layers of any kind, those inside nested models once per call of the model.
MAX_CALLS = 100_000
# Models inside models; each level may be called several times, which MAX_CALLS bounds.
MAX_MODEL_DEPTH = 16
MAX_HDF5_OBJECTS = 200_000
MAX_HDF5_DEPTH = 64
MAX_HDF5_RANK = 16
# All datasets of one file together, as declared, before any is read: optimizer state counts too.
MAX_HDF5_DATA_BYTES = 2 * 1024 * 1024 * 1024
# A chunk may be this large even where the dataset is smaller.
HDF5_CHUNK_FLOOR_BYTES = 1024 * 1024
MAX_ATTRIBUTE_BYTES = 32 * 1024 * 1024
# SavedModels. Fields of all protocol buffers together, as far as they are parsed; a second for about a million of them.
MAX_PROTO_FIELDS = 2_000_000
MAX_TENSOR_ELEMENTS = 256 * 1024 * 1024
MAX_CHECKPOINT_TENSORS = 100_000
# Operations of a graph when all its calls of functions are opened, and calls within calls.
MAX_OPERATIONS = 200_000
MAX_FUNCTION_DEPTH = 64
# Elements of constants that are computed while a graph is read, beyond those of its variables.
MAX_FOLDED_ELEMENTS = 64 * 1024 * 1024


def inflated_bytes(size: int, stored: int) -> int:
    """Return what counts towards MAX_INFLATED_BYTES of something of that size: nothing where its ratio is ordinary."""
    return size if size > MAX_ARCHIVE_RATIO * stored else 0


def is_beyond_deflate(size: int, stored: int) -> bool:
    """Return whether so few stored bytes cannot give so many."""
    return size > max(DEFLATE_FLOOR_BYTES, MAX_DEFLATE_RATIO * stored)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The limits on an uploaded file that a service may want to set lower.

    Attributes:
        file_max_bytes: size of the file, and of any archive entry when unpacked.
        config_max_bytes: size of the architecture's JSON.
        data_max_bytes: all HDF5 datasets together, as declared.
        max_layers: layers in the configuration, those of nested models included.
    """

    file_max_bytes: int = MAX_MODEL_FILE_BYTES
    config_max_bytes: int = MAX_CONFIG_BYTES
    data_max_bytes: int = MAX_HDF5_DATA_BYTES
    max_layers: int = MAX_LAYERS
