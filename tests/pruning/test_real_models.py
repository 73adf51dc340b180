"""Models as their authors ship them: lossless pruning must keep what Keras itself computed."""

from pathlib import Path

import numpy as np
import pytest

from graph.keras.read import read_model
from graph.reference import run
from pruning.certificate import Guarantee
from pruning.prune import prune
from pruning.recipe import PruningRecipe

pytestmark = pytest.mark.shared


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("mltk_anomaly_detection", "anomaly_detection.h5"),
        ("dice_adult", "adult.h5"),
        ("mmsplice_Donor", "Donor.h5"),
    ],
)
def test_golden_outputs_stay_within_1e_5_of_their_scale(
    shared_models: Path, folder: str, file: str
) -> None:
    graph = read_model(shared_models / folder / file).graph
    golden = np.load(shared_models / folder / "golden.npz")
    result = prune(graph, PruningRecipe())
    assert result.certificate.guarantee is not Guarantee.BUDGETED
    assert result.certificate.rolled_back == ()
    inputs = {given.name: golden[f"x{index}"] for index, given in enumerate(graph.inputs)}
    outputs = run(result.graph, inputs)
    for index, output in enumerate(graph.outputs):
        expected = golden[f"y{index}"]
        assert np.abs(outputs[output.name] - expected).max() <= 1e-5 * np.abs(expected).max()
