"""Which versions of which models are loaded, and which one answers a request without a version: the highest active one.

Where that one could not be loaded, no other answers in its name. Only the event loop changes the registry; a new
version is loaded in a thread first and then put in place, so that requests always find a whole one. Loading needs the
engine's runtime only, never the compiler.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.core.errors import (
    ModelMemoryError,
    ModelNotFoundError,
    ModelNotReadyError,
    ModelUnavailableError,
    VersionNotFoundError,
)
from app.core.job_folder import ARTIFACT_FILE
from app.core.metrics import ModelCollector
from app.core.model_series import ModelSeries
from app.core.version_errors import NoActiveVersionError
from app.services.backlog import Rate
from app.services.loading import Loading
from app.services.model_numbers import numbers_of, renewed_numbers
from app.services.stored_version import AnyVersion, StoredVersion
from app.services.summary import ModelSummary
from app.services.tensors import Signature
from app.services.warm import Warm
from engine.execution.runtime import Executable
from graph.errors import PrunusError

_LOG = logging.getLogger(__name__)
_FIRST_MAKING_SECONDS = 0.1
# Name, version, and the job that made it.
Key = tuple[str, int, str]
ReadStored = Callable[[], Awaitable[Sequence[AnyVersion]]]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version that answers predictions.

    Attributes:
        job_id: the job that made it; a version that was deleted and made again has another one.
        sample_seconds: measured time of a call with one sample, on this machine, after warm-up; of the usual size,
            where sizes vary.
        inline_seconds: the same for models that may be run on the event loop; infinite for others.
        share: what a batch takes, as a share of `sample_seconds` times samples; learned from its calls.
        making: seconds that it takes to make another size ready; learned from those that were made.
    """

    name: str
    version: int
    job_id: str
    executable: Executable
    signature: Signature
    series: ModelSeries
    sample_seconds: float
    inline_seconds: float
    share: Rate = field(default_factory=lambda: Rate(1.0))
    making: Rate = field(default_factory=lambda: Rate(_FIRST_MAKING_SECONDS))


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a version may answer requests without a version, as its row said at a revision."""

    is_active: bool
    revision: int


class Registry:
    """The loaded versions."""

    def __init__(
        self,
        collector: ModelCollector,
        loading: Loading,
        memory_max_bytes: int = sys.maxsize,
    ) -> None:
        """Start empty.

        Args:
            collector: the collector that keeps each version's series of metrics.
            loading: makes executables from artifact files.
            memory_max_bytes: largest memory of all loaded versions together.
        """
        self._collector = collector
        self._loading = loading
        self._memory_max_bytes = memory_max_bytes
        self._models: dict[str, dict[int, LoadedModel]] = {}
        self._answering: dict[str, LoadedModel] = {}
        self._broken: dict[Key, str] = {}
        # Of what is loaded or broken; during the start also of what is still being loaded.
        self._standings: dict[str, dict[int, Standing]] = {}
        self._starting = True
        # Whether the next `follow` tries again to load what could not be loaded.
        self.retry_due = False

    @property
    def is_starting(self) -> bool:
        """Whether stored models are still being loaded for the first time."""
        return self._starting

    def get(self, name: str, version: int | None) -> LoadedModel:
        """Return the loaded version; without a number the highest active one.

        Raises:
            ModelNotFoundError: no version of this name is known.
            VersionNotFoundError: others are, but not this one.
            NoActiveVersionError: no version was asked for, and none is active.
            ModelUnavailableError: it is stored, but loading it failed.
            ModelNotReadyError: stored models are still being loaded.
        """
        try:
            return self._answering[name] if version is None else self._models[name][version]
        except KeyError:
            raise self._absence(name, version) from None

    def _absence(self, name: str, version: int | None) -> PrunusError:
        if self._starting:
            return ModelNotReadyError("the service has just started and is loading its models")
        if name not in self._standings:
            return ModelNotFoundError(name, self._standings)
        wanted = self._highest_active(name) if version is None else version
        if wanted is None:
            return NoActiveVersionError(name, max(self._standings[name]))
        reason = self._broken_reason(name, wanted)
        if reason is None:
            return VersionNotFoundError(name, wanted)
        return ModelUnavailableError(
            f"version {wanted} of model {name!r} could not be loaded",
            got=reason,
            hint="name another version, or deactivate or delete this one: the highest active version answers"
            if version is None
            else "",
        )

    def check_usable(self, name: str, version: int) -> None:
        """Refuse what could not be loaded; what is not known here, or not yet, passes.

        Raises:
            ModelUnavailableError: loading it failed.
        """
        if self._broken_reason(name, version) is not None:
            raise self._absence(name, version)

    def _broken_reason(self, name: str, version: int) -> str | None:
        for key, reason in self._broken.items():
            if key[:2] == (name, version):
                return reason
        return None

    def _highest_active(self, name: str) -> int | None:
        standings = self._standings.get(name, {})
        return max((number for number, one in standings.items() if one.is_active), default=None)

    def versions(self) -> set[tuple[str, int]]:
        """Return name and version of all that is loaded."""
        return {(name, number) for name, loaded in self._models.items() for number in loaded}

    def executable(self, name: str, version: int) -> Executable | None:
        """Return what answers predictions of a version, if it is loaded."""
        loaded = self._models.get(name, {}).get(version)
        return None if loaded is None else loaded.executable

    async def load(self, artifact: Path) -> Warm:
        """Load an artifact in a thread, without putting it in place.

        Raises:
            ModelMemoryError: there is no memory left for it.
            LoadTimeoutError: it takes too long.
            PrunusError: it cannot be loaded.
        """
        warm = await self._loading.load(artifact)
        try:
            self._check_memory(warm.executable)
        except ModelMemoryError:
            warm.executable.close()
            raise
        return warm

    def _check_memory(self, executable: Executable) -> None:
        loaded = (one for versions in self._models.values() for one in versions.values())
        used = sum(one.executable.resident_bytes for one in loaded)
        if used + executable.resident_bytes > self._memory_max_bytes:
            raise ModelMemoryError(
                "there is no memory left for the model",
                expected=f"at most {self._memory_max_bytes:,} bytes for all models together",
                got=f"{used:,} bytes in use, {executable.resident_bytes:,} more wanted",
                hint="delete versions, or raise the setting PRUNUS_MODEL_MEMORY_MAX_BYTES",
            )

    def put(self, key: Key, warm: Warm, summary: ModelSummary, standing: Standing) -> None:
        """Put a loaded version in place; from now on it answers."""
        name, version, job_id = key
        if self._is_loaded(key):  # `follow` was faster than the job that published it
            warm.executable.close()
            return
        self.drop(name, version)
        executable = warm.executable
        self._models.setdefault(name, {})[version] = LoadedModel(
            name=name,
            version=version,
            job_id=job_id,
            executable=executable,
            signature=Signature(executable.inputs, executable.outputs),
            series=self._collector.add(name, version, numbers_of(executable, summary)),
            sample_seconds=warm.sample_seconds,
            inline_seconds=warm.inline_seconds,
        )
        self._stand(name, version, standing)

    def set_standing(self, name: str, version: int, standing: Standing) -> None:
        """Let a known version be active or not; what is not known here yet gets it when it is read."""
        if version in self._standings.get(name, {}):
            self._stand(name, version, standing)

    def _stand(self, name: str, version: int, standing: Standing) -> None:
        """Note how a version stands, unless something newer is known, and choose which version answers."""
        standings = self._standings.setdefault(name, {})
        known = standings.get(version)
        if known is None or known.revision <= standing.revision:
            standings[version] = standing
        self._choose(name)

    def _choose(self, name: str) -> None:
        """Choose which version answers: the highest active one, or none while that one is not loaded."""
        loaded = self._models.get(name, {})
        standings = self._standings.get(name, {})
        for number, model in loaded.items():
            model.series.is_active = standings[number].is_active
        highest = self._highest_active(name)
        answering = None if highest is None else loaded.get(highest)
        if answering is None:
            self._answering.pop(name, None)
        else:
            self._answering[name] = answering
        self._collector.unavailable = frozenset((key[0], key[1]) for key in self._broken)

    def exchange(self, key: Key, warm: Warm) -> None:
        """Let another executable of the same version answer; its series of metrics go on.

        The old one is not closed: calls may be on their way to it. It goes with the last of them.
        """
        name, version, _ = key
        if not self._is_loaded(key):  # deleted meanwhile
            warm.executable.close()
            return
        old = self._models[name][version]
        new = replace(
            old,
            executable=warm.executable,
            sample_seconds=warm.sample_seconds,
            inline_seconds=warm.inline_seconds,
        )
        old.series.numbers = renewed_numbers(old.series.numbers, warm.executable)
        self._models[name][version] = new
        self._choose(name)

    def drop(self, name: str, version: int) -> None:
        """Take a version out of service; calls that are running end first."""
        versions = self._models.get(name, {})
        loaded = versions.pop(version, None)
        if not versions:
            self._models.pop(name, None)
        for key in [key for key in self._broken if key[:2] == (name, version)]:
            del self._broken[key]
        standings = self._standings.get(name, {})
        standings.pop(version, None)
        if not standings:
            self._standings.pop(name, None)
        self._choose(name)
        if loaded is not None:
            self.retry_due = bool(self._broken)
            self._collector.remove(name, version)
            loaded.executable.close()

    async def follow(self, read_stored: ReadStored) -> None:
        """Load what is stored and not loaded, drop what is loaded and no longer stored, and follow what is active."""
        stored = await self._drop_deleted(read_stored)
        if self._starting:  # else a lower version would answer until the highest is loaded
            for one in stored:
                self._stand(one.name, one.version, _standing(one))
        known = self._loaded() if self.retry_due else self._known()
        self.retry_due = False
        new = [one for one in stored if (one.name, one.version, one.job_id) not in known]
        await asyncio.gather(*(self._load_stored(one) for one in new))
        # What was deleted, activated or deactivated while it was being loaded.
        await self._drop_deleted(read_stored)
        self._starting = False

    async def _drop_deleted(self, read_stored: ReadStored) -> Sequence[AnyVersion]:
        """Drop what was known before the stored versions were read, and is not among them.

        What comes into place later is not looked at: it may have been published after the reading.
        """
        known = self._known()
        stored = await read_stored()
        gone = known - {(one.name, one.version, one.job_id) for one in stored}
        # One that was deleted and made again meanwhile has the same number, and is another one.
        for name, version, _ in gone & self._known():
            self.drop(name, version)
        for one in stored:
            self.set_standing(one.name, one.version, _standing(one))
        return stored

    async def retry(self, stored: StoredVersion) -> None:
        """Load a version whose loading failed once more; the reason may have passed."""
        if (stored.name, stored.version, stored.job_id) in self._broken:
            await self._load_stored(stored)

    def _known(self) -> set[Key]:
        return self._loaded() | set(self._broken)

    def _loaded(self) -> set[Key]:
        loaded = (one for versions in self._models.values() for one in versions.values())
        return {(one.name, one.version, one.job_id) for one in loaded}

    def _is_loaded(self, key: Key) -> bool:
        loaded = self._models.get(key[0], {}).get(key[1])
        return loaded is not None and loaded.job_id == key[2]

    def _is_replaced(self, key: Key) -> bool:
        """Return whether another upload of the same version is in place."""
        loaded = self._models.get(key[0], {}).get(key[1])
        return loaded is not None and loaded.job_id != key[2]

    async def _load_stored(self, stored: AnyVersion) -> None:
        """Load a version; one that cannot be loaded is noted and stops none of the others."""
        key = (stored.name, stored.version, stored.job_id)
        if not isinstance(stored, StoredVersion):
            self._note_broken(key, stored.reason, _standing(stored))
            return
        was_broken = key in self._broken
        reason, warm = await self._attempt(stored)
        if (was_broken and key not in self._broken) or self._is_replaced(
            key
        ):  # deleted, loaded by another attempt or made again meanwhile
            if warm is not None:
                warm.executable.close()
        elif warm is None:
            self._note_broken(key, reason, _standing(stored))
        else:
            standings = self._standings.get(stored.name, {})
            heard = standings.get(stored.version) if was_broken else None
            self.put(key, warm, stored.summary, _standing(stored))
            if heard is not None:
                self._stand(stored.name, stored.version, heard)

    async def _attempt(self, stored: StoredVersion) -> tuple[str, Warm | None]:
        """Load a version; without one, the reason is the first value."""
        shown = (stored.version, stored.name)
        try:
            return "", await self.load(stored.folder / ARTIFACT_FILE)
        except (PrunusError, OSError) as error:
            _LOG.error("version %d of model %r cannot be loaded: %s", *shown, error)
            return str(error), None
        except Exception:  # noqa: BLE001 - a bug over one version must not keep all others from serving
            _LOG.exception("version %d of model %r cannot be loaded by a bug", *shown)
            return "a bug; see the service's log", None

    def _note_broken(self, key: Key, reason: str, standing: Standing) -> None:
        self._broken[key] = reason
        self._stand(key[0], key[1], standing)

    def close(self) -> None:
        """Drop everything."""
        for name, version in self.versions():
            self.drop(name, version)


def _standing(stored: AnyVersion) -> Standing:
    return Standing(stored.is_active, stored.revision)
