"""Front parts in executables and artifacts: the oracle's answers, pieces of batches, and hostile manifests."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.artifacts.artifact import Artifact, artifact_bytes, parse_artifact
from engine.compiler import compile_graph
from engine.core.errors import (
    ArtifactError,
    ExecutableClosedError,
    InputDtypeError,
    InputShapeError,
    UnknownInputError,
)
from engine.core.target import host_target
from engine.execution import front as executables
from engine.execution.front import FrontExecutable
from engine.execution.runtime import Executable, load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.retune import retune
from graph import reference
from graph.errors import UnknownValueError, VerifyError
from graph.front import run_front
from graph.front_samples import sample
from graph.graph import Front, Graph, Input, Node
from graph.lookup_ops import Cross, Discretize, Encode, Encoding, Hash, Lookup, TokenAt
from graph.ops import Dense
from graph.shape_ops import Concatenate, Reshape
from graph.tensor_type import DType, TensorType
from graph.text_ops import Vectorize
from graph.verify import verify
from graph.vocabulary import Vocabulary
from tests.builders import GraphBuilder
from tests.engine.compiled import UNTUNED, assert_close
from tests.engine.tamper import Tampered

WORDS = Vocabulary((b"a", "ö".encode(), b"ccc"))
NUMBERS = Vocabulary((5, -(2**62), 7))
INPUTS = (
    Input("text", TensorType(DType.STRING, (None,))),
    Input("word", TensorType(DType.STRING, (None, 2))),
    Input("number", TensorType(DType.INT64, (None, 1))),
    Input("size", TensorType(DType.FLOAT32, (None, 3))),
)
NODES = (
    Node("counts", Vectorize(WORDS, ngrams=(1, 2), encoding=Encoding.COUNT, depth=5), ("text",)),
    Node("places", Lookup(WORDS, 2, b"", is_encoded=True, salt=(1, 2**64 - 1)), ("word",)),
    Node("hot", Encode(Encoding.MULTI_HOT, 5), ("places",)),
    Node("known", Lookup(NUMBERS, 1, 0), ("number",)),
    Node("token", TokenAt(WORDS, b"?", None, 1), ("known",)),
    Node("crossed", Cross(9), ("token", "number")),
    Node("bins", Discretize((-0.5, 0.5)), ("size",)),
    Node("flat", Reshape((1,)), ("crossed",)),
    Node("hash", Hash(7, b"a"), ("word",)),
    Node("hashes", Encode(Encoding.COUNT, 7), ("hash",)),
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Every op of a front part, and a network that takes the caller's numbers, too."""
    b = GraphBuilder(seed=4)
    x = [b.input(count, name=name) for name, count in (("counts", 5), ("hot", 5), ("hashes", 7))]
    x += [
        b.input(name=name, type_=TensorType(kind, (None, count)))
        for name, kind, count in (("flat", DType.INT64, 1), ("bins", DType.INT32, 3))
    ]
    x.append(b.input(3, name="size"))
    built = b.build(b.dense(b.add(Concatenate(-1), x), 4))
    found = replace(built, front=Front(INPUTS, NODES))
    verify(found)
    return found


@pytest.fixture(scope="module")
def model(graph: Graph, object_cache: ObjectCache) -> CompiledModel:
    made = compile_graph(graph, host_target(), UNTUNED, object_cache)
    return replace(made, front=graph.front)


@pytest.fixture
def executable(model: CompiledModel, object_cache: ObjectCache) -> Executable:
    return load(Artifact(parse_artifact(artifact_bytes(model)).model, 0), object_cache)


def inputs(graph: Graph, count: int) -> dict[str, Any]:
    assert graph.front is not None
    rng = np.random.default_rng(count)
    found = {one.name: sample(graph.front, one, "normal", count, rng) for one in INPUTS}
    return {name: np.asarray(array) for name, array in found.items()}


def expected(graph: Graph, given: dict[str, Any]) -> Any:
    assert graph.front is not None
    made = run_front(graph.front, given, [one.name for one in graph.inputs])
    return reference.run(graph, made, np.float64)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_answers_are_the_oracles(graph: Graph, executable: Executable, count: int) -> None:
    given = inputs(graph, count)
    assert_close(executable.run(given), expected(graph, given))
    assert executable.check({name: array.shape for name, array in given.items()}) == count


