"""SavedModels in the repository, as four writers made them: read without TensorFlow, equal to its answers."""

from pathlib import Path

import numpy as np
import pytest

from graph import reference
from graph.model_files.read import read_model_file

DATA = Path(__file__).parents[2] / "data" / "saved_models"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.zip")), ids=lambda path: path.stem)
def test_answers(path: Path) -> None:
    """Keras 3 (export), Keras 2 (save), a tf.Module of one signature and two outputs, TensorFlow 1 (simple_save)."""
    golden = np.load(path.with_suffix(".npz"))
    file = read_model_file(path)
    got = reference.run(file.graph, {file.graph.inputs[0].name: golden["x"]})
    wanted = [golden[name] for name in golden.files if name != "x"]
    assert len(got) == len(wanted)
    for answer, array in zip(got.values(), wanted, strict=True):
        np.testing.assert_allclose(answer, array, rtol=0, atol=5e-6 * np.abs(array).max())
    assert "SavedModel of TensorFlow 2.20.0" in file.notes[0]
