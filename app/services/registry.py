"""Which versions of which models are loaded, and which one answers a request without a version: the highest.

Only the event loop changes the registry; a new version is loaded in a thread first and then put in place, so that
requests always find a whole one. Loading needs the engine's runtime only, never the compiler.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.errors import (
    ModelMemoryError,
    ModelNotFoundError,
    ModelNotReadyError,
    ModelUnavailableError,
    VersionNotFoundError,
)
from app.job_folder import ARTIFACT_FILE
from app.metrics import LayerNumbers, ModelCollector, ModelNumbers, ModelSeries
from app.services.storage import StoredVersion
from app.services.summary import ModelSummary
from app.services.tensors import Signature
from engine.planning.plan import LayerPlan
from engine.runtime import Executable
from graph.errors import PrunusError

_LOG = logging.getLogger(__name__)
_WARM_UP_CALLS = 5
_FLOAT_BYTES = 4


Loader = Callable[[Path], Executable]
# Name, version, and the job that made it.
Key = tuple[str, int, str]
ReadStored = Callable[[], Awaitable[list[StoredVersion]]]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version that answers predictions.

    Attributes:
        job_id: the job that made it; a version that was deleted and made again has another one.
        sample_seconds: measured time of a call with one sample, on this machine, after warm-up.
    """

    name: str
    version: int
    job_id: str
    executable: Executable
    signature: Signature
    series: ModelSeries
    sample_seconds: float


@dataclass(frozen=True, slots=True)
class Warm:
    """An executable that has run: its code and weights are in memory."""

    executable: Executable
    sample_seconds: float


def load_warm(loader: Loader, artifact: Path) -> Warm:
    """Load an artifact and run it on zeros a few times.

    Raises:
        PrunusError: the artifact cannot be loaded.
    """
    executable = loader(artifact)
    zeros = {spec.name: np.zeros((1, *spec.sample_shape), spec.dtype) for spec in executable.inputs}
    times = []
    for _ in range(_WARM_UP_CALLS):
        start = time.perf_counter()
        executable.run(zeros)
        times.append(time.perf_counter() - start)
    return Warm(executable, min(times))


