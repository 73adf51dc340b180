"""StringLookup, IntegerLookup and TextVectorization -> ops of the front part; where their vocabularies come from.

A vocabulary is in the configuration, or in a file of the archive that is read under limits. Configurations may also
name a file by its path; no such file is ever opened.
"""

import re
from collections.abc import Sequence

import numpy as np

from graph import limits
from graph.errors import CustomCodeError, VocabularyError, WeightsMismatchError
from graph.keras.arguments import Arguments
from graph.keras.dialects import Dialect
from graph.keras.draft import Site
from graph.keras.json_text import Json, show
from graph.keras.lookup_layers import encoded, output_mode, salt_of, text_bytes, token
from graph.lookup_ops import Encode, Encoding, Lookup, TokenAt
from graph.ops import Rescaling
from graph.text_ops import Split, Standardization, Vectorize
from graph.vocabulary import Token, Vocabulary

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_ADAPT_HINT = "call adapt() or set_vocabulary() with a list, and save the model as a .keras file"


def lower_lookup(site: Site) -> str:
    """StringLookup and IntegerLookup."""
    arguments = site.arguments
    is_text = site.layer.class_name == "StringLookup"
    mode = output_mode(arguments, *_MODES)
    unknown = arguments.whole("num_oov_indices")
    if not 0 <= unknown <= limits.MAX_VOCABULARY_TOKENS:
        raise arguments.refuse("num_oov_indices", "0 or more")
    mask, oov = token(arguments, "mask_token", is_text=is_text), _oov_token(arguments, is_text)
    masks = [mask] if mask is not None and mode == "int" else []
    special = [*masks, *([oov] * unknown)]
    tokens, had_special = _tokens(site, special, is_text=is_text)
    vocabulary = _vocabulary(tokens, mask, arguments.where)
    if arguments.flag("invert"):
        if mode != "int":
            raise arguments.refuse("output_mode", "int, as 'invert' is true")
        return site.add(TokenAt(vocabulary, oov, mask, len(special)))
    hashes = arguments["oov_method"] == "farmhash"
    op = Lookup(vocabulary, unknown, mask, mode != "int", hashes, salt_of(arguments))
    value = site.add(op, name="" if mode == "int" else "places")
    depth = _depth(arguments, op.size) if mode != "int" else 0
    if mode != "tf_idf":
        return encoded(site, value, mode, depth)
    counts = site.add(Encode(Encoding.COUNT, depth), on=(value,), name="counts")
    return _weighted(site, counts, unknown, depth, had_special=had_special)


def lower_text_vectorization(site: Site) -> str:
    """TextVectorization, of which one op does all, so that texts of different lengths need no padding."""
    arguments = site.arguments
    mode = output_mode(arguments, "int", "multi_hot", "count", "tf_idf")
    special: list[Token] = [b"", b"[UNK]"] if mode == "int" else [b"[UNK]"]
    tokens, had_special = _tokens(site, special, is_text=True)
    vocabulary = _vocabulary(tokens, b"", arguments.where)
    length, depth, encoding = None, 0, None
    if mode == "int":
        if arguments["output_sequence_length"] is not None:
            length = arguments.whole("output_sequence_length")
    else:
        depth = _depth(arguments, len(special) + len(vocabulary))
        encoding = Encoding.MULTI_HOT if mode == "multi_hot" else Encoding.COUNT
    op = Vectorize(
        vocabulary,
        Standardization(_named(arguments, "standardize", list(Standardization)[1:]) or "none"),
        _split(arguments),
        _ngrams(arguments),
        encoding,
        length,
        depth,
    )
    value = site.add(op, name="counts" if mode == "tf_idf" else "")
    if mode != "tf_idf":
        return value
    return _weighted(site, value, 1, depth, had_special=had_special)


def _split(arguments: Arguments) -> Split:
    found = _named(arguments, "split", list(Split))
    if found is None:
        raise arguments.refuse("split", " or ".join(Split))
    return Split(found)


def _named(arguments: Arguments, name: str, allowed: Sequence[str]) -> str | None:
    """Return one of the ways that Keras names, or None.

    Raises:
        CustomCodeError: it is a function.
    """
    value = arguments[name]
    if value is None or value in allowed:
        return None if value is None else str(value)
    if isinstance(value, dict):
        raise CustomCodeError(
            f"{arguments.where} calls a function of its own for {name!r}",
            expected=" or ".join(allowed),
            got=show(value),
        )
    raise arguments.refuse(name, " or ".join(allowed))


