"""Train the network of the question: Dense layers, over 95 % of the weights below 1e-15, no dead unit.

Run with `python -m examples.near_zero_mlp.train MODEL --data FOLDER` in an environment with
TensorFlow and scikit-learn (requirements/dev.txt). FOLDER holds Fashion-MNIST's four IDX files
(Debian's package `dataset-fashion-mnist`, or github.com/zalandoresearch/fashion-mnist); without
`--data` the 8x8 digits of scikit-learn are enlarged to 28x28.
"""

import argparse
import itertools
from pathlib import Path

import keras  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from examples.fading import FadePlan, Fading
from examples.near_zero_mlp.data import Images, enlarged_digits, fashion_mnist

WIDTHS = (300, 100)
CLASSES = 10
BATCH_SIZE = 128
SEED = 17
TINY = 1e-15
GOLDEN_IMAGES = 256


def build() -> keras.Model:
    """Return the untrained network: 784-300-100-10, relu, softmax."""
    layers: list[keras.Layer] = [keras.Input((784,), name="pixels")]
    for index, width in enumerate(WIDTHS, start=1):
        layers.append(keras.layers.Dense(width, activation="relu", name=f"hidden_{index}"))
    layers.append(keras.layers.Dense(CLASSES, activation="softmax", name="label"))
    return keras.Sequential(layers, name="near_zero_mlp")


def train(model: keras.Model, images: Images, steps: int) -> None:
    """Train `model` in place for `steps` optimizer steps, its small weights fading from a third on."""
    epochs = -(-steps * BATCH_SIZE // len(images.train_labels))
    first_step, last_step = steps // 3, steps * 5 // 8
    plan = FadePlan(
        sparsity=0.96,
        first_step=first_step,
        last_step=last_step,
        # The last to fade end 1e17 times smaller; the first stay above float32's denormals (1e-38).
        decay=1e-17 ** (1 / (steps - last_step)),
        kept_per_unit=3,
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        images.train_pixels,
        images.train_labels,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        callbacks=[Fading(plan, {"label": 0.6})],
        verbose=2,
    )


def removable_units(kernels: list[npt.NDArray[np.float32]]) -> int:
    """Count hidden units without an incoming or without an outgoing weight above `TINY`."""
    count = 0
    for incoming, outgoing in itertools.pairwise(kernels):
        fed = (np.abs(incoming) > TINY).any(axis=0)
        used = (np.abs(outgoing) > TINY).any(axis=1)
        count += int((~(fed & used)).sum())
    return count


def describe(model: keras.Model, images: Images) -> str:
    """Return the facts that the question states, measured on the trained model."""
    kernels = [weight for weight in model.get_weights() if weight.ndim == 2]
    magnitudes = np.abs(np.concatenate([kernel.ravel() for kernel in kernels]))
    tiny = magnitudes[magnitudes < TINY]
    _, accuracy = model.evaluate(images.test_pixels, images.test_labels, verbose=0)
    return "\n".join(
        [
            f"test accuracy: {accuracy:.4f}",
            f"kernel weights below {TINY:.0e}: {tiny.size / magnitudes.size:.2%}",
            f"exactly zero: {int((magnitudes == 0).sum())}",
            f"they lie between {tiny.min():.0e} and {tiny.max():.0e}",
            f"smallest of the others: {magnitudes[magnitudes >= TINY].min():.0e}",
            f"units that could be removed: {removable_units(kernels)}",
        ]
    )


def save(model: keras.Model, path: Path) -> None:
    """Write the model without optimizer state, which would triple the file."""
    plain = build()
    plain.set_weights(model.get_weights())
    plain.save(path)


def save_golden(model: keras.Model, images: Images, path: Path) -> None:
    """Write the first test images as bytes (pixel = byte / 255), their labels and Keras' outputs."""
    pixels = images.test_pixels[:GOLDEN_IMAGES]
    np.savez_compressed(
        path,
        images=np.rint(pixels * 255).astype(np.uint8),
        labels=images.test_labels[:GOLDEN_IMAGES].astype(np.uint8),
        outputs=model.predict(pixels, verbose=0),
    )


def main() -> None:
    """Train, describe, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="the .keras file to write")
    parser.add_argument("--data", type=Path, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--golden", type=Path, help="also write inputs and outputs to this .npz")
    parser.add_argument("--steps", type=int, default=7000, help="optimizer steps (default 7000)")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(SEED)
    images = fashion_mnist(arguments.data) if arguments.data else enlarged_digits()
    model = build()
    train(model, images, arguments.steps)
    save(model, arguments.model)
    if arguments.golden:
        save_golden(model, images, arguments.golden)
    print(describe(model, images))


if __name__ == "__main__":
    main()
