"""LiteRT's interpreter, whose float kernels are XNNPACK's; TensorFlow's environment converts the models."""

import hashlib
import importlib.metadata
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

from benchmarks.environments import interpreter
from benchmarks.networks import FloatArray, Layer, save_layers
from benchmarks.protocol import REPOSITORY

CONVERTER = interpreter("tensorflow")


class ConversionError(Exception):
    """TensorFlow's environment could not write the model."""


def convert(layers: Sequence[Layer], folder: Path, form: str) -> Path:
    """Return the model of these layers as `form`, "f32" or "int8", written once into `folder`.

    Raises:
        ConversionError: The environment of TensorFlow is missing, or its converter failed.
    """
    digest = hashlib.sha256()
    for layer in layers:
        digest.update(layer.kernel.tobytes())
        digest.update(layer.bias.tobytes())
    stem = folder / f"litert-{digest.hexdigest()[:16]}"
    model = stem.with_name(f"{stem.name}-{form}.tflite")
    if not model.exists():
        save_layers(layers, stem.with_suffix(".npz"))
        try:
            run_converter("benchmarks.peers.litert_convert", str(stem))
        finally:
            stem.with_suffix(".npz").unlink()
    return model


def run_converter(module: str, *arguments: str) -> None:
    """Run a module in TensorFlow's environment.

    Raises:
        ConversionError: The environment of TensorFlow is missing, or its converter failed.
    """
    command = [str(CONVERTER), "-m", module, *arguments]
    try:
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ConversionError(f"expected {CONVERTER}; `make bench-peers` sets it up") from None
    except subprocess.CalledProcessError as error:
        raise ConversionError(error.stderr.strip().splitlines()[-1]) from None


class LiteRt:
    """One interpreter, resized when the batch size changes."""

    version = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"

    def __init__(self, threads: int, form: str) -> None:
        """Remember the threads and the form of the weights."""
        self._threads, self._form = threads, form
        self._folder = tempfile.TemporaryDirectory(prefix="prunus-bench-")

    def load(self, layers: Sequence[Layer]) -> None:
        """Convert, where no earlier worker did, and open."""
        shared = os.environ.get("PRUNUS_BENCH_FOLDER", self._folder.name)
        self.open(convert(layers, Path(shared), self._form))

    def open(self, model: Path) -> None:
        """Open a model's file."""
        self._interpreter = Interpreter(str(model), num_threads=self._threads)
        self._source = self._interpreter.get_input_details()[0]["index"]
        self._result = self._interpreter.get_output_details()[0]["index"]
        self._batch = 0

    def run(self, inputs: FloatArray) -> FloatArray:
        """Copy in, invoke, copy out."""
        if len(inputs) != self._batch:
            self._interpreter.resize_tensor_input(self._source, inputs.shape)
            self._interpreter.allocate_tensors()
            self._batch = len(inputs)
        self._interpreter.set_tensor(self._source, inputs)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._result))


def create(threads: int) -> LiteRt:
    """Return the engine."""
    return LiteRt(threads, "f32")
