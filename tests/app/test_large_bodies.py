"""Bodies that are large, or become large when they are unpacked: refused early, converted in threads."""

import asyncio
import io
import math
import struct
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.core.errors import (
    BatchTooLargeError,
    BodyTooLargeError,
    InvalidArrayError,
    OverloadedError,
)
from app.routes import prediction_answer, predictions
from app.services import array_files
from app.services.array_files import NpzBody, encode_npy, npy_parts
from app.services.codecs import PredictCall
from app.services.conversion import SMALL_ARRAY_BYTES, SMALL_TEXT_BYTES, Conversion
from app.services.prediction import AnswerLimit, Prediction
from app.services.tensors import Signature
from tests.app.live import Live
from tests.app.test_predict import JSON, NPY, NPZ, npy, npz, slug
from tests.hostile.zip_files import directory_of

MIB = 1024 * 1024


class Counting:
    """Counts what is unpacked, and how many archives are opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self.archives = 0
        read, opened = zipfile.ZipExtFile.read, zipfile.ZipFile.__init__

        def counted(file: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
            content = read(file, n)
            self.bytes += len(content)
            return content

        def counted_opening(archive: zipfile.ZipFile, *args: Any, **options: Any) -> None:
            self.archives += 1
            opened(archive, *args, **options)

        monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
        monkeypatch.setattr(zipfile.ZipFile, "__init__", counted_opening)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (600_000, None),
        (600_000, 1),
        (
            5_000,
            1,
        ),  # as many as a directory of the largest allowed size has, and more than are allowed
        (257, 1),
        (257, None),
        (1, 60_000),
    ],
)
def test_a_directory_with_many_entries_is_refused_before_it_is_parsed(
    counting: Counting, entries: int, said: int | None
) -> None:
    body = directory_of(entries, said=said)
    with pytest.raises(InvalidArrayError, match="too many entries"):
        NpzBody(body, 256 * MIB)
    assert counting.archives == 0


def test_a_directory_of_many_bytes_is_refused_before_it_is_parsed(counting: Counting) -> None:
    with pytest.raises(InvalidArrayError, match="too many entries"):
        NpzBody(directory_of(10, name=b"x" * 60_000), 256 * MIB)
    assert counting.archives == 0


def test_an_archive_in_the_zip64_form_is_refused_before_it_is_parsed(counting: Counting) -> None:
    body = directory_of(1)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    with pytest.raises(InvalidArrayError):
        NpzBody(body[:-22] + locator + body[-22:], 256 * MIB)
    assert counting.archives == 0


def compressed(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def test_zeros_that_unpack_to_a_thousand_times_their_size_are_refused_unopened(
    service: Live, counting: Counting
) -> None:
    body = compressed(x=np.zeros((255 * MIB // 4, 1), np.float32))
    assert len(body) < 300_000
    counting.archives = 0
    answer = service.http.post("/predict?model=small", content=body, headers=NPZ)
    assert (answer.status_code, slug(answer)) == (400, "invalid-array-file")
    assert "100 times" in answer.json()["expected"]
    assert counting.bytes == 0


def test_small_files_may_be_compressed_well(service: Live) -> None:
    body = compressed(inputs=np.zeros((2048, 64), np.float32))
    assert len(body) < 2048 * 64 * 4 // 100
    answer = service.http.post("/predict?model=digits", content=body, headers=NPZ)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x": np.ones((MIB, 6), np.float32)}, "batch-too-large"),
        ({"x": np.ones((MIB // 7, 7), np.float32)}, "wrong-shape"),
        ({"x": np.ones((MIB // 6, 6), np.complex64)}, "invalid-array-file"),
        ({"x": np.ones((MIB // 6, 6), bool)}, "wrong-dtype"),
        ({"y": np.ones((MIB // 6, 6), np.float32)}, "unknown-input"),
        ({"x": np.ones((0, 6), np.float32)}, "empty-batch"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_header(
    service: Live, counting: Counting, arrays: dict[str, np.ndarray], problem: str
) -> None:
    body = npz(**arrays)
    answer = service.http.post("/predict?model=small", content=body, headers=NPZ)
    assert slug(answer) == problem
    assert counting.bytes <= 4096


def test_the_headers_of_an_npz_are_read_only_after_its_names(
    service: Live, counting: Counting
) -> None:
    body = npz(**{f"a{number}": np.ones((1, 6)) for number in range(200)})
    answer = service.http.post("/predict?model=small", content=body, headers=NPZ)
    assert slug(answer) == "unknown-input"
    assert counting.bytes == 0


def test_an_entry_whose_header_says_another_size_is_refused(counting: Counting) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy(np.ones((2, 6), np.float32)) + bytes(5 * MIB))
    with pytest.raises(InvalidArrayError, match="wrong length"):
        NpzBody(file.getvalue(), 256 * MIB).headers()
    assert counting.bytes <= 4096


def test_the_limit_on_unpacked_bytes_holds_for_all_entries_together() -> None:
    body = npz(a=np.ones(1000), b=np.ones(1000))
    assert NpzBody(body, 17_000).unpacked_bytes > 16_000
    with pytest.raises(BodyTooLargeError):
        NpzBody(body, 16_000)


Body = tuple[bytes, dict[str, str]]


def small_and_large() -> list[tuple[str, Callable[[np.ndarray], Body]]]:
    return [
        ("json", lambda x: (json_of(x), JSON)),
        ("f8", lambda x: (npy(x.astype(np.float64)), NPY)),
        ("f4", lambda x: (npy(x), NPY)),
        ("npz", lambda x: (npz(pixels=x), NPZ)),
    ]


def json_of(x: np.ndarray) -> bytes:
    import orjson

    return orjson.dumps({"inputs": x.round(2).tolist()})


@pytest.mark.parametrize(("kind", "write"), small_and_large())
def test_large_bodies_are_converted_in_a_thread_and_small_ones_are_not(
    service: Live,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    write: Callable[[np.ndarray], Body],
) -> None:
    (name,) = service.app.state.services.registry.get("digits", None).signature.by_name
    threads: set[str] = set()
    for owner, method in (
        (predictions, "decode_json"),
        (prediction_answer, "encode_json"),
        (Signature, "arrays"),
        (NpzBody, "arrays"),
    ):
        original = getattr(owner, method)

        def noted(*args: Any, _original: Any = original, **options: Any) -> Any:
            threads.add(threading.current_thread().name.rsplit("_", 1)[0])
            return _original(*args, **options)

        monkeypatch.setattr(owner, method, noted)
    rows = 500 if kind == "json" else 8192
    x = np.random.default_rng(0).random((rows, 64), np.float32).round(2)
    outputs = {}
    for count in (1, rows):
        threads.clear()
        body, headers = write(x[:count])
        if kind == "npz":
            body = npz(**{name: x[:count]})
        answer = service.http.post(
            "/predict?model=digits",
            content=body,
            headers={**headers, "Accept": "application/x-npy, application/x-npz"},
        )
        assert answer.status_code == 200, answer.text
        found = np.load(io.BytesIO(answer.content))
        outputs[count] = found if isinstance(found, np.ndarray) else found[found.files[0]]
        large = len(body) > (SMALL_TEXT_BYTES if kind == "json" else SMALL_ARRAY_BYTES)
        assert large == (count > 1)
        expected = "convert-text" if kind == "json" else "convert-arrays"
        if kind == "f4":
            assert threads == set()  # nothing to convert: the engine reads the body itself
        elif large:
            assert threads == {expected}
        else:
            assert not any(thread.startswith("convert") for thread in threads)
    np.testing.assert_allclose(outputs[rows][:1], outputs[1], rtol=1e-4, atol=1e-6)


def test_a_large_json_answer_is_written_in_a_thread(
    service: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def noted(*args: Any, _original: Any = prediction_answer.encode_json, **options: Any) -> bytes:
        threads.add(threading.current_thread().name)
        return bytes(_original(*args, **options))

    monkeypatch.setattr(prediction_answer, "encode_json", noted)
    body = npy(np.zeros((8192, 64), np.float32))
    answer = service.http.post(
        "/predict?model=digits", content=body, headers={**NPY, "Accept": "application/json"}
    )
    assert len(answer.json()["outputs"]) == 8192
    assert [name.startswith("convert-text") for name in threads] == [True]


@pytest.mark.parametrize("shape", [(3, 100_000), (1, 262_144), (1, 262_145), (600_000,)])
def test_a_large_npy_answer_is_views_of_the_array(shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    header, *parts = npy_parts(array)
    assert b"".join([header, *parts]) == encode_npy(array)
    assert len(parts) == math.ceil(array.nbytes / MIB)
    assert all(np.shares_memory(np.frombuffer(part, np.uint8), array) for part in parts)


def test_an_answer_in_parts_is_the_same(service: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    body = npy(np.random.default_rng(0).random((500, 64)))
    whole = service.http.post("/predict?model=digits", content=body, headers=NPY)
    monkeypatch.setattr(prediction_answer, "SMALL_ARRAY_BYTES", 1000)
    monkeypatch.setattr(array_files, "_PART_BYTES", 1000)
    parts = service.http.post("/predict?model=digits", content=body, headers=NPY)
    assert parts.headers["content-length"] == str(len(parts.content))
    assert parts.content == whole.content


@pytest.mark.parametrize(("write", "in_thread"), [(npz, False), (compressed, True)])
def test_compressed_files_are_unpacked_in_a_thread_from_a_smaller_size_on(
    service: Live,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., bytes],
    in_thread: bool,
) -> None:
    threads = []
    unpack = NpzBody.arrays

    def noted(body: NpzBody) -> Any:
        threads.append(threading.current_thread().name)
        return unpack(body)

    monkeypatch.setattr(NpzBody, "arrays", noted)
    body = write(x=np.random.default_rng(0).random((500, 64), np.float32))
    assert service.http.post("/predict?model=digits", content=body, headers=NPZ).status_code == 200
    assert [name.startswith("convert") for name in threads] == [in_thread]


def test_no_more_waits_for_conversion_than_the_limit_allows() -> None:
    async def steps() -> list[Any]:
        conversion, go = Conversion(1000, cores=1, backlog_max_seconds=9), threading.Event()
        try:
            # One alone may be larger than the limit, else it would never be converted.
            first = asyncio.create_task(conversion.arrays(5000, lambda: go.wait(30)))
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError):
                await conversion.arrays(1, lambda: None)
            with pytest.raises(OverloadedError):
                await conversion.text(1, lambda: None)
            go.set()
            done = [await first, await conversion.text(1, lambda: "text")]
            done.append(conversion.waiting_bytes)
            with pytest.raises(ZeroDivisionError):
                await conversion.arrays(700, lambda: 1 // 0)
            return [*done, conversion.waiting_bytes]
        finally:
            go.set()
            conversion.close()

    assert asyncio.run(steps()) == [True, "text", 0, 0]


def test_a_batch_whose_answer_would_be_too_large_is_refused(service: Live) -> None:
    # A few weights can make gigabytes of output per sample: the number of samples alone is no limit.
    services = service.app.state.services
    model, limit = services.registry.get("small", None), AnswerLimit(2 * 3 * 4, "A_SETTING")

    def predict(samples: int) -> Prediction:
        call = PredictCall("small", None, [[0.0] * 6] * samples)
        predicted: Prediction = asyncio.run(services.predictor.predict(call, limit))
        return predicted

    assert model.signature.answer_bytes == 3 * 4
    assert predict(2).samples == 2
    with pytest.raises(BatchTooLargeError, match="A_SETTING") as caught:
        predict(3)
    assert caught.value.expected == "at most 2 samples"
