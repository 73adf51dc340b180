"""Networks of sequences in the benchmark: their weights, meaning, runs and section."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.bench_peers import SEQUENCES_SECTION, parse_arguments, write_pages
from benchmarks.goals import SEQUENCE_GOALS, RatioGoal
from benchmarks.image_report import SEQUENCES, render_images
from benchmarks.named import NamedPlan, run_named
from benchmarks.protocol import Contender
from benchmarks.results import Absent, Place, Results, Run, Timing, save
from benchmarks.sequences.cases import SEQUENCE_CASES, SequenceCase
from benchmarks.sequences.network import (
    Description,
    in_order,
    load_sequence,
    random_sequence,
    save_sequence,
)
from benchmarks.sequences.prunus_graph import build_graph, reference_outputs
from benchmarks.sequences.side_by_side import prepare_sequence
from benchmarks.side_by_side import Effort
from graph.verify import verify
from tests.benchmarks.test_image_report import timing
from tests.benchmarks.test_side_by_side import CORES

SMALL = (
    Description("LSTM-5", "lstm", 5, features=3, times=4),
    Description("GRU-5", "gru", 5, features=3, times=4),
)


@pytest.mark.parametrize("description", SMALL, ids=lambda one: one.name)
def test_networks_have_exactly_as_many_zeros_and_come_back_as_they_were(
    description: Description, tmp_path: Path
) -> None:
    network = random_sequence(description, 0.9, 1)
    size = network.weights["recurrent"].size
    assert np.count_nonzero(network.weights["recurrent"]) == size - round(0.9 * size)
    save_sequence(network, tmp_path / "network.npz")
    again = load_sequence(tmp_path / "network.npz")
    assert again.description == description
    assert again.weights.keys() == network.weights.keys()
    for name, array in network.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)


@pytest.mark.parametrize("description", SMALL, ids=lambda one: one.name)
def test_they_mean_what_keras_does(keras: Any, description: Description) -> None:
    network = random_sequence(description, 0.3, 2)
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[description.cell]
    layer = kind(description.units)
    layer.build((None, *description.sample_shape))
    layer.set_weights(
        [network.weights["kernel"], network.weights["recurrent"], network.weights["bias"]]
    )
    inputs = np.random.default_rng(0).standard_normal((3, *description.sample_shape))
    wanted = np.asarray(layer(inputs.astype(np.float32)))
    verify(build_graph(network))
    np.testing.assert_allclose(
        reference_outputs(network, inputs.astype(np.float32)), wanted, atol=1e-6
    )


def test_a_block_means_what_tensorflow_computes() -> None:
    pytest.importorskip("tensorflow")
    from benchmarks.peers.tensorflow_sequences import build_layer

    description = Description("Block-8", "transformer", 8, features=8, times=5)
    network = random_sequence(description, 0.5, 4)
    inputs = np.random.default_rng(1).standard_normal((3, 5, 8)).astype(np.float32)
    verify(build_graph(network))
    wanted = np.asarray(build_layer(network)(inputs))
    np.testing.assert_allclose(reference_outputs(network, inputs), wanted, atol=1e-5)


def test_gates_are_put_in_another_order() -> None:
    array = np.arange(8, dtype=np.float32)
    assert in_order(array, 2, "iofc", "ifco").tolist() == [0, 1, 6, 7, 2, 3, 4, 5]


def test_the_goals_are_those_of_the_issue() -> None:
    names = [case.description.name for case in SEQUENCE_CASES[::2]]
    assert names == ["LSTM-512", "GRU-256", "Transformer-256"]
    assert RatioGoal("ONNX Runtime", "Transformer-256", 1, 3.0, 0.9) in SEQUENCE_GOALS
    assert RatioGoal("ONNX Runtime", "LSTM-512", 1, 4.0, 0.9) in SEQUENCE_GOALS
    assert RatioGoal("ONNX Runtime", "GRU-256", 16, 1 / 1.1, 0.0) in SEQUENCE_GOALS
    assert len(SEQUENCE_GOALS) == 12


def test_pieces_are_named_as_those_of_images() -> None:
    options = parse_arguments(["--networks", "GRU-256", "--sparsities", "0"])
    assert options.sequences == (SEQUENCE_CASES[3],)
    assert not options.networks
    assert not options.cases
    assert len(parse_arguments([]).sequences) == 6


def test_a_busy_machine_can_be_measured_in_processor_time() -> None:
    assert parse_arguments([]).named_effort.clock == "wall"
    options = parse_arguments(["--processor-time", "--quick"])
    assert options.named_effort.clock == options.effort.clock == "processor"


def plan_of(engine: str, also: str | None = None) -> NamedPlan[SequenceCase]:
    engines = {"Prunus": engine, **({"Other": also} if also else {})}
    contenders = [
        Contender(name, module, Path(sys.executable), CORES) for name, module in engines.items()
    ]
    cases = [SequenceCase(SMALL[1], 0.5)]
    return NamedPlan(
        cases, (1, 3), contenders, 1, Effort(1, 0.001, 1, clock="processor"), "day", "Test CPU"
    )


def test_engines_are_checked_and_timed_and_others_sit_out(tmp_path: Path) -> None:
    plan = plan_of("tests.benchmarks.sequence_engine", "tests.benchmarks.image_engine")
    (grid,) = run_named(plan, tmp_path, lambda _: None, prepare_sequence)
    assert [(place.network, place.batch) for place in grid] == [("GRU-5", 1), ("GRU-5", 3)]
    for outcomes in grid.values():
        own, other = outcomes["Prunus"], outcomes["Other"]
        assert isinstance(own, Timing)
        assert own.error < 1e-6
        assert isinstance(other, Absent)
        assert "is not set up for networks of sequences" in other.reason


def test_the_pages_have_a_section_of_their_own(tmp_path: Path) -> None:
    grid = {
        Place("LSTM-512", 0.9, 2, batch, "Kind one"): {
            "Prunus": timing(1000.0, 1000.0),
            "ONNX Runtime": timing(5000.0, 1000.0),
        }
        for batch in (1, 16)
    }
    run = Run("Kind one", 2, "3.11.7", "day", 0.04, "make bench-peers", 720.0, 100.0)
    results = Results(grid, {"day": run})
    text = render_images(results, SEQUENCES)
    assert "| ONNX Runtime | LSTM-512 | 90% | 1 | 4.00x | 5.00x, met |" in text
    assert "##### LSTM-512, 90% zeros" in text
    page = tmp_path / "benchmarks.md"
    for name in ("benchmarks.md", "benchmarks-full.md"):
        marks = [f"<!-- {word}: written by {SEQUENCES_SECTION} -->" for word in ("begin", "end")]
        (tmp_path / name).write_text("\n".join(marks) + "\n")
    save(results, tmp_path / "grid.json")
    write_pages(results, page)
    assert "LSTM-512" in page.read_text()
