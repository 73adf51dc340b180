"""Limits on what a model may ask for, each a named constant with its unit; all are checked before use."""

from dataclasses import dataclass

MAX_NODES = 10_000
MAX_RANK = 8
MAX_NAME_LENGTH = 512
# Elements of one sample of any value: 64 Mi elements are 256 MiB of float32.
MAX_SAMPLE_ELEMENTS = 64 * 1024 * 1024

# Uploaded files. Keras stores its archive entries uncompressed, and deflate cannot exceed 1032:1; an archive that was
# compressed again by hand stays far below 100:1.
MAX_MODEL_FILE_BYTES = 1024 * 1024 * 1024
MAX_ARCHIVE_ENTRIES = 1000
MAX_ARCHIVE_DIRECTORY_BYTES = 1024 * 1024
MAX_ARCHIVE_RATIO = 100
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
# A dataset over this size must not be declared more than MAX_ARCHIVE_RATIO times larger than it is stored.
HDF5_BOMB_FLOOR_BYTES = 1024 * 1024
MAX_ATTRIBUTE_BYTES = 32 * 1024 * 1024


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
