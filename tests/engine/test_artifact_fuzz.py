"""Artifacts changed at random and sealed again: an error of ours, or a run that leaves no buffer."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.artifacts.artifact import artifact_bytes
from engine.compiler import compile_graph
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache
from tests.builders import random_inputs
from tests.engine.compiled import UNTUNED
from tests.engine.tamper import Tampered, leaves, outcome
from tests.engine.test_artifact import model_graph

ENOUGH = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def content(object_cache: ObjectCache) -> bytes:
    return artifact_bytes(compile_graph(model_graph(), host_target(), UNTUNED, object_cache))


def test_an_untouched_artifact_runs(content: bytes, object_cache: ObjectCache) -> None:
    assert outcome(Tampered(content).sealed(), object_cache) == "ran"
    assert random_inputs(model_graph(), 17).keys() == {"x0"}


@ENOUGH
@given(data=st.data())
def test_flipped_data_bytes_never_lead_outside(
    content: bytes, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(tampered.data) - 1))
        tampered.data[place] ^= data.draw(st.integers(1, 255))
    assert outcome(tampered.sealed(), object_cache) in {"refused", "ran"}


@ENOUGH
@given(data=st.data())
def test_changed_manifest_values_never_lead_outside(
    content: bytes, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(content)
    holder, key = data.draw(st.sampled_from(leaves(tampered.manifest)))
    holder[key] = data.draw(
        st.one_of(
            st.integers(-2, 80),
            st.sampled_from([2**31, 2**40, 2**53, -(2**63), None, True, "", "relu", [], {}]),
        )
    )
    assert outcome(tampered.sealed(), object_cache) in {"refused", "ran"}


@ENOUGH
@given(data=st.data())
def test_flipped_manifest_bytes_never_lead_outside(
    content: bytes, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(content)
    text = bytearray(json.dumps(tampered.manifest).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 127))
    assert outcome(tampered.sealed(bytes(text)), object_cache) in {"refused", "ran"}
