"""The registry among publishing, deleting and following at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.errors import (
    ModelNotFoundError,
    ModelNotReadyError,
    ModelUnavailableError,
    VersionNotFoundError,
)
from app.core.metrics import ModelCollector
from app.core.version_errors import NoActiveVersionError
from app.services.loading import Loading
from app.services.registry import Registry, Standing
from app.services.stored_version import AnyVersion, DamagedVersion, StoredVersion
from app.services.warm import Warm
from engine.core.errors import ArtifactError
from engine.execution.runtime import TensorSpec
from tests.app.test_storage import SUMMARY

ACTIVE = Standing(is_active=True, revision=1)


@dataclass
class Model:
    """An executable that notes whether it was closed."""

    inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "float32", (2,), (2,)),)
    outputs: tuple[TensorSpec, ...] = ()
    layers: tuple[()] = ()
    resident_bytes: int = 0
    is_tuned_here = True
    varies = False
    closed: bool = False
    runs: list[int] = field(default_factory=list)

    def example(self) -> dict[str, np.ndarray]:
        return {"x": np.zeros((1, 2), np.float32)}

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.runs.append(len(inputs["x"]))
        return {}

    def close(self) -> None:
        self.closed = True


def stored(
    name: str, version: int, job_id: str = "j", *, is_active: bool = True, revision: int = 1
) -> StoredVersion:
    folder = Path(name) / str(version)
    return StoredVersion(name, version, 0.0, job_id, SUMMARY, folder, is_active, revision)


class World:
    """A registry, what is stored, and what was loaded."""

    def __init__(self) -> None:
        self.stored: list[AnyVersion] = []
        self.loaded: list[Model] = []
        self.error: Exception | None = None
        # Artifacts that cannot be loaded, such as "a/2".
        self.unreadable: set[str] = set()
        self.collector = ModelCollector()
        self.registry = Registry(self.collector, Loading(self._load, 2, 60.0))

    def _load(self, artifact: Path) -> Any:
        if self.error is not None:
            raise self.error
        if str(artifact.parent) in self.unreadable:
            raise ArtifactError("broken")
        self.loaded.append(Model())
        return self.loaded[-1]

    async def read(self) -> list[AnyVersion]:
        return list(self.stored)

    def read_nothing_twice(self, first: Callable[[], Awaitable[list[AnyVersion]]]) -> Any:
        """Read as `first` does, and then what it left in place."""
        reads = 0

        async def read() -> list[AnyVersion]:
            nonlocal reads
            reads += 1
            return await first() if reads == 1 else [stored("a", 1, "second")]

        return read

    async def read_one_inactive(self) -> list[AnyVersion]:
        return [stored("a", 1, is_active=False)]

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
        async def read() -> list[AnyVersion]:
            before = list(world.stored)
            world.stored.append(stored("new", 1))
            world.registry.put(("new", 1, "j"), warm(), SUMMARY, ACTIVE)
            return before

        await world.registry.follow(world.read)
        world.stored = []
        await world.registry.follow(read)
        assert world.answers("new").closed is False

    run(test)


def test_what_is_made_again_while_the_stored_versions_are_read_stays() -> None:
    async def test(world: World) -> None:
        async def read() -> list[AnyVersion]:
            # Deleted, and uploaded again under the same number, before the answer of the database is here.
            world.registry.drop("a", 1)
            world.registry.put(("a", 1, "second"), warm(), SUMMARY, ACTIVE)
            return []

        world.registry.put(("a", 1, "first"), warm(), SUMMARY, ACTIVE)
        await world.registry.follow(world.read_nothing_twice(read))
        assert world.answers("a").closed is False

    run(test)


def test_what_is_made_again_while_the_deleted_one_is_loaded_stays() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1, "first")]
        new = warm()

        def load(artifact: Path) -> Any:
            asyncio.run_coroutine_threadsafe(make_again(), loop).result()
            return Model()

        async def make_again() -> None:
            world.stored = [stored("a", 1, "second")]
            world.registry.put(("a", 1, "second"), new, SUMMARY, ACTIVE)

        loop = asyncio.get_running_loop()
        world.registry = Registry(world.collector, Loading(load, 2, 60.0))
        await world.registry.follow(world.read)
        assert world.answers("a") is new.executable
        assert not new.executable.closed

    run(test)


def test_what_is_deleted_while_it_is_loaded_goes() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1)]
        reads = 0

        async def read() -> list[AnyVersion]:
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
        world.registry.put(("a", 1, "j"), warm(), SUMMARY, ACTIVE)
        model = world.registry.get("a", 1)
        model.series.fail("wrong-shape")
        second = warm()
        world.registry.put(("a", 1, "j"), second, SUMMARY, ACTIVE)
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
            world.registry.put(("a", version, "j"), warm(), SUMMARY, ACTIVE)
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


def metric(world: World, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a metric by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in world.collector.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_no_lower_version_answers_for_one_that_cannot_be_loaded() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 2), stored("b", 1)]
        world.unreadable = {"a/2"}
        await world.registry.follow(world.read)
        with pytest.raises(ModelUnavailableError, match="version 2"):
            world.registry.get("a", None)
        with pytest.raises(ModelUnavailableError):
            world.registry.get("a", 2)
        with pytest.raises(VersionNotFoundError):
            world.registry.get("a", 3)
        assert world.answers("a", 1).closed is False
        assert world.answers("b").closed is False
        assert metric(world, "prunus_models_unavailable") == {(): 1}
        assert metric(world, "prunus_model_unavailable") == {("a", "2"): 1}
        world.registry.drop("a", 2)
        assert world.registry.get("a", None).version == 1
        assert metric(world, "prunus_models_unavailable") == {(): 0}

    run(test)


def test_no_lower_version_answers_while_the_highest_is_loaded_at_the_start() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 2)]
        seen: list[object] = []
        load = world.registry.load

        async def load_slowly(artifact: Path) -> Any:
            if artifact.parent.name == "2":
                while world.registry.executable("a", 1) is None:
                    await asyncio.sleep(0.001)
                with pytest.raises(ModelNotReadyError):
                    world.registry.get("a", None)
                seen.append(world.registry.get("a", 1).version)
            return await load(artifact)

        world.registry.load = load_slowly  # type: ignore[method-assign]
        await world.registry.follow(world.read)
        assert seen == [1]
        assert world.registry.get("a", None).version == 2

    run(test)


def test_a_version_published_elsewhere_takes_over_when_it_is_loaded() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1)]
        await world.registry.follow(world.read)
        world.stored.append(stored("a", 2))
        load = world.registry.load

        async def load_and_look(artifact: Path) -> Any:
            assert world.registry.get("a", None).version == 1
            return await load(artifact)

        world.registry.load = load_and_look  # type: ignore[method-assign]
        await world.registry.follow(world.read)
        assert world.registry.get("a", None).version == 2

    run(test)


def test_a_row_that_cannot_be_read_is_unavailable_and_stops_no_other() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), DamagedVersion("a", 2, "j", "its summary is damaged")]
        await world.registry.follow(world.read)
        with pytest.raises(ModelUnavailableError) as error:
            world.registry.get("a", None)
        assert error.value.got == "its summary is damaged"
        assert world.answers("a", 1).closed is False

    run(test)


def test_the_highest_active_version_answers() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 2, is_active=False)]
        await world.registry.follow(world.read)
        assert world.registry.get("a", None).version == 1
        assert world.registry.get("a", 2).version == 2
        assert metric(world, "prunus_model_active") == {("a", "1"): 1, ("a", "2"): 0}
        world.registry.set_standing("a", 2, Standing(is_active=True, revision=2))
        assert world.registry.get("a", None).version == 2
        world.registry.set_standing("a", 2, Standing(is_active=False, revision=3))
        world.registry.set_standing("a", 1, Standing(is_active=False, revision=2))
        with pytest.raises(NoActiveVersionError) as error:
            world.registry.get("a", None)
        assert "/models/a/versions/2/activate" in error.value.hint
        assert metric(world, "prunus_model_active") == {("a", "1"): 0, ("a", "2"): 0}

    run(test)


def test_an_inactive_version_that_cannot_be_loaded_is_in_nobodys_way() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 2, is_active=False)]
        world.unreadable = {"a/2"}
        await world.registry.follow(world.read)
        assert world.registry.get("a", None).version == 1
        with pytest.raises(ModelUnavailableError):
            world.registry.check_usable("a", 2)
        world.registry.check_usable("a", 1)
        world.registry.check_usable("a", 3)

    run(test)


def test_what_is_activated_elsewhere_is_followed_and_old_news_is_not() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 2)]
        await world.registry.follow(world.read)
        world.stored = [stored("a", 1), stored("a", 2, is_active=False, revision=2)]
        await world.registry.follow(world.read)
        assert world.registry.get("a", None).version == 1
        # Read before, but heard of after a change of our own.
        world.registry.set_standing("a", 2, Standing(is_active=True, revision=3))
        await world.registry.follow(world.read)
        assert world.registry.get("a", None).version == 2

    run(test)


def test_what_is_published_as_inactive_does_not_answer() -> None:
    async def test(world: World) -> None:
        world.registry.put(("a", 1, "j"), warm(), SUMMARY, Standing(is_active=False, revision=1))
        await world.registry.follow(world.read_one_inactive)
        with pytest.raises(NoActiveVersionError):
            world.registry.get("a", None)
        world.registry.put(("a", 2, "k"), warm(), SUMMARY, ACTIVE)
        assert world.registry.get("a", None).version == 2

    run(test)


def test_what_could_not_be_loaded_is_tried_again_when_a_version_has_gone() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1), stored("a", 2), stored("b", 1)]
        world.unreadable = {"a/2", "b/1"}
        await world.registry.follow(world.read)
        world.unreadable = {"b/1"}
        assert not world.registry.retry_due
        await world.registry.follow(world.read)
        with pytest.raises(ModelUnavailableError):
            world.registry.get("a", 2)
        world.stored = [stored("a", 2), stored("b", 1)]
        world.registry.drop("a", 1)
        assert world.registry.retry_due
        await world.registry.follow(world.read)
        assert world.registry.get("a", None).version == 2
        with pytest.raises(ModelUnavailableError):
            world.registry.get("b", 1)
        assert not world.registry.retry_due

    run(test)


def test_one_version_is_tried_again_and_keeps_the_latest_news() -> None:
    async def test(world: World) -> None:
        world.stored = [stored("a", 1, is_active=False)]
        world.unreadable = {"a/1"}
        await world.registry.follow(world.read)
        await world.registry.retry(stored("a", 1, is_active=False))
        with pytest.raises(ModelUnavailableError):
            world.registry.check_usable("a", 1)
        world.unreadable = set()
        world.registry.set_standing("a", 1, Standing(is_active=True, revision=2))
        await world.registry.retry(stored("a", 1, is_active=False))
        await world.registry.retry(stored("a", 1, is_active=False))
        world.registry.check_usable("a", 1)
        assert world.registry.get("a", None).version == 1
        assert len(world.loaded) == 1

    run(test)


def test_what_is_deleted_while_it_is_tried_again_stays_away() -> None:
    async def test(world: World) -> None:
        for is_readable in (False, True):
            world.stored = [stored("a", 1)]
            world.unreadable = {"a/1"}
            await world.registry.follow(world.read)
            world.unreadable = set() if is_readable else {"a/1"}
            trying = asyncio.create_task(world.registry.retry(stored("a", 1)))
            await asyncio.sleep(0)
            world.registry.drop("a", 1)
            await trying
            with pytest.raises(ModelNotFoundError):
                world.registry.get("a", None)
            world.stored = []
            await world.registry.follow(world.read)
        assert [model.closed for model in world.loaded] == [True]

    run(test)
