"""Weights that do not fit, or are not plain finite numbers."""

from pathlib import Path

import h5py
import numpy as np

from graph.errors import (
    NonFiniteWeightsError,
    UnsupportedDtypeError,
    WeightsMismatchError,
)
from tests.graph.keras.handmade import (
    BIAS,
    DENSE,
    KERNEL,
    dense_config,
    folders,
    write_archive,
    write_legacy,
)
from tests.hostile.files.registry import Registry, valid_legacy

FILES = Registry()
hostile = FILES.refused_with


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
