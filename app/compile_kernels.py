"""`python -m app.compile_kernels`: a confined process that compiles kernels for the server, and never sees an upload.

Standard input has one JSON object: the process id of the server, limits, the target, and the words that each module is
written from. Standard output gets one JSON object: object code in Base64, by symbol.
"""

import base64
import os
import sys
from typing import TYPE_CHECKING, Any

import orjson

from app.sandbox.confine import Limits, confine

if TYPE_CHECKING:
    from engine.kernels.abi import KernelSpec

# Predictions go first.
_LOW_PRIORITY = 10


def main(request: dict[str, Any]) -> bytes:
    """Compile what is asked for, under its limits; return what is written to standard output."""
    os.nice(_LOW_PRIORITY)
    confine(Limits(**request["limits"]), request["parent"])
    # Imported under the limits: whatever the libraries do when they are loaded is confined too.
    from engine.execution.modules import source_of
    from engine.machine_code.object_cache import compile_here
    from engine.target import Isa, Target

    target = Target(**{**request["target"], "isa": Isa(request["target"]["isa"])})
    sources = [source_of(_written(each), target.isa) for each in request["written"]]
    code = compile_here(sources, target)
    return orjson.dumps({symbol: base64.b64encode(each).decode() for symbol, each in code.items()})


def _written(each: Any) -> "KernelSpec | str":
    """Return a kernel's specification, or the name of a part of the runtime, as the engine has it."""
    from engine.kernels.abi import FusedActivation, KernelSpec
    from engine.target import Isa

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
