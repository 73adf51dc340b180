"""The registry among publishing, deleting and following at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import ModelNotFoundError, ModelNotReadyError, ModelUnavailableError
from app.metrics import ModelCollector
from app.services.registry import Registry, Warm
from app.services.storage import StoredVersion
from engine.errors import ArtifactError
from engine.runtime import TensorSpec
from tests.app.test_storage import SUMMARY


@dataclass
class Model:
    """An executable that notes whether it was closed."""

    inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "float32", (2,)),)
    outputs: tuple[TensorSpec, ...] = ()
    plan: tuple[()] = ()
    resident_bytes: int = 0
    is_tuned_here = True
    closed: bool = False
    runs: list[int] = field(default_factory=list)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.runs.append(len(inputs["x"]))
        return {}

    def close(self) -> None:
        self.closed = True


def stored(name: str, version: int, job_id: str = "j") -> StoredVersion:
    return StoredVersion(name, version, 0.0, job_id, SUMMARY, Path(name))


class World:
    """A registry, what is stored, and what was loaded."""

    def __init__(self) -> None:
        self.stored: list[StoredVersion] = []
        self.loaded: list[Model] = []
        self.error: Exception | None = None
        self.collector = ModelCollector()
        self.registry = Registry(self.collector, self._load, ThreadPoolExecutor(2))

    def _load(self, _: Path) -> Any:
        if self.error is not None:
            raise self.error
        self.loaded.append(Model())
        return self.loaded[-1]

    async def read(self) -> list[StoredVersion]:
        return list(self.stored)

    def answers(self, name: str, version: int | None = None) -> Any:
        return self.registry.get(name, version).executable


Test = Callable[[World], Awaitable[None]]


def run(test: Test) -> None:
    asyncio.run(_run(test))


async def _run(test: Test) -> None:
    await test(World())


def warm() -> Any:
    return Warm(Model(), 0.0)  # type: ignore[arg-type]


def test_models_are_loaded_and_warmed_once() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 3), stored("b", 1)]
        with pytest.raises(ModelNotReadyError):
            world.registry.get("a", None)
        for _ in range(2):
            await world.registry.follow(world.read)
        assert len(world.loaded) == 3
        assert all(model.runs for model in world.loaded)
        assert world.registry.get("a", None).version == 3
        assert world.registry.versions() == {("a", 1), ("a", 3), ("b", 1)}

    run(test)


def test_what_is_published_while_the_stored_versions_are_read_stays() -> None:
    async def test(world: World) -> None:
        async def read() -> list[StoredVersion]:
            before = list(world.stored)
            world.stored.append(stored("new", 1))
            world.registry.put(("new", 1, "j"), warm(), SUMMARY)
            return before

        await world.registry.follow(world.read)
        world.stored = []
        await world.registry.follow(read)
        assert world.answers("new").closed is False

    run(test)


def test_what_is_deleted_while_it_is_loaded_goes() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1)]
        reads = 0

        async def read() -> list[StoredVersion]:
            nonlocal reads
            reads += 1
            return list(world.stored) if reads == 1 else []

        await world.registry.follow(read)
        with pytest.raises(ModelNotFoundError):
            world.registry.get("a", None)
        assert [model.closed for model in world.loaded] == [True]

    run(test)


def test_a_version_that_was_deleted_and_made_again_is_loaded_anew() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1, "first")]
        await world.registry.follow(world.read)
        first = world.answers("a")
        world.stored = [stored("a", 1, "second")]
        await world.registry.follow(world.read)
        assert world.answers("a") is not first
        assert first.closed

    run(test)


def test_the_same_version_twice_keeps_the_first_and_its_counts() -> None:
    async def test(world: World) -> None:
        world.registry.put(("a", 1, "j"), warm(), SUMMARY)
        model = world.registry.get("a", 1)
        model.series.fail("wrong-shape")
        second = warm()
        world.registry.put(("a", 1, "j"), second, SUMMARY)
        assert second.executable.closed
        assert world.registry.get("a", 1).series.failures == {"wrong-shape": 1}

    run(test)


@pytest.mark.parametrize("error", [ArtifactError("broken"), OSError("gone"), ValueError("a bug")])
def test_what_cannot_be_loaded_is_unavailable_until_it_is_replaced(error: Exception) -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1)]
        world.error = error
        await world.registry.follow(world.read)
        with pytest.raises(ModelUnavailableError):
            world.registry.get("a", None)
        with pytest.raises(ModelNotFoundError):
            world.registry.get("b", None)
        world.error = None
        world.stored = [stored("a", 1, "again")]
        await world.registry.follow(world.read)
        assert world.answers("a").closed is False

    run(test)


def test_dropping_the_latest_brings_back_the_one_before() -> None:
    async def test(world: World) -> None:
        for version in (1, 2):
            world.registry.put(("a", version, "j"), warm(), SUMMARY)
        second = world.answers("a")
        world.registry.drop("a", 2)
        assert second.closed
        assert world.registry.get("a", None).version == 1
        world.registry.drop("a", 2)
        world.registry.drop("a", 1)
        with pytest.raises(ModelNotReadyError):
            world.registry.get("a", None)

    run(test)


def test_closing_closes_all() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("b", 1)]
        await world.registry.follow(world.read)
        world.registry.close()
        assert all(model.closed for model in world.loaded)
        assert world.registry.versions() == set()

    run(test)
