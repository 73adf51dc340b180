"""Takes an artifact apart, lets a test change it, and seals it again with a right checksum."""

import hashlib
import json
import struct
from typing import Any

import numpy as np

from engine.artifacts.artifact import parse_artifact
from engine.core.errors import ArtifactError
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache

HEADER = struct.Struct("<8sIIQ32s8s")


class Tampered:
    """An artifact in parts.

    Attributes:
        manifest: the manifest as JSON values.
        data: everything behind the manifest.
    """

    def __init__(self, content: bytes) -> None:
        self.head = list(HEADER.unpack(content[:64]))
        length = self.head[3]
        self.manifest: dict[str, Any] = json.loads(content[64 : 64 + length])
        self.data = bytearray(content[64 + -(-length // 64) * 64 :])

    def array(self, section: int) -> np.ndarray:
        """A writeable view of a section."""
        entry = self.manifest["sections"][section]
        count = int(np.prod(entry["shape"], dtype=np.int64))
        flat = np.frombuffer(self.data, entry["dtype"], count, entry["offset"])
        return flat.reshape(entry["shape"])

    def layer(self, lanes: int, number: int = 0) -> dict[str, Any]:
        """The entry of a dense layer in a tile width."""
        tile = next(t for t in self.manifest["plan"]["tiles"] if t["lanes"] == lanes)
        found: dict[str, Any] = tile["layers"][number]
        return found

    def packed(self, lanes: int, name: str) -> np.ndarray:
        """A writeable view of a packed array of the first dense layer."""
        return self.array(self.layer(lanes)["packed"][0]["constants"][name])

    def sealed(self, text: bytes | None = None) -> bytes:
        """The file, with `text` in place of the manifest where given."""
        if text is None:
            text = json.dumps(self.manifest, ensure_ascii=False).encode()
        body = text + bytes(-len(text) % 64) + bytes(self.data)
        return seal([*self.head[:3], len(text), b"", self.head[5]], body)


def write_as_before_version_4(tampered: Tampered) -> None:
    """Take out what came with version 4: groups of rows that share a number, and the axis of parts."""
    for step in tampered.manifest["program"]["steps"]:
        if step["kind"] == "affine":
            assert step["length"] == step["y"][2]
            for name in ("outer", "length", "inner"):
                del step[name]
    for tile in tampered.manifest["plan"]["tiles"]:
        for layer in tile["layers"]:
            assert layer.pop("split") == "units"


def seal(head: list[Any], body: bytes) -> bytes:
    """A file from header fields and body, with the checksum of the body."""
    head[4] = hashlib.sha256(body).digest()
    return HEADER.pack(*head) + body


def outcome(changed: bytes, cache: ObjectCache) -> str:
    """`refused`, or `ran` when every check passed and a call came back."""
    try:
        # What is not stored packed is packed when it is loaded, and refused then where no kernel suits it.
        executable = load(parse_artifact(changed), cache)
    except ArtifactError:
        return "refused"
    batch = {spec.name: np.zeros((17, *spec.usual_shape), spec.dtype) for spec in executable.inputs}
    result = executable.run(batch)
    assert {result[spec.name].shape[0] for spec in executable.outputs} == {17}
    return "ran"


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) whose value is no container."""
    entries = list(value.items() if isinstance(value, dict) else enumerate(value))
    found = [(value, key) for key, item in entries if not isinstance(item, dict | list)]
    for _, item in entries:
        if isinstance(item, dict | list):
            found += leaves(item)
    return found
