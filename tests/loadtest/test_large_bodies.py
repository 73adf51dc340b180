"""The bodies of the measurement are what they are called, and the service reads them."""

import io

import numpy as np
import orjson
import pytest

from loadtest.large_bodies import FEATURES, json_body, npy_body


@pytest.mark.parametrize("size_bytes", [1, 10_000, 1_000_000])
def test_bodies_have_about_the_size_that_was_asked_for(size_bytes: int) -> None:
    text, kind = json_body(size_bytes)
    assert kind == "application/json"
    assert {len(row) for row in orjson.loads(text)["inputs"]} == {FEATURES}
    content, kind = npy_body(size_bytes)
    assert kind == "application/x-npy"
    assert np.load(io.BytesIO(content)).dtype == np.float64
    if size_bytes > 5000:
        assert 0.8 < len(text) / size_bytes < 1.2
        assert 0.8 < len(content) / size_bytes < 1.2
