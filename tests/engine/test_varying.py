"""Models of varying size: every size against the float64 oracle, limits, what is kept, threads, tampered artifacts."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.artifacts.manifest_graph import _DECODERS, OPS
from engine.core.errors import (
    ArtifactError,
    BatchMismatchError,
    EmptyBatchError,
    ExecutableClosedError,
    InputShapeError,
    MissingInputError,
    SizeError,
    SizesInUseError,
    SizeTooLargeError,
)
from engine.core.target import host_target
from engine.execution.runtime import Executable
from engine.execution.sizes import SizeLimits
from engine.machine_code.object_cache import ObjectCache
from engine.passes.lower import LOWERED
from engine.planning.plan import CompiledModel
from engine.retune import retune
from graph.activations import ActivationFunction
from graph.element_ops import Constant
from graph.errors import ShapeError
from graph.graph import Graph, Input
from graph.ops import Merge, MergeKind
from graph.pooling_ops import GlobalPool, PoolKind
from graph.shape_ops import Permute
from graph.sizes import Sizes, at_sizes, usual_sizes
from graph.tensor_type import float32
from graph.windows import Padding
from tests.engine.compiled import UNTUNED, assert_close, oracle
from tests.engine.tamper import Tampered, leaves, outcome
from tests.engine.test_artifact_fuzz import ENOUGH
from tests.engine.test_differential import is_well_conditioned
from tests.engine.varying import (
    inputs_at,
    loaded,
    random_varying_networks,
    sizes_of,
    small_network,
    varying,
    varying_model,
)
from tests.pruning.images import ImageBuilder

EXPLORES = os.environ.get("HYPOTHESIS_PROFILE") == "explore"
LENGTHS = [(1, 1, 1), (2, 3, 2), (5, 4, 3), (6, 7, 2), (9, 9, 4), (16, 11, 5), (33, 18, 3)]


@pytest.fixture(scope="module")
def network() -> Graph:
    return small_network()


@pytest.fixture(scope="module")
def model(network: Graph, object_cache: ObjectCache) -> CompiledModel:
    return varying_model(network, object_cache)


@pytest.mark.parametrize("block", range(40 if EXPLORES else 3))
def test_every_size_is_computed_as_the_oracle_does(block: int, object_cache: ObjectCache) -> None:
    computed = 0
    for graph in random_varying_networks(100 * block, 3):
        executable = loaded(varying_model(graph, object_cache), object_cache)
        for lengths in LENGTHS:
            inputs = inputs_at(graph, lengths)
            try:
                fixed = at_sizes(graph, sizes_of(inputs))
            except ShapeError:
                with pytest.raises(SizeError):
                    executable.run(inputs)
                continue
            if is_well_conditioned(fixed, inputs):
                assert_close(executable.run(inputs), oracle(fixed, inputs))
                computed += 1
    assert computed >= 6


def test_channels_may_come_first(object_cache: ObjectCache) -> None:
    b = ImageBuilder(9)
    x = b.input(3, 8, 8, name="image")
    y = b.conv(b.add(Permute((2, 3, 1)), [x]), 4, 3, padding=Padding.SAME, stride=2)
    graph = b.build(b.add(Permute((3, 1, 2)), [y]))
    free = replace(graph, inputs=(Input("image", float32(3, None, None)),))
    executable = loaded(varying_model(free, object_cache), object_cache)
    assert executable.outputs[0].sample_shape == (4, None, None)
    for shape in ((1, 3, 17, 30), (2, 3, 1, 4), (3, 3, 64, 64)):
        inputs = {"image": np.random.default_rng(1).standard_normal(shape).astype(np.float32)}
        assert_close(executable.run(inputs), oracle(at_sizes(free, sizes_of(inputs)), inputs))


def test_several_inputs_vary_each_for_itself(object_cache: ObjectCache) -> None:
    b = ImageBuilder(10)
    image, signal = b.input(8, 8, 3, name="image"), b.input(8, 2, name="signal")
    pooled = [
        b.add(GlobalPool(PoolKind.MAX), [b.conv(x, 5, 3, padding=Padding.SAME)])
        for x in (image, signal)
    ]
    graph = varying(b.build(b.add(Merge(MergeKind.ADD), pooled)))
    assert graph is not None
    executable = loaded(varying_model(graph, object_cache), object_cache)
    rng = np.random.default_rng(2)
    for size, length in (((5, 9), 31), ((5, 9), 32), ((64, 64), 7), ((6, 9), 32)):
        inputs = {
            "image": rng.standard_normal((2, *size, 3)).astype(np.float32),
            "signal": rng.standard_normal((2, length, 2)).astype(np.float32),
        }
        assert_close(executable.run(inputs), oracle(at_sizes(graph, sizes_of(inputs)), inputs))
    inputs["signal"] = inputs["signal"][:1]
    with pytest.raises(BatchMismatchError):
        executable.run(inputs)
    del inputs["signal"]
    with pytest.raises(MissingInputError):
        executable.run(inputs)


def test_a_size_is_made_once_and_then_kept(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache)
    made, inputs = executable.sizes_made, inputs_at(network, (19, 23))
    shapes = {name: array.shape for name, array in inputs.items()}
    assert not executable.ready(shapes)
    first = executable.run(inputs)
    assert executable.ready(shapes)
    again = executable.run(inputs)
    assert executable.sizes_made == made + 1
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])


def test_what_is_kept_is_bounded_in_number(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache, SizeLimits(max_kept=3))
    for length in range(10, 20):
        executable.run(inputs_at(network, (length, 12)))
        assert len(executable._kept) <= 3
    # The first of the three is used again, so that the second is let go of next.
    executable.run(inputs_at(network, (17, 12)))
    executable.run(inputs_at(network, (30, 12)))
    kept = {
        length: executable.ready({"image": (1, length, 12, 3)}) is not None
        for length in (17, 18, 19, 30)
    }
    assert kept == {17: True, 18: False, 19: True, 30: True}


def test_a_size_that_was_made_is_there_until_it_has_run(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache, SizeLimits(max_kept=1))
    inputs = inputs_at(network, (21, 12))
    held = executable.prepared({name: array.shape for name, array in inputs.items()})
    made = executable.sizes_made
    executable.run(inputs_at(network, (22, 12)))  # takes the only place
    result = held.run(inputs)
    assert executable.sizes_made == made + 1
    assert_close(result, oracle(at_sizes(network, sizes_of(inputs)), inputs))


def test_sizes_that_calls_hold_are_bounded_in_bytes(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    limits = SizeLimits(max_kept=1, max_kept_bytes=1_600_000)
    executable = loaded(model, object_cache, limits)
    shapes = [{"image": (1, length, 40, 3)} for length in range(60, 160)]
    held: list[Executable] = []
    with pytest.raises(SizesInUseError):
        held.extend(map(executable.prepared, shapes))
    assert len(held) >= 2
    assert executable._bytes_of(held[:-1]) > limits.max_kept_bytes
    held.clear()
    executable.run(inputs_at(network, (95, 40)))


def test_ever_new_sizes_do_not_push_out_one_that_is_used(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache, SizeLimits(max_kept=3))
    often = inputs_at(network, (20, 12))
    for _ in range(4):
        executable.run(often)
    made = executable.sizes_made
    for length in range(30, 50):
        executable.run(inputs_at(network, (length, 12)))
        executable.run(often)
    assert executable.sizes_made == made + 20


def test_what_is_known_of_a_size_that_is_used_stays(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache)
    often = {"image": (1, 20, 12, 3)}
    for length in range(1200):
        executable.check(often)
        executable.check({"image": (1, 30 + length % 400, 13 + length // 400, 3)})
        assert executable.is_known(often)
    assert executable._fits is not None
    assert len(executable._fits._known) <= 512


def test_what_a_sample_costs_follows_its_size(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache)
    usual = executable.inputs[0].usual_shape
    assert executable.relative_cost({"image": (4, *usual)}) == 1.0
    double = (1, 2 * usual[0], 2 * usual[1], 3)
    assert 3.5 < executable.relative_cost({"image": double}) < 4.5


def test_what_would_take_much_memory_is_refused_before_anything_is_made(
    object_cache: ObjectCache,
) -> None:
    b = ImageBuilder(11)
    x = b.input(8, 8, 2, name="image")
    graph = varying(b.build(b.add(Permute((2, 1, 3)), [b.conv(x, 4, 1)])))
    assert graph is not None
    executable = loaded(varying_model(graph, object_cache), object_cache)
    made = executable.sizes_made
    with pytest.raises(SizeTooLargeError, match="PRUNUS_SIZES_MAX_BYTES"):
        executable.check({"image": (1, 4000, 4000, 2)})
    assert executable.sizes_made == made


def test_what_is_kept_is_bounded_in_bytes(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    limits = SizeLimits(max_kept=100, max_kept_bytes=1_600_000)
    executable = loaded(model, object_cache, limits)
    sizes = 0
    for length in range(60, 120):
        executable.run(inputs_at(network, (length, 40)))
        sizes = max(sizes, len(executable._kept))
        assert executable._bytes_of(executable._kept) <= limits.max_kept_bytes
    assert 1 <= sizes < 60


def test_sizes_share_their_weights(object_cache: ObjectCache) -> None:
    b = ImageBuilder(8)
    x = b.input(8, 8, 64, name="image")
    graph = varying(b.build(b.conv(x, 256, 3, padding=Padding.SAME)))
    assert graph is not None
    weight_bytes = sum(array.nbytes for array in graph.weights.values())
    sizes: tuple[Sizes, ...] = tuple({"image": (side, side, 64)} for side in (40, 48))
    executable = loaded(varying_model(graph, object_cache, sizes), object_cache)
    for side in (40, 44, 48, 52):
        inputs = inputs_at(graph, (side, side + 1))
        assert_close(executable.run(inputs), oracle(at_sizes(graph, sizes_of(inputs)), inputs))
    everything = {**executable.constants}
    for one in executable._kept:
        everything |= one.constants
    assert len(executable._kept) == 5
    # Six sizes: kernels of three forms pack their weights differently, and nothing else is as large.
    assert sum(everything.values()) < 3.5 * weight_bytes


def test_threads_that_ask_for_one_size_make_it_once(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache)
    made = executable.sizes_made
    calls = [inputs_at(network, (21 + number % 3, 17)) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(executable.run, calls))
    assert executable.sizes_made == made + 3
    for inputs, result in zip(calls, results, strict=True):
        assert_close(result, oracle(at_sizes(network, sizes_of(inputs)), inputs))


def test_declared_shapes_have_the_axes_that_vary(
    model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache)
    assert executable.varies
    (spec,) = executable.inputs
    assert spec.sample_shape == (None, None, 3)
    assert spec.usual_shape == (64, 64, 3)
    assert executable.outputs[0].sample_shape == (3,)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((2, 9, 9, 4), InputShapeError),
        ((2, 9, 3), InputShapeError),
        ((9, 9, 3), InputShapeError),
        ((2, 0, 9, 3), InputShapeError),
        ((0, 9, 9, 3), EmptyBatchError),
        ((2, 1, 1, 3), SizeError),  # nothing is left for the second convolution
        ((1, 300, 9, 3), SizeTooLargeError),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    shape: tuple[int, ...],
    error: type[Exception],
    model: CompiledModel,
    object_cache: ObjectCache,
) -> None:
    executable = loaded(model, object_cache, SizeLimits(max_length=299))
    made = executable.sizes_made
    for _ in range(2):  # a refusal that is known already, too
        with pytest.raises(error):
            executable.check({"image": shape})
        with pytest.raises(error):
            executable.run({"image": np.zeros(shape, np.float32)})
    assert executable.sizes_made == made


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (SizeLimits(max_length=80), "PRUNUS_SIZE_MAX_LENGTH"),
        (SizeLimits(max_operations=5_000_000), "PRUNUS_SIZE_MAX_OPERATIONS"),
        (SizeLimits(max_kept_bytes=1_000_000), "PRUNUS_SIZES_MAX_BYTES"),
    ],
)
def test_each_limit_is_named(
    limits: SizeLimits,
    setting: str,
    network: Graph,
    model: CompiledModel,
    object_cache: ObjectCache,
) -> None:
    executable = loaded(model, object_cache, limits)
    executable.run(inputs_at(network, (40, 40)))
    with pytest.raises(SizeTooLargeError, match=setting):
        executable.run(inputs_at(network, (199, 211)))


def test_bytes_of_an_answer_follow_the_size(object_cache: ObjectCache) -> None:
    graph = next(one for one in random_varying_networks(0, 50) if None in _output_shape(one))
    executable = loaded(varying_model(graph, object_cache), object_cache)
    for lengths in LENGTHS:
        inputs = inputs_at(graph, lengths, samples=1)
        shapes = {name: array.shape for name, array in inputs.items()}
        try:
            result = executable.run(inputs)
        except SizeError:
            continue
        wanted = sum(array.nbytes for array in result.values())
        assert executable.answer_bytes(shapes) == wanted


def _output_shape(graph: Graph) -> tuple[int | None, ...]:
    return graph.value_types()[graph.outputs[0].value].sample_shape


def test_a_closed_model_answers_nothing(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    executable = loaded(model, object_cache)
    assert executable.resident_bytes > 0
    executable.close()
    assert executable.resident_bytes == 0
    for lengths in ((64, 64), (33, 47), (20, 20)):
        with pytest.raises(ExecutableClosedError):
            executable.run(inputs_at(network, lengths))


def test_tuning_again_keeps_other_sizes(
    network: Graph, model: CompiledModel, object_cache: ObjectCache
) -> None:
    again = retune(model, host_target(), UNTUNED, object_cache)
    inputs = inputs_at(network, (13, 29))
    wanted = oracle(at_sizes(network, sizes_of(inputs)), inputs)
    assert_close(loaded(again, object_cache).run(inputs), wanted)


def test_the_artifact_of_fixed_shapes_has_nothing_of_this(model: CompiledModel) -> None:
    fixed = Tampered(artifact_bytes(replace(model, varying=None)))
    assert "varying" not in fixed.manifest
    assert "varying" in Tampered(artifact_bytes(model)).manifest


def test_weights_that_program_and_graph_share_are_stored_once(model: CompiledModel) -> None:
    with_graph, without = (
        len(Tampered(artifact_bytes(one)).data) for one in (model, replace(model, varying=None))
    )
    weights = sum(array.nbytes for array in model.varying.graph.weights.values())  # type: ignore[union-attr]
    assert with_graph - without < 0.6 * weights


def test_every_field_of_every_op_can_be_stored() -> None:
    assert len(OPS) == len(LOWERED)  # no two of one name
    for kind in (*OPS.values(), ActivationFunction):
        for field in fields(kind):
            assert field.type in _DECODERS, f"{kind.__name__}.{field.name}"


def test_graphs_come_back_as_they_were(object_cache: ObjectCache) -> None:
    for graph in random_varying_networks(2000, 12):
        content = artifact_bytes(varying_model(graph, object_cache))
        stored = parse_artifact(content).model.varying
        assert stored is not None
        assert stored.graph.nodes == graph.nodes
        assert stored.graph.inputs == graph.inputs
        assert stored.graph.outputs == graph.outputs
        assert stored.sizes == usual_sizes(graph)
        for name, array in graph.weights.items():
            np.testing.assert_array_equal(stored.graph.weights[name], array)


@ENOUGH
@given(data=st.data())
def test_a_changed_graph_never_leads_outside(
    model: CompiledModel, object_cache: ObjectCache, data: st.DataObject
) -> None:
    tampered = Tampered(artifact_bytes(model))
    holder, key = data.draw(st.sampled_from(leaves(tampered.manifest["varying"])))
    holder[key] = data.draw(
        st.one_of(
            st.integers(-2, 80),
            st.sampled_from(
                [2**31, 2**40, 2**53, -(2**63), None, True, "", "same", "Dense", [], {}]
            ),
        )
    )
    assert outcome(tampered.sealed(), object_cache) in {"refused", "ran"}


def test_a_graph_of_other_inputs_than_the_program_is_refused(model: CompiledModel) -> None:
    tampered = Tampered(artifact_bytes(model))
    tampered.manifest["varying"]["sizes"] = tampered.manifest["varying"]["sizes"][1:]
    with pytest.raises(ArtifactError, match="other inputs"):
        parse_artifact(tampered.sealed())


def test_single_numbers_come_back_as_they_were(object_cache: ObjectCache) -> None:
    b = ImageBuilder(1)
    x = b.input(8, 3)
    zero = b.add(Constant(), [x], [b.weight("zero", np.zeros(1))])
    graph = b.build(b.dense(b.add(Merge(MergeKind.ADD), [x, zero]), 2))
    scaled = varying(graph.with_weights({"zero": np.array(0.5, np.float32)}))
    assert scaled is not None
    stored = parse_artifact(artifact_bytes(varying_model(scaled, object_cache))).model.varying
    assert stored is not None
    assert stored.graph.weights["zero"].shape == ()
    assert stored.graph.weights["zero"] == np.float32(0.5)
