"""Where the time of a network of images goes."""

from pathlib import Path

import pytest

from benchmarks.images.architectures import mobilenet_v2
from benchmarks.images.network import random_network
from benchmarks.images.prunus_graph import build_graph
from benchmarks.images.step_times import StepTime, grouped, render, step_times
from engine.core.target import host_target
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from engine.planning.choose import default_plan
from engine.roofline.layer_times import time_layers


def test_every_step_is_in_one_row_and_the_rows_add_up(tmp_path: Path) -> None:
    program = build_program(build_graph(random_network(mobilenet_v2(32), 0.85, seed=1)))
    target = host_target()
    plan = default_plan(program, target, (1,))
    (run,) = time_layers(program, plan, target, ObjectCache(tmp_path), 0.01)
    times = step_times(program, run)
    assert len(times) == len(program.steps)
    rows = grouped(times)
    assert sum(row.count for row in rows) == len(times)
    assert sum(row.seconds for row in rows) == pytest.approx(run.seconds)
    assert [row.seconds for row in rows] == sorted((row.seconds for row in rows), reverse=True)
    useful = sum(layer.useful_products for layer in run.layers)
    assert sum(row.operations for row in rows) == pytest.approx(2 * useful)
    assert any(row.kind.startswith("Depthwise, 9 taps") for row in rows)


def test_a_row_states_rate_share_and_traffic() -> None:
    conv = StepTime("Conv, 9 taps, sparse", 196, 3, 2e-3, 80e6, 4_000_000)
    move = StepTime("Move", 0, 1, 1e-3, 0.0, 3_000_000)
    text = render([conv, move], 160.0)
    assert "| Conv, 9 taps, sparse | 196 | 3 | 2.00 | 40 | 25% | 4.0 | 2 |" in text
    assert "| Move | - | 1 | 1.00 | - | - | 3.0 | 3 |" in text