def test_batches_go_through_in_pieces(
    graph: Graph, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = inputs(graph, 23)
    whole = executable.run(given)
    monkeypatch.setattr(executables, "_PIECE_BYTES", 1000)
    for name, array in executable.run(given).items():
        np.testing.assert_allclose(array, whole[name], atol=1e-6)


def test_an_artifact_holds_the_front_part_whole(model: CompiledModel) -> None:
    content = artifact_bytes(model)
    again = parse_artifact(content).model
    assert again.front == model.front
    assert artifact_bytes(again) == content


def test_a_model_that_is_tuned_again_keeps_its_front_part(
    model: CompiledModel, object_cache: ObjectCache
) -> None:
    again = retune(model, host_target(), UNTUNED, object_cache)
    assert again.front == model.front


def test_the_example_can_be_computed(executable: Executable) -> None:
    example = executable.example()
    assert example["text"].dtype == object
    assert len(executable.run(example)) == 1


def test_what_does_not_fit_is_refused(graph: Graph, executable: Executable) -> None:
    given = inputs(graph, 2)
    with pytest.raises(UnknownInputError):
        executable.run({**given, "more": np.ones(2)})
    with pytest.raises(InputDtypeError):
        executable.run({**given, "number": given["number"].astype(np.int32)})
    with pytest.raises(InputDtypeError):
        executable.run({**given, "word": np.array([["a", "b"]] * 2)})
    with pytest.raises(InputShapeError):
        executable.run({**given, "word": given["word"][:, :1]})
    executable.close()
    with pytest.raises(ExecutableClosedError):
        executable.run(given)


def test_unknown_values_are_refused_where_there_is_no_place_for_them(
    graph: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    nodes = [
        replace(node, op=replace(node.op, unknown_places=0)) if node.name == "known" else node
        for node in NODES
    ]
    closed = replace(model, front=Front(INPUTS, tuple(nodes)))
    executable = load(Artifact(closed, 0), object_cache)
    assert isinstance(executable, FrontExecutable)
    executable.run(executable.example())
    given = {**inputs(graph, 1), "number": np.array([[6]])}
    with pytest.raises(UnknownValueError, match=r"got 6 at \[0\]\[0\]"):
        executable.run(given)


def test_only_lookups_and_moves_stand_in_a_front_part(graph: Graph) -> None:
    wrong = [
        (*NODES, Node("dense", Dense(2, use_bias=False), ("size",))),
        (*NODES, Node("counts", NODES[0].op, ("text",))),
        (*NODES, Node("late", NODES[0].op, ("later",))),
        (*NODES, Node("kind", NODES[0].op, ("number",))),
        NODES[1:],
    ]
    for nodes in wrong:
        with pytest.raises(VerifyError):
            verify(replace(graph, front=Front(INPUTS, nodes)))
    with pytest.raises(VerifyError, match="is text"):
        verify(replace(graph, inputs=(*graph.inputs, INPUTS[0])))


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "an op that is none": lambda f: f["nodes"][0].update(op="Dense"),
    "an op of the system": lambda f: f["nodes"][0].update(op="__import__"),
    "a field more": lambda f: f["nodes"][2]["fields"].update(path="/etc/passwd"),
    "no field": lambda f: f["nodes"][2]["fields"].pop("depth"),
    "a huge depth": lambda f: f["nodes"][2]["fields"].update(depth=str(2**40)),
    "a number that is none": lambda f: f["nodes"][2]["fields"].update(depth="1e3"),
    "a word that is none": lambda f: f["nodes"][2]["fields"].update(encoding="x"),
    "a section that is not there": lambda f: f["nodes"][1]["fields"].update(
        vocabulary={"texts": 9999, "lengths": 9999}
    ),
    "sections that are exchanged": lambda f: f["nodes"][1]["fields"].update(
        vocabulary={
            "texts": f["nodes"][1]["fields"]["vocabulary"]["lengths"],
            "lengths": f["nodes"][1]["fields"]["vocabulary"]["texts"],
        }
    ),
    "a mask of another kind": lambda f: f["nodes"][1]["fields"].update(mask="3"),
    "a mask that is no text": lambda f: f["nodes"][1]["fields"].update(mask={"text": "zz"}),
    "a salt that is too large": lambda f: f["nodes"][1]["fields"].update(salt=["1", str(2**64)]),
    "a loop": lambda f: f["nodes"][2].update(inputs=["hot"]),
    "an input less": lambda f: f["inputs"].pop(),
    "an input of another type": lambda f: f["inputs"][0].update(dtype="complex64"),
    "an input of another shape": lambda f: f["inputs"][3].update(shape=[4]),
    "too many axes": lambda f: f["inputs"][1].update(shape=[1] * 30),
    "two of one name": lambda f: f["nodes"][0].update(name="hot"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_hostile_front_parts_are_refused(model: CompiledModel, change: Change) -> None:
    tampered = Tampered(artifact_bytes(model))
    change(tampered.manifest["front"])
    with pytest.raises(ArtifactError):
        parse_artifact(tampered.sealed())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_front_parts_are_refused_or_harmless(model: CompiledModel, data: Any) -> None:
    tampered = Tampered(artifact_bytes(model))
    text = json.dumps(tampered.manifest["front"])
    start = data.draw(st.integers(0, len(text) - 1))
    text = text[:start] + data.draw(st.sampled_from('0179-"[]{}ae,:')) + text[start + 1 :]
    try:
        tampered.manifest["front"] = json.loads(text)
    except ValueError:
        return
    with contextlib.suppress(ArtifactError):
        parse_artifact(tampered.sealed())
