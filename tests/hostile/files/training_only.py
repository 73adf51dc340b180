"""Code where only training would use it: such a model is read, and the code is neither run nor written back."""

from pathlib import Path
from typing import Any

from tests.graph.keras.handmade import (
    BIAS,
    DENSE,
    KERNEL,
    dense_config,
    folders,
    input_layer,
    layer,
    sequential,
    write_archive,
    write_legacy,
)
from tests.hostile.files.code import touching_code
from tests.hostile.files.registry import Registry

FILES = Registry()

PARTS = (
    *(f"{weight}_{what}" for weight in ("kernel", "bias") for what in ("initializer", "regularizer", "constraint")),
    "activity_regularizer",
)  # fmt: skip


def forms() -> dict[str, Any]:
    """The ways in which a configuration may carry code, or name it."""
    return {
        "lambda": {
            "class_name": "__lambda__",
            "config": {"code": touching_code(), "defaults": None, "closure": None},
        },
        "lambda_of_keras2": {
            "class_name": "__lambda__",
            "config": {"value": [touching_code(), None, None]},
        },
        "function": {
            "module": "os", "class_name": "function", "config": "system", "registered_name": "system",
        },
        "class": {
            "module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", "executed"]},
            "registered_name": None,
        },
        "layer": {
            "module": "keras.layers", "class_name": "Lambda",
            "config": {"name": "l", "function": [touching_code(), None, None]},
        },
    }  # fmt: skip


def _weights() -> bytes:
    return folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})


def _register() -> None:
    for part in PARTS:
        for form in forms():

            def write(path: Path, part: str = part, form: str = form) -> None:
                write_archive(path, dense_config(**{part: forms()[form]}), _weights())

            FILES.add(f"{form}_as_{part}", write, None)
    for part in ("optimizer", "loss", "metrics", "weighted_metrics", "loss_weights"):
        for form in ("lambda", "class"):

            def compiled(path: Path, part: str = part, form: str = form) -> None:
                config = {**dense_config(), "compile_config": {part: [forms()[form]]}}
                write_archive(path, config, _weights())

            FILES.add(f"{form}_as_{part}_of_compile", compiled, None)


_register()


@FILES.harmless
def lambda_as_an_initializer_in_hdf5(path: Path) -> None:
    write_legacy(path, dense_config(kernel_initializer=forms()["lambda_of_keras2"]), DENSE)


@FILES.harmless
def class_of_another_module_as_initializer_in_hdf5(path: Path) -> None:
    write_legacy(path, dense_config(kernel_initializer=forms()["class"]), DENSE)


@FILES.harmless
def lambda_as_a_pruning_schedule(path: Path) -> None:
    inner = layer("Flatten", "f")
    wrapper = layer("PruneLowMagnitude", "p", layer=inner, pruning_schedule=forms()["class"])
    step = [("p/pruning_step:0", BIAS[0].astype("int64"))]
    write_legacy(path, sequential(input_layer(3), wrapper), {"p": step})
