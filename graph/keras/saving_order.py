"""The order in which Keras 3 lists the layers of a functional model when it loads one.

Weights are stored in folders that are numbered in this order, so a file can be written without Keras only by working it
out in the same way: keras.src.ops.function.map_graph. Layers are sorted by depth, which is the longest way to an
output, deepest first; layers of one depth by when a depth-first walk from the outputs meets them.
"""

from collections.abc import Mapping, Sequence

LayerCall = tuple[str, int]


def saving_order(
    calls: Mapping[LayerCall, Sequence[LayerCall]],
    outputs: Sequence[LayerCall],
    layers: Sequence[str],
) -> list[str]:
    """Order layers as Keras does.

    Args:
        calls: each call of a layer, with the calls it takes its inputs from.
        outputs: the calls that make the model's outputs, in order.
        layers: all layers, in the order of the model's inputs where they are not reached from the outputs.
    """
    finished, met = _walk(calls, outputs)
    depths: dict[LayerCall, int] = {}
    layer_depths: dict[str, int] = {}
    for call in reversed(finished):
        depth = max(depths.get(call, 0), layer_depths.get(call[0], 0))
        depths[call] = layer_depths[call[0]] = depth
        for source in calls[call]:
            depths[source] = max(depths.get(source, 0), depth + 1)
    unreached = [name for name in layers if name not in layer_depths]
    # Inputs that no output needs come last, before what makes the outputs.
    layer_depths.update(dict.fromkeys(unreached, 0))
    met.update(dict.fromkeys(unreached, -1))
    return sorted(layer_depths, key=lambda name: (-layer_depths[name], met[name]))


def _walk(
    calls: Mapping[LayerCall, Sequence[LayerCall]], outputs: Sequence[LayerCall]
) -> tuple[list[LayerCall], dict[str, int]]:
    """Depth-first from the outputs: calls as they are finished, and when each layer is first met."""
    finished: list[LayerCall] = []
    done: set[LayerCall] = set()
    met: dict[str, int] = {}
    for output in outputs:
        path = [(output, 0)]
        while path:
            call, place = path.pop()
            if place == 0:
                if call in done:
                    continue
                met.setdefault(call[0], len(met))
            sources = calls[call]
            if place < len(sources):
                path += [(call, place + 1), (sources[place], 0)]
            else:
                finished.append(call)
                done.add(call)
    return finished, met
