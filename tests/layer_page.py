"""docs/layers.md: which layers are read, what of them the engine computes, and which models test it.

    make layers-page      writes the page

Everything on it is derived: the classes from the reader's tables, how they run from the steps that the engine's passes
make of the first model of the tests' zoos that has such a layer, and the tests from these models.
"""

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.real_files import read_list, table
from engine.core.errors import UnsupportedModelError
from engine.core.program import Program
from engine.core.steps import CopyStep, DenseStep, Pack, TransposeStep, Unpack
from engine.core.window_steps import ConvStep, MoveStep
from engine.passes.pipeline import build_program
from graph.keras.dialects import (
    CLASS_ALIASES,
    CODE_LAYERS,
    LAYER_CLASSES,
    MODEL_CLASSES,
    OTHER_KERAS_LAYERS,
    PRUNING_WRAPPER,
    SPECTRAL_WRAPPER,
)
from graph.keras.lookup_classes import LOOKUP_CLASSES
from graph.keras.operation_classes import OPERATION_CLASSES
from graph.keras.read import read_model
from graph.keras.recurrent_classes import CELLS
from graph.keras.spatial_classes import APPLICATION_CLASSES
from graph.keras.tensorflow_functions import TENSORFLOW_FUNCTIONS, TENSORFLOW_LAYERS
from tests.graph.keras import attention_zoo, sequence_zoo, spatial_zoo, zoo
from tests.graph.keras.conftest import set_random_weights

PAGE = Path(__file__).parents[1] / "docs" / "layers.md"
_ZOO, _SPATIAL, _SEQUENCES = "zoo.py", "spatial_zoo.py", "sequence_zoo.py"
_ATTENTION = "attention_zoo.py"
# keras/layers of Keras 1.2.2. Other names of theirs are in CLASS_ALIASES.
_KERAS1 = frozenset(
    """Activation ActivityRegularization AtrousConvolution1D AtrousConvolution2D AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization Bidirectional Convolution1D Convolution2D Convolution3D Cropping1D Cropping2D Cropping3D
    Deconvolution2D Dense Dropout ELU Embedding Flatten GaussianDropout GaussianNoise GlobalAveragePooling1D
    GRU GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    InputLayer LSTM LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Merge PReLU Permute RepeatVector Reshape SeparableConvolution2D
    SimpleRNN SpatialDropout1D SpatialDropout2D SpatialDropout3D ThresholdedReLU TimeDistributed UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D""".split()  # noqa: SIM905
)
_SPARSE = (DenseStep, ConvStep)
_MOVES = (Pack, Unpack, CopyStep, MoveStep, TransposeStep)
# What layers that look values up are: see `graph.front`.
_IN_FRONT = "in front"
# Read from files that the tests make by hand, as no Keras that can be installed beside Keras 3 writes them: another
# class that runs alike, and the tests.
_BY_HAND = {
    "Merge": ("Add", "test_dialects.py"),
    "ThresholdedReLU": ("ReLU", "test_dialects.py"),
    "CuDNNLSTM": ("LSTM", "test_sequence_dialects.py"),
    "CuDNNGRU": ("GRU", "test_sequence_dialects.py"),
    **dict.fromkeys(CELLS, ("RNN", _SEQUENCES)),
}

_INTRODUCTION = """# Layers

Written by `make layers-page`, from the reader's tables and from what the engine makes of the models of the tests.

**Keras** says in which versions the class exists: 1, 2 (tf.keras among them) and 3. Files of all of them are read, with
what each version means by a name or a default. **How it runs** is one of these:

- *sparse*: by sparse kernels where they measured faster than dense ones, otherwise by dense ones;
- *dense*: by kernels that compute every element;
- *moves*: elements are copied to other places, or not even that where a reader can take them from where they are;
- *in front*: in NumPy before the network, with texts and exact integers; such a layer takes inputs of the model, or
  what others of its kind make of them;
- *nothing is left*: it acts only in training, or it gives its input another shape. (Behind layers of images Flatten and
  Reshape move elements, too: images lie channel by channel.)
- *not yet*: it is read, and the engine refuses it.

An activation, and a BatchNormalization behind a layer with weights, become part of that layer. The **tests** compare
with Keras; they are in tests/graph/keras, and the models in the files there whose names end in zoo.py.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the page.

    Attributes:
        name: the class.
        versions: the major versions of Keras that have it.
        how: how it runs.
        tests: where it is compared with Keras.
    """

    name: str
    versions: tuple[int, ...]
    how: str
    tests: str


def rows(keras: Any, tf_keras: Any) -> list[Row]:
    """Return a line for every class that is read."""
    files = (_ZOO, _SPATIAL, _SEQUENCES, _ATTENTION)
    models = {file: list(_models(file, keras, tf_keras)) for file in files}
    return [
        Row(name, _versions(name, keras, tf_keras), *_how_and_tests(name, models))
        for name in sorted(LAYER_CLASSES)
    ]


