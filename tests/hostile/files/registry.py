"""Hostile uploads: short functions that write a file and say with which error it must be refused."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import GraphError
from tests.graph.keras.handmade import (
    BIAS,
    DENSE,
    KERNEL,
    dense_config,
    folders,
    write_archive,
    write_legacy,
)


@dataclass(frozen=True, slots=True)
class HostileFile:
    """One hostile upload.

    Attributes:
        name: what it tries.
        write: writes it.
        error: the error that reading it must raise; None where it is harmless and must be read.
    """

    name: str
    write: Callable[[Path], Any]
    error: type[GraphError] | None


class Registry(dict[str, HostileFile]):
    """The files of one module by name."""

    def refused_with(
        self, error: type[GraphError]
    ) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
        """Register a function under its own name."""
        return lambda write: self.add(write.__name__, write, error)

    def harmless(self, write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        """Register a file that looks hostile and must be read, without anything in it being run."""
        return self.add(write.__name__, write, None)

    def add(
        self, name: str, write: Callable[[Path], Any], error: type[GraphError] | None
    ) -> Callable[[Path], Any]:
        """Register a file of a family of files."""
        assert name not in self, name
        self[name] = HostileFile(name, write, error)
        return write


def valid_archive(path: Path) -> Path:
    weights = folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})
    return write_archive(path, dense_config(), weights)


def valid_legacy(path: Path) -> Path:
    return write_legacy(path, dense_config(), DENSE)
