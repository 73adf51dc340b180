"""How long each layer with weights takes of whole calls of a batch size, on one thread."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.core.target import Target
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.planning.schedule import make_schedule
from engine.roofline.layer_times import time_layers


@dataclass(frozen=True, slots=True)
class CallLayer:
    """One layer with weights in calls of one batch size.

    Attributes:
        name: name of the graph's node.
        kernel: native symbol; the widest tile's, where a call runs several widths.
        seconds: time of all tiles of a call together.
    """

    name: str
    kernel: str
    seconds: float


def layers_of_calls(
    model: CompiledModel,
    target: Target,
    cache: ObjectCache,
    batches: Sequence[int],
    seconds: float,
) -> Mapping[int, tuple[CallLayer, ...]]:
    """Return the layers with weights of a model in program order, by batch size.

    Tiles are timed as wholes with a stamp between their steps; a call is the tiles that its schedule says.

    Args:
        model: compiled for the target's level.
        target: this host.
        cache: object code.
        batches: sizes of calls.
        seconds: time to go on calling.

    Raises:
        CodegenError: kernels could not be compiled or loaded.
    """
    plan = model.plan
    runs = time_layers(model.program, plan, target, cache, seconds)
    schedule = make_schedule(plan.tiles, plan.threads, 1)
    lanes = [tile.lanes for tile in plan.tiles]
    found = {}
    for batch in batches:
        tiles = [runs[number] for number in schedule.sequence(lanes, batch)]
        widest = max(tiles, key=lambda tile: tile.lanes)
        found[batch] = _joined(
            CallLayer(
                layer.name,
                layer.spec.symbol,
                sum(tile.layers[place].seconds for tile in tiles),
            )
            for place, layer in enumerate(widest.layers)
        )
    return found


def _joined(parts: Iterable[CallLayer]) -> tuple[CallLayer, ...]:
    """Return layers that run in several steps as one entry each, with the kernel of the first."""
    found: dict[str, CallLayer] = {}
    for part in parts:
        first = found.get(part.name)
        seconds = part.seconds if first is None else first.seconds + part.seconds
        found[part.name] = replace(first or part, seconds=seconds)
    return tuple(found.values())
