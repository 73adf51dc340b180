"""`python -m app.compile_kernels`: a confined process that compiles kernels for the server, and never sees an upload.

Standard input has one JSON object: the process id of the server, limits, the target, and the words that each module is
written from. Standard output gets one JSON object: object code in Base64, by symbol.
"""

import base64
import os
import sys
from typing import TYPE_CHECKING, TypedDict

import orjson

from app.sandbox.confine import Limits, confine

if TYPE_CHECKING:
    from engine.kernels.abi import KernelSpec

# Predictions go first.
_LOW_PRIORITY = 10


class WrittenLimits(TypedDict):
    """`Limits` as JSON has them."""

    memory_max_bytes: int
    cpu_max_seconds: int
    file_max_bytes: int
    open_files_max: int
    threads_max: int
    sandbox_required: bool


class WrittenTarget(TypedDict):
    """A `Target` as JSON has it."""

    cpu_name: str
    features: str
    isa: str
    l1d_bytes: int
    l2_bytes: int
    cores: int


class WrittenKernel(TypedDict):
    """A `KernelSpec` as JSON has it."""

    family: str
    isa: str
    lanes: int
    activation: str | None
    variant: list[tuple[str, int | str]]


class CompileRequest(TypedDict):
    """What the server asks for.

    Attributes:
        parent: process id of the server.
        written: kernels, and names of parts of the runtime.
    """

    parent: int
    limits: WrittenLimits
    target: WrittenTarget
    written: list[WrittenKernel | str]


def main(request: CompileRequest) -> bytes:
    """Compile what is asked for, under its limits; return what is written to standard output."""
    os.nice(_LOW_PRIORITY)
    confine(Limits(**request["limits"]), request["parent"])
    # Imported under the limits: whatever the libraries do when they are loaded is confined too.
    from engine.core.target import Isa, Target
    from engine.execution.modules import source_of
    from engine.machine_code.object_cache import compile_here

    asked = request["target"]
    target = Target(
        cpu_name=asked["cpu_name"],
        features=asked["features"],
        isa=Isa(asked["isa"]),
        l1d_bytes=asked["l1d_bytes"],
        l2_bytes=asked["l2_bytes"],
        cores=asked["cores"],
    )
    sources = [source_of(_written(each), target.isa) for each in request["written"]]
    code = compile_here(sources, target)
    return orjson.dumps({symbol: base64.b64encode(each).decode() for symbol, each in code.items()})


def _written(each: WrittenKernel | str) -> "KernelSpec | str":
    """Return a kernel's specification, or the name of a part of the runtime, as the engine has it."""
    from engine.core.functions import FusedActivation
    from engine.core.target import Isa
    from engine.kernels.abi import KernelSpec

    if isinstance(each, str):
        return each
    activation = each["activation"]
    return KernelSpec(
        family=each["family"],
        isa=Isa(each["isa"]),
        lanes=each["lanes"],
        activation=None if activation is None else FusedActivation(activation),
        variant=tuple((name, value) for name, value in each["variant"]),
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(main(orjson.loads(sys.stdin.buffer.read())))
