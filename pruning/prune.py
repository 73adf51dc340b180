"""prune(graph, recipe): choose, remove, simplify, and check the result against the original before giving it back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from graph.graph import Graph
from graph.sizes import Sizes, at_sizes
from graph.verify import verify
from pruning.calibrate import Calibration
from pruning.certificate import Certificate, Guarantee, LayerCertificate, weakness
from pruning.choice import Choice
from pruning.choose import choose
from pruning.compare import Comparison, compare
from pruning.errors import CalibrationError, GateError, RecipeError
from pruning.layers import LayerResult, Outcome, layer_results
from pruning.lossless.attempt import Attempt, attempt_lossless
from pruning.lossless.drop import DropClaim
from pruning.lossless.options import InputRange, LosslessOptions
from pruning.probe import ProbeSet, one_of_each, probe_sets
from pruning.prunable import WeightedLayer, weighted_layers
from pruning.quality import check_labels
from pruning.recipe import PruningRecipe
from pruning.rules.table import unknown_nodes
from pruning.simplify.rewrite import Note

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Varying:
    """A pruned graph whose inputs have axes of varying length.

    Attributes:
        graph: the pruned graph.
        original: the graph as given.
        sizes: what it was worked out and has to be checked at, the usual size first.
    """

    graph: Graph
    original: Graph
    sizes: tuple[Sizes, ...]

    def at(self, sizes: Sizes) -> tuple[Graph, Graph]:
        """Return the original and the pruned graph at a size."""
        return at_sizes(self.original, sizes), at_sizes(self.graph, sizes)


@dataclass(frozen=True, slots=True)
class PruneResult:
    """A pruned graph and the account of it.

    Attributes:
        graph: the pruned graph, with the original's inputs and outputs.
        original: the graph as given.
        recipe: what was asked for.
        layers: what became of every layer with weights.
        certificate: what is proven, and what was measured.
        notes: what the rewrites did, in order.
        choice: what the mode chose, before the lossless steps.
        varying: the graphs for inputs of any size, where axes vary; all else is then of the usual size.
    """

    graph: Graph
    original: Graph
    recipe: PruningRecipe
    layers: tuple[LayerResult, ...]
    certificate: Certificate
    notes: tuple[Note, ...]
    choice: Choice = field(default_factory=Choice)
    varying: Varying | None = None

    @property
    def graph_to_export(self) -> Graph:
        """The pruned graph with the original's inputs, whether their shapes are fixed or not."""
        return self.graph if self.varying is None else self.varying.graph

    @property
    def weights_before(self) -> int:
        """Kernel weights of all layers of the original, zeros included."""
        return sum(layer.weights_before for layer in self.layers if layer.has_kernel)

    @property
    def nonzeros_after(self) -> int:
        """Kernel weights of all layers that are left and not zero."""
        return sum(layer.nonzeros_after for layer in self.layers if layer.has_kernel)

    @property
    def weights_removed_share(self) -> float:
        """Fraction of the kernels' weights that is gone or zero."""
        return 1.0 - self.nonzeros_after / self.weights_before if self.weights_before else 0.0


@dataclass(frozen=True, slots=True)
class _Accepted:
    """Lossless steps that passed the gate."""

    attempt: Attempt
    options: LosslessOptions
    change: Comparison
    rolled_back: tuple[str, ...]


def prune(
    graph: Graph,
    recipe: PruningRecipe,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
    choice: Choice | None = None,
) -> PruneResult:
    """Prune a model.

    Args:
        graph: the model, verified here.
        recipe: what to remove.
        calibration: samples that join the probe inputs; labels are only checked here.
        progress: called with a stage's name and the fraction done, in [0, 1].
        choice: what the recipe's mode chose, where that is known; chosen here by default.

    Returns:
        The pruned graph with its certificate. Names and shapes of inputs and outputs are the original's.

    Raises:
        VerifyError: the graph is not valid.
        ShapeError: an axis other than the batch varies in length.
        RecipeError: the recipe names a layer or input that is not there, asks to prune a layer that cannot be, or sets
            a gate that there is no data for.
        CalibrationError: the labels do not fit the model's outputs, samples leave the declared range, or there are too
            few of them.
        QualityGateError: mode calibrated finds nothing that its gate accepts.
        GateError: even without any rewrite the outputs differ by more than the gate.
    """
    report = progress or _silent
    report("choose", 0.0)
    verify(graph)
    _check_ranges(graph, recipe.lossless.input_ranges, calibration)
    check_labels(graph, calibration)
    layers = weighted_layers(graph, recipe.layers)
    if choice is None:
        choice = choose(graph, layers, recipe, calibration, partial(_first_fifth, report))
    stage = graph.with_weights(choice.weights)
    samples = None if calibration is None else calibration.inputs
    probes = probe_sets(graph, recipe.lossless.input_ranges, samples)
    report("simplify", 0.2)
    accepted = _accept(stage, layers, recipe, probes, report)
    report("measure", 0.8)
    measured = compare(graph, accepted.attempt.graph, probes) if choice.weights else accepted.change
    outcome = Outcome(graph, accepted.attempt, choice, accepted.options)
    records = layer_results(layers, outcome)
    report("done", 1.0)
    return PruneResult(
        accepted.attempt.graph,
        graph,
        recipe,
        records,
        _certificate(records, accepted, measured, choice),
        accepted.attempt.notes,
        choice,
    )


