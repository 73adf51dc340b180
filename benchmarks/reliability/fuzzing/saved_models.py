"""The reader of SavedModels: made by hand and by TensorFlow, with one file of them changed."""

import io
import random
import zipfile
from pathlib import Path

from benchmarks.reliability.fuzzing.target import Target
from graph.errors import GraphError
from graph.model_files.read import read_model_file
from tests.conftest import REPOSITORY
from tests.graph.saved_model.handmade import dense, zipped
from tests.hostile.mutations import changed

_REAL = REPOSITORY / "tests" / "data" / "saved_models"


def saved_models(folder: Path) -> Target:
    """A file of a SavedModel with changed bytes in an archive that is right, or an archive with changed bytes."""
    path = folder / "upload"
    corpus = [dense().files(), *(_files_of(one) for one in sorted(_REAL.glob("*.zip")))]

    def make(rng: random.Random) -> bytes:
        files = rng.choice(corpus)
        if rng.randrange(4) == 0:
            return changed(zipped(files), rng)
        name = rng.choice(sorted(files))
        return zipped({**files, name: changed(files[name], rng)})

    def attempt(case: bytes) -> bool:
        path.write_bytes(case)
        try:
            read_model_file(path)
        except GraphError:
            return False
        return True

    return Target("saved_models", make, attempt)


def _files_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
