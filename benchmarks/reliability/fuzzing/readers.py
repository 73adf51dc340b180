"""The reader of Keras files, and the writer on what was read."""

import random
from pathlib import Path

from benchmarks.reliability.fuzzing.target import Target
from graph.errors import ExportError, GraphError
from graph.keras.export import write_keras
from graph.keras.read import read_model
from tests.conftest import REPOSITORY
from tests.graph.keras.handmade import write_legacy
from tests.hostile.files.registry import valid_archive, valid_legacy
from tests.hostile.mutations import (
    changed,
    everything,
    everything_weights,
    with_changed_configuration,
    with_changed_entry,
    with_configuration,
)

_REAL = (
    "app/demo/digits.keras",
    "tests/data/dice_adult/adult.h5",
    *(f"tests/data/keras2_archives/keras_2_13/{name}.keras" for name in ("nested", "shared")),
    "tests/data/keras2_archives/keras_2_13_windows/nested.keras",
)
_ENTRIES = ("config.json", "metadata.json", "model.weights.h5")


def readers(folder: Path) -> Target:
    """Files by hand and real ones, with changed bytes, entries or configurations."""
    path = folder / "upload"
    legacy = write_legacy(path, everything(), everything_weights()).read_bytes()
    small = [valid_archive(path).read_bytes(), valid_legacy(path).read_bytes(), legacy]
    corpus = small + [(REPOSITORY / name).read_bytes() for name in _REAL]
    archives = [data for data in corpus if data.startswith(b"PK")]

    def make(rng: random.Random) -> bytes:
        way = rng.randrange(3)
        if way == 0:
            return with_configuration(legacy, with_changed_configuration(everything(), rng))
        if way == 1:
            return with_changed_entry(rng.choice(archives), rng.choice(_ENTRIES), rng)
        return changed(rng.choice(corpus), rng)

    def attempt(case: bytes) -> bool:
        path.write_bytes(case)
        try:
            file = read_model(path)
        except GraphError:
            return False
        try:
            write_keras(file.graph, folder / "returned", file.origin)
        except ExportError:
            return True
        read_model(folder / "returned", allow_nonfinite=True)
        return True

    return Target("readers", make, attempt)
