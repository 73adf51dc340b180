"""Ops of a front part -> the layers of Keras 3 that mean the same, with their vocabularies in the configuration."""

from collections.abc import Sequence

from graph.errors import ExportError
from graph.front import LOOKUPS
from graph.graph import Graph
from graph.keras.json_text import Json, JsonObject
from graph.keras.keras_layer import KerasLayer
from graph.lookup_ops import Cross, Discretize, Encode, Hash, Lookup, Salt, TokenAt
from graph.op import Op
from graph.text_ops import Standardization, Vectorize
from graph.vocabulary import Token

_UNKNOWN: dict[bool, Token] = {True: b"[UNK]", False: -1}


def with_front(graph: Graph) -> Graph:
    """Return a graph whose lookups are nodes like all others, from the inputs that the caller gives."""
    front = graph.front
    if front is None:
        return graph
    return Graph(
        graph.name, front.inputs, (*front.nodes, *graph.nodes), graph.outputs, graph.weights
    )


def lookup_layer(op: Op) -> KerasLayer | None:
    """Return the layer of an op of the front part; None for any other op.

    Raises:
        ExportError: Keras 3 has no layer that means it.
    """
    if type(op) not in LOOKUPS:
        return None
    match op:
        case Discretize(boundaries):
            return _layer("Discretization", bin_boundaries=list(boundaries), output_mode="int")
        case Hash(bins, mask, salt):
            return _layer(
                "Hashing", num_bins=bins, mask_value=_plain(mask), salt=_salt(salt), dtype="int64"
            )
        case Cross(bins):
            return _layer("HashedCrossing", num_bins=bins, output_mode="int", dtype="int64")
        case Encode(encoding, depth):
            return _layer("CategoryEncoding", num_tokens=depth, output_mode=encoding.value)
        case Lookup():
            return _lookup(op)
        case TokenAt(vocabulary, unknown, mask, first):
            places = first - (mask is not None)
            masks = [] if mask is None else [mask]
            special = [*masks, *([unknown] * places)]
            return _looked_up(
                special, vocabulary.tokens, places, mask, oov_token=_plain(unknown), invert=True
            )
        case Vectorize():
            return _vectorization(op)
    raise ExportError("an op of the front part has no layer", got=type(op).__name__)


def _lookup(op: Lookup) -> KerasLayer:
    if op.is_encoded and op.mask is not None:
        raise ExportError("a lookup that leaves out a mask token cannot be written yet")
    unknown = _UNKNOWN[op.vocabulary.is_text]
    special = [*([] if op.mask is None else [op.mask]), *([unknown] * op.unknown_places)]
    return _looked_up(
        special,
        op.vocabulary.tokens,
        op.unknown_places,
        op.mask,
        oov_token=_plain(unknown),
        invert=False,
        salt=_salt(op.salt),
        oov_method="farmhash" if op.hashes_integers else "floormod",
    )


def _looked_up(
    special: Sequence[Token],
    tokens: Sequence[Token],
    places: int,
    mask: Token | None,
    **more: Json,
) -> KerasLayer:
    """Return a lookup whose vocabulary begins with its special tokens, so that Keras takes no others for them."""
    class_name = "StringLookup" if isinstance(tokens[0], bytes) else "IntegerLookup"
    return _layer(
        class_name,
        vocabulary=[_plain(token) for token in (*special, *tokens)],
        num_oov_indices=places,
        mask_token=_plain(mask),
        output_mode="int",
        **more,
    )


def _vectorization(op: Vectorize) -> KerasLayer:
    special = [b"", b"[UNK]"] if op.encoding is None else [b"[UNK]"]
    tokens: list[Token] = [*special, *op.vocabulary.tokens]
    is_padded = op.encoding is not None and op.depth != len(tokens)
    kind = op.standardization
    return _layer(
        "TextVectorization",
        vocabulary=[_plain(token) for token in tokens],
        standardize=None if kind is Standardization.NONE else kind.value,
        split=op.split.value,
        ngrams=list(op.ngrams) or None,
        output_mode="int" if op.encoding is None else op.encoding.value,
        output_sequence_length=op.length,
        max_tokens=op.depth if is_padded else None,
        pad_to_max_tokens=is_padded,
    )


def _layer(class_name: str, **config: Json) -> KerasLayer:
    found: JsonObject = dict(config)
    return KerasLayer(class_name, found)


def _plain(token: Token | None) -> str | int | None:
    return token.decode() if isinstance(token, bytes) else token


def _salt(salt: Salt | None) -> Json:
    """Return the words of a key as integers with a sign, as TensorFlow takes them."""
    if salt is None:
        return None
    return [word - 2**64 if word >= 2**63 else word for word in salt]
