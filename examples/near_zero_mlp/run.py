"""What Prunus makes of the question's network: what was removed, what that changed, what it saves here.

    python -m examples.near_zero_mlp.run                           # the trained copy in tests/data
    python -m examples.near_zero_mlp.run MODEL --data FOLDER       # your own, on 10,000 test images

Needs no TensorFlow. FOLDER holds Fashion-MNIST's IDX files (see train.py).
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.core.job_folder import ARTIFACT_FILE
from app.core.model_request import ModelRequest
from app.pipeline import PipelineRequest, Progress, run_pipeline
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from examples.near_zero_mlp.data import fashion_mnist
from graph import reference
from graph.keras.read import read_model
from pruning.report_text import render_text

TRAINED = Path(__file__).parents[2] / "tests" / "data" / "near_zero_mlp"


@dataclass(frozen=True, slots=True)
class TestSet:
    """Images to judge by: pixels between 0 and 1, [images, 784], and labels, [images]."""

    pixels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def stored_images() -> TestSet:
    """Return the 256 test images that come with the project."""
    with np.load(TRAINED / "golden.npz", allow_pickle=False) as arrays:
        pixels = arrays["images"].astype(np.float32) / np.float32(255)
        return TestSet(pixels, arrays["labels"].astype(np.int64))


def compare(model: Path, artifact: Path, objects: Path, images: TestSet) -> str:
    """Return accuracy before and after, and the largest change of any output.

    Before is the meaning of the file as NumPy computes it; after is the compiled network.
    """
    original = read_model(model).graph
    name, output = original.inputs[0].name, original.outputs[0].name
    before = reference.run(original, {name: images.pixels})[output]
    executable = load(artifact, ObjectCache(objects))
    after = executable.run({executable.inputs[0].name: images.pixels})[executable.outputs[0].name]
    executable.close()
    accuracies = [float((y.argmax(axis=1) == images.labels).mean()) for y in (before, after)]
    change = float(np.abs(after - before).max() / np.abs(before).max())
    return (
        f"On {len(images.labels):,} test images: accuracy {accuracies[0]:.2%} before and "
        f"{accuracies[1]:.2%} after; largest change of an output {change:.1e} of the largest output."
    )


def main() -> None:
    """Prune, compile, report, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=TRAINED / "near_zero_mlp.keras")
    parser.add_argument("--data", type=Path, help="folder of Fashion-MNIST's IDX files")
    arguments = parser.parse_args()
    images = stored_images()
    if arguments.data:
        everything = fashion_mnist(arguments.data)
        images = TestSet(everything.test_pixels, everything.test_labels)
    with tempfile.TemporaryDirectory(prefix="prunus-example-") as folder:
        output, objects = Path(folder), Path(folder) / "objects"
        request = PipelineRequest(
            options=ModelRequest(),
            model=arguments.model,
            calibration=None,
            labels=None,
            output=output,
            cache=ObjectCache(objects),
            tune_seconds=5.0,
        )
        result = run_pipeline(request, Progress(lambda _: None, lambda _: None))
        print(render_text(result.report))
        print(compare(arguments.model, output / ARTIFACT_FILE, objects, images))


if __name__ == "__main__":
    main()
