"""What is large is not written on the event loop, whether or not the model says how large its answers are."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from app.routes.prediction_answer import Answer, encode
from app.services.codecs import JSON, NPZ
from app.services.conversion import SMALL_ARRAY_BYTES, SMALL_TEXT_BYTES, Conversion
from app.services.prediction import Prediction


class Counted:
    """Writes at once, and keeps the sizes of what it was given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def text(self, size_bytes: int, work: Callable[[], Answer], *, has_begun: bool) -> Answer:
        self.sizes.append(size_bytes)
        return work()

    arrays = text


def written(form: str, answer_bytes: int, size_bytes: int) -> list[int]:
    """Return the sizes of what was not written on the event loop."""
    outputs = {"y": np.zeros((1, size_bytes // 4), np.float32)}
    signature = SimpleNamespace(answer_bytes=answer_bytes)
    model = SimpleNamespace(name="m", version=1, signature=signature)
    found = Prediction(cast(Any, model), outputs, 1, 0.0, 0.0, 0.0, 0.0, True)
    counted = Counted()
    asyncio.run(encode(form, found, cast(Conversion, counted), bare=False))
    return counted.sizes


@pytest.mark.parametrize(("form", "most"), [(JSON, SMALL_TEXT_BYTES), (NPZ, SMALL_ARRAY_BYTES)])
@pytest.mark.parametrize("varies", [False, True])
def test_what_is_large_is_written_elsewhere(form: str, most: int, varies: bool) -> None:
    for size, wanted in ((most, []), (most + 4, [most + 4])):
        assert written(form, 0 if varies else size, size) == wanted
