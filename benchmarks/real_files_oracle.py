"""What Keras says to a file: loaded by Keras 3, or else by tf.keras 2, or made again in it from a Keras 1 file.

    python -m benchmarks.real_files_oracle MODEL INPUTS.npz OUTPUTS.npz

INPUTS has the arrays in the model's order, named 0, 1, ...; OUTPUTS gets the outputs in the same way, and `library`.
Files of people are loaded without any code of theirs; it is a process of its own, as all that may go wrong does.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_HDF5 = b"\x89HDF\r\n\x1a\n"


def main() -> None:
    """Write the outputs."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    model_path, inputs_path, outputs_path = map(Path, sys.argv[1:4])
    with np.load(inputs_path) as file:
        inputs = [file[str(number)] for number in range(len(file.files))]
    with tempfile.TemporaryDirectory() as folder:
        is_hdf5 = model_path.open("rb").read(8) == _HDF5
        # Keras goes by the name.
        path = Path(folder) / ("model.h5" if is_hdf5 else "model.keras")
        shutil.copyfile(model_path, path)
        library, outputs = _answer(path, inputs)
    arrays = {str(number): np.asarray(output) for number, output in enumerate(outputs)}
    np.savez(outputs_path, library=np.array(library), **arrays)


def _answer(path: Path, inputs: list[Any]) -> tuple[str, list[Any]]:
    """Return which library computed, and the outputs."""
    attempts: dict[str, Callable[[Path], Any]] = {
        "Keras 3": _keras3,
        "tf.keras 2": _keras2,
        "tf.keras 2, layers made again": _keras1,
    }
    errors = []
    for library, load in attempts.items():
        try:
            with contextlib.redirect_stdout(sys.stderr):
                model = load(path)
                outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        except Exception as error:  # noqa: BLE001 - whatever a library makes of a file
            errors.append(f"{library}: {type(error).__name__}: {str(error)[:300]}")
            continue
        listed = outputs if isinstance(outputs, list | tuple) else [outputs]
        if isinstance(outputs, dict):
            listed = list(outputs.values())
        return library, [np.asarray(output) for output in listed]
    sys.exit("\n".join(errors))


def _keras3(path: Path) -> Any:
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _keras2(path: Path) -> Any:
    import tf_keras

    return _turned(tf_keras.models.load_model(path, compile=False), path)


def _turned(model: Any, path: Path) -> Any:
    """Turn the kernels of convolutions around where Theano computed the model, as Keras 2.3 did; tf.keras does not."""
    import h5py

    if not h5py.is_hdf5(path):
        return model
    with h5py.File(path, "r") as file:
        backend = file["model_weights"].attrs.get("backend", file.attrs.get("backend", b""))
        # Keras 1 did not write which one it was; only TensorFlow's variables have names such as "kernel:0".
        names = [
            str(name)
            for group in file["model_weights"].values()
            for name in group.attrs.get("weight_names", ())
        ]
    is_older = not backend and bool(names) and ":" not in names[0]
    if backend not in {"theano", b"theano"} and not is_older:
        return model
    for layer in model.submodules:
        if type(layer).__name__ in {"Conv1D", "Conv2D", "Conv3D"}:
            kernel = layer.kernel.numpy()
            layer.kernel.assign(np.flip(kernel, tuple(range(kernel.ndim - 2))))
    return model


def _keras1(path: Path) -> Any:
    """Make the layers of a Sequential of Keras 1 in tf.keras, which reads their weights itself."""
    import json

    import h5py
    import tf_keras
    from tf_keras.src.saving.legacy import hdf5_format

    with h5py.File(path, "r") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]
        model = tf_keras.Sequential([_keras1_layer(tf_keras, layer) for layer in layers])
        shape = layers[0]["config"]["batch_input_shape"]
        model.build(shape)
        hdf5_format.load_weights_from_hdf5_group(file["model_weights"], model)
    return _turned(model, path)


def _keras1_layer(tf_keras: Any, layer: dict[str, Any]) -> Any:
    """Return a layer of Keras 1 with the arguments of Keras 2, by the table of Keras 2.0's own interfaces."""
    own, name = layer["config"], layer["class_name"]
    layers = tf_keras.layers
    recurrent = {"recurrent_activation": own.get("inner_activation")}
    match name:
        case "Dense":
            return layers.Dense(
                own["output_dim"], activation=own["activation"], use_bias=own["bias"]
            )
        case "Reshape":
            return layers.Reshape(own["target_shape"])
        case "Flatten" | "Activation" | "Dropout":
            values = {"Activation": [own.get("activation")], "Dropout": [0.5]}.get(name, [])
            return getattr(layers, name)(*values)
        case "BatchNormalization":
            values = {name: own[name] for name in ("axis", "epsilon", "momentum")}
            return layers.BatchNormalization(**values)
        case "Embedding":
            return layers.Embedding(own["input_dim"], own["output_dim"], mask_zero=own["mask_zero"])
        case "Convolution1D":
            return layers.Conv1D(
                own["nb_filter"],
                own["filter_length"],
                strides=own["subsample_length"],
                padding=own["border_mode"],
                activation=own["activation"],
                use_bias=own["bias"],
            )
        case "Convolution2D":
            return layers.Conv2D(
                own["nb_filter"],
                (own["nb_row"], own["nb_col"]),
                strides=own["subsample"],
                padding=own["border_mode"],
                activation=own["activation"],
                use_bias=own["bias"],
                data_format="channels_first" if own["dim_ordering"] == "th" else "channels_last",
            )
        case "LSTM":
            return layers.LSTM(
                own["output_dim"],
                activation=own["activation"],
                return_sequences=own["return_sequences"],
                go_backwards=own["go_backwards"],
                **recurrent,
            )
        case "Bidirectional":
            inner = _keras1_layer(tf_keras, own["layer"])
            return layers.Bidirectional(inner, merge_mode=own["merge_mode"])
        case _:
            raise ValueError(f"Keras 1's {name} is not known here")


if __name__ == "__main__":
    main()
