"""Recurrent layers -> ops: the input's kernel as a Dense node over all steps, and a Recurrent node behind it.

Cells that are stacked in one RNN become one after the other: each goes through the whole sequence of the one before,
which is the same, as no cell reads what a later one makes.
"""

from collections.abc import Sequence
from dataclasses import replace

from graph.activations import ActivationFunction
from graph.errors import ConfigError, ShapeError, UnsupportedLayerError
from graph.keras.activation_layers import activation_of
from graph.keras.conv_lstm_layers import through_images
from graph.keras.dialects import Dialect
from graph.keras.draft import KerasTensor, Site, Tensors
from graph.keras.parts import state_count
from graph.keras.recurrent_weights import cell_weights
from graph.keras.sequence_run import Run, run_of
from graph.ops import Dense, Merge, MergeKind
from graph.recurrent_ops import (
    Cell,
    GruCell,
    LstmCell,
    Recurrent,
    RecurrentResult,
    SimpleRnnCell,
)
from graph.shape_ops import Concatenate
from graph.slice_ops import Slice, Squeeze

_MERGES = {"sum": MergeKind.ADD, "ave": MergeKind.AVERAGE, "mul": MergeKind.MULTIPLY}


def lower_recurrent(site: Site) -> Tensors:
    """Add an LSTM, GRU, SimpleRNN or RNN; gives its output, and its final states where they are wanted."""
    run = run_of(site, _used_mask(site), _initial_states(site))
    output, states = _through(site, run)
    mask = site.masks[0] if run.return_sequences else None
    return (KerasTensor(output, mask), *map(KerasTensor, states))


def lower_bidirectional(site: Site) -> Tensors:
    """Add both directions and what joins them; the backward one is turned around where it gives a sequence."""
    forward, backward = (site.part(part) for part in site.layer.parts)
    states, mask = _initial_states(site), _used_mask(site)
    half = len(states) // 2
    runs = [run_of(forward, mask, states[:half]), run_of(backward, mask, states[half:])]
    if not site.draft.source.is_multi_backend:
        runs = [replace(run, zero_output_for_mask=run.return_sequences) for run in runs]
    (first, first_states), (second, second_states) = (
        _through(part, run) for part, run in zip((forward, backward), runs, strict=True)
    )
    passed_on = None
    if runs[0].return_sequences:
        passed_on = site.masks[0]
        second = site.add(Slice(1, step=-1), on=(second,), name="reversed")
    outputs = _joined(site, first, second)
    return (
        *(KerasTensor(output, passed_on) for output in outputs),
        *map(KerasTensor, (*first_states, *second_states)),
    )


def refuse_alone(site: Site) -> str:
    """Refuse a cell that is called by itself.

    Raises:
        UnsupportedLayerError: always.
    """
    raise UnsupportedLayerError(
        f"{site.arguments.where} is called by itself", expected="a cell within an RNN"
    )


def _used_mask(site: Site) -> str | None:
    """Return the mask that a layer works with.

    Keras 3 hands a layer the mask of its input only where that is the one tensor that it is called on: with initial
    states a mask has to be stated, or all steps are real. Either way the output has the mask of the input.
    """
    has_states = "initial_state" in site.keywords
    if site.draft.dialect is Dialect.KERAS3 and has_states and "mask" not in site.call.keywords:
        return None
    return site.masks[0]


def _joined(site: Site, first: str, second: str) -> tuple[str, ...]:
    mode = site.arguments["merge_mode"]
    if mode is None:
        return (first, second)
    if mode == "concat":
        return (site.add(Concatenate(-1), on=(first, second)),)
    if not isinstance(mode, str) or mode not in _MERGES:
        raise site.arguments.refuse("merge_mode", "concat, sum, ave, mul or null")
    return (site.add(Merge(_MERGES[mode]), on=(first, second)),)


def _initial_states(site: Site) -> tuple[str, ...]:
    """Return the initial states of a call; Keras 2 lists them behind the sequence."""
    named = [value for value in site.keywords.get("initial_state", ()) if value is not None]
    states = (*site.inputs[1:], *named)
    wanted = state_count(site.layer)
    if len(states) not in (0, wanted) or len(named) != len(site.keywords.get("initial_state", ())):
        raise ShapeError(
            "the layer is called with another number of initial states than it has states",
            expected=f"0 or {wanted}",
            got=str(len(states)),
        )
    return states


