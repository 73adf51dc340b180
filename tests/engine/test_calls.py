"""What makes calls cheap must not show: known shapes, functions made of native code, reused memory."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest

from engine.core.errors import (
    BatchMismatchError,
    InputDtypeError,
    InputShapeError,
    LinkError,
    MissingInputError,
    UnknownInputError,
)
from engine.execution import builtin, forms
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from graph.graph import Graph
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import assert_close, compiled, oracle


def two_inputs() -> Graph:
    b = GraphBuilder(3)
    x, z = b.input(20, name="left"), b.input(2, 10, name="right")
    return b.build(b.dense(x, 33, sparsity=0.8), b.dense(z, 7, sparsity=0.5))


@pytest.fixture
def executable(object_cache: ObjectCache) -> Executable:
    """One that has run batches of 3 and of 5: their shapes are known."""
    made = compiled(two_inputs(), object_cache)
    for batch in (3, 5):
        made.run(random_inputs(two_inputs(), batch))
    return made


def test_known_shapes_are_still_checked(executable: Executable) -> None:
    inputs = random_inputs(two_inputs(), 3)
    five = random_inputs(two_inputs(), 5)
    for _ in range(2):  # refused calls leave nothing behind
        with pytest.raises(BatchMismatchError, match=r"'left'.*'right'"):
            executable.run({**inputs, "right": five["right"]})
        with pytest.raises(InputShapeError, match=r"'right'.*expected \[batch, 2, 10\]"):
            executable.run({**inputs, "right": np.zeros((3, 10, 2), np.float32)})
        with pytest.raises(InputShapeError, match=r"'left'"):
            executable.run({**inputs, "left": np.zeros((5, 2, 10), np.float32)})
        with pytest.raises(UnknownInputError, match="'third'"):
            executable.run({**inputs, "third": inputs["left"]})
        with pytest.raises(MissingInputError, match="'right' is missing"):
            executable.run({"left": inputs["left"]})
        with pytest.raises(InputDtypeError, match="expected float32"):
            executable.run({**inputs, "right": inputs["right"].astype(np.int32)})
        with pytest.raises(InputDtypeError, match="got NoneType"):
            executable.run({**inputs, "left": None})  # type: ignore[dict-item]
    assert_close(executable.run(inputs), oracle(two_inputs(), inputs))


class Liar(np.ndarray):
    """An array that says it is longer than its memory."""

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (5, *super().shape[1:])


def test_the_memory_of_an_array_counts_not_what_its_class_says(executable: Executable) -> None:
    inputs = random_inputs(two_inputs(), 3)
    lying = {name: array.view(Liar) for name, array in inputs.items()}
    assert {array.shape[0] for array in lying.values()} == {5}
    results = executable.run(lying)
    assert_close(results, oracle(two_inputs(), inputs))


def test_a_dtype_that_is_only_equal_is_taken(executable: Executable) -> None:
    inputs = random_inputs(two_inputs(), 3)
    wanted = executable.run(inputs)
    described = np.dtype(np.float32, metadata={"unit": "m"})
    given = {name: array.view(described) for name, array in inputs.items()}
    assert given["left"].dtype is not inputs["left"].dtype
    actual = executable.run(given)
    for name, array in wanted.items():
        np.testing.assert_array_equal(actual[name], array)


def test_arrays_of_a_subclass_are_taken(executable: Executable) -> None:
    class Named(np.ndarray):
        pass

    inputs = random_inputs(two_inputs(), 3)
    wanted = executable.run(inputs)
    actual = executable.run({name: array.view(Named) for name, array in inputs.items()})
    for name, array in wanted.items():
        assert type(actual[name]) is np.ndarray
        np.testing.assert_array_equal(actual[name], array)


def test_more_shapes_than_are_kept_are_run(
    executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MAX_KNOWN_FORMS", 3)
    for batch in (1, 3, 7, 9, 5, 9, 7):
        inputs = random_inputs(two_inputs(), batch)
        assert_close(executable.run(inputs), oracle(two_inputs(), inputs))
    assert len(executable._forms.known) == 3


def test_calls_keep_no_array(executable: Executable) -> None:
    inputs = random_inputs(two_inputs(), 3)
    (call,) = executable._idle
    objects = [*inputs.values(), call.workspace.block]
    before = [sys.getrefcount(each) for each in objects]
    for _ in range(100):
        results = executable.run(inputs)
    assert [sys.getrefcount(each) for each in objects] == before
    kept = [weakref.ref(array) for array in results.values()]
    del results
    assert [reference() for reference in kept] == [None, None]


def test_a_native_function_keeps_its_code_alive(object_cache: ObjectCache) -> None:
    executable = compiled(two_inputs(), object_cache)
    inputs = random_inputs(two_inputs(), 3)
    wanted = executable.run(inputs)
    (call,) = executable._idle
    native = weakref.ref(executable._native)
    run, workspace = call.run, weakref.ref(call.workspace)
    arena = call.workspace.arena  # the request only has its address
    executable.close()
    del executable, call
    gc.collect()
    assert native() is not None
    assert workspace() is None
    results = [np.full_like(array, np.nan) for array in wanted.values()]
    run(*inputs.values(), *results)
    for result, array in zip(results, wanted.values(), strict=True):
        np.testing.assert_array_equal(result, array)
    del run, arena
    gc.collect()
    assert native() is None


def test_others_run_while_a_native_function_does(object_cache: ObjectCache) -> None:
    """A call that held the GIL would let no other thread count."""
    b = GraphBuilder(5)
    graph = b.build(b.dense(b.dense(b.input(600), 600), 600))
    executable = compiled(graph, object_cache)
    inputs = random_inputs(graph, 20_000)
    executable.run(inputs)
    counted, end = [0], threading.Event()

    def count() -> None:
        while not end.is_set():
            counted[0] += 1

    before = sys.getswitchinterval()
    sys.setswitchinterval(0.2)  # nobody is soon made to give the GIL away
    thread = threading.Thread(target=count)
    try:
        (call,) = executable._idle
        results = [np.empty((20_000, 600), np.float32)]
        thread.start()
        start = counted[0]
        call.run(*inputs.values(), *results)
        assert counted[0] > start
    finally:
        end.set()
        sys.setswitchinterval(before)
        thread.join()


def test_another_layout_of_arrays_is_refused(
    executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin, "ARRAY_DATA_BYTES", 0)
    executable._idle.clear()
    with pytest.raises(LinkError, match="not where it is expected"):
        executable.run(random_inputs(two_inputs(), 3))
