"""Hostile uploads, one short function each: it writes the file and says with which error it must be refused."""

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graph.errors import (
    ArchiveError,
    ConfigError,
    CustomCodeError,
    DamagedFileError,
    EntryNameError,
    FileLimitError,
    ModelFileError,
    NonFiniteWeightsError,
    NotAModelFileError,
    TopologyError,
    UnsafeHdf5Error,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    UnsupportedLayerError,
    WeightsMismatchError,
    WeightsOnlyError,
    ZipBombError,
)
from tests.graph.keras.handmade import (
    BIAS,
    DENSE,
    KERNEL,
    called,
    dense_config,
    folders,
    functional,
    input_layer,
    layer,
    sequential,
    write_archive,
    write_legacy,
)

Write = Callable[[Path], type[ModelFileError]]
FILES: dict[str, Write] = {}


def hostile(
    error: type[ModelFileError],
) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """Register a function under its name."""

    def register(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def write_and_say(path: Path) -> type[ModelFileError]:
            write(path)
            return error

        FILES[write.__name__] = write_and_say
        return write

    return register


def valid_archive(path: Path) -> Path:
    weights = folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})
    return write_archive(path, dense_config(), weights)


def valid_legacy(path: Path) -> Path:
    return write_legacy(path, dense_config(), DENSE)


# Not a model file.


@hostile(NotAModelFileError)
def empty_file(path: Path) -> None:
    path.write_bytes(b"")


@hostile(NotAModelFileError)
def text_file(path: Path) -> None:
    path.write_text("hello")


@hostile(NotAModelFileError)
def pickle_that_would_run_code(path: Path) -> None:
    path.write_bytes(b"\x80\x04\x95\x1d\x00cposix\nsystem\n(S'touch executed'\ntR.")


@hostile(NotAModelFileError)
def numpy_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=KERNEL)


