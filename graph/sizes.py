"""Graphs whose inputs have axes of varying length, and the same graphs at given lengths.

Only the input types of a graph say lengths: an op's shape rule and its meaning follow from its inputs. So a graph at
given lengths is the same nodes and weights behind inputs of other types, verified again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from graph.batches import operations
from graph.errors import ShapeError, VerifyError
from graph.graph import Graph, Input
from graph.tensor_type import TensorType, format_shape
from graph.verify import verify

# Sample shapes by name of the input.
Sizes = Mapping[str, tuple[int, ...]]

# Lengths of the axes in turn, in the order in which they are tried. Usual sizes come first; then those of longer
# signals, and of networks that need large images; then small ones, for what takes long.
_USUAL = (
    *((length,) for length in (64, 96, 128, 160, 192, 224, 256, 320, 512, 1024, 4096, 16384)),
    *((length,) for length in (48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)),
)
# Others to work with beside them: odd ones and such that differ by axis first, for little is as likely to be wrong with
# even squares; even ones for networks that halve and join again.
_OTHERS = (
    *((33, 47, 9), (23, 29, 11), (15, 19, 7), (43, 57, 13), (97, 75, 21), (129, 161, 17)),
    *((48, 80, 16), (32, 48, 8), (80, 112, 16), (96, 64, 32), (160, 224, 32), (257, 321, 33)),
    *((2047, 99, 25), (8191, 255, 31), (20000, 512, 64), (11, 13, 5), (7, 9, 3), (5, 4, 2)),
    *((2, 3, 4), (1, 2, 3)),
)
_SMALLEST = tuple((length,) for length in (1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 21, 25, 31))
# What one sample may cost the oracle at a size that is chosen here: seconds for all its probe inputs. Other sizes than
# the usual one cost less, where such are found.
_MOST_OPERATIONS = 1_000_000_000
_FEW_OPERATIONS = 50_000_000


def is_varying(graph: Graph) -> bool:
    """Return whether an input has an axis of varying length besides the batch."""
    return any(None in given.type.sample_shape for given in graph.inputs)


def at_sizes(graph: Graph, sizes: Sizes) -> Graph:
    """Return a graph with the given sample shapes for its inputs, verified.

    Args:
        graph: the graph, whose inputs may have axes of varying length.
        sizes: a sample shape for each input.

    Raises:
        ShapeError: a shape does not fit its input, or the layers behind do not fit these sizes.
    """
    inputs = []
    for given in graph.inputs:
        shape = sizes[given.name]
        _check_fits(given, shape)
        inputs.append(replace(given, type=TensorType(given.type.dtype, (None, *shape))))
    fixed = replace(graph, inputs=tuple(inputs))
    try:
        verify(fixed)
    except VerifyError as error:
        raise ShapeError(
            "the network cannot be computed at this size: " + error.message.split(" near\n")[0],
            expected=error.expected,
            got=error.got,
        ) from error
    return fixed


def _check_fits(given: Input, shape: tuple[int, ...]) -> None:
    declared = given.type.sample_shape
    fits = len(shape) == len(declared) and all(
        own >= 1 and wanted in (None, own) for own, wanted in zip(shape, declared, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"a size does not fit input {given.name!r}",
            expected=format_shape(given.type.shape),
            got=format_shape((None, *shape)),
        )


def with_inputs_of(graph: Graph, original: Graph) -> Graph:
    """Return a graph with the input types of another one, verified.

    Raises:
        ShapeError: the layers do not fit axes of varying length.
    """
    found = replace(graph, inputs=original.inputs)
    try:
        verify(found)
    except VerifyError as error:
        raise ShapeError(error.message, expected=error.expected, got=error.got) from error
    return found


def usual_sizes(graph: Graph, given: Sizes | None = None, others: int = 2) -> tuple[Sizes, ...]:
    """Return sizes to prune, tune and check a graph at: the usual one first, others behind, the smallest last.

    Args:
        graph: a verified graph with axes of varying length.
        given: the size of the samples that came with the model, if any did; it is the usual one.
        others: number of other sizes beside the smallest one.

    Returns:
        Two sizes or more.

    Raises:
        ShapeError: no two sizes are found that the layers fit.
    """
    usual = given or next(_fitting(graph, _USUAL), None)
    found = [] if usual is None else [usual]
    cheap = list(islice(_fitting(graph, _OTHERS, _FEW_OPERATIONS), others + 1))
    for sizes in cheap or islice(_fitting(graph, _OTHERS), 2):
        if sizes not in found and len(found) <= others:
            found.append(sizes)
    smallest = next(_fitting(graph, _SMALLEST), None)
    if smallest is not None and smallest not in found:
        found.append(smallest)
    if usual is None or len(found) < 2:
        raise ShapeError(
            "no two sizes were found at which the network can be computed",
            expected="layers that fit inputs of varying length",
            got=", ".join(f"{one.name} {format_shape(one.type.shape)}" for one in graph.inputs),
            hint="give the input layers a fixed shape",
        )
    return tuple(found)


def _fitting(
    graph: Graph, patterns: Sequence[tuple[int, ...]], most: int = _MOST_OPERATIONS
) -> Iterator[Sizes]:
    """Yield the sizes of patterns that the layers fit, and that do not take too long."""
    for pattern in patterns:
        sizes = {given.name: _filled(given.type.sample_shape, pattern) for given in graph.inputs}
        try:
            fixed = at_sizes(graph, sizes)
        except ShapeError:
            continue
        if operations(fixed) <= most:
            yield sizes


def _filled(shape: tuple[int | None, ...], pattern: Sequence[int]) -> tuple[int, ...]:
    """Return a shape with the lengths of a pattern, in turn, in place of those that vary."""
    filled, turn = [], 0
    for length in shape:
        filled.append(pattern[turn % len(pattern)] if length is None else length)
        turn += length is None
    return tuple(filled)


def format_sizes(sizes: Sizes) -> str:
    """Write sizes for people: `64 x 64 x 3`, with the names of the inputs where there are several."""
    texts = {name: " x ".join(map(str, shape)) for name, shape in sizes.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{name} {text}" for name, text in texts.items())
