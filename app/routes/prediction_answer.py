"""The answer to a prediction as the body of a response: JSON, .npy or .npz."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from app.services.array_files import encode_npy, encode_npz, npy_parts
from app.services.codecs import JSON, NPY, NPZ, encode_json
from app.services.conversion import SMALL_ARRAY_BYTES, SMALL_TEXT_BYTES, Conversion
from app.services.prediction import Prediction


class Answer(NamedTuple):
    """A body.

    Attributes:
        form: its media type.
        size_bytes: size of all parts together.
        parts: one after the other; at least one.
        is_finite: whether nothing went in or came out that JSON cannot say; always so in other forms.
    """

    form: str
    size_bytes: int
    parts: Sequence[bytes | memoryview]
    is_finite: bool = True


async def encode(form: str, found: Prediction, conversion: Conversion, *, bare: bool) -> Answer:
    """Write an answer; several outputs do not fit a .npy and become a .npz.

    Args:
        form: media type that the client wants.
        found: the answer.
        conversion: writes what is large.
        bare: write a single output as a nested list instead of an object.
    """
    outputs = found.outputs
    size = found.samples * found.model.signature.answer_bytes
    if not size:  # it depends on the size of the inputs
        size = sum(array.nbytes for array in outputs.values())
    if size <= SMALL_TEXT_BYTES:
        return small_answer(form, found, bare=bare)
    if form == JSON:
        return await conversion.text(size, partial(_json, found, bare=bare), has_begun=True)
    if size <= SMALL_ARRAY_BYTES:
        return small_answer(form, found, bare=bare)
    if form == NPY and len(outputs) == 1:
        (array,) = outputs.values()
        parts = npy_parts(array)
        return Answer(NPY, sum(map(len, parts)), parts)
    content = await conversion.arrays(size, partial(encode_npz, outputs), has_begun=True)
    return Answer(NPZ, len(content), (content,))


def small_answer(form: str, found: Prediction, *, bare: bool) -> Answer:
    """Write an answer that takes no time to speak of; arguments as for `encode`."""
    if form == JSON:
        return _json(found, bare=bare)
    outputs = found.outputs
    if form == NPY and len(outputs) == 1:
        (array,) = outputs.values()
        content = encode_npy(array)
        return Answer(NPY, len(content), (content,))
    content = encode_npz(outputs)
    return Answer(NPZ, len(content), (content,))


def _json(found: Prediction, *, bare: bool) -> Answer:
    content = encode_json(found.model.name, found.model.version, found.outputs, bare=bare)
    # Hardly an answer has the word in it, and then it may be in a name.
    is_finite = found.is_finite and (
        b"null" not in content or all(np.isfinite(array).all() for array in found.outputs.values())
    )
    return Answer(JSON, len(content), (content,), is_finite)
