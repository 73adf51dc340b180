"""Train the demo model that `make serve` loads: digits of 8x8 pixels, most weights near zero.

Run with `python -m examples.train_demo` in an environment with TensorFlow and scikit-learn
(requirements/dev.txt). It rewrites the files of app/demo/ that are listed in its README.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import keras  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

from examples.fading import FadePlan, Fading

DEMO_FOLDER = Path(__file__).parent.parent / "app" / "demo"
EPOCHS = 120
BATCH_SIZE = 32
SEED = 17


@dataclass(frozen=True, slots=True)
class Digits:
    """The data, split once: pixels as they come (0 to 16), [images, 64], and labels, [images]."""

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]


def load() -> Digits:
    """Return scikit-learn's copy of the digits: 1,437 to train, 360 to test."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(
        images.astype(np.float32), labels, test_size=360, random_state=SEED, stratify=labels
    )
    return Digits(split[0], split[2], split[1], split[3])


def build() -> keras.Model:
    """Return the untrained network: 64-256-128-10 with batch normalisation."""
    return keras.Sequential(
        [
            keras.Input((64,), name="pixels"),
            keras.layers.Rescaling(1 / 16, name="scale"),
            keras.layers.Dense(256, use_bias=False, name="hidden_1"),
            keras.layers.BatchNormalization(name="norm_1"),
            keras.layers.Activation("relu", name="relu_1"),
            keras.layers.Dense(128, use_bias=False, name="hidden_2"),
            keras.layers.BatchNormalization(name="norm_2"),
            keras.layers.Activation("relu", name="relu_2"),
            keras.layers.Dropout(0.2, name="dropout"),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def train(model: keras.Model, digits: Digits) -> float:
    """Train `model` in place; return its accuracy on the test images."""
    steps = EPOCHS * -(-len(digits.train_labels) // BATCH_SIZE)
    plan = FadePlan(
        sparsity=0.95, first_step=steps // 6, last_step=steps // 2, decay=0.975, kept_per_unit=2
    )
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        digits.train_images,
        digits.train_labels,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        callbacks=[Fading(plan, {"digit": 0.7})],
        verbose=0,
    )
    _, accuracy = model.evaluate(digits.test_images, digits.test_labels, verbose=0)
    return float(accuracy)


def write(model: keras.Model, digits: Digits, folder: Path) -> None:
    """Write the model, without optimizer state, and the sample inputs of the README."""
    folder.mkdir(parents=True, exist_ok=True)
    # A fresh model of the same weights has no optimizer state, which would triple the file.
    plain = build()
    plain.set_weights(model.get_weights())
    plain.save(folder / "digits.keras")
    samples = digits.test_images[:2]
    body = {"model": "digits", "inputs": [[int(pixel) for pixel in row] for row in samples]}
    (folder / "request.json").write_text(json.dumps(body, separators=(",", ":")) + "\n")
    np.save(folder / "request.npy", samples)
    np.savez_compressed(folder / "calibration.npz", inputs=digits.test_images.astype(np.uint8))
    np.save(folder / "labels.npy", digits.test_labels.astype(np.uint8))
    expected = model.predict(digits.test_images, verbose=0)
    np.savez_compressed(
        folder / "expected.npz",
        inputs=digits.test_images.astype(np.uint8),
        labels=digits.test_labels.astype(np.uint8),
        outputs=expected,
    )


def main() -> None:
    """Train, print what came out, write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DEMO_FOLDER)
    folder: Path = parser.parse_args().folder
    keras.utils.set_random_seed(SEED)
    digits = load()
    model = build()
    accuracy = train(model, digits)
    write(model, digits, folder)
    kernels = np.concatenate([w.ravel() for w in model.get_weights() if w.ndim == 2])
    tiny = np.abs(kernels) < 1e-15
    print(f"accuracy on {len(digits.test_labels)} test images: {accuracy:.4f}")
    print(
        f"kernel weights below 1e-15: {tiny.mean():.2%}; exactly zero: {(kernels == 0).mean():.2%}"
    )
    print(f"labels of the two samples: {digits.test_labels[:2].tolist()}")


if __name__ == "__main__":
    main()
