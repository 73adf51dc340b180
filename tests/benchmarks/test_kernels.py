"""The kernel benchmark runs, and prints a line for every candidate."""

import sys

import pytest

from benchmarks import kernels
from engine.core.target import host_target
from engine.kernels.registry import kernel_candidates


@pytest.mark.parametrize("markdown", [False, True])
def test_every_candidate_gets_a_line(
    markdown: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--seconds", "0.001", "--lanes", "1,16", "--shapes", "70x40", "--sparsity", "0.9"]
    monkeypatch.setattr(sys, "argv", ["kernels", *arguments, *(["--markdown"] * markdown)])
    kernels.main()
    printed = capsys.readouterr().out
    layer = kernels.random_layer(70, 40, 0.9)
    for lanes in (1, 16):
        for candidate in kernel_candidates(layer, host_target().isa, lanes):
            assert candidate.spec.symbol in printed
    assert "SciPy csr @ x" in printed
    assert "FMA roof" in printed


def test_roofs_are_positive() -> None:
    target = host_target()
    roofs = kernels.measure_roofs(target, kernels.ObjectCache(), 0.01)
    assert roofs.gflops > 0.1
    assert roofs.gather_ns > 0.01