@hostile(NotAModelFileError)
def zipped_saved_model(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/saved_model.pb", b"")


@hostile(NotAModelFileError)
def hdf5_without_a_model(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["measurements"] = KERNEL


@hostile(WeightsOnlyError)
def legacy_weights_only(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense")


@hostile(WeightsOnlyError)
def weights_only(path: Path) -> None:
    path.write_bytes(folders({"layers/dense/vars/0": KERNEL}))


# Damaged.


@hostile(DamagedFileError)
def truncated_archive(path: Path) -> None:
    path.write_bytes(valid_archive(path).read_bytes()[:-300])


@hostile(DamagedFileError)
def truncated_hdf5(path: Path) -> None:
    path.write_bytes(valid_legacy(path).read_bytes()[:-500])


@hostile(DamagedFileError)
def wrong_checksum(path: Path) -> None:
    data = bytearray(valid_archive(path).read_bytes())
    data[data.index(b'"units"') + 1] ^= 1
    path.write_bytes(data)


@hostile(DamagedFileError)
def hdf5_of_noise(path: Path) -> None:
    noise = np.random.default_rng(0).bytes(5000)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + noise)


# Archives that Keras would not write.


@hostile(ZipBombError)
def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", " " * 30_000_000)
        archive.writestr("model.weights.h5", b"")


@hostile(ZipBombError)
def zip_bomb_of_overlapping_entries(path: Path) -> None:
    """Every directory entry points at the same stored bytes (Fifield 2019, "A better zip bomb")."""
    content = os.urandom(100_000)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a0", content)
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02")
    entry = data[start : data.index(b"PK\x05\x06")]
    entries = b"".join(bytes(entry).replace(b"a0", b"a%d" % index) for index in range(10))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 10, 10, len(entries), start, 0)
    path.write_bytes(bytes(data[:start]) + entries + end)


@hostile(DamagedFileError)
def entry_longer_than_its_directory_says(path: Path) -> None:
    """The directory promises 10 bytes where 20 MB come out."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", " " * 20_000_000)
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    data = path.read_bytes().replace(struct.pack("<L", 20_000_000), struct.pack("<L", 10))
    path.write_bytes(data)


def _entry(path: Path, name: str, mode: int = 0) -> None:
    valid_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        entry.external_attr = mode << 16
        archive.writestr(entry, b"/etc/passwd")


@hostile(EntryNameError)
def entry_that_climbs(path: Path) -> None:
    _entry(path, "assets/../../../etc/cron.d/job")


@hostile(EntryNameError)
def entry_with_an_absolute_name(path: Path) -> None:
    _entry(path, "/etc/passwd")


@hostile(EntryNameError)
def entry_with_a_backslash(path: Path) -> None:
    _entry(path, "..\\..\\evil")


@hostile(EntryNameError)
def entry_with_a_drive(path: Path) -> None:
    _entry(path, "C:evil")


@hostile(EntryNameError)
def entry_with_a_control_character(path: Path) -> None:
    _entry(path, "evil\x1b[2J")


@hostile(ArchiveError)
def entry_that_is_a_symbolic_link(path: Path) -> None:
    _entry(path, "assets", stat.S_IFLNK | 0o777)


@hostile(ArchiveError)
def entry_that_is_a_device(path: Path) -> None:
    _entry(path, "assets", stat.S_IFCHR | 0o777)


@hostile(ArchiveError)
def entry_twice(path: Path) -> None:
    valid_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("config.jsox")
        archive.writestr(entry, json.dumps(dense_config()))
    path.write_bytes(path.read_bytes().replace(b"config.jsox", b"config.json"))


@hostile(ArchiveError)
def encrypted_entry(path: Path) -> None:
    data = bytearray(valid_archive(path).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)


@hostile(ArchiveError)
def entry_in_an_unusual_compression(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("config.json", "{}")


@hostile(ArchiveError)
def weights_as_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.npz", b"")


@hostile(FileLimitError)
def too_many_entries(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(1001):
            archive.writestr(f"assets/{index}", b"")


# HDF5 that reaches outside the file, or is more than plain arrays.


def _hdf5(path: Path, change: Callable[[h5py.File], Any]) -> None:
    valid_legacy(path)
    with h5py.File(path, "a") as file:
        change(file)


@hostile(UnsafeHdf5Error)
def external_link(path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file["model_weights/dense/dense/kernel:0"]
        file["model_weights/dense/dense/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")

    _hdf5(path, change)


@hostile(UnsafeHdf5Error)
def soft_link(path: Path) -> None:
    _hdf5(path, lambda file: file.__setitem__("again", h5py.SoftLink("/model_weights")))


@hostile(UnsafeHdf5Error)
def external_storage(path: Path) -> None:
    def change(file: h5py.File) -> None:
        group = file["model_weights/dense/dense"]
        del group["bias:0"]
        group.create_dataset("bias:0", (2,), "f4", external=[("/etc/passwd", 0, 8)])

    _hdf5(path, change)


@hostile(UnsafeHdf5Error)
def external_storage_inside_an_archive(path: Path) -> None:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["layers/dense/vars/0"] = KERNEL
        group = file["layers/dense/vars"]
        group.create_dataset("1", (2,), "f4", external=[("/etc/passwd", 0, 8)])
    write_archive(path, dense_config(), data.getvalue())


@hostile(UnsafeHdf5Error)
def virtual_dataset(path: Path) -> None:
    def change(file: h5py.File) -> None:
        group = file["model_weights/dense/dense"]
        del group["bias:0"]
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2,))
        group.create_virtual_dataset("bias:0", layout)

    _hdf5(path, change)


@hostile(UnsafeHdf5Error)
def group_that_contains_itself(path: Path) -> None:
    def change(file: h5py.File) -> None:
        file["model_weights/loop"] = file["model_weights"]

    _hdf5(path, change)


def _with_a_heap(path: Path) -> bytearray:
    """A string of any length makes HDF5 keep a global heap."""

    def change(file: h5py.File) -> None:
        del file.attrs["keras_version"]
        file.attrs["keras_version"] = "2.2.4"

    _hdf5(path, change)
    return bytearray(path.read_bytes())


@hostile(DamagedFileError)
def heap_that_never_ends(path: Path) -> None:
    """Free space of size 0 keeps HDF5 2.0.0 in a loop that no signal ends; found by fuzzing."""
    data = _with_a_heap(path)
    heap = data.index(b"GCOL")
    free = heap + 16
    while struct.unpack_from("<H", data, free) != (0,):
        (size,) = struct.unpack_from("<Q", data, free + 8)
        free += 16 + (size + 7) // 8 * 8
    struct.pack_into("<Q", data, free + 8, 0)
    path.write_bytes(data)


@hostile(FileLimitError)
def heaps_inside_heaps(path: Path) -> None:
    """Every 32 bytes a heap that claims the rest of the file: walking each would take hours."""
    claim = struct.pack("<HHIQ8sQ", 1, 1, 0, 16, b"GCOL\x01\0\0\0", 2**40)
    path.write_bytes(_with_a_heap(path) + claim * 20_000)


@hostile(UnsafeHdf5Error)
def offsets_of_four_bytes(path: Path) -> None:
    data = bytearray(valid_legacy(path).read_bytes())
    data[13] = 4
    path.write_bytes(data)


@hostile(UnsafeHdf5Error)
def unusual_filter(path: Path) -> None:
    _hdf5(path, lambda file: file.create_dataset("z", data=np.zeros(100), compression="lzf"))


@hostile(UnsafeHdf5Error)
def references(path: Path) -> None:
    _hdf5(path, lambda file: file.create_dataset("z", data=file.ref, dtype=h5py.ref_dtype))


@hostile(UnsafeHdf5Error)
def strings_of_any_length(path: Path) -> None:
    _hdf5(path, lambda file: file.create_dataset("z", data=["a"], dtype=h5py.string_dtype()))


@hostile(UnsafeHdf5Error)
def compound_type(path: Path) -> None:
    kind = np.dtype([("a", "f4"), ("b", "f4")])
    _hdf5(path, lambda file: file.create_dataset("z", (3,), kind))


@hostile(UnsafeHdf5Error)
def named_type(path: Path) -> None:
    _hdf5(path, lambda file: file.__setitem__("z", np.dtype("f4")))


@hostile(UnsafeHdf5Error)
def lying_shape(path: Path) -> None:
    """Declared as 400 MB, with nothing stored."""
    _hdf5(path, lambda file: file.create_dataset("z", (10_000, 10_000), "f4", chunks=(10, 10)))


@hostile(UnsafeHdf5Error)
def compressed_zeros(path: Path) -> None:
    zeros = np.zeros(30_000_000, np.uint8)
    _hdf5(path, lambda file: file.create_dataset("z", data=zeros, compression="gzip"))


@hostile(FileLimitError)
def more_than_the_limit(path: Path) -> None:
    shape = (1_000_000, 1_000_000)
    _hdf5(path, lambda file: file.create_dataset("z", shape, "f4", chunks=(1_000_000, 1000)))


@hostile(FileLimitError)
def deep_groups(path: Path) -> None:
    _hdf5(path, lambda file: file.create_group("a/" * 100))


@hostile(UnsafeHdf5Error)
def configuration_as_numbers(path: Path) -> None:
    _hdf5(path, lambda file: file.attrs.__setitem__("model_config", np.zeros(3)))


# Configurations.


@hostile(ConfigError)
def configuration_that_is_not_json(path: Path) -> None:
    write_legacy(path, "{'class_name': __import__('os').system('touch executed')}")


@hostile(ConfigError)
def configuration_that_is_a_list(path: Path) -> None:
    write_legacy(path, "[1, 2]")


@hostile(ConfigError)
def key_twice(path: Path) -> None:
    write_legacy(path, '{"class_name": "Sequential", "class_name": "Lambda", "config": {}}')


@hostile(FileLimitError)
def deep_json(path: Path) -> None:
    write_legacy(path, '{"class_name":' + "[" * 30_000 + "]" * 30_000 + "}")


@hostile(FileLimitError)
def deeper_json_than_the_limit(path: Path) -> None:
    write_legacy(path, '{"class_name":' + "[" * 200 + "]" * 200 + "}")


@hostile(FileLimitError)
def too_many_layers(path: Path) -> None:
    many = [layer("Dropout", f"d{index}", rate=0.5) for index in range(10_001)]
    write_archive(path, sequential(input_layer(3), *many))


@hostile(FileLimitError)
def models_nested_too_deeply(path: Path) -> None:
    inner = layer("Dropout", rate=0.5)
    for index in range(20):
        inner = sequential(inner, name=f"m{index}")
    write_legacy(path, inner)


@hostile(FileLimitError)
def calls_that_multiply(path: Path) -> None:
    """Fourteen models, each of which calls the one before twice: 16384 activations from a few lines."""
    inner = sequential(input_layer(3), layer("Activation", activation="tanh"), name="m0")
    for index in range(1, 15):
        middle = f"m{index - 1}"
        layers = [
            called(input_layer(3)),
            called(inner, ["x"], [[middle, 1, 0, {}]]),
        ]
        inner = functional(layers, [["x", 0, 0]], [[middle, 2, 0]], name=f"m{index}")
    write_legacy(path, inner)


@hostile(FileLimitError)
def input_that_is_too_large(path: Path) -> None:
    write_legacy(path, sequential(input_layer(2**31, 2**31), layer("Flatten")))


@hostile(TopologyError)
def cycle(path: Path) -> None:
    layers = [
        called(input_layer(3)),
        called(layer("Add", "a"), ["x", "b"]),
        called(layer("Activation", "b", activation="relu"), ["a"]),
    ]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["b", 0, 0]]))


@hostile(TopologyError)
def layer_that_uses_itself(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Activation", "a", activation="relu"), ["a"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["a", 0, 0]]))


@hostile(TopologyError)
def reference_to_nothing(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Flatten"), ["nothing"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["flatten", 0, 0]]))


@hostile(TopologyError)
def reference_to_a_call_that_is_not_there(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Flatten"), ["x"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["flatten", 7, 0]]))


@hostile(TopologyError)
def no_outputs(path: Path) -> None:
    write_legacy(path, functional([called(input_layer(3))], [["x", 0, 0]], []))


@hostile(ConfigError)
def two_layers_of_one_name(path: Path) -> None:
    write_legacy(path, sequential(input_layer(3), layer("Flatten", "a"), layer("Flatten", "a")))


@hostile(ConfigError)
def version_that_does_not_exist(path: Path) -> None:
    write_legacy(path, dense_config(), DENSE, version="9.9")


# Code.


def _lambda_config(value: Any) -> dict[str, Any]:
    return sequential(input_layer(3), layer("Lambda", function=value))


def touching_code() -> str:
    """Marshalled code that leaves a file `executed` behind when it is called, as Keras 2 stores lambdas."""
    import codecs
    import marshal

    code = compile("open('executed', 'w').close()", "<lambda>", "exec")
    return codecs.encode(marshal.dumps(code), "base64").decode("ascii")


@hostile(CustomCodeError)
def lambda_of_keras2(path: Path) -> None:
    write_legacy(path, _lambda_config([touching_code(), None, None]))


@hostile(CustomCodeError)
def lambda_of_keras3(path: Path) -> None:
    value = {"class_name": "__lambda__", "config": {"code": touching_code(), "defaults": None}}
    write_archive(path, _lambda_config(value))


@hostile(CustomCodeError)
def lambda_as_an_initializer(path: Path) -> None:
    value = {"class_name": "__lambda__", "config": {"code": touching_code()}}
    write_archive(path, dense_config(kernel_initializer=value))


@hostile(CustomCodeError)
def function_of_another_module(path: Path) -> None:
    """CVE-2025-1550: a module and a function of one's choice, imported by Keras' loader."""
    value = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }
    write_archive(path, dense_config(activation=value))


@hostile(CustomCodeError)
def class_of_another_module(path: Path) -> None:
    config = dense_config()
    config["config"]["layers"][1].update(module="subprocess", registered_name=None)
    write_archive(path, config)


@hostile(CustomCodeError)
def subclassed_model(path: Path) -> None:
    config = {"module": "mine", "class_name": "MyModel", "config": {}, "registered_name": "MyModel"}
    write_archive(path, config)


@hostile(CustomCodeError)
def custom_layer(path: Path) -> None:
    write_legacy(path, sequential(input_layer(3), layer("Custom>Attention", "a")))


@hostile(CustomCodeError)
def unknown_activation(path: Path) -> None:
    write_legacy(path, dense_config(activation="my_activation"), DENSE)


@hostile(UnsupportedLayerError)
def layer_that_is_not_supported(path: Path) -> None:
    write_legacy(path, sequential(input_layer(3, 4), layer("LSTM", units=3)))


@hostile(UnsupportedArgumentError)
def unknown_argument(path: Path) -> None:
    write_legacy(path, dense_config(sparkle=True), DENSE)


@hostile(UnsupportedArgumentError)
def low_rank_adaptation(path: Path) -> None:
    write_legacy(path, dense_config(lora_rank=4), DENSE)


@hostile(UnsupportedArgumentError)
def dropout_at_inference(path: Path) -> None:
    node = [["x", 0, 0, {"training": True}]]
    layers = [called(input_layer(3)), called(layer("Dropout", "d", rate=0.5), node)]
    write_legacy(path, functional(layers, [["x", 0, 0]], [["d", 0, 0]]))


@hostile(UnsupportedDtypeError)
def mixed_precision(path: Path) -> None:
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    write_legacy(path, dense_config(dtype=policy), DENSE)


@hostile(UnsupportedDtypeError)
def quantized(path: Path) -> None:
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}}
    write_legacy(path, dense_config(dtype=policy), DENSE)


# Weights.


def _weights(path: Path, kernel: np.ndarray, bias: np.ndarray = BIAS) -> None:
    arrays = [("dense/kernel:0", kernel), ("dense/bias:0", bias)]
    write_legacy(path, dense_config(), {"dense": arrays})


@hostile(WeightsMismatchError)
def weights_of_another_shape(path: Path) -> None:
    _weights(path, KERNEL.T)


@hostile(WeightsMismatchError)
def weights_in_another_order(path: Path) -> None:
    arrays = [("dense/bias:0", BIAS), ("dense/kernel:0", KERNEL)]
    write_legacy(path, dense_config(), {"dense": arrays})


@hostile(WeightsMismatchError)
def weights_missing(path: Path) -> None:
    write_legacy(path, dense_config(), {})


@hostile(WeightsMismatchError)
def one_weight_too_few(path: Path) -> None:
    write_legacy(path, dense_config(), {"dense": DENSE["dense"][:1]})


@hostile(WeightsMismatchError)
def weights_of_a_layer_that_is_not_there(path: Path) -> None:
    write_legacy(path, dense_config(), {**DENSE, "other": [("other/kernel:0", KERNEL)]})


@hostile(WeightsMismatchError)
def weights_in_an_archive_missing(path: Path) -> None:
    write_archive(path, dense_config(), folders({"layers/dense/vars/0": KERNEL}))


@hostile(WeightsMismatchError)
def one_array_under_two_names(path: Path) -> None:
    arrays = DENSE["dense"]
    valid_legacy(path)
    with h5py.File(path, "a") as file:
        del file["model_weights/dense"].attrs["weight_names"]
        file["model_weights/dense"].attrs["weight_names"] = [arrays[0][0].encode()] * 2


@hostile(NonFiniteWeightsError)
def weights_of_nan(path: Path) -> None:
    _weights(path, np.full((3, 2), np.nan, np.float32))


@hostile(NonFiniteWeightsError)
def weights_beyond_float32(path: Path) -> None:
    _weights(path, np.full((3, 2), 1e300))


@hostile(UnsupportedDtypeError)
def weights_of_integers(path: Path) -> None:
    _weights(path, np.ones((3, 2), np.int8))


# Small files that would take hours.


@hostile(FileLimitError)
def calls_that_multiply_without_a_node(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("Dropout", "d", rate=0.1), ["x"])]
    model = functional(layers, [["x", 0, 0]], [["d", 0, 0]], name="m0")
    calls = 30
    for level in range(1, 8):
        inner = f"m{level - 1}"
        nodes = [[["x", 0, 0, {}]], *([[inner, call, 0, {}]] for call in range(1, calls))]
        item = {**model, "name": inner, "inbound_nodes": nodes}
        ports = [["x", 0, 0]], [[inner, calls, 0]]
        model = functional([called(input_layer(3)), item], *ports, name=f"m{level}")
    write_legacy(path, model)


@hostile(ConfigError)
def a_key_twice_among_many(path: Path) -> None:
    keys = ",".join(f'"{key}":0' for key in range(200_000))
    write_archive(path, "{" + keys + ',"199999":1}')


@hostile(UnsupportedArgumentError)
def reshape_to_very_many_axes(path: Path) -> None:
    many = [2**30] * 200_000
    write_legacy(path, sequential(input_layer(3), layer("Reshape", target_shape=many)))


@hostile(FileLimitError)
def input_of_very_many_axes(path: Path) -> None:
    write_legacy(path, sequential(input_layer(*[10**50] * 200_000), layer("Dropout", rate=0.1)))


# Names that would reach logs, pages and metrics.


@hostile(ConfigError)
def output_name_that_cannot_be_printed(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("ReLU", "r"), ["x"])]
    write_legacy(path, functional(layers, [["x", 0, 0]], {"a\x1b[2J\nb": ["r", 0, 0]}))


@hostile(ConfigError)
def input_name_that_cannot_be_encoded(path: Path) -> None:
    layers = [called(input_layer(3)), called(layer("ReLU", "r"), ["x"])]
    write_archive(path, functional(layers, {"\ud800": ["x", 0, 0]}, [["r", 0, 0]]))