class Registry:
    """The loaded versions."""

    def __init__(
        self,
        collector: ModelCollector,
        loader: Loader,
        executor: Executor,
        memory_max_bytes: int = sys.maxsize,
    ) -> None:
        """Start empty.

        Args:
            collector: where each version's series of metrics are kept.
            loader: makes an executable from an artifact file.
            executor: threads that load.
            memory_max_bytes: of all loaded versions together.
        """
        self._collector = collector
        self._loader = loader
        self._executor = executor
        self._memory_max_bytes = memory_max_bytes
        self._models: dict[str, dict[int, LoadedModel]] = {}
        self._latest: dict[str, LoadedModel] = {}
        self._broken: dict[Key, str] = {}
        self._starting = True

    @property
    def is_starting(self) -> bool:
        """Whether stored models are still being loaded for the first time."""
        return self._starting

    def get(self, name: str, version: int | None) -> LoadedModel:
        """Return the loaded version, or the latest.

        Raises:
            ModelNotFoundError: no version of this name is loaded.
            VersionNotFoundError: others are, but not this one.
            ModelUnavailableError: it is stored, but loading it failed.
            ModelNotReadyError: stored models are still being loaded.
        """
        try:
            return self._latest[name] if version is None else self._models[name][version]
        except KeyError:
            raise self._absence(name, version) from None

    def _absence(self, name: str, version: int | None) -> PrunusError:
        if self._starting:
            return ModelNotReadyError("the service has just started and is loading its models")
        for (broken_name, broken_version, _), reason in self._broken.items():
            if broken_name == name and version in {None, broken_version}:
                return ModelUnavailableError(
                    f"version {broken_version} of model {name!r} could not be loaded", got=reason
                )
        if name in self._models:
            return VersionNotFoundError(name, version)
        return ModelNotFoundError(name)

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
            PrunusError: it cannot be loaded.
        """
        loop = asyncio.get_running_loop()
        warm = await loop.run_in_executor(self._executor, load_warm, self._loader, artifact)
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

    def put(self, key: Key, warm: Warm, summary: ModelSummary) -> None:
        """Put a loaded version in place; from now on it answers."""
        name, version, job_id = key
        if self._is_loaded(key):  # `follow` was faster than the job that published it
            warm.executable.close()
            return
        self.drop(name, version)
        executable = warm.executable
        versions = self._models.setdefault(name, {})
        versions[version] = LoadedModel(
            name=name,
            version=version,
            job_id=job_id,
            executable=executable,
            signature=Signature(executable.inputs, executable.outputs),
            series=self._collector.add(name, version, numbers_of(executable, summary)),
            sample_seconds=warm.sample_seconds,
        )
        self._latest[name] = versions[max(versions)]

    def exchange(self, key: Key, warm: Warm) -> None:
        """Let another executable of the same version answer; its series of metrics go on.

        The old one is not closed: calls may be on their way to it. It goes with the last of them.
        """
        name, version, _ = key
        if not self._is_loaded(key):  # deleted meanwhile
            warm.executable.close()
            return
        old = self._models[name][version]
        new = replace(old, executable=warm.executable, sample_seconds=warm.sample_seconds)
        old.series.numbers = renewed_numbers(old.series.numbers, warm.executable)
        self._models[name][version] = new
        if self._latest[name] is old:
            self._latest[name] = new

    def drop(self, name: str, version: int) -> None:
        """Take a version out of service; calls that are running end first."""
        versions = self._models.get(name, {})
        loaded = versions.pop(version, None)
        for key in [key for key in self._broken if key[:2] == (name, version)]:
            del self._broken[key]
        if loaded is None:
            return
        if versions:
            self._latest[name] = versions[max(versions)]
        else:
            del self._models[name], self._latest[name]
        self._collector.remove(name, version)
        loaded.executable.close()

    async def follow(self, read_stored: ReadStored) -> None:
        """Load what is stored and not loaded, and drop what is loaded and no longer stored."""
        stored = await self._drop_deleted(read_stored)
        known = self._known()
        new = [one for one in stored if (one.name, one.version, one.job_id) not in known]
        await asyncio.gather(*(self._load_stored(one) for one in new))
        # What was deleted while it was being loaded.
        await self._drop_deleted(read_stored)
        self._starting = False

    async def _drop_deleted(self, read_stored: ReadStored) -> list[StoredVersion]:
        """Drop what was known before the stored versions were read, and is not among them.

        What comes into place later is not looked at: it may have been published after the reading.
        """
        known = self._known()
        stored = await read_stored()
        for name, version, _ in known - {(one.name, one.version, one.job_id) for one in stored}:
            self.drop(name, version)
        return stored

    def _known(self) -> set[Key]:
        loaded = (one for versions in self._models.values() for one in versions.values())
        return {(one.name, one.version, one.job_id) for one in loaded} | set(self._broken)

    def _is_loaded(self, key: Key) -> bool:
        loaded = self._models.get(key[0], {}).get(key[1])
        return loaded is not None and loaded.job_id == key[2]

    async def _load_stored(self, stored: StoredVersion) -> None:
        """Load a version; one that cannot be loaded is noted and stops none of the others."""
        key = (stored.name, stored.version, stored.job_id)
        try:
            warm = await self.load(stored.folder / ARTIFACT_FILE)
        except (PrunusError, OSError) as error:
            _LOG.error("version %d of model %r cannot be loaded: %s", key[1], key[0], error)
            self._broken[key] = str(error)
        except Exception:  # noqa: BLE001 - a bug over one version must not keep all others from serving
            _LOG.exception("version %d of model %r cannot be loaded by a bug", key[1], key[0])
            self._broken[key] = "a bug; see the service's log"
        else:
            self.put(key, warm, stored.summary)

    def close(self) -> None:
        """Drop everything."""
        for name, version in self.versions():
            self.drop(name, version)


def numbers_of(executable: Executable, summary: ModelSummary) -> ModelNumbers:
    """Return what the metrics show of a model: from its plan, and from the times measured at upload."""
    layers = tuple(_layer_numbers(layer) for layer in executable.plan)
    weights = sum(layer.inputs * layer.units for layer in executable.plan)
    nonzeros = sum(layer.nonzeros for layer in layers)
    latencies = {}
    for measured in summary.latency:
        latencies[measured.batch, "dense"] = measured.dense_seconds
        latencies[measured.batch, "sparse"] = measured.seconds
    return ModelNumbers(
        sparsity=1.0 - nonzeros / weights if weights else 0.0,
        nonzeros=nonzeros,
        dense_bytes=sum(layer.dense_bytes for layer in layers),
        sparse_bytes=sum(layer.sparse_bytes for layer in layers),
        resident_bytes=executable.resident_bytes,
        layers=layers,
        speedups={measured.batch: measured.speedup for measured in summary.latency},
        latencies_seconds=latencies,
        tuned_here=executable.is_tuned_here,
    )


def renewed_numbers(numbers: ModelNumbers, executable: Executable) -> ModelNumbers:
    """Return the numbers of a version that has got another executable."""
    layers = tuple(_layer_numbers(layer) for layer in executable.plan)
    return replace(
        numbers,
        layers=layers,
        sparse_bytes=sum(layer.sparse_bytes for layer in layers),
        resident_bytes=executable.resident_bytes,
        tuned_here=executable.is_tuned_here,
    )


def _layer_numbers(layer: LayerPlan) -> LayerNumbers:
    return LayerNumbers(
        layer=layer.name,
        sparsity=layer.sparsity,
        nonzeros=layer.nonzeros,
        dense_bytes=layer.inputs * layer.units * _FLOAT_BYTES,
        sparse_bytes=max((bucket.bytes for bucket in layer.buckets), default=0),
    )
