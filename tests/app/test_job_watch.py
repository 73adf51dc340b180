"""Watching jobs: one reading for all who watch, whether this process or another one changes the job."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import JobCancelledError, JobNotFoundError
from app.core.problems import Problem
from app.services import job_watch
from app.services.database import Database
from app.services.job_log import Job, JobLog, JobState, NewJob
from app.services.job_watch import JobWatch
from app.services.lifecycle import Lifecycle
from tests.app.live import DEADLINE_SECONDS

WATCHERS = 60


class CountingLog(JobLog):
    """Counts how often a job is read."""

    reads = 0

    def get(self, job_id: str) -> Job:
        self.reads += 1
        return super().get(job_id)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[CountingLog]:
    database = Database(tmp_path / "prunus.db")
    log = CountingLog(database)
    log.add(NewJob("a", "m", None, "me", "f", 1), 9)
    log.reads = 0
    yield log
    database.close()


async def states(watch: JobWatch, job_id: str = "a") -> list[str]:
    """Return the states that a watcher sees."""
    async with contextlib.aclosing(watch.watch(job_id)) as jobs:
        return [job.state.value async for job in jobs]


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_job_is_read_once_for_all_watchers(
    log: CountingLog, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    monkeypatch.setattr(job_watch, "_INTERVAL_SECONDS", 3600.0 if is_told else 0.01)

    async def steps() -> list[list[str]]:
        watch = JobWatch(log, Lifecycle())
        watchers = [asyncio.create_task(states(watch)) for _ in range(WATCHERS)]
        await until(lambda: log.reads)
        log.start("a")
        if is_told:
            watch.notify()
        await until(lambda: log.reads >= 2)
        log.end("a", JobState.CANCELLED, Problem.of(JobCancelledError("no longer wanted")))
        if is_told:
            watch.notify()
        seen = await asyncio.wait_for(asyncio.gather(*watchers), DEADLINE_SECONDS)
        assert not watch._watched
        return seen

    for seen in asyncio.run(steps()):
        assert seen[-1] == "cancelled"
        assert seen == sorted(set(seen), key=["queued", "running", "cancelled"].index)
    if is_told:
        assert log.reads <= 4


def test_who_comes_later_gets_the_state_at_once_and_the_last_to_go_ends_the_reading(
    log: CountingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_watch, "_INTERVAL_SECONDS", 3600.0)

    async def steps() -> None:
        watch = JobWatch(log, Lifecycle())
        first, second = watch.watch("a"), watch.watch("a")
        assert (await anext(first)).state is JobState.QUEUED
        assert (await anext(second)).state is JobState.QUEUED
        assert log.reads == 1
        await first.aclose()
        assert watch._watched
        reader = watch._watched["a"].reader
        await second.aclose()
        assert not watch._watched
        assert reader is not None
        await asyncio.wait([reader])
        assert reader.cancelled()
        assert (await anext(watch.watch("a"))).state is JobState.QUEUED
        assert log.reads == 2

    asyncio.run(steps())


def test_watchers_are_let_go_when_the_service_stops(log: CountingLog) -> None:
    async def steps() -> list[list[str]]:
        lifecycle = Lifecycle()
        watch = JobWatch(log, lifecycle)
        watchers = [asyncio.create_task(states(watch)) for _ in range(3)]
        await until(lambda: log.reads)
        lifecycle.stopping = True
        watch.notify()
        return await asyncio.wait_for(asyncio.gather(*watchers), DEADLINE_SECONDS)

    assert asyncio.run(steps()) == [["queued"]] * 3


def test_no_job_can_be_watched_that_is_not_there(log: CountingLog) -> None:
    async def steps() -> None:
        watch = JobWatch(log, Lifecycle())
        for seen in await asyncio.gather(
            *(states(watch, "b") for _ in range(3)), return_exceptions=True
        ):
            assert isinstance(seen, JobNotFoundError)
        assert not watch._watched

    asyncio.run(steps())