def _how_and_tests(name: str, models: Mapping[str, list[Any]]) -> tuple[str, str]:
    if name in LOOKUP_CLASSES:
        return _IN_FRONT, "test_lookup_layers.py"
    like, by_hand = _BY_HAND.get(name, (name, ""))
    having = {
        file: [model for model in found if like in _class_names(model)]
        for file, found in models.items()
    }
    first = next(model for found in having.values() for model in found)
    how_it_runs = "given by the caller" if name == "InputLayer" else _how_of(first)
    tests = [f"{file} ({len(found)})" for file, found in having.items() if found]
    return how_it_runs, by_hand or ", ".join(tests)


def _models(file: str, keras: Any, tf_keras: Any) -> Iterator[Any]:
    """Build the models of a zoo."""
    parts = [(keras, zoo.LAYERS)]
    if file == _SPATIAL:
        parts = [(keras, spatial_zoo.COMMON | spatial_zoo.KERAS3), (tf_keras, spatial_zoo.KERAS2)]
    if file == _ATTENTION:
        parts = [(keras, attention_zoo.COMMON | attention_zoo.KERAS3)]
    if file == _SEQUENCES:
        parts = [(keras, sequence_zoo.COMMON | sequence_zoo.KERAS3 | sequence_zoo.MODELS)]
    for library, builds in parts:
        for build in builds.values():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = build(library)
            yield model


def _class_names(model: Any) -> set[str]:
    names = {type(layer).__name__ for layer in model.layers}
    return names | {CLASS_ALIASES.get(name, name) for name in names}


def _versions(name: str, keras: Any, tf_keras: Any) -> tuple[int, ...]:
    written = {name, *(alias for alias, meant in CLASS_ALIASES.items() if meant == name)}
    found = [1] if written & _KERAS1 else []
    if name in APPLICATION_CLASSES:
        return 2, 3
    if name.startswith("CuDNN"):
        return (2,)
    libraries = ((2, tf_keras), (3, keras))
    return (*found, *(version for version, library in libraries if hasattr(library.layers, name)))


def _how_of(model: Any) -> str:
    set_random_weights(model)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras3 = type(model).__module__.startswith("keras.")
        path = Path(folder) / ("model.keras" if keras3 else "model.h5")
        model.save(path)
        try:
            return how(build_program(read_model(path).graph))
        except UnsupportedModelError:
            return "not yet"


def how(program: Program) -> str:
    """Say how the layers of a program run, from the steps that they became."""
    inner = [step for step in program.steps if not isinstance(step, Pack | Unpack)]
    if any(isinstance(step, _SPARSE) for step in inner):
        return "sparse"
    if any(not isinstance(step, _MOVES) for step in inner):
        return "dense"
    return "moves" if inner else "nothing is left"


def page(found: Iterable[Row]) -> str:
    """Return the page."""
    lines = [_INTRODUCTION, "| layer | Keras | how it runs | tests |", "|---|---|---|---|"]
    for row in found:
        aliases = sorted(alias for alias, meant in CLASS_ALIASES.items() if meant == row.name)
        also = f" (also {', '.join(aliases)})" if aliases else ""
        versions = ", ".join(map(str, row.versions))
        lines.append(f"| {row.name}{also} | {versions} | {row.how} | {row.tests} |")
    code = ", ".join(sorted(CODE_LAYERS))
    refused = ", ".join(sorted(OTHER_KERAS_LAYERS - CODE_LAYERS - TENSORFLOW_LAYERS))
    models = ", ".join(sorted(MODEL_CLASSES))
    lines += [
        "",
        f"Models are read as layers, too, at any depth: {models}. So are {SPECTRAL_WRAPPER} and tfmot's",
        f"{PRUNING_WRAPPER} around a layer.",
        "",
        "## Operations",
        "",
        "Operations that Keras 3 writes into functional models where tensors are computed with:",
        "",
        ", ".join(sorted(OPERATION_CLASSES)) + ".",
        "",
        "The batch is no axis for them: what would mix samples, index them or count them is refused, and so are arrays that"
        " differ by sample. Whole numbers are computed in float32, which holds them up to 2^24; arithmetic on types narrower"
        " than int32, which Keras lets go round at their ends, is refused.",
        "",
        "tf.keras writes functions of TensorFlow instead, as layers of class "
        f"{' and '.join(sorted(TENSORFLOW_LAYERS))}. These are read:",
        "",
        ", ".join(sorted(TENSORFLOW_FUNCTIONS)) + ".",
        "",
        "## What is refused",
        "",
        "Not read yet:",
        "",
        refused + ".",
        "",
        "Never read, as they hold Python code:",
        "",
        code + ". Classes from outside of Keras are refused for the same reason.",
        "",
        "A model with any of these is refused as a whole. The refusal names every such layer with its share of the"
        " weights, and where the model could be cut.",
        "",
        "## Published files",
        "",
        "Model files from public repositories, read, pruned by the default recipe, compiled, run, and compared with Keras 3,"
        " or with tf.keras 2 where Keras 3 does not load them (`python -m benchmarks.real_files`). Of Keras 1, layers were"
        " made again in tf.keras 2. Equal is a difference of at most 1e-4 of the largest output.",
        "",
        *table(read_list()),
        "",
    ]
    return "\n".join(lines)


def write() -> None:
    """Write the page."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
        import tf_keras
    PAGE.write_text(page(rows(keras, tf_keras)))


if __name__ == "__main__":
    write()
