"""Sizes that are made ready before a prediction: nobody else waits for them, and not too many wait at once."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from app.core.errors import OverloadedError
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.services.backlog import Rate
from app.services.inference import Inference
from app.services.preparation import Preparation
from app.services.registry import LoadedModel
from app.services.warm import Warm
from engine.core.errors import SizeError, SizesInUseError

WAIT_SECONDS = 60.0


@dataclass
class Executable:
    """Makes sizes ready when it is let go on; length 13 cannot be."""

    varies: bool = True
    may_go_on: threading.Event = field(default_factory=threading.Event)
    made: set[int] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    looked_in: list[threading.Thread] = field(default_factory=list)

    def is_known(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        return shapes["x"][1] in self.known

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        self.looked_in.append(threading.current_thread())
        if shapes["x"][1] == 13:
            raise SizeError("the network cannot be computed at this size")
        self.known.add(shapes["x"][1])
        return 1

    def relative_cost(self, shapes: Mapping[str, tuple[int, ...]]) -> float:
        return shapes["x"][1] / 10

    def ready(self, shapes: Mapping[str, tuple[int, ...]]) -> "Executable | None":
        return self if shapes["x"][1] in self.made else None

    def prepared(self, shapes: Mapping[str, tuple[int, ...]]) -> "Executable":
        assert self.may_go_on.wait(WAIT_SECONDS)
        if shapes["x"][1] == 13:
            raise SizeError("the network cannot be computed at this size")
        if shapes["x"][1] == 14:
            raise SizesInUseError("calls of too many sizes are being computed")
        self.made.add(shapes["x"][1])
        return self

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {}


@dataclass
class Model:
    executable: Executable
    sample_seconds: float = 0.02
    share: Rate = field(default_factory=lambda: Rate(1.0))
    making: Rate = field(default_factory=lambda: Rate(0.1))


def inputs(length: int) -> dict[str, np.ndarray]:
    return {"x": np.zeros((1, length, 2), np.float32)}


def run(scenario: Any, tmp_path: Path, **changes: Any) -> None:
    model = Model(Executable())
    preparation = Preparation(Settings(data_dir=tmp_path, **changes))

    async def bounded() -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await scenario(preparation, cast(LoadedModel, model), model.executable)

    try:
        asyncio.run(bounded())
    finally:
        model.executable.may_go_on.set()
        preparation.close()


def test_sizes_that_are_ready_do_not_wait_for_new_ones(tmp_path: Path) -> None:
    async def scenario(preparation: Preparation, model: LoadedModel, made: Executable) -> None:
        made.made.add(5)
        waiting = asyncio.create_task(preparation.ready(model, inputs(7)))
        await asyncio.sleep(0)
        for _ in range(10):
            await preparation.ready(model, inputs(5))
        assert not waiting.done()
        made.may_go_on.set()
        await waiting
        assert made.made == {5, 7}

    run(scenario, tmp_path)


def test_what_comes_when_too_many_wait_is_refused(tmp_path: Path) -> None:
    async def scenario(preparation: Preparation, model: LoadedModel, made: Executable) -> None:
        tasks = [asyncio.create_task(preparation.ready(model, inputs(n))) for n in (20, 21)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="inputs of new sizes"):
            await preparation.ready(model, inputs(22))
        made.may_go_on.set()
        await asyncio.gather(*tasks)
        await preparation.ready(model, inputs(22))
        assert made.made == {20, 21, 22}

    run(scenario, tmp_path, size_pending_max_requests=2)


def test_a_size_that_cannot_be_made_ready_fails_alone(tmp_path: Path) -> None:
    async def scenario(preparation: Preparation, model: LoadedModel, made: Executable) -> None:
        made.may_go_on.set()
        with pytest.raises(SizeError):
            await preparation.ready(model, inputs(13))
        assert await preparation.ready(model, inputs(15)) is made
        assert preparation.backlog.requests == 0

    run(scenario, tmp_path)


def test_new_sizes_are_looked_at_elsewhere_and_once(tmp_path: Path) -> None:
    async def scenario(preparation: Preparation, model: LoadedModel, made: Executable) -> None:
        for length in (7, 7, 8):
            await preparation.known(model, inputs(length))
        with pytest.raises(SizeError):
            await preparation.known(model, inputs(13))
        assert len(made.looked_in) == 3
        assert threading.current_thread() not in made.looked_in
        assert preparation.backlog.requests == 0

    run(scenario, tmp_path)


@pytest.mark.parametrize("varies", [True, False])
def test_only_models_of_fixed_shapes_may_run_on_the_event_loop(varies: bool) -> None:
    warm = Warm(cast(Any, Executable(varies=varies)), sample_seconds=1e-6)
    assert (warm.inline_seconds < 1.0) is not varies


def test_a_model_whose_sizes_are_all_in_use_is_overloaded(tmp_path: Path) -> None:
    async def scenario(preparation: Preparation, model: LoadedModel, made: Executable) -> None:
        made.may_go_on.set()
        with pytest.raises(OverloadedError, match="too many sizes"):
            await preparation.ready(model, inputs(14))

    run(scenario, tmp_path)


def test_making_a_large_size_is_expected_to_take_longer(tmp_path: Path) -> None:
    async def scenario(preparation: Preparation, model: LoadedModel, made: Executable) -> None:
        tasks = [asyncio.create_task(preparation.ready(model, inputs(n))) for n in (3, 300)]
        await asyncio.sleep(0)
        assert preparation.backlog.wait_seconds() == pytest.approx(0.1 + 30 * 0.1)
        made.may_go_on.set()
        await asyncio.gather(*tasks)

    run(scenario, tmp_path, predict_queue_max_seconds=60.0)


def test_a_large_size_counts_as_the_time_that_it_takes(tmp_path: Path) -> None:
    """A client that sends large inputs must not pass for one that sends usual ones."""
    expected = []

    class Noting(Executable):
        def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            expected.append(inference.backlog._seconds)
            return {}

    made = Noting()
    made.may_go_on.set()
    inference = Inference(Settings(data_dir=tmp_path), Metrics(CollectorRegistry()), 1)
    try:
        for length in (10, 500):
            model = cast(LoadedModel, Model(made))
            asyncio.run(inference.run(model, inputs(length)))
    finally:
        inference.close()
    assert expected == [pytest.approx(0.02), pytest.approx(50 * 0.02)]
