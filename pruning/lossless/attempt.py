"""The lossless steps once through: fold, remove weights below float32 rounding, simplify, round to float32."""

from collections.abc import Collection
from dataclasses import dataclass

from graph.batches import Arrays
from graph.graph import Graph
from graph.verify import verify
from pruning.lossless.bounds import magnitude_bounds
from pruning.lossless.drop import DropClaim, DropResult, drop_negligible
from pruning.lossless.network_bound import NetworkBound, network_bounds
from pruning.lossless.options import LosslessOptions
from pruning.lossless.yardstick import scales_seen
from pruning.simplify.pipeline import BEFORE_DROPPING, FOLDING, SIMPLIFYING, run_to_fixpoint
from pruning.simplify.rewrite import Note, Pass, frozen, rounded, widened

# Fewer weights are not worth computing samples for: a large network has some that are small by chance.
_LEAST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class Attempt:
    """A graph after the lossless steps, not yet measured.

    Attributes:
        graph: the new graph, float32 and verified.
        claims: what the scale-aware rule removed from each kernel.
        bounds: how far that can move each output.
        undeclared: the names of the inputs that nothing bounds.
        notes: what the rewrites did.
    """

    graph: Graph
    claims: tuple[DropClaim, ...]
    bounds: tuple[NetworkBound, ...]
    undeclared: tuple[str, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A float64 graph after the scale-aware rule, and what is proven about it; see `Attempt`."""

    graph: Graph
    claims: tuple[DropClaim, ...]
    bounds: tuple[NetworkBound, ...]
    undeclared: tuple[str, ...]


def attempt_lossless(
    graph: Graph,
    options: LosslessOptions,
    excluded: Collection[str],
    samples: Arrays | None = None,
) -> Attempt:
    """Run the steps that the options ask for.

    Args:
        graph: a verified graph with fixed sample shapes.
        options: the steps to run, and their numbers.
        excluded: the kernels that the scale-aware rule leaves alone.
        samples: inputs that show how large values are; one array (samples, *sample shape) for each.
    """
    canonical = run_to_fixpoint(widened(graph), BEFORE_DROPPING if options.fold else ())
    dropped = _drop(canonical.graph, options, excluded, samples)
    passes: tuple[Pass, ...] = (
        *(FOLDING if options.fold else ()),
        *(SIMPLIFYING if options.simplify else ()),
    )
    simple = run_to_fixpoint(dropped.graph, passes)
    final = rounded(simple.graph)
    verify(final)
    notes = (*canonical.notes, *simple.notes)
    return Attempt(final, dropped.claims, dropped.bounds, dropped.undeclared, notes)


def _drop(
    graph: Graph, options: LosslessOptions, excluded: Collection[str], samples: Arrays | None
) -> _Dropped:
    """Apply the rule and bound its effect. The removed weights, as large as the model, are not kept."""
    bounds = magnitude_bounds(graph, options.input_ranges)
    drop = DropResult({}, {}, ())
    if options.drop:
        drop = drop_negligible(graph, bounds, options, excluded)
    if drop.claims and samples is not None:
        if _share(graph, drop) < _LEAST_SHARE:
            drop = DropResult({}, {}, ())
        else:
            scales = scales_seen(graph, bounds, samples)
            drop = drop_negligible(graph, bounds, options, excluded, scales)
    proven = network_bounds(graph, bounds, drop.removed, options.assumed_magnitude)
    kernels = {name: frozen(kernel) for name, kernel in drop.kernels.items()}
    return _Dropped(graph.with_weights(kernels), drop.claims, proven, bounds.undeclared)


def _share(graph: Graph, drop: DropResult) -> float:
    """Return the share of all weights that the rule removed."""
    removed = sum(claim.removed for claim in drop.claims)
    return removed / sum(array.size for array in graph.weights.values())
