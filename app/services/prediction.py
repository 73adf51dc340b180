"""One prediction, whatever protocol asked for it: find the model, make its arrays, check, run, count.

Every protocol decodes its own messages to a `PredictCall` and encodes the `Prediction`; nothing here knows HTTP. The
engine says what fits a model; what is large is converted in threads, after everything that its size or shape can
tell has been checked.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from app.core.errors import (
    BatchTooLargeError,
    InvalidRequestError,
    ModelNotFoundError,
    ModelNotReadyError,
    VersionNotFoundError,
)
from app.services.array_files import NpzBody
from app.services.codecs import PredictCall, decode_json, peek_model
from app.services.conversion import SMALL_ARRAY_BYTES, SMALL_TEXT_BYTES, Conversion
from app.services.inference import Inference
from app.services.job_log import JobLog
from app.services.registry import LoadedModel, Registry
from app.services.tensors import Array
from graph.errors import PrunusError
from graph.input_names import by_input_name

Shapes = Mapping[str, tuple[int, ...]]

# Texts take time by their length; the time of one sample was measured with shorter ones.
_USUAL_TEXT_BYTES = 64


class AnswerLimit(NamedTuple):
    """Most bytes of all output arrays of one answer, and the setting that says so."""

    max_bytes: int
    setting: str


class Prediction(NamedTuple):
    """The answer to a prediction, and where its time went.

    Attributes:
        ready_at: time by `time.perf_counter` when the arrays were ready to be computed with.
        done_at: time by the same clock when the outputs were there.
        queue_seconds: time from being ready to being computed with.
        compute_seconds: time in the engine.
        is_finite: whether all inputs are finite, as far as the request's text tells.
    """

    model: LoadedModel
    outputs: Mapping[str, Array]
    samples: int
    ready_at: float
    done_at: float
    queue_seconds: float
    compute_seconds: float
    is_finite: bool


class Ready(NamedTuple):
    """Arrays that were made when a text was decoded, or why they could not be."""

    model: LoadedModel
    arrays: dict[str, Array]
    error: PrunusError | None = None


class Predictor:
    """Answers predictions with the loaded models."""

    def __init__(
        self, registry: Registry, inference: Inference, job_log: JobLog, conversion: Conversion
    ) -> None:
        self._registry = registry
        self._inference = inference
        self._job_log = job_log
        self._conversion = conversion

    async def read_text(
        self, body: bytes, default_model: str, default_version: int | None
    ) -> tuple[PredictCall, Ready | None]:
        """Decode a large body of JSON and make its arrays, in one visit to the thread that does so.

        Args:
            body: the text.
            default_model: the model that is asked where the body names none.
            default_version: the version that is asked where the body gives none.

        Returns:
            The call, and its arrays where its model is loaded.

        Raises:
            PrunusError: the body cannot be decoded, or too much waits already.
        """
        name = peek_model(body) or default_model
        model = self._loaded(PredictCall(name, None, None))
        if model is not None:
            self._inference.check_room(model)
        decode = partial(decode_json, body, default_model, default_version)
        return await self._conversion.text(len(body), partial(self._read, decode))

    def _read(self, decode: Callable[[], PredictCall]) -> tuple[PredictCall, Ready | None]:
        call = decode()
        # Looking a model up changes nothing, so it may be done in any thread.
        model = self._loaded(call)
        if model is None:
            return call, None
        try:
            arrays = model.signature.arrays(
                call.inputs, has_booleans=call.has_booleans, has_text=call.has_text
            )
        except PrunusError as error:
            return call, Ready(model, {}, error)
        return call, Ready(model, arrays)

    async def predict(
        self, call: PredictCall, answer_limit: AnswerLimit, ready: Ready | None = None
    ) -> Prediction:
        """Compute the answer to a decoded request.

        Args:
            call: the request.
            answer_limit: most bytes of the answer.
            ready: its arrays, where they were made together with it.

        Raises:
            PrunusError: the model is not there, the inputs do not fit it, or too many requests wait.
        """
        model = ready.model if ready else self._loaded(call) or await self._find(call)
        try:
            arrays = (
                self._ready_arrays(ready, answer_limit)
                if ready
                else self._small_arrays(model, call, answer_limit)
            )
            if arrays is None:
                arrays = await self._large_arrays(model, call, answer_limit)
            if model.executable.varies:
                await self._inference.known(model, arrays)
                shapes = {name: array.shape for name, array in arrays.items()}
                self._check_known(model, shapes, answer_limit)
            samples = len(next(iter(arrays.values())))
            ready_at = time.perf_counter()
            if self._inference.is_inline(model, samples + _length_of_texts(arrays)):
                answer = self._inference.run_here(model, arrays)
                done_at = ready_at + answer.compute_seconds
            else:
                answer = await self._inference.run(model, arrays)
                done_at = time.perf_counter()
        except PrunusError as error:
            model.series.fail(error.slug)
            raise
        return Prediction(
            model,
            answer.outputs,
            samples,
            ready_at,
            done_at,
            answer.queue_seconds,
            answer.compute_seconds,
            call.is_finite or _is_finite(arrays),
        )

    def _loaded(self, call: PredictCall) -> LoadedModel | None:
        try:
            return self._registry.get(call.model, call.version) if call.model else None
        except PrunusError:
            return None

    async def _find(self, call: PredictCall) -> LoadedModel:
        if not call.model:
            raise InvalidRequestError(
                "the model is not named",
                expected='"model" in a JSON body, or ?model= for .npy and .npz',
                hint="GET /models lists the models",
            )
        try:
            return self._registry.get(call.model, call.version)
        except (ModelNotFoundError, VersionNotFoundError):
            for job in await asyncio.to_thread(self._job_log.preparing, call.model):
                if call.version in {None, job.version}:
                    raise ModelNotReadyError(
                        f"version {job.version} of model {call.model!r} is still being prepared",
                        hint=f"GET /jobs/{job.id} shows how far it is",
                    ) from None
            raise

    def _ready_arrays(self, ready: Ready, answer_limit: AnswerLimit) -> dict[str, Array]:
        """Return the arrays of a text, checked."""
        if ready.error is not None:
            raise ready.error
        shapes = {name: array.shape for name, array in ready.arrays.items()}
        self._check(ready.model, shapes, answer_limit)
        return ready.arrays

    def _small_arrays(
        self, model: LoadedModel, call: PredictCall, answer_limit: AnswerLimit
    ) -> dict[str, Array] | None:
        """Return what the model is computed with, checked; None where that would take long."""
        given, signature = call.inputs, model.signature
        if type(given) is np.ndarray:
            reader = signature.only_input()
            reader.check_type(given.dtype)
            self._check(model, {reader.name: given.shape}, answer_limit)
            if given.dtype != reader.dtype and given.nbytes > SMALL_ARRAY_BYTES:
                return None
            return {reader.name: reader.array(given)}
        if type(given) is NpzBody or call.size_bytes > SMALL_TEXT_BYTES:
            return None
        arrays = signature.arrays(given, has_booleans=call.has_booleans, has_text=call.has_text)
        self._check(model, {name: array.shape for name, array in arrays.items()}, answer_limit)
        return arrays

    async def _large_arrays(
        self, model: LoadedModel, call: PredictCall, answer_limit: AnswerLimit
    ) -> dict[str, Array]:
        """Return what the model is computed with, checked, and converted in a thread where that takes long."""
        given = call.inputs
        if type(given) is NpzBody:
            return await self._from_npz(model, given, answer_limit)
        read = partial(
            model.signature.arrays, given, has_booleans=call.has_booleans, has_text=call.has_text
        )
        if isinstance(given, np.ndarray):  # its shape was checked already
            return await self._conversion.arrays(given.nbytes, read)
        arrays = await self._conversion.text(call.size_bytes, read)
        self._check(model, {name: array.shape for name, array in arrays.items()}, answer_limit)
        return arrays

    async def _from_npz(
        self, model: LoadedModel, body: NpzBody, answer_limit: AnswerLimit
    ) -> dict[str, Array]:
        """Check names, then headers, and only then unpack."""
        readers = model.signature.by_name
        model.executable.check_names(by_input_name(dict.fromkeys(body.names), list(readers)))
        headers = by_input_name(body.headers(), list(readers))
        for name, header in headers.items():
            readers[name].check_type(header.dtype)
        self._check(model, {name: header.shape for name, header in headers.items()}, answer_limit)

        def read() -> dict[str, Array]:
            arrays = by_input_name(body.arrays(), list(readers))
            return {name: reader.array(arrays[name]) for name, reader in readers.items()}

        if body.unpacked_bytes > (SMALL_TEXT_BYTES if body.is_compressed else SMALL_ARRAY_BYTES):
            return await self._conversion.arrays(body.unpacked_bytes, read)
        return read()

    def _check(self, model: LoadedModel, shapes: Shapes, answer_limit: AnswerLimit) -> None:
        """Refuse shapes that do not fit the model or the limits; of new sizes, `predict` finds out more in a thread."""
        executable = model.executable
        if executable.varies and not executable.is_known(shapes):
            self._check_samples(next(iter(shapes.values()))[0])
        else:
            self._check_known(model, shapes, answer_limit)

    def _check_known(self, model: LoadedModel, shapes: Shapes, answer_limit: AnswerLimit) -> None:
        samples = model.executable.check(shapes)
        self._check_samples(samples)
        answer_bytes = model.signature.answer_bytes or model.executable.answer_bytes(shapes)
        if samples * answer_bytes > answer_limit.max_bytes:
            raise BatchTooLargeError(
                "the answer to the batch would be too large",
                expected=f"at most {answer_limit.max_bytes // answer_bytes:,} samples",
                got=f"{samples:,}",
                hint=f"the limit is the setting {answer_limit.setting}",
            )

    def _check_samples(self, samples: int) -> None:
        if samples > self._inference.batch_max_samples:
            raise BatchTooLargeError(
                "the batch has too many samples",
                expected=f"at most {self._inference.batch_max_samples:,}",
                got=f"{samples:,}",
                hint="the limit is the setting PRUNUS_PREDICT_BATCH_MAX_SAMPLES",
            )


def _is_finite(arrays: Mapping[str, Array]) -> bool:
    return all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind != "O")


def _length_of_texts(arrays: Mapping[str, Array]) -> int:
    """Return how many samples of usual length all texts of a request are worth."""
    return sum(
        sum(map(len, array.ravel().tolist())) // _USUAL_TEXT_BYTES
        for array in arrays.values()
        if array.dtype.kind == "O"
    )
