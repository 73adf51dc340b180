"""The script that holds estimates against measured times runs, and names every family."""

import sys

import pytest

from benchmarks import estimates
from engine.core.target import host_target
from engine.kernels.registry import kernel_candidates


def test_every_family_gets_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--rounds", "1", "--lanes", "1,16", "--shapes", "70x40", "--sparsity", "0.9"]
    monkeypatch.setattr(estimates, "CONVOLUTIONS", ((4, 8, 3, 5),))
    monkeypatch.setattr(sys, "argv", ["estimates", *arguments, "--convolutions", "--all"])
    estimates.main()
    printed = capsys.readouterr().out
    layers = (estimates.random_layer(70, 40, 0.9), estimates.convolution(4, 8, 3, 5, 0.9))
    for layer in layers:
        for lanes in (1, 16):
            for candidate in kernel_candidates(layer, host_target().isa, lanes):
                assert candidate.spec.symbol in printed
                assert f"\n{candidate.spec.family} " in printed
    assert "timed by tuning: " in printed
