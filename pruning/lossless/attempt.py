"""The lossless steps once through: fold, drop what rounding hides, simplify, round to float32."""

from collections.abc import Collection
from dataclasses import dataclass

from graph.graph import Graph
from graph.verify import verify
from pruning.certificate import NetworkBound, network_bounds
from pruning.lossless.bounds import Bounds, magnitude_bounds
from pruning.lossless.drop import DropResult, drop_negligible
from pruning.recipe import LosslessOptions
from pruning.simplify.pipeline import BEFORE_DROPPING, FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.rewrite import Note, Pass, frozen, rounded, widened


@dataclass(frozen=True, slots=True)
class Attempt:
    """A graph after the lossless steps, not yet measured.

    Attributes:
        graph: float32, verified.
        drop: what the scale-aware rule removed.
        bounds: what that can do to each output.
        undeclared: inputs that nothing bounds.
        notes: what the rewrites did.
    """

    graph: Graph
    drop: DropResult
    bounds: tuple[NetworkBound, ...]
    undeclared: tuple[str, ...]
    notes: tuple[Note, ...]


def attempt_lossless(graph: Graph, options: LosslessOptions, excluded: Collection[str]) -> Attempt:
    """Run the steps that the options ask for.

    Args:
        graph: verified, with fixed sample shapes.
        options: which steps, and their numbers.
        excluded: kernels that the scale-aware rule leaves alone.
    """
    canonical = run_to_fixpoint(widened(graph), BEFORE_DROPPING if options.fold else ())
    bounds = magnitude_bounds(canonical.graph, options.input_ranges)
    drop = _drop(canonical.graph, bounds, options, excluded)
    dropped = canonical.graph.with_weights({n: frozen(k) for n, k in drop.kernels.items()})
    passes: tuple[Pass, ...] = (
        *(FOLDING if options.fold else ()),
        *(SIMPLIFYING if options.simplify else ()),
    )
    simple = run_to_fixpoint(dropped, passes)
    final = rounded(simple.graph)
    verify(final)
    return Attempt(
        final,
        drop,
        network_bounds(canonical.graph, bounds, drop, options.assumed_magnitude),
        bounds.undeclared,
        (*canonical.notes, *simple.notes),
    )


def _drop(
    graph: Graph, bounds: Bounds, options: LosslessOptions, excluded: Collection[str]
) -> DropResult:
    if not options.drop:
        return DropResult({}, {}, ())
    return drop_negligible(graph, bounds, options, excluded)
