"""Very sparse models that were compressed by hand are read: a high ratio alone makes no bomb."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from graph import limits
from graph.errors import UnsafeHdf5Error, ZipBombError
from graph.keras.read import read_model
from tests.graph.keras.handmade import folders, input_layer, layer, sequential, write_legacy

CONFIG = sequential(input_layer(1024), layer("Dense", units=2048, use_bias=False))


def sparse_kernel(zeros: float) -> np.ndarray:
    """8 MiB with that share of zeros."""
    rng = np.random.default_rng(5)
    kernel = rng.standard_normal((1024, 2048)).astype(np.float32)
    kernel[rng.random(kernel.shape) < zeros] = 0
    return kernel


@pytest.mark.parametrize("zeros", [0.995, 0.998, 0.999])
def test_a_deflated_archive(zeros: float, tmp_path: Path) -> None:
    kernel = sparse_kernel(zeros)
    path = tmp_path / "m"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.5.0"}')
        archive.writestr("config.json", json.dumps(CONFIG))
        archive.writestr("model.weights.h5", folders({"layers/dense/vars/0": kernel}))
    assert kernel.nbytes > 90 * path.stat().st_size
    np.testing.assert_array_equal(read_model(path).graph.weights["dense/kernel"], kernel)


@pytest.mark.parametrize("zeros", [0.995, 0.998, 0.999])
@pytest.mark.parametrize("shuffle", [False, True])
def test_gzip_in_hdf5(zeros: float, shuffle: bool, tmp_path: Path) -> None:
    kernel = sparse_kernel(zeros)
    path = write_legacy(tmp_path / "m", CONFIG, {"dense": [("dense/kernel:0", kernel[:1])]})
    with h5py.File(path, "a") as file:
        group = file["model_weights/dense"]
        del group["dense/kernel:0"]
        group.create_dataset(
            "dense/kernel:0", data=kernel, compression="gzip", compression_opts=9, shuffle=shuffle
        )
    assert kernel.nbytes > 40 * path.stat().st_size
    np.testing.assert_array_equal(read_model(path).graph.weights["dense/kernel"], kernel)


def test_what_is_inflated_is_bounded_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two entries or datasets, each below the limit, are over it together; ordinary ratios do not count."""
    kernel = np.zeros((1024, 2048), np.float32)
    monkeypatch.setattr(limits, "MAX_INFLATED_BYTES", 12 * 1024 * 1024)
    assert limits.inflated_bytes(100, 1) == 0
    assert limits.inflated_bytes(101, 1) == 101
    path = tmp_path / "m"
    for entries, is_refused in ((1, False), (2, True)):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("metadata.json", '{"keras_version": "3.5.0"}')
            archive.writestr("config.json", json.dumps(CONFIG))
            archive.writestr("model.weights.h5", folders({"layers/dense/vars/0": kernel}))
            if entries == 2:
                archive.writestr("assets/vocabulary", kernel.tobytes())
        if is_refused:
            with pytest.raises(ZipBombError, match="more than 100 times, to more than is allowed"):
                read_model(path)
        else:
            read_model(path)
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for name in ("layers/dense/vars/0", "other"):
            file.create_dataset(name, data=kernel, compression="gzip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.5.0"}')
        archive.writestr("config.json", json.dumps(CONFIG))
        archive.writestr("model.weights.h5", data.getvalue())
    with pytest.raises(UnsafeHdf5Error, match="more than 100 times, to more than is allowed"):
        read_model(path)


def test_what_deflate_cannot_give_is_a_lie() -> None:
    assert not limits.is_beyond_deflate(1024 * 1024, 0)
    assert limits.is_beyond_deflate(1024 * 1024 + 1, 0)
    assert not limits.is_beyond_deflate(1100 * 5000, 5000)
    assert limits.is_beyond_deflate(1100 * 5000 + 1, 5000)
