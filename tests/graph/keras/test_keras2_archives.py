"""`.keras` archives of Keras 2.12 to 2.15, of Windows, and with tfmot's own pruning wrappers, as those wrote them."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from graph import reference
from graph.errors import WeightsMismatchError
from graph.keras.read import read_model
from tests.conftest import REPOSITORY
from tests.graph.keras.conftest import TOLERANCE
from tests.graph.keras.handmade import (
    BIAS,
    KERNEL,
    dense_config,
    folders,
    input_layer,
    layer,
    sequential,
    write_archive,
)

DATA = REPOSITORY / "tests" / "data" / "keras2_archives"
KINDS = (
    "polynomial", "constant", "two_of_four", "never_trained", "disagreeing", "functional", "shared", "nested",
)  # fmt: skip
FILES = (
    *(f"{writer}/{kind}" for writer in ("tf_keras_2_20", "keras_2_13") for kind in KINDS),
    *(f"keras_2_13/{kind}" for kind in ("plain", "plain_nested")),
    *(f"keras_2_13_windows/{kind}" for kind in ("polynomial", "nested", "plain_nested")),
)


def assert_golden(path: Path, arrays: Path) -> None:
    graph = read_model(path).graph
    with np.load(arrays) as golden:
        given = {one.name: golden[f"x{index}"] for index, one in enumerate(graph.inputs)}
        (found,) = reference.run(graph, given).values()
        np.testing.assert_allclose(found, golden["y0"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", FILES)
def test_equal_to_the_keras_that_wrote_it(name: str) -> None:
    assert_golden(DATA / f"{name}.keras", DATA / f"{name}.npz")


def test_no_file_is_forgotten() -> None:
    assert {str(p.relative_to(DATA))[:-6] for p in DATA.rglob("*.keras")} == set(FILES)


def test_pruned_kernels_have_the_zeros_of_their_masks() -> None:
    """Where mask and kernel disagree the mask counts: Keras multiplies them before it predicts."""
    graph = read_model(DATA / "tf_keras_2_20" / "disagreeing.keras").graph
    kernels = [array for name, array in graph.weights.items() if name.endswith("/kernel")]
    assert len(kernels) == 3
    assert all(0.2 < np.mean(kernel == 0) < 0.8 for kernel in kernels)


def rewrite(source: Path, target: Path, change: Callable[[h5py.File], None]) -> Path:
    """A copy of an archive with its weights file changed."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            data = io.BytesIO(archive.read(name))
            if name == "model.weights.h5":
                with h5py.File(data, "a") as file:
                    change(file)
            copy.writestr(name, data.getvalue())
    return target


@pytest.mark.parametrize("name", ["keras_2_13/polynomial", "tf_keras_2_20/nested"])
def test_two_different_kernels_are_refused(name: str, tmp_path: Path) -> None:
    container = "layers" if name.startswith("tf") else "_layer_checkpoint_dependencies"

    def change(file: h5py.File) -> None:
        file[f"{container}/prune_low_magnitude/vars/0"][0, 0] += 1

    path = rewrite(DATA / f"{name}.keras", tmp_path / "m", change)
    with pytest.raises(WeightsMismatchError, match="hold two different kernels"):
        read_model(path)


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        variables = file["layers/prune_low_magnitude/vars"]
        del variables["1"]
        variables["1"] = np.ones((8, 4), np.float32)

    path = rewrite(DATA / "tf_keras_2_20" / "polynomial.keras", tmp_path / "m", change)
    with pytest.raises(WeightsMismatchError, match="the pruning mask of layer"):
        read_model(path)


@pytest.mark.parametrize(("index", "got"), [("0", "3: 1, 2, 3"), ("3", "3: 0, 1, 2")])
def test_a_missing_variable_of_the_wrapper_is_refused(index: str, got: str, tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file[f"layers/prune_low_magnitude/vars/{index}"]

    path = rewrite(DATA / "tf_keras_2_20" / "polynomial.keras", tmp_path / "m", change)
    with pytest.raises(WeightsMismatchError) as caught:
        read_model(path)
    assert caught.value.expected == "4: wrapped_kernel, mask, threshold, pruning_step"
    assert caught.value.got == got


def three_layers(path: Path, places: list[str], version: str, container: str = "layers") -> Path:
    """x(3) -> Dense(2) -> ReLU -> Dense(2) -> Dense(2), the weights in folders of those names."""
    dense = [layer("Dense", f"d{index}", units=2) for index in range(3)]
    config = sequential(input_layer(3), dense[0], layer("ReLU", "r"), *dense[1:])
    arrays = {}
    for index, place in enumerate(places):
        folder = f"{container}\\{place}" if "\\" in container else f"{container}/{place}"
        folder = folder.replace("\\\\", "\\")
        arrays[f"{folder}/vars/0"] = KERNEL if not index else KERNEL[:2] + index
        arrays[f"{folder}/vars/1"] = BIAS
    return write_archive(path, config, folders(arrays), version=version)


@pytest.mark.parametrize("version", ["2.12.0", "2.13.1-tf", "2.13.0-rc0"])
def test_keras_2_12_and_2_13_count_layers_with_weights_twice(version: str, tmp_path: Path) -> None:
    twice = ["dense", "dense_2", "dense_4"]
    container = "_layer_checkpoint_dependencies"
    graph = read_model(three_layers(tmp_path / "m", twice, version, container)).graph
    np.testing.assert_array_equal(graph.weights["d2/kernel"], KERNEL[:2] + 2)


@pytest.mark.parametrize("version", ["2.14.0", "2.15.0", "2.20.1", "3.0.0"])
def test_later_versions_count_once(version: str, tmp_path: Path) -> None:
    once = ["dense", "dense_1", "dense_2"]
    graph = read_model(three_layers(tmp_path / "m", once, version)).graph
    np.testing.assert_array_equal(graph.weights["d2/kernel"], KERNEL[:2] + 2)
    with pytest.raises(WeightsMismatchError, match="which belongs to no layer of the model"):
        read_model(three_layers(tmp_path / "n", ["dense", "dense_2", "dense_4"], version))


def test_the_separator_of_windows(tmp_path: Path) -> None:
    """tf.keras 2.14 and 2.15 on Windows: one group `layers\\dense` in the root."""
    places = ["dense", "dense_1", "dense_2"]
    path = three_layers(tmp_path / "m", places, "2.15.0", "layers\\")
    with (
        zipfile.ZipFile(path) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as f,
    ):
        assert sorted(f) == ["layers\\dense", "layers\\dense_1", "layers\\dense_2"]
    graph = read_model(path).graph
    np.testing.assert_array_equal(graph.weights["d1/kernel"], KERNEL[:2] + 1)


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_weights_of_a_layer_that_is_not_there_are_refused(separator: str, tmp_path: Path) -> None:
    arrays = {
        f"layers{separator}{name}/vars/{index}": array
        for name in ("dense", "dense_1")
        for index, array in enumerate((KERNEL, BIAS))
    }
    path = write_archive(tmp_path / "m", dense_config(), folders(arrays), version="2.15.0")
    with pytest.raises(WeightsMismatchError, match="dense_1', which belongs to no layer"):
        read_model(path)


@pytest.mark.parametrize("version", ["2." + "9" * 10_000, "1." + "9" * 10_000, "3." + "9" * 10_000])
def test_a_version_of_very_many_digits_is_no_crash(version: str, tmp_path: Path) -> None:
    data = folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})
    read_model(write_archive(tmp_path / "m", dense_config(), data, version=version))
