"""Artifacts changed and sealed again with a right checksum: refused, or run without leaving a buffer."""

import json
import random
from pathlib import Path

from benchmarks.reliability.fuzzing.target import Target
from engine.artifacts.artifact import artifact_bytes
from engine.compiler import compile_graph
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache
from tests.engine.compiled import UNTUNED
from tests.engine.tamper import Tampered, leaves, outcome
from tests.engine.test_artifact import model_graph
from tests.engine.varying import small_network, varying_model
from tests.hostile.mutations import changed

_VALUES = (-2, -1, 0, 1, 2, 3, 7, 8, 16, 33, 79, 2**31, 2**40, 2**53, -(2**63), None, True, "", "relu", [], {})  # fmt: skip


def artifacts(folder: Path) -> Target:
    """Return two models, of fixed and of varying size, with changed data, manifest values, manifest text or bytes."""
    objects = folder / "objects"
    objects.mkdir(mode=0o700)
    cache = ObjectCache(objects)
    contents = (
        artifact_bytes(compile_graph(model_graph(), host_target(), UNTUNED, cache)),
        artifact_bytes(varying_model(small_network(), cache)),
    )

    def make(rng: random.Random) -> bytes:
        content = rng.choice(contents)
        tampered, way = Tampered(content), rng.randrange(4)
        if way == 0:
            for _ in range(rng.randint(1, 3)):
                tampered.data[rng.randrange(len(tampered.data))] ^= rng.randint(1, 255)
            return tampered.sealed()
        if way == 1:
            holder, key = rng.choice(leaves(tampered.manifest))
            holder[key] = rng.choice(_VALUES)
            return tampered.sealed()
        if way == 2:
            return tampered.sealed(changed(json.dumps(tampered.manifest).encode(), rng))
        return changed(content, rng)

    def attempt(case: bytes) -> bool:
        return outcome(case, cache) == "ran"

    return Target("artifacts", make, attempt)
