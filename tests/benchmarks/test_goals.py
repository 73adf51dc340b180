"""Goals are judged by the cells that they name."""

import numpy as np
import pytest

from benchmarks.goals import (
    RATIO_GOALS,
    TIME_GOALS,
    RatioGoal,
    TimeGoal,
    judge_ratios,
    judge_times,
    operations,
)
from benchmarks.networks import NETWORKS, random_layers
from benchmarks.results import Absent, Cell, Outcome, Place, Timing

NETWORK = "784-300-100-10"


def timing(median: float, own: float) -> Timing:
    return Timing(Cell(median, median, median, 9), own, 1e-7, "Engine 1", "a")


def grid(threads: int = 2, sparsity: float = 0.95) -> dict[Place, dict[str, Outcome]]:
    outcomes: dict[str, Outcome] = {
        "Prunus": timing(4.0, 4.0),
        "DeepSparse": timing(20.0, 4.0),
        "ONNX Runtime": Absent("no wheel", "a"),
    }
    return {Place(NETWORK, sparsity, threads, 1): outcomes}


@pytest.mark.parametrize(("factor", "met"), [(5.0, True), (5.1, False)])
def test_a_ratio_is_met_from_its_factor_on(factor: float, met: bool) -> None:
    (verdict,) = judge_ratios(grid(), [RatioGoal("DeepSparse", NETWORK, 1, factor)])
    assert (verdict.measured, verdict.met) == (5.0, met)


@pytest.mark.parametrize(("microseconds", "met"), [(4.0, True), (3.9, False)])
def test_a_time_is_met_up_to_its_microseconds(microseconds: float, met: bool) -> None:
    (verdict,) = judge_times(grid(), [TimeGoal(NETWORK, 1, microseconds)])
    assert (verdict.measured, verdict.met) == (4.0, met)


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("ONNX Runtime", grid()),
        ("OpenVINO", grid()),
        ("DeepSparse", grid(threads=1)),
        ("DeepSparse", grid(sparsity=0.9)),
        ("DeepSparse", {}),
    ],
)
def test_what_was_not_measured_is_not_met(
    peer: str, found: dict[Place, dict[str, Outcome]]
) -> None:
    (verdict,) = judge_ratios(found, [RatioGoal(peer, NETWORK, 1, 0.0)])
    assert (verdict.measured, verdict.met) == (None, False)


def test_the_goals_are_those_of_the_issue() -> None:
    assert len(RATIO_GOALS) == 3 * 4 + 2 * 2
    assert len(TIME_GOALS) == 3 * 4
    assert TimeGoal("1024-1024-1024-1024-10", 64, 130) in TIME_GOALS
    assert RatioGoal("DeepSparse", "4096-4096-4096-1000", 16, 10.0) in RATIO_GOALS


def test_operations_are_two_for_each_weight_that_is_left_and_each_sample() -> None:
    layers = random_layers(NETWORKS[0], 0.95, seed=1)
    left = sum(int(np.count_nonzero(layer.kernel)) for layer in layers)
    assert operations(NETWORK, 64) == 2 * 64 * left
