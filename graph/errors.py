"""Errors of the graph room, and the base that every room's errors share.

PrunusError                 anything Prunus refuses; carries what was expected, what came, what to do
└── GraphError              something is wrong with a model as data
    ├── ShapeError          an op does not accept the shapes it is given
    ├── VerifyError         a graph breaks an invariant (our own bug, or a hostile file)
    └── ModelFileError      an uploaded file cannot be read; subclasses below, one per reason
"""

from typing import ClassVar


class PrunusError(Exception):
    """Base of every error that Prunus raises on purpose.

    Attributes:
        slug: stable identifier of the kind of error, used in problem documents.
        title: the kind of error in a few words.
        expected: what would have been accepted; may be empty.
        got: what came instead; may be empty.
        hint: what the user can do about it; may be empty.
    """

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something was refused"

    def __init__(self, message: str, *, expected: str = "", got: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        if self.hint:
            parts.append(self.hint)
        return "; ".join(parts)


class GraphError(PrunusError):
    """Something is wrong with a model as data."""

    slug = "invalid-graph"
    title = "The model's graph is not valid"


class ShapeError(GraphError):
    """An op does not accept the shapes it is given."""

    slug = "shape-mismatch"
    title = "Shapes in the model do not fit together"


class VerifyError(GraphError):
    """A graph breaks one of the invariants listed in `graph.verify`."""

    slug = "invalid-graph"


class ModelFileError(GraphError):
    """An uploaded model file cannot be read."""

    slug = "unreadable-model"
    title = "The model file cannot be read"
