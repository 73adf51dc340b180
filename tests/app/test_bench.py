"""`prunus bench`: what it measures, what it writes, what it refuses."""

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.commands import bench as command
from app.commands.bench import processor_name, time_forms
from app.commands.bench_result import (
    BatchTiming,
    BenchResult,
    as_document,
    as_text,
    claims,
    layer_rows,
    summary,
)
from app.commands.roofline import draw
from engine.core.functions import FusedActivation
from engine.core.target import Isa, available_isas
from engine.execution.runtime import load
from engine.kernels.abi import KernelSpec
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import LayerPlan
from engine.roofline.layer_times import LayerRun, TileRun
from engine.roofline.roof import MEMORY, MemoryLevel, Roofs

Bench = Callable[..., Result]
RELU = FusedActivation.RELU


@pytest.fixture(scope="module")
def bench(objects: Path) -> Bench:
    def invoke(*arguments: object, **environment: str) -> Result:
        given = ["bench", *map(str, arguments), "--seconds", "0.01", "--tune-seconds", "0.05"]
        variables = {"PRUNUS_CACHE_DIR": str(objects), **environment}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(command, "LAYER_SECONDS", 0.02)
            return CliRunner().invoke(main, given, env=variables)

    return invoke


@pytest.fixture(scope="module")
def artifact(objects: Path, small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "small.prunus"
    arguments = ["prune", str(small_file), "--artifact", str(path), "--tune-seconds", "0.05"]
    done = CliRunner().invoke(main, arguments, env={"PRUNUS_CACHE_DIR": str(objects)})
    assert done.exit_code == 0, done.output
    return path


def timing(batch: int, form: str, p50: float) -> BatchTiming:
    return BatchTiming(batch, form, 20, p50, 2 * p50, 3 * p50, batch / p50, 0.9 * p50, 1.1 * p50, 9)


def layer_run(family: str, lanes: int, seconds: float, **variant: int | str) -> LayerRun:
    spec = KernelSpec(family, Isa.AVX512, lanes, RELU, tuple(variant.items()))
    sparse = not family.startswith("dense")
    return LayerRun(3, "a_layer_with_a_long_name", spec, sparse, 50_000, 10**6, 1, 400_000, seconds)


def result_of(timings: Sequence[BatchTiming]) -> BenchResult:
    levels = (
        MemoryLevel("L1", 32 * 1024, 200.0),
        MemoryLevel("L2", 2**20, 100.0),
        MemoryLevel(MEMORY, None, 20.0),
    )
    return BenchResult(
        model="net",
        processor="A CPU",
        cpu="cpu",
        threads=2,
        is_tuned_here=True,
        dense_is="the same by dense kernels",
        timings=timings,
        roofs=Roofs(Isa.AVX512, 1, 100.0, 5.0, "loads", 50.0, levels),
        shared_roofs=Roofs(Isa.AVX512, 2, 200.0, 10.0, "loads", 100.0, levels),
        layers=(LayerPlan("layer", "dense+relu", 1000, 1000, 1, 50_000, 0.95, ()),),
        tiles=(
            TileRun(1, 500_000, 9e-6, (layer_run("spmv_window", 1, 8e-6, columns=64, vectors=2),)),
            TileRun(16, 500_000, 25e-6, (layer_run("spmm_rows", 16, 20e-6, rows=4),)),
        ),
        dense_tiles=(
            TileRun(1, 4_100_000, 81e-6, (layer_run("dense_gemv", 1, 80e-6),)),
            TileRun(16, 4_100_000, 310e-6, (layer_run("dense_gemm", 16, 300e-6),)),
        ),
        same_code={256},
    )


GIVEN = result_of(
    [
        timing(1, "dense", 100e-6),
        timing(1, "sparse", 20e-6),
        timing(16, "dense", 100e-6),
        timing(16, "sparse", 100e-6),
        timing(64, "dense", 100e-6),
        timing(64, "sparse", 200e-6),
        timing(256, "dense", 100e-6),
        timing(256, "sparse", 70e-6),
    ]
)


@pytest.mark.parametrize("isa", available_isas())
def test_a_model_file_is_measured_dense_and_sparse(
    bench: Bench, small_file: Path, tmp_path: Path, isa: Isa
) -> None:
    picture = tmp_path / "roofline.png"
    done = bench(
        *(small_file, "--batch", "1,16", "--json", "--picture", picture), PRUNUS_ISA=isa.value
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["isa"] == isa.value
    assert [(t["batch"], t["form"]) for t in document["timings"]] == [
        *((1, "dense"), (1, "sparse"), (16, "dense"), (16, "sparse"))
    ]
    for one in document["timings"]:
        assert 0 < one["p50_seconds"] <= one["p90_seconds"] <= one["p99_seconds"]
        assert one["calls"] >= 20
    assert document["roofs"]["one_core"]["gflops"] > 0
    shared = document["roofs"]["all_threads"]
    assert (shared is None) == (document["threads"] == 1)
    lanes = [tile["lanes"] for tile in document["tiles"]]
    assert [len(layer["buckets"]) for layer in document["layers"]] == [len(lanes)] * 2
    for layer in document["layers"]:
        for bucket in layer["buckets"]:
            assert bucket["kernel"].endswith(isa.value)
            assert 0 < bucket["roof_share"] < 2
            assert 0 < bucket["share_of_tile"] < 1
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_an_artifact_is_measured_against_its_own_layers_by_dense_kernels(
    bench: Bench, artifact: Path
) -> None:
    done = bench(artifact, "--batch", "4", "--threads", "1")
    assert done.exit_code == 0, done.output
    assert "1 thread a request" in done.stdout
    assert "the same layers by dense kernels" in done.stdout
    assert re.search(r"^ +4  dense +[\d.,]+", done.stdout, re.MULTILINE)
    assert re.search(r"^Sparse beside dense: batch 4: ", done.stdout, re.MULTILINE)
    assert "FMA: multiply and add in registers" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_forms_take_turns_and_every_call_counts(artifact: Path) -> None:
    executable = load(artifact, ObjectCache())
    first, second = time_forms({"dense": executable, "sparse": executable}, 7, 0.02)
    assert (first.form, second.form) == ("dense", "sparse")
    for one in (first, second):
        assert one.batch == 7
        assert one.calls >= 20
        assert one.samples_per_second <= 7 / one.p50_seconds * 2
    executable.close()


def test_words_say_what_the_zeros_are_worth() -> None:
    ratios = {batch: claim.ratio for batch, claim in claims(GIVEN).items()}
    assert ratios == {1: pytest.approx(5.0), 16: None, 64: pytest.approx(0.5), 256: 1.0}
    assert summary(GIVEN) == (
        "Sparse beside dense: batch 1: 5.00 times as fast as dense, 20.0 us; "
        "batch 16: no measurable difference from dense, 100.0 us; "
        "batch 64: slower: takes 2.00 times as long as dense, 200.0 us; "
        "batch 256: same code as dense, 70.0 us."
    )


def test_a_layer_that_the_dense_form_has_not_is_left_empty() -> None:
    one, _ = layer_rows(replace(GIVEN, dense_tiles=GIVEN.dense_tiles[1:]))
    assert one.dense_seconds is None
    assert as_text(replace(GIVEN, dense_tiles=()))


def test_a_layer_has_a_row_for_each_width_with_its_roof() -> None:
    one, many = layer_rows(GIVEN)
    # 400,000 bytes at 100 GB/s are 4 us of 8; 1.6 million flops at 100 GFLOP/s are 16 us of 20.
    assert (one.share.roof_name, one.share.share) == ("L2 bandwidth", pytest.approx(0.5))
    assert (many.share.roof_name, many.share.share) == ("FMA", pytest.approx(0.8))
    assert (one.dense_seconds, many.dense_seconds) == (80e-6, 300e-6)
    assert (one.tile_share, many.tile_share) == (pytest.approx(8 / 9), pytest.approx(0.8))


def test_the_tables_fit_120_columns() -> None:
    text = as_text(GIVEN)
    assert max(map(len, text.splitlines())) <= 120
    assert "a_layer_with_a_lo…" in text
    assert "spmv_window 64 2" in text
    assert "get 6.2 elements a nanosecond, 1.2 times what" in text
    assert [line for line in text.splitlines() if line.endswith(" 50 %")]


def test_the_document_is_json_with_units_in_its_names() -> None:
    document: dict[str, Any] = json.loads(json.dumps(as_document(GIVEN)))
    assert set(document) == {
        *("model", "processor", "cpu", "isa", "threads", "is_tuned_here", "dense_is", "summary"),
        *("timings", "times_as_fast", "verdicts", "roofs", "tiles", "layers"),
    }
    assert document["times_as_fast"]["1"] == pytest.approx(5.0)
    assert document["tiles"][0] == {
        "lanes": 1,
        "seconds": 9e-6,
        "resident_bytes": 500_000,
        "level": "L2",
    }
    bucket = document["layers"][0]["buckets"][1]
    assert bucket["limits_seconds"] == {
        "FMA": pytest.approx(16e-6),
        "bandwidth": pytest.approx(4e-6),
    }
    assert bucket["gflops"] == pytest.approx(80.0)
    assert bucket["gigabytes_per_second"] == pytest.approx(20.0)


@pytest.mark.parametrize(("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_the_picture_is_of_the_kind_that_its_name_says(
    tmp_path: Path, ending: str, start: bytes
) -> None:
    path = tmp_path / f"roofline{ending}"
    draw(GIVEN, path)
    assert path.read_bytes().startswith(start)


def test_without_matplotlib_a_picture_is_refused_before_anything_is_measured(
    bench: Bench, small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name == "matplotlib" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    done = bench(small_file, "--picture", tmp_path / "x.png")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert f"`{sys.executable} -m pip install matplotlib`" in done.stderr


def test_a_picture_of_an_unknown_kind_is_wrong_usage(
    bench: Bench, small_file: Path, tmp_path: Path
) -> None:
    done = bench(small_file, "--picture", tmp_path / "x.gif")
    assert done.exit_code == 2
    assert ".png or .svg" in done.stderr


def test_the_processor_is_named_even_where_the_kernel_does_not(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    assert processor_name(listing)
    listing.write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: Other\n")
    assert processor_name(listing) == "Some CPU @ 3 GHz"
