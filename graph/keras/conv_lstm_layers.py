"""ConvLSTM1D, 2D and 3D -> ops: an LSTM whose products are convolutions (Shi et al. 2015), step after step.

Every step is a few nodes of its own, with the same weights; so the number of steps has to be known.
"""

from dataclasses import dataclass

from graph.activations import LINEAR, ActivationFunction
from graph.conv_ops import Conv
from graph.errors import UnsupportedLayerError
from graph.keras.activation_layers import activation_of
from graph.keras.channels import has_channels_first
from graph.keras.conv_layers import padding_of, per_axis, spatial_rank
from graph.keras.draft import Site
from graph.keras.sequence_run import Run
from graph.ops import Activation, Merge, MergeKind
from graph.shape_ops import Concatenate
from graph.slice_ops import ExpandDims, Slice, Squeeze
from graph.windows import Padding

_GATES = ("i", "f", "c", "o")


@dataclass(frozen=True, slots=True)
class _Cell:
    """What is done at each step.

    Attributes:
        site: the layer.
        filters: how many channels a state has.
        on_input: the convolution of what comes in.
        on_state: the convolution of the state, which keeps its size.
        input_weights: kernel and, if there is one, bias.
        state_weights: the recurrent kernel.
        activation: the function of the candidate and of the state.
        recurrent_activation: the function of the other gates.
    """

    site: Site
    filters: int
    on_input: Conv
    on_state: Conv
    input_weights: tuple[str, ...]
    state_weights: tuple[str, ...]
    activation: ActivationFunction
    recurrent_activation: ActivationFunction


def through_images(site: Site, run: Run) -> tuple[str, tuple[str, ...]]:
    """Go through a sequence of images or signals; gives the output, and the final states if they are wanted.

    Raises:
        UnsupportedLayerError: the number of steps varies, or a mask or backend is not supported.
    """
    first, length = has_channels_first(site), site.draft.type(run.value).shape[1]
    if length is None:
        raise UnsupportedLayerError(
            f"{site.arguments.where} goes through a sequence whose length may vary",
            expected="a fixed number of steps",
            hint="give the input layer a fixed shape",
        )
    if not site.draft.source.pads_as_tensorflow:
        raise UnsupportedLayerError(f"{site.arguments.where} was not computed by TensorFlow")
    value = _channels_last(site, run.value, 2) if first else run.value
    states = run.states
    if first:
        states = tuple(_channels_last(site, state, 1) for state in states)
    h, c = states or ("", "")
    cell, outputs = _cell_of(site, value), []
    for place in reversed(range(length)) if run.go_backwards else range(length):
        h, c = _step(cell, value, place, (h, c))
        outputs.append(h)
    last, states = h, (h, c) if run.return_state else ()
    if run.return_sequences:
        steps = [site.add(ExpandDims((1,)), on=(one,), name="step") for one in outputs]
        last = site.add(Concatenate(1), on=steps)
    if first:
        last = _channels_first(site, last, 2 if run.return_sequences else 1)
        states = tuple(_channels_first(site, state, 1) for state in states)
    return last, states


def _cell_of(site: Site, value: str) -> _Cell:
    arguments, rank = site.arguments, spatial_rank(site)
    filters, channels = arguments.whole("filters"), site.draft.type(value).shape[-1]
    size, ones = per_axis(arguments, "kernel_size", rank), (1,) * rank
    has_bias = arguments.flag("use_bias")
    on_input = Conv(
        per_axis(arguments, "strides", rank),
        per_axis(arguments, "dilation_rate", rank),
        padding_of(arguments, Padding.VALID, Padding.SAME),
        1,
        has_bias,
    )
    kernel = site.weight("kernel", (*size, channels, 4 * filters))
    bias = [site.weight("bias", (4 * filters,))] if has_bias else []
    return _Cell(
        site,
        filters,
        on_input,
        Conv(ones, ones, Padding.SAME, 1, use_bias=False),
        (kernel, *bias),
        (site.weight("recurrent_kernel", (*size, filters, 4 * filters)),),
        activation_of(arguments["activation"], arguments, site.draft.dialect),
        activation_of(arguments["recurrent_activation"], arguments, site.draft.dialect),
    )


def _step(cell: _Cell, value: str, place: int, states: tuple[str, str]) -> tuple[str, str]:
    """Add one step; states without a name are zeros, which add nothing."""
    site, (h, c) = cell.site, states
    row = site.add(Slice(1, place, place + 1), on=(value,), name="taken")
    image = site.add(Squeeze((1,)), on=(row,), name="taken")
    total = site.add(cell.on_input, on=(image,), weights=cell.input_weights, name="input")
    if h:
        own = site.add(cell.on_state, on=(h,), weights=cell.state_weights, name="state")
        total = _merged(site, MergeKind.ADD, total, own)
    last = site.draft.type(total).rank - 1
    gates = {
        gate: site.add(
            Slice(last, number * cell.filters, (number + 1) * cell.filters),
            on=(total,),
            name=f"gate_{gate}",
        )
        for number, gate in enumerate(_GATES)
    }
    i, f, o = (_activated(site, gates[gate], cell.recurrent_activation) for gate in "ifo")
    new = _merged(site, MergeKind.MULTIPLY, i, _activated(site, gates["c"], cell.activation))
    if c:
        new = _merged(site, MergeKind.ADD, _merged(site, MergeKind.MULTIPLY, f, c), new)
    return _merged(site, MergeKind.MULTIPLY, o, _activated(site, new, cell.activation)), new


def _merged(site: Site, kind: MergeKind, one: str, other: str) -> str:
    return site.add(Merge(kind), on=(one, other), name=kind.value)


def _activated(site: Site, value: str, function: ActivationFunction) -> str:
    if function == LINEAR:
        return value
    return site.add(Activation(function), on=(value,), name="activation")


def _channels_last(site: Site, value: str, axis: int) -> str:
    rank = site.draft.type(value).rank
    others = tuple(one for one in range(1, rank) if one != axis)
    return site.permuted(value, (*others, axis), "channels_last")


def _channels_first(site: Site, value: str, axis: int) -> str:
    rank = site.draft.type(value).rank
    return site.permuted(
        value, (*range(1, axis), rank - 1, *range(axis, rank - 1)), "channels_first"
    )
