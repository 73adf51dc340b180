"""How a recurrent layer goes through a sequence: what its arguments, its call and what is around it say of that."""

from dataclasses import dataclass

from graph.errors import UnsupportedArgumentError, UnsupportedLayerError
from graph.keras.draft import Site


@dataclass(frozen=True, slots=True)
class Run:
    """One way through one sequence.

    Attributes:
        value: the sequence, [batch, time, ...].
        mask: its mask, or None.
        states: the initial states of all cells, in order; empty where they are zeros.
        go_backwards: whether the last step comes first.
        return_sequences: whether the outputs of all steps are wanted.
        return_state: whether the final states are wanted.
        zero_output_for_mask: whether masked steps give zeros.
    """

    value: str
    mask: str | None
    states: tuple[str, ...]
    go_backwards: bool
    return_sequences: bool
    return_state: bool
    zero_output_for_mask: bool


def run_of(site: Site, mask: str | None, states: tuple[str, ...]) -> Run:
    """Return how a layer goes through its sequence.

    Raises:
        UnsupportedArgumentError: it keeps its states from one call to the next.
        UnsupportedLayerError: it has a mask, and does not take one, or meant something else by it than later versions.
    """
    arguments = site.arguments
    if arguments.flag("stateful"):
        raise UnsupportedArgumentError(
            f"{arguments.where} keeps its states from one call to the next (stateful=True)",
            expected="stateful=False",
            hint="every request is answered by itself here: build the same model with stateful=False, where"
            " needed with initial_state as an input and return_state=True, copy the weights, and save it",
        )
    if mask is not None and site.layer.class_name.startswith(("CuDNN", "ConvLSTM")):
        raise UnsupportedLayerError(f"{arguments.where} does not take a mask, and is given one")
    if mask is not None and states and site.draft.source.outputs_initial_state:
        raise UnsupportedLayerError(
            f"{arguments.where} is called with a mask and with initial states, by a version of Keras in which the"
            " output of masked first steps was the initial state",
            hint="load the model in Keras 2.4 or later, check its outputs, and save it again",
        )
    return Run(
        site.inputs[0],
        mask,
        states,
        arguments.flag("go_backwards"),
        arguments.flag("return_sequences"),
        arguments.flag("return_state"),
        arguments.flag("zero_output_for_mask"),
    )
