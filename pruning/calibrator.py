"""Mode calibrated: weights chosen by what they do to the outputs of their layer on samples, the others fitted anew.

First, every layer of the model as trained gets scores (`pruning.solvers`), which are ranked over all layers as mode
magnitude ranks sizes. Then the layers are gone through in order: with the inputs that the layers before, already
pruned, give it, each is fitted to the outputs that it had in the original. So it makes up for the errors before it,
too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graph.batches import samples_at_once
from graph.graph import Graph, Node, WeightArray
from graph.linear import LinearKernel
from pruning.allocate import Candidate, allocate
from pruning.calibrated.alps import alps_mask
from pruning.calibrated.least_squares import fitted
from pruning.calibrated.problem import LayerProblem, Reals, damped
from pruning.calibrated.replay import Arrays, Replay
from pruning.calibrated.sums import layer_problems
from pruning.errors import CalibrationError
from pruning.patterns import Mask, expand, keep_largest, n_of_m, pool
from pruning.recipe import LayerOverride, NofM, PruningRecipe, Solver
from pruning.simplify.rewrite import frozen
from pruning.solvers import layer_scores, solver_for

Advance = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A layer that is pruned.

    Attributes:
        layer: its path.
        weight: the name of its kernel.
        nodes: the nodes that apply it, in the graph's order.
        kernel: how the kernel is laid out.
    """

    layer: str
    weight: str
    nodes: tuple[Node, ...]
    kernel: LinearKernel

    @property
    def values(self) -> tuple[str, ...]:
        """Return the names of its inputs."""
        return tuple(dict.fromkeys(node.inputs[0] for node in self.nodes))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of its outputs."""
        return tuple(node.name for node in self.nodes)


class Calibrator:
    """The scores of a model's layers on samples, and weights for any sparsity after them."""

    def __init__(
        self,
        graph: Graph,
        targets: Sequence[Target],
        inputs: Arrays,
        recipe: PruningRecipe,
        advance: Advance,
    ) -> None:
        """Compute the scores.

        Args:
            graph: the model as trained, with fixed sample shapes.
            targets: the layers to prune, in the graph's order.
            inputs: samples by input name.
            recipe: what was asked for, of mode calibrated.
            advance: called with the fraction of the work that is done.
        """
        self._graph = graph
        self._targets = targets
        self._inputs = inputs
        self._options = recipe.calibrated
        self._recipe = recipe
        samples = len(next(iter(inputs.values())))
        self._batch_count = -(-samples // samples_at_once(graph))
        self._scores = self._all_scores(advance)

    def _all_scores(self, advance: Advance) -> dict[str, Reals]:
        pattern = self._recipe.pattern if isinstance(self._recipe.pattern, NofM) else None
        replay = Replay(self._graph, self._inputs)
        scores = {}
        for number, target in enumerate(self._targets):
            advance(number / len(self._targets))
            replay.move_to(self._graph, target.nodes[0].name)
            seen = ((batch, batch) for batch in replay.values({*target.values, *target.outputs}))
            parts = [
                layer_scores(
                    problem,
                    self._options.solver,
                    self._options.damping,
                    pattern,
                    target.kernel.taps,
                )
                for problem in self._problems(target, seen)
            ]
            scores[target.weight] = np.concatenate(parts, axis=1)
        return scores

    def _problems(
        self, target: Target, seen: Iterator[tuple[Arrays, Arrays]]
    ) -> tuple[LayerProblem, ...]:
        seed = self._options.seed
        problems = layer_problems(self._graph, target.nodes, seen, self._batch_count, seed)
        if not all(problem.is_finite for problem in problems):
            raise CalibrationError(
                "file",
                "samples on which all values in the model are finite",
                f"NaN or infinity at layer {target.layer!r}",
            )
        return problems

    def weights_at(self, sparsity: float | None, advance: Advance) -> dict[str, WeightArray]:
        """Return kernels and biases at a sparsity over all layers, by weight name.

        Args:
            sparsity: target in [0, 1); None where the pattern says it.
            advance: called with the fraction of the work that is done.
        """
        recipe = replace(self._recipe, sparsity=sparsity)
        masks = allocate([self._candidate(target) for target in self._targets], recipe)
        trained, pruned = Replay(self._graph, self._inputs), Replay(self._graph, self._inputs)
        graph = self._graph
        found: dict[str, WeightArray] = {}
        for number, target in enumerate(self._targets):
            advance(number / len(self._targets))
            first = target.nodes[0].name
            trained.move_to(self._graph, first)
            pruned.move_to(graph, first)
            seen = zip(pruned.values(target.values), trained.values(target.outputs), strict=True)
            new = self._fitted(target, masks[target.weight], self._problems(target, seen))
            found |= new
            graph = graph.with_weights(new)
        return found

    def _candidate(self, target: Target) -> Candidate:
        own = self._recipe.layers.get(target.layer, LayerOverride()).sparsity
        return Candidate(target.weight, self._scores[target.weight], own, target.kernel.dims)

    def _fitted(
        self, target: Target, mask: Mask, problems: tuple[LayerProblem, ...]
    ) -> dict[str, WeightArray]:
        """Return a layer's kernel and bias, fitted on the mask or, by ALPS, on one of as many weights."""
        masks = np.split(mask, target.kernel.groups, axis=1)
        parts = [self._group(target, *pair) for pair in zip(masks, problems, strict=True)]
        weights = np.concatenate(parts, axis=1).astype(np.float32)
        names = target.nodes[0].weights
        fan_in = target.kernel.fan_in
        found = {names[0]: frozen(target.kernel.array(weights[:fan_in]))}
        if len(names) > 1:
            found[names[1]] = frozen(weights[fan_in])
        return found

    def _group(self, target: Target, mask: Mask, problem: LayerProblem) -> Reals:
        system = damped(problem, self._options.damping)
        if solver_for(self._options.solver, system) is Solver.ALPS and not mask.all():
            mask = alps_mask(system, self._keeper(target, mask))
        return fitted(system, mask, problem.trained)

    def _keeper(self, target: Target, mask: Mask) -> Callable[[Reals], Mask]:
        """Return what keeps as many weights of any scores as the mask, in the recipe's pattern."""
        pattern, taps = self._recipe.pattern, target.kernel.taps
        if isinstance(pattern, NofM):
            return lambda scores: n_of_m(scores, pattern, taps)
        shape = Candidate("", mask.astype(np.float64), None, (*target.kernel.size, 1, 1)).shape
        count = int(np.count_nonzero(pool(mask.astype(np.float64), pattern, taps)))
        return lambda scores: expand(
            keep_largest(pool(scores, pattern, taps), count), pattern, shape
        )