def _ngrams(arguments: Arguments) -> tuple[int, ...]:
    """Return the lengths of n-grams: a number stands for all lengths up to it."""
    value = arguments["ngrams"]
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(arguments.wholes("ngrams"))
    most = arguments.whole("ngrams")
    if not 1 <= most <= limits.MAX_NGRAM_LENGTHS:
        raise arguments.refuse("ngrams", f"1 to {limits.MAX_NGRAM_LENGTHS}")
    return tuple(range(1, most + 1))


def _oov_token(arguments: Arguments, is_text: bool) -> Token:
    found = token(arguments, "oov_token", is_text=is_text)
    if found is None:
        return b"[UNK]" if is_text else -1
    return found


def _depth(arguments: Arguments, size: int) -> int:
    """Return the length of an encoded row, which may be longer than the vocabulary."""
    if not arguments.flag("pad_to_max_tokens"):
        return size
    most = arguments.whole("max_tokens")
    if most < size:
        raise arguments.refuse("max_tokens", f"at least the size of the vocabulary, {size}")
    return most


def _vocabulary(tokens: list[Token], mask: Token | None, where: str) -> Vocabulary:
    if mask is not None and mask in tokens:
        raise VocabularyError(f"the vocabulary of {where} has the mask token among its tokens")
    try:
        return Vocabulary(tuple(tokens))
    except VocabularyError as error:
        raise VocabularyError(
            f"{where}: {error.message}", expected=error.expected, got=error.got
        ) from error


def _tokens(site: Site, special: list[Token], *, is_text: bool) -> tuple[list[Token], bool]:
    """Return the tokens without the special ones that may come first, and whether these did."""
    found = _stated_tokens(site, is_text=is_text)
    if found[: len(special)] == special:
        return found[len(special) :], True
    return found, False


def _stated_tokens(site: Site, *, is_text: bool) -> list[Token]:
    value, where = site.arguments["vocabulary"], site.arguments.where
    if isinstance(value, str):
        raise VocabularyError(
            f"{where} names a vocabulary file outside of the model's file, which is not opened",
            expected="a list of tokens",
            got=show(value),
            hint=_ADAPT_HINT,
        )
    if isinstance(value, list) and value:
        return [_token_of(item, where, is_text=is_text) for item in value]
    stored = site.weights.vocabulary if site.weights else None
    if value or stored is None:
        raise VocabularyError(
            f"{where} has no vocabulary in the file", expected="tokens", hint=_ADAPT_HINT
        )
    text = stored.replace("\r\n", "\n").replace("\r", "\n")
    if site.draft.dialect is not Dialect.KERAS3:
        lines = text.split("\n")
    else:
        lines = text.splitlines()
        while lines and not lines[-1]:
            lines.pop()
    return [_token_of_line(line, where, is_text=is_text) for line in lines]


def _token_of(item: Json, where: str, *, is_text: bool) -> Token:
    if is_text and isinstance(item, str):
        return text_bytes(item, where)
    if not is_text and isinstance(item, int) and not isinstance(item, bool):
        return item
    raise VocabularyError(
        f"the vocabulary of {where} has a token of another kind",
        expected="texts" if is_text else "whole numbers",
        got=show(item),
    )


def _token_of_line(line: str, where: str, *, is_text: bool) -> Token:
    if is_text:
        return text_bytes(line, where)
    if not _WHOLE.fullmatch(line):
        raise VocabularyError(
            f"the vocabulary of {where} has a line that is no whole number", got=show(line)
        )
    return int(line)


def _weighted(site: Site, counts: str, unknown: int, depth: int, *, had_special: bool) -> str:
    """Multiply counts of tokens by a weight for each token: TF-IDF."""
    weights = site.stored("idf_weights")
    if weights is None:
        given = np.asarray(site.arguments.numbers("idf_weights"), np.float32)
        front = 0 if had_special else unknown
        back = max(0, depth - front - len(given))
        weights = np.concatenate(
            [np.full(front, given.mean(), np.float32), given, np.zeros(back, np.float32)]
        )
    if weights.shape != (depth,):
        raise WeightsMismatchError(
            f"idf_weights of {site.arguments.where} do not fit the vocabulary",
            expected=f"({depth},)",
            got=str(weights.shape),
        )
    return site.add(Rescaling(tuple(weights.tolist())), on=(counts,))