def _through(site: Site, run: Run) -> tuple[str, tuple[str, ...]]:
    """Go through a sequence with all cells of a layer; gives the output, and the final states if they are wanted."""
    if site.layer.class_name.startswith("ConvLSTM"):
        return through_images(site, run)
    cells = _cells(site)
    output, states, given = run.value, list[str](), list(run.states)
    for place, cell in enumerate(cells):
        own = [given.pop(0) for _ in range(min(len(given), state_count(cell.layer)))]
        is_last = place == len(cells) - 1
        one = replace(run, states=tuple(own), return_sequences=run.return_sequences or not is_last)
        output, found = _one_cell(cell, one, is_last=is_last)
        states += found
        # What comes out is in the order of computation already.
        if run.go_backwards and not is_last:
            mask = run.mask and site.add(Slice(1, step=-1), on=(run.mask,), name="reversed_mask")
            run = replace(run, go_backwards=False, mask=mask)
        run = replace(run, value=output)
    return output, tuple(states)


def _cells(site: Site) -> Sequence[Site]:
    if not site.layer.parts:
        return [site]
    return [cell for part in site.layer.parts for cell in _cells(site.part(part))]


def _one_cell(at: Site, run: Run, *, is_last: bool) -> tuple[str, tuple[str, ...]]:
    cell, units = _cell_of(at), at.arguments.whole("units")
    features = at.draft.type(run.value).shape[-1]
    two_biases = isinstance(cell, GruCell) and cell.reset_after
    weights = cell_weights(at, features, units, cell.gates, two_biases=two_biases)
    projection = at.add(
        Dense(cell.gates * units, weights.bias is not None),
        on=(run.value,),
        weights=[name for name in (weights.kernel, weights.bias) if name],
        name="input",
    )
    op = Recurrent(
        cell,
        run.go_backwards,
        _result(run),
        masked=run.mask is not None,
        stateful_inputs=bool(run.states),
        zero_output_for_mask=run.mask is not None and run.zero_output_for_mask and is_last,
        use_recurrent_bias=weights.recurrent_bias is not None,
    )
    value = at.add(
        op,
        on=(projection, *([run.mask] if run.mask else []), *run.states),
        weights=[name for name in (weights.recurrent_kernel, weights.recurrent_bias) if name],
        name="steps" if run.return_state else "",
    )
    return _taken_apart(at, value, cell, run) if run.return_state else (value, ())


def _result(run: Run) -> RecurrentResult:
    if run.return_state:
        return RecurrentResult.SEQUENCE_AND_STATES
    return RecurrentResult.SEQUENCE if run.return_sequences else RecurrentResult.LAST


def _taken_apart(site: Site, value: str, cell: Cell, run: Run) -> tuple[str, tuple[str, ...]]:
    """Return the output and the states out of a sequence that ends in the states."""

    def row(place: int, name: str) -> str:
        """Return the row that is so many before the end."""
        stop = 1 - place if place > 1 else None
        step = site.add(Slice(1, -place, stop), on=(value,), name=f"{name}_row")
        return site.add(Squeeze((1,)), on=(step,), name=name)

    states = [row(cell.states - place, f"state{place}") for place in range(cell.states)]
    if run.return_sequences:
        output = site.add(Slice(1, None, -cell.states), on=(value,))
    else:
        output = row(cell.states + 1, "output")
    return output, tuple(states)


def _cell_of(site: Site) -> Cell:
    class_name = site.layer.class_name
    if class_name.startswith("CuDNN"):
        return LstmCell() if class_name == "CuDNNLSTM" else GruCell()
    function = _function(site, "activation")
    if class_name.startswith("LSTM"):
        return LstmCell(function, _function(site, "recurrent_activation"))
    if class_name.startswith("GRU"):
        reset_after = site.arguments.flag("reset_after")
        return GruCell(function, _function(site, "recurrent_activation"), reset_after)
    if class_name.startswith("SimpleRNN"):
        return SimpleRnnCell(function)
    raise ConfigError(f"{site.arguments.where} is not a cell")


def _function(site: Site, name: str) -> ActivationFunction:
    return activation_of(site.arguments[name], site.arguments, site.draft.dialect)
