"""Vocabularies of uploads are hostile: what is too large, twice, no text, outside of the file, or no UTF-8 is refused."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from graph import limits
from graph.errors import (
    CustomCodeError,
    EntryNameError,
    FileLimitError,
    ModelFileError,
    UnsupportedArgumentError,
    VocabularyError,
    WeightsMismatchError,
)
from graph.keras.read import read_model

Json = dict[str, Any]
ASSET = "assets/layers/string_lookup/vocabulary.txt"


def layer(class_name: str, **config: Any) -> Json:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": "lookup", "dtype": "float32", **config},
        "registered_name": None,
    }


def archive(path: Path, lookup: Json, entries: dict[str, bytes]) -> Path:
    """A Sequential of an input of texts or integers and a lookup whose numbers a Rescaling makes floats of."""
    kind = "int64" if lookup["class_name"] == "IntegerLookup" else "string"
    given = layer("InputLayer", batch_shape=[None, 1])
    given["config"] |= {"name": "in", "dtype": kind}
    last = layer("Rescaling", scale=1.0)
    last["config"]["name"] = "out"
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [given, lookup, last]}}
    weights = io.BytesIO()
    h5py.File(weights, "w").close()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        file.writestr("model.weights.h5", weights.getvalue())
        for name, content in entries.items():
            file.writestr(name, content)
    return path


def refused(
    tmp_path: Path,
    error: type[ModelFileError],
    match: str,
    lookup: Json,
    entries: dict[str, bytes] | None = None,
) -> None:
    with pytest.raises(error, match=match):
        read_model(archive(tmp_path / "m.keras", lookup, entries or {}))


def test_a_plain_vocabulary_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", layer("StringLookup"), {ASSET: b"[UNK]\na\nb"})
    front = read_model(path).graph.front
    assert front is not None
    assert front.nodes[0].op.vocabulary.tokens == (b"a", b"b")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secrets.txt", "gs://bucket/v.txt", "v.txt"])
@pytest.mark.parametrize("class_name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_files_that_a_configuration_names_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, class_name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("v.txt").write_text("a\nb")
    match = "names a vocabulary file outside of the model's file, which is not opened"
    refused(tmp_path, VocabularyError, match, layer(class_name, vocabulary=name))


@pytest.mark.parametrize(
    ("vocabulary", "match"),
    [
        (["a", "b", "a"], "has a token twice; got b'a'"),
        (["a", 1], "has a token of another kind"),
        (["a", None], "has a token of another kind"),
        (["a", ["b"]], "has a token of another kind"),
        (["a", True], "has a token of another kind"),
        (["a", "b\0c"], "has a NUL character"),
        (["a" * (limits.MAX_TOKEN_BYTES + 1)], "a token is too long"),
        ([], "has no vocabulary in the file"),
        ({"a": 1}, "has no vocabulary in the file"),
        (7, "has no vocabulary in the file"),
        (["m", "a"], "has the mask token among its tokens"),
    ],
)
def test_vocabularies_of_another_form_are_refused(
    tmp_path: Path, vocabulary: Any, match: str
) -> None:
    lookup = layer("StringLookup", vocabulary=vocabulary, output_mode="count")
    lookup["config"] |= {"mask_token": "m"}
    refused(tmp_path, VocabularyError, match, lookup)


@pytest.mark.parametrize(
    ("vocabulary", "match"),
    [
        ([1, 2, 1], "has a token twice"),
        ([1, 2.5], "has a token of another kind"),
        ([1, "2"], "has a token of another kind"),
        ([1, False], "has a token of another kind"),
        ([1, 2**63], "no integer of 64 bits"),
        ([1, -(10**30)], "no integer of 64 bits"),
    ],
)
def test_whole_numbers_of_another_form_are_refused(
    tmp_path: Path, vocabulary: Any, match: str
) -> None:
    refused(tmp_path, VocabularyError, match, layer("IntegerLookup", vocabulary=vocabulary))


def test_texts_that_are_no_unicode_are_refused(tmp_path: Path) -> None:
    lookup = layer("StringLookup", vocabulary=["a", "\ud800"])
    refused(tmp_path, UnsupportedArgumentError, "no valid Unicode", lookup)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"[UNK]\na\n\xff\xfe", "is not UTF-8 text"),
        (b"[UNK]\na\nb\0", "has a NUL character"),
        (b"[UNK]\na\na", "has a token twice"),
        (b"", "unusable number of tokens"),
        (b"[UNK]", "unusable number of tokens"),
        (b"[UNK]\n" + b"a" * (limits.MAX_TOKEN_BYTES + 1), "a token is too long"),
    ],
)
def test_files_of_tokens_are_checked(tmp_path: Path, content: bytes, match: str) -> None:
    refused(tmp_path, VocabularyError, match, layer("StringLookup"), {ASSET: content})


@pytest.mark.parametrize(
    "line", [b"x", b"1e3", b"1_000", b" 1", b"\xd9\xa3", b"9" * 5000, b"-", b"1.0"]
)
def test_lines_that_are_no_whole_numbers_are_refused(tmp_path: Path, line: bytes) -> None:
    asset = "assets/layers/integer_lookup/vocabulary.txt"
    match = "no whole number"
    refused(tmp_path, VocabularyError, match, layer("IntegerLookup"), {asset: b"-1\n" + line})


def test_huge_files_of_tokens_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_VOCABULARY_BYTES", 1000)
    content = b"\n".join(b"%d" % number for number in range(1000))
    refused(tmp_path, FileLimitError, "is too large", layer("StringLookup"), {ASSET: content})


def test_too_many_tokens_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_VOCABULARY_TOKENS", 10)
    lookup = layer("StringLookup", vocabulary=[str(number) for number in range(11)])
    refused(tmp_path, VocabularyError, "unusable number of tokens", lookup)


@pytest.mark.parametrize("name", ["assets/../../x/vocabulary.txt", "/assets/x/vocabulary.txt"])
def test_archive_entries_that_climb_are_refused(tmp_path: Path, name: str) -> None:
    refused(
        tmp_path, EntryNameError, "not a plain relative path", layer("StringLookup"), {name: b"a"}
    )


@pytest.mark.parametrize("argument", ["standardize", "split"])
def test_functions_of_an_upload_are_never_called(tmp_path: Path, argument: str) -> None:
    function = {"module": "builtins", "class_name": "function", "config": "evil"}
    lookup = layer("TextVectorization", vocabulary=["a"], **{argument: function})
    with pytest.raises(CustomCodeError):
        read_model(archive(tmp_path / "m.keras", lookup, {}))


@pytest.mark.parametrize(
    ("class_name", "config", "match"),
    [
        ("StringLookup", {"output_mode": "x"}, "'output_mode'"),
        ("StringLookup", {"num_oov_indices": -1}, "'num_oov_indices'"),
        ("StringLookup", {"num_oov_indices": 10**8}, "'num_oov_indices'"),
        ("StringLookup", {"mask_token": 3}, "'mask_token'"),
        ("StringLookup", {"salt": [1, 2, 3]}, "'salt'"),
        ("StringLookup", {"salt": "x"}, "'salt'"),
        ("StringLookup", {"encoding": "utf-16"}, "'encoding'"),
        ("StringLookup", {"output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 1}, "'max_tokens'"),
        ("StringLookup", {"invert": True, "output_mode": "count"}, "'output_mode'"),
        ("TextVectorization", {"ngrams": 1000}, "'ngrams'"),
        ("TextVectorization", {"split": None}, "'split'"),
        ("TextVectorization", {"ragged": True}, "'ragged'"),
        ("TextVectorization", {"output_mode": "one_hot"}, "'output_mode'"),
    ],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(
    tmp_path: Path, class_name: str, config: Json, match: str
) -> None:
    lookup = layer(class_name, vocabulary=["a", "b"], **config)
    refused(tmp_path, UnsupportedArgumentError, match, lookup)


def test_a_discretization_without_boundaries_is_refused(tmp_path: Path) -> None:
    lookup = layer("Discretization", num_bins=3)
    refused(tmp_path, WeightsMismatchError, "expected 1: summary", lookup)


def test_every_reader_of_a_vocabulary_has_a_bound(tmp_path: Path) -> None:
    """A row as long as the vocabulary is bounded like every value of a sample."""
    lookup = layer(
        "StringLookup", vocabulary=["a"], output_mode="count", pad_to_max_tokens=True,
        max_tokens=2**31 - 1,
    )  # fmt: skip
    refused(tmp_path, FileLimitError, "is too large", lookup)
