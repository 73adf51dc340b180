"""Real models, compiled, against the outputs that Keras itself computed."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.target import Isa, available_isas
from engine.machine_code.object_cache import ObjectCache
from graph.keras.read import read_model
from tests.conftest import REPOSITORY
from tests.engine.compiled import assert_close, compiled

DATA = REPOSITORY / "tests" / "data"


def check(file: Path, cache: ObjectCache, isa: Isa) -> None:
    graph = read_model(file).graph
    with np.load(file.parent / "golden.npz") as golden:
        inputs = {
            given.name: golden[f"x{place}"].astype(given.type.dtype.numpy)
            for place, given in enumerate(graph.inputs)
        }
        wanted = {output.name: golden[f"y{place}"] for place, output in enumerate(graph.outputs)}
    executable = compiled(graph, cache, isa)
    assert_close(executable.run(inputs), wanted)
    for sample in range(3):
        one = {name: array[sample : sample + 1] for name, array in inputs.items()}
        result = executable.run(one)
        for name, array in wanted.items():
            scale = np.abs(array).max()
            np.testing.assert_allclose(
                result[name][0], array[sample], rtol=0, atol=1e-5 * scale, err_msg=name
            )


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("file", ["dice_adult/adult.h5", "mmsplice_Donor/Donor.h5"])
def test_small_models(object_cache: ObjectCache, file: str, isa: Isa) -> None:
    check(DATA / file, object_cache, isa)


@pytest.mark.shared
@pytest.mark.parametrize("isa", available_isas())
def test_the_autoencoder(shared_models: Path, object_cache: ObjectCache, isa: Isa) -> None:
    check(shared_models / "mltk_anomaly_detection" / "anomaly_detection.h5", object_cache, isa)
