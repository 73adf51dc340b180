"""Models of peers that take long to make are made once for each network."""

from pathlib import Path

import pytest

from benchmarks.images.architectures import conv1d_resnet
from benchmarks.images.network import random_network
from benchmarks.peers.kept_models import kept_model


def test_a_model_is_made_once_for_each_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNUS_BENCH_FOLDER", str(tmp_path))
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("model")

    description = conv1d_resnet(64)
    one, other = (random_network(description, 0.9, seed) for seed in (0, 1))
    first = kept_model(one, "int8.xml", make)
    assert first.read_text() == "model"
    assert kept_model(random_network(description, 0.9, 0), "int8.xml", make) == first
    assert kept_model(other, "int8.xml", make) != first
    assert len(made) == 2


def test_what_was_not_finished_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNUS_BENCH_FOLDER", str(tmp_path))
    network = random_network(conv1d_resnet(64), 0.9, 0)

    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept_model(network, "litert.tflite", fail)
    model = kept_model(network, "litert.tflite", lambda path: path.write_text("whole") and None)
    assert model.read_text() == "whole"