def _check_ranges(
    graph: Graph, ranges: Mapping[str, InputRange], calibration: Calibration | None
) -> None:
    """Refuse a range for an input that is not there, and samples that break the promise a range is."""
    names = list(dict.fromkeys(one.name for one in (*graph.public_inputs, *graph.inputs)))
    for name in ranges:
        if name and name not in names:
            expected = f"an input of the model: {', '.join(names)}"
            raise RecipeError(f"lossless.input_range.{name}", expected, name)
    for name, array in ({} if calibration is None else calibration.inputs).items():
        declared = ranges.get(name, ranges.get(""))
        if declared is not None and (array.min() < declared.low or array.max() > declared.high):
            expected = f"numbers within the declared range [{declared.low:g}, {declared.high:g}]"
            raise CalibrationError(
                name, expected, f"numbers from {array.min():g} to {array.max():g}"
            )


def _first_fifth(report: Progress, done: float) -> None:
    """Report how far the choice is, which comes before all else."""
    report("choose", 0.2 * done)


def _silent(_stage: str, _fraction: float) -> None:
    """Report to nobody."""


def _accept(
    stage: Graph,
    layers: Sequence[WeightedLayer],
    recipe: PruningRecipe,
    probes: Sequence[ProbeSet],
    report: Progress,
) -> _Accepted:
    """Run the lossless steps; while their measured change is above the gate, undo the worst and run again."""
    options, samples = recipe.lossless, one_of_each(probes)
    excluded = {layer.weight for layer in layers if not layer.is_prunable}
    undone: list[str] = []
    is_drop_to_blame, rounds = False, 0
    while True:
        attempt = attempt_lossless(stage, options, excluded, samples)
        report("check", 0.5)
        change = compare(stage, attempt.graph, probes)
        if change.unexplained <= options.gate:
            return _Accepted(attempt, options, change, tuple(undone))
        reason = f"(outputs changed by {change.unexplained:.1e}, allowed {options.gate:.1e})"
        # That the rule is to blame is found once: without it the gate passes, whatever else was put back.
        if attempt.claims and not is_drop_to_blame:
            is_drop_to_blame = _is_drop_to_blame(stage, options, excluded, probes)
        if attempt.claims and is_drop_to_blame:
            suspects = _suspects(attempt.claims, rounds)
            rounds += 1
            excluded.update(suspects)
            undone += [f"small weights of {name} were put back {reason}" for name in suspects]
        elif options.fold or options.simplify:
            undone.append(f"step {'fold' if options.fold else 'simplify'} was undone {reason}")
            options = replace(options, fold=False, simplify=options.fold and options.simplify)
        else:
            raise GateError(change.unexplained, options.gate)


def _suspects(claims: Sequence[DropClaim], rounds: int) -> tuple[str, ...]:
    """Return the kernels whose small weights to put back: the worst, then the worse half, then all.

    Each round takes two graphs over all probe inputs, so a network of many kernels must not try one at a time.
    """
    ranked = sorted(claims, key=lambda claim: claim.row_ratio, reverse=True)
    counts = (1, -(-len(ranked) // 2), len(ranked))
    return tuple(claim.kernel for claim in ranked[: counts[min(rounds, 2)]])


def _is_drop_to_blame(
    stage: Graph, options: LosslessOptions, excluded: set[str], probes: Sequence[ProbeSet]
) -> bool:
    """Return whether the gate passes without the scale-aware rule, or nothing else is left to undo."""
    if not (options.fold or options.simplify):
        return True
    without = attempt_lossless(stage, replace(options, drop=False), excluded)
    return compare(stage, without.graph, probes).unexplained <= options.gate


def _certificate(
    records: Sequence[LayerResult], accepted: _Accepted, measured: Comparison, choice: Choice
) -> Certificate:
    certificates: dict[str, LayerCertificate] = {}
    for record in records:
        # Several nodes with weights of their own may come from one layer: the weakest speaks for it.
        known = certificates.get(record.layer, record.certificate)
        certificates[record.layer] = max(known, record.certificate, key=weakness)
    return Certificate(
        guarantee=max(certificates.values(), key=weakness).guarantee
        if certificates
        else Guarantee.EXACT,
        layers=certificates,
        bounds=accepted.attempt.bounds,
        simplification=accepted.change,
        measured=measured,
        gate=accepted.options.gate,
        assumptions=_assumptions(accepted),
        rolled_back=(*choice.lowered, *accepted.rolled_back),
    )


def _assumptions(accepted: _Accepted) -> tuple[str, ...]:
    """Return what the claims rest on."""
    options = accepted.options
    sentences = ["Inputs are finite: a removed weight no longer passes NaN or infinity on."]
    limited = [claim.kernel for claim in accepted.attempt.claims if not claim.every_input]
    if limited and accepted.attempt.undeclared:
        names = ", ".join(accepted.attempt.undeclared)
        sentences.append(
            f"Inputs {names} have no declared range; they are at most {options.assumed_magnitude:g} in magnitude "
            f"(needed for {', '.join(limited)})."
        )
    for name, declared in options.input_ranges.items():
        whose = f"Input {name}" if name else "Every input without a range of its own"
        sentences.append(
            f"{whose} stays within [{declared.low:g}, {declared.high:g}], as declared."
        )
    strange = unknown_nodes(accepted.attempt.graph)
    if strange:
        named = ", ".join(f"{node.name} ({type(node.op).__name__})" for node in strange)
        sentences.append(
            f"Nothing is known of how these layers compute, and no bound holds behind them: {named}."
        )
    return tuple(sentences)
