"""Loading artifacts in threads: one that never ends keeps nobody waiting, and not many are left alone."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import LoadTimeoutError
from app.services.loading import MOST_LEFT_ALONE, Loading
from engine.core.errors import ArtifactError
from tests.app.test_registry import Model

WAIT_SECONDS = 60.0


class Loader:
    """Makes models; those named `stuck` only when it is let go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.made: list[Model] = []

    def __call__(self, artifact: Path) -> Any:
        if artifact.name == "stuck":
            assert self.may_go_on.wait(WAIT_SECONDS)
        if artifact.name == "broken":
            raise ArtifactError("broken")
        self.made.append(Model())
        return self.made[-1]


def run(scenario: Any, loader: Loader, max_seconds: float, threads: int = 1) -> None:
    async def bounded() -> None:
        loading = Loading(loader, threads, max_seconds)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await scenario(loading)
        finally:
            loader.may_go_on.set()
            loading.close()

    asyncio.run(bounded())


def test_what_is_loaded_is_handed_over_and_errors_are() -> None:
    loader = Loader()

    async def scenario(loading: Loading) -> None:
        warm = await loading.load(Path("a"))
        assert warm.executable is loader.made[0]  # type: ignore[comparison-overlap]
        with pytest.raises(ArtifactError):
            await loading.load(Path("broken"))

    run(scenario, loader, WAIT_SECONDS)


def test_one_that_takes_too_long_is_left_alone_and_others_are_loaded() -> None:
    loader = Loader()

    async def scenario(loading: Loading) -> None:
        with pytest.raises(LoadTimeoutError, match="PRUNUS_LOAD_MAX_SECONDS"):
            await loading.load(Path("stuck"))
        loading._max_seconds = WAIT_SECONDS
        assert not (await loading.load(Path("a"))).executable.closed  # type: ignore[attr-defined]
        loader.may_go_on.set()
        while len(loader.made) < 2 or not loader.made[-1].closed:
            await asyncio.sleep(0.001)  # what came too late is closed

    run(scenario, loader, 0.01)


def test_not_many_are_left_alone() -> None:
    loader = Loader()

    async def scenario(loading: Loading) -> None:
        for _ in range(MOST_LEFT_ALONE):
            with pytest.raises(LoadTimeoutError, match="the model takes"):
                await loading.load(Path("stuck"))
        loading._max_seconds = WAIT_SECONDS
        with pytest.raises(LoadTimeoutError, match="other models"):
            await loading.load(Path("a"))
        loader.may_go_on.set()
        while any(thread.is_alive() for thread in loading._left_alone):
            await asyncio.sleep(0.001)
        await loading.load(Path("a"))

    run(scenario, loader, 0.01)
