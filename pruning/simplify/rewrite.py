"""What a rewriting pass gives back, and the float64 form that passes work on.

Passes compute with float64 weights, so that a chain of rewrites is rounded to float32 only once, at the end; the
verifier, which insists on float32, checks a stand-in with the same shapes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from graph.graph import Graph
from graph.verify import verify
from pruning.rules.op_rules import Reals
from pruning.rules.table import unmovable_values


class Change(StrEnum):
    """Kinds of rewrites, as reports name them."""

    IDENTITY = "identity removed"
    FOLDED = "affine layer folded"
    COLLAPSED = "linear layers collapsed"
    MERGED = "duplicate units merged"
    REMOVED = "units removed"
    CONSTANT = "constant units folded into the next bias"
    CLEARED = "weights of unread or constant units cleared"
    DETACHED = "constant layer detached"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing a pass did.

    Attributes:
        change: the kind of rewrite.
        node: the name of the node it was done to.
        count: how many units, weights or nodes.
        into: the name of the node that took over, if there is one.
        exact: whether no stored value was recomputed, so that nothing was rounded.
    """

    change: Change
    node: str
    count: int = 1
    into: str = ""
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The graph after a pass and what was done; no notes means that nothing changed."""

    graph: Graph
    notes: tuple[Note, ...] = ()


Pass = Callable[[Graph], Rewrite]


def widened(graph: Graph) -> Graph:
    """Return the graph with float64 weights, for passes."""
    return replace(
        graph, weights={n: frozen(w.astype(np.float64)) for n, w in graph.weights.items()}
    )


@np.errstate(over="ignore")
def rounded(graph: Graph) -> Graph:
    """Return the graph with float32 weights, each rounded to nearest once; too large ones become infinite."""
    return replace(
        graph,
        weights={
            name: frozen(np.asarray(array, np.float32, order="C"))
            for name, array in graph.weights.items()
        },
    )


def frozen(array: Reals) -> Reals:
    """Make a freshly built array read-only, which spares the graph a copy."""
    array.flags.writeable = False
    return array


def verify_shapes(graph: Graph) -> None:
    """Verify a graph whose weights may be float64.

    Raises:
        VerifyError: an invariant does not hold.
    """
    stand_ins = {name: frozen(np.empty(w.shape, np.float32)) for name, w in graph.weights.items()}
    verify(replace(graph, weights=stand_ins))


def unshared(graph: Graph) -> frozenset[str]:
    """Return the names of the nodes none of whose weights another node uses."""
    users = graph.weight_users()
    return frozenset(
        node.name for node in graph.nodes if all(len(users[name]) == 1 for name in node.weights)
    )


def editable(graph: Graph) -> frozenset[str]:
    """Return the names of the nodes whose weights may be recomputed.

    No other node uses them, and all ops behind the node bear what that changes, which is as small as a rounding.
    """
    return unshared(graph) - unmovable_values(graph)
