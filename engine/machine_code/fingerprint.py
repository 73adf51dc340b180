"""Names the code that writes kernels, so that a cached object is found without writing its text again.

The text of a kernel follows from its specification and from the source files below. Their hash stands for
it, together with the versions of what runs them. What is hashed must be what this process has loaded: a
file that changed after this module was imported makes the fingerprint unknown, and keys then come from
the text itself.
"""

import functools
import hashlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

_ENGINE = Path(__file__).parents[1]
# What kernels are written with, of what the engine stands on.
_CORE = (
    "arrays",
    "attention_steps",
    "functions",
    "general_steps",
    "kernel_forms",
    "layers",
    "places",
    "rates",
    "recurrent_steps",
    "target",
    "window_steps",
)
# And of the graph: what its functions mean.
_GRAPH = ("activations", "element_functions", "error_function")
# Clocks of file systems are coarse: what changed this shortly before the import counts as later.
_MARGIN_SECONDS = 1.0
_IMPORTED_AT = time.time()


@functools.lru_cache(1)
def writers_fingerprint() -> str | None:
    """Return the fingerprint of this process's kernel writers; None where it cannot be known."""
    return fingerprint_of(writer_sources(), _IMPORTED_AT)


def writer_sources() -> list[Path]:
    """Return every file that the text of kernels, or how it is compiled, depends on."""
    folders = (_ENGINE / "kernels", _ENGINE / "formats")
    return [
        *(source for folder in folders for source in sorted(folder.glob("*.py"))),
        *(_ENGINE / "core" / f"{name}.py" for name in _CORE),
        _ENGINE / "machine_code" / "object_code.py",
        *(_ENGINE.parent / "graph" / f"{name}.py" for name in _GRAPH),
    ]


def fingerprint_of(sources: Iterable[Path], loaded_at: float) -> str | None:
    """Hash source files.

    Args:
        sources: files; at least one must exist.
        loaded_at: `time.time` value after which they may differ from the code in memory.

    Returns:
        None where a file cannot be read or is too new: its time of change, which nobody can set.
    """
    digest = hashlib.sha256(f"{sys.version} {np.__version__}".encode())
    try:
        for source in sources:
            with open(source, "rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_ctime > loaded_at - _MARGIN_SECONDS:
                    return None
                content = file.readall()
            digest.update(f"\n{source.parent.name}/{source.name} {len(content)}\n".encode())
            digest.update(content)
    except OSError:
        return None  # installed without sources
    return digest.hexdigest()
