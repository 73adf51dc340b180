"""Requests that once took the service's memory or time, or came out as a bug in the service."""

import asyncio
import io
import json
import logging
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from app.core.errors import InvalidRequestError
from app.core.logs import TextFormatter
from app.core.problems import Problem
from app.routes import models
from app.routes.forms import _unique, job_request
from app.routes.predictions import _query
from app.services.array_files import NpzBody
from app.services.codecs import decode_json
from app.services.onboarding import JobRequest
from app.services.tensors import Signature
from app.services.uploads import Upload
from engine.core.errors import InputDtypeError
from engine.execution.runtime import TensorSpec
from graph.errors import GraphError, PrunusError
from tests.app.live import Live

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "inputs",
    [
        ["a" * 10_000] + [""] * 10_000,
        [[1.0, 2.0], [3.0, "4"]],
        {"x": [["a" * 10_000], [""] * 10_000]},
        {'quoted "name"': [["1"]]},
    ],
)
def test_text_among_numbers_never_becomes_an_array(inputs: object) -> None:
    # NumPy would give every element the room of the longest text: 80 kB of JSON took 1.6 GB.
    body = json.dumps({"model": "m", "version": 1, "inputs": inputs}).encode()
    call = decode_json(body)
    signature = Signature((TensorSpec("x", "float32", (2,), (2,)),), ())
    with pytest.raises(InputDtypeError, match="text among the inputs"):
        signature.arrays(call.inputs, has_booleans=call.has_booleans, has_text=call.has_text)


def test_names_with_quotes_are_no_text_among_numbers() -> None:
    body = json.dumps({"inputs": {'quoted "name"': [[1, None]]}, "model": 'a"b'}).encode()
    assert decode_json(body).inputs == {'quoted "name"': [[1, None]]}


def test_a_lone_surrogate_is_no_name(service: Live) -> None:
    content = b'{"model": "\\ud800", "inputs": [[NaN]]}'
    answer = service.http.post("/predict", content=content, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-request"


@pytest.mark.parametrize("query", ["version=" + "1" * 5000, "a=1&" * 20 + "model=small"])
def test_a_long_query_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequestError):
        _query(query.encode())


@pytest.mark.parametrize("version", ["00000000001" + "9" * 20, "0" * 10 + "1" * 5000, "2147483649"])
def test_an_enormous_version_in_the_form_is_refused(
    tmp_path_factory: pytest.TempPathFactory, version: str
) -> None:
    folder = tmp_path_factory.mktemp("upload")
    fields = {"name": "m", "version": version}
    with pytest.raises(InvalidRequestError, match="version"):
        job_request(Upload("0", folder, fields, {"file": "m"}, {"file": 1}))


class CountedName(str):
    """A name that counts how often it is compared with another one."""

    __slots__ = ()
    compared = 0

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        type(self).compared += 1
        return str.__eq__(self, other)


def test_a_field_that_is_named_twice_is_found_in_one_walk() -> None:
    names = [CountedName(number) for number in range(2000)]
    with pytest.raises(InvalidRequestError, match="twice"):
        _unique([(name, None) for name in [*names, CountedName(1999)]])
    assert CountedName.compared < 4 * len(names)


@pytest.mark.parametrize(
    "recipe",
    [
        '{"sparsity": 0.5, "sparsity": 0.6}',
        '{"mode": "magnitude", "gate": {"a": 1, "a": 1}}',
        '{"seed": ' + "1" * 5000 + "}",
        '{"sparsity": 0.' + "1" * 5000 + ', "x": 1}',
        '{"sparsity": 0.' + "0" * 5000 + ', "sparsity": 1}',
    ],
)
def test_a_recipe_with_doubles_or_endless_numbers_is_refused(
    tmp_path_factory: pytest.TempPathFactory, recipe: str
) -> None:
    folder = tmp_path_factory.mktemp("upload")
    fields = {"name": "m", "recipe": recipe}
    with pytest.raises(PrunusError):
        job_request(Upload("0", folder, fields, {"file": "m"}, {"file": 1}))


def test_forms_are_read_beside_the_event_loop(
    service: Live, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = []

    def noted(upload: Upload) -> JobRequest:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            where.append("beside the loop")
        else:
            where.append("on the loop")
        return job_request(upload)

    monkeypatch.setattr(models, "job_request", noted)
    assert service.upload(small_file, "a/b").status_code == 422
    assert where == ["beside the loop"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_changed_npz_files_are_read_or_refused(save: Callable[..., None]) -> None:
    file, rng = io.BytesIO(), random.Random(7)  # noqa: S311  # repeatable, no secret
    save(file, a=np.zeros((3, 4), np.float32), b=np.arange(200.0))
    for _ in range(3000):
        data = bytearray(file.getvalue())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 0x80, 0xFF, rng.randrange(256)])
        try:
            body = NpzBody(bytes(data), 10**6)
            body.headers()
            body.arrays()
        except PrunusError:
            continue


def test_problems_can_be_encoded_whatever_a_file_says() -> None:
    record = Problem.of(GraphError("m", got="\ud800")).to_record()
    assert orjson.loads(orjson.dumps(record))["got"] == "?"


def test_a_message_cannot_forge_a_log_line() -> None:
    message = "a\n2026-01-01T00:00:00.000Z INFO x forged\x1b[2J\r"
    record = logging.LogRecord("n", logging.INFO, "", 0, "%s", (message,), None)
    lines = TextFormatter().format(record).split("\n")
    assert lines[1:] == ["  2026-01-01T00:00:00.000Z INFO x forged\\x1b[2J\\r"]
