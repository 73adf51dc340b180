"""The image and signal networks of the benchmark: what they are, and that every form of them computes the same."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.images.architectures import conv1d_resnet, mobilenet_v2, multiply_adds, resnet50
from benchmarks.images.cases import CASES
from benchmarks.images.network import (
    INPUT,
    Addition,
    Classifier,
    Convolution,
    Description,
    GlobalAverage,
    MaxPooling,
    as_image,
    count_weights,
    load_network,
    random_network,
    save_network,
)
from benchmarks.images.prunus_graph import build_graph, reference_outputs
from graph.verify import verify
from tests.conftest import quiet_tensorflow

SMALL = (resnet50(33), mobilenet_v2(40), conv1d_resnet(70))


def every_weight(description: Description) -> list[tuple[str, int]]:
    return [
        (step.name, int(np.prod(description.kernel_shape(step))))
        for step in description.steps
        if isinstance(step, Convolution | Classifier)
    ]


@pytest.mark.parametrize(
    ("description", "weights", "millions"),
    # Kernels of keras.applications' models, biases and normalizations apart, and their published multiply-adds.
    [(resnet50(), 25_502_912, 3858), (mobilenet_v2(), 3_469_760, 301)],
)
def test_networks_have_the_weights_and_the_work_that_their_papers_say(
    description: Description, weights: int, millions: int
) -> None:
    kernels = every_weight(description)
    assert sum(size for _, size in kernels) == weights
    assert round(multiply_adds(description, kernels) / 1e6) == millions


def test_every_network_is_measured_sparse_and_dense() -> None:
    named = [(case.description.name, case.sparsity) for case in CASES]
    assert named == [
        ("ResNet-50", 0.9),
        ("ResNet-50", 0.0),
        ("MobileNetV2", 0.85),
        ("MobileNetV2", 0.0),
        ("Conv1D-ResNet", 0.9),
        ("Conv1D-ResNet", 0.0),
    ]


@pytest.mark.parametrize("description", SMALL)
def test_prunable_kernels_have_exactly_the_zeros_that_were_asked_for(
    description: Description,
) -> None:
    network = random_network(description, 0.85, seed=3)
    for step in description.steps:
        if isinstance(step, Convolution | Classifier):
            kernel = network.weights[step.name]["kernel"]
            zeros = round(0.85 * kernel.size) if step.prunable else 0
            assert np.count_nonzero(kernel == 0) == zeros
            assert kernel.shape == description.kernel_shape(step)
    size, nonzeros = count_weights(description.steps, network)
    assert 0 < nonzeros < size


def test_what_is_prunable_is_what_the_page_says() -> None:
    kept = {
        description.name: [
            step.name
            for step in description.steps
            if isinstance(step, Convolution | Classifier) and not step.prunable
        ]
        for description in SMALL
    }
    assert kept["ResNet-50"] == ["conv_0"]
    assert kept["Conv1D-ResNet"] == ["conv_0", "classifier"]
    # The first convolution, the classifier, and one depthwise convolution in each of 17 blocks.
    assert len(kept["MobileNetV2"]) == 19


@pytest.mark.parametrize("description", SMALL)
def test_a_network_is_read_as_it_was_written(description: Description, tmp_path: Path) -> None:
    network = random_network(description, 0.9, seed=1)
    save_network(network, tmp_path / "network.npz")
    found = load_network(tmp_path / "network.npz")
    assert found.description == description
    assert found.weights.keys() == network.weights.keys()
    for step, arrays in network.weights.items():
        assert found.weights[step].keys() == arrays.keys()
        for name, array in arrays.items():
            assert np.array_equal(found.weights[step][name], array)


@pytest.mark.parametrize("description", SMALL)
def test_graphs_are_sound_and_have_the_described_shapes(description: Description) -> None:
    graph = build_graph(random_network(description, 0.9, seed=1))
    verify(graph)
    types = graph.value_types()
    for name, shape in description.shapes().items():
        assert types[name].sample_shape == shape


def test_outputs_keep_a_sane_scale_and_depend_on_the_input() -> None:
    for description in SMALL:
        network = random_network(description, 0.85, seed=5)
        inputs = samples(description)
        outputs = reference_outputs(network, inputs)
        assert 0.1 < np.abs(outputs).max() < 100
        assert np.abs(outputs[0] - outputs[1]).max() > 0.01 * np.abs(outputs).max()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("description", SMALL)
def test_the_peers_form_of_a_network_computes_what_the_graph_means(
    description: Description,
) -> None:
    """Normalizations folded, signals as images of height 1, channels last: what TensorFlow and LiteRT get."""
    quiet_tensorflow()
    from benchmarks.peers.tensorflow_images import build_module

    network = random_network(description, 0.85, seed=7)
    inputs = samples(description)
    outputs = np.asarray(build_module(network).network(inputs))
    expected = reference_outputs(network, inputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * np.abs(expected).max())


def test_a_network_of_images_stays_as_it_is_and_one_of_signals_gets_a_height() -> None:
    image = random_network(mobilenet_v2(32), 0.5, seed=1)
    assert as_image(image) is image
    signal = random_network(conv1d_resnet(64), 0.5, seed=1)
    raised = as_image(signal)
    assert raised.description.sample_shape == (1, 64, 12)
    flat = signal.description.shapes()
    for name, shape in raised.description.shapes().items():
        assert shape == ((1, *flat[name]) if len(flat[name]) > 1 else flat[name])
    for step in raised.description.steps:
        if isinstance(step, Convolution):
            kernel = raised.weights[step.name]["kernel"]
            assert kernel.shape == raised.description.kernel_shape(step)


def test_steps_read_only_what_is_before_them() -> None:
    for description in SMALL:
        known = {INPUT}
        for step in description.steps:
            assert step.x in known
            if isinstance(step, Addition):
                assert step.other in known
            assert step.name not in known
            known.add(step.name)
        assert isinstance(description.steps[-2], GlobalAverage)


def test_pooling_over_padding_needs_values_of_at_least_zero() -> None:
    """The graph pads with zeros before it pools, the other engines with nothing: equal behind relu only."""
    for description in SMALL:
        steps = {step.name: step for step in description.steps}
        for step in description.steps:
            if isinstance(step, MaxPooling):
                before = steps[step.x]
                assert isinstance(before, Convolution)
                assert before.activation == "relu"


def samples(description: Description) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    generator = np.random.default_rng(11)
    return generator.standard_normal((2, *description.sample_shape), np.float32)
