"""Which versions of which models are loaded, and which one answers a request without a version: the highest.

Only the event loop changes the registry; a new version is loaded in a thread first and then put in place, so that
requests always find a whole one. Loading needs the engine's runtime only, never the compiler.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.errors import (
    ModelNotFoundError,
    ModelNotReadyError,
    ModelUnavailableError,
    VersionNotFoundError,
)
from app.metrics import LayerNumbers, ModelCollector, ModelNumbers, ModelSeries
from app.services.storage import ARTIFACT_FILE, StoredVersion
from app.services.summary import ModelSummary
from app.services.tensors import Signature
from engine.plan import LayerPlan
from engine.runtime import Executable
from graph.errors import PrunusError

_LOG = logging.getLogger(__name__)
_WARM_UP_CALLS = 5
_FLOAT_BYTES = 4


Loader = Callable[[Path], Executable]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version that answers predictions.

    Attributes:
        sample_seconds: measured time of a call with one sample, on this machine, after warm-up.
    """

    name: str
    version: int
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

    def __init__(self, collector: ModelCollector, loader: Loader, executor: Executor) -> None:
        """Start empty.

        Args:
            collector: where each version's series of metrics are kept.
            loader: makes an executable from an artifact file.
            executor: threads that load.
        """
        self._collector = collector
        self._loader = loader
        self._executor = executor
        self._models: dict[str, dict[int, LoadedModel]] = {}
        self._latest: dict[str, LoadedModel] = {}
        self._broken: dict[tuple[str, int], str] = {}
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
        for (broken_name, broken_version), reason in self._broken.items():
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

    def is_loaded(self, name: str, version: int) -> bool:
        """Tell whether a version answers predictions."""
        return version in self._models.get(name, ())

    async def load(self, artifact: Path) -> Warm:
        """Load an artifact in a thread, without putting it in place.

        Raises:
            PrunusError: it cannot be loaded.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, load_warm, self._loader, artifact)

    def put(self, name: str, version: int, warm: Warm, summary: ModelSummary) -> LoadedModel:
        """Put a loaded version in place; from now on it answers."""
        executable = warm.executable
        loaded = LoadedModel(
            name=name,
            version=version,
            executable=executable,
            signature=Signature(executable.inputs, executable.outputs),
            series=self._collector.add(name, version, numbers_of(executable, summary)),
            sample_seconds=warm.sample_seconds,
        )
        versions = self._models.setdefault(name, {})
        replaced = versions.get(version)
        versions[version] = loaded
        self._latest[name] = versions[max(versions)]
        self._broken.pop((name, version), None)
        if replaced is not None:
            replaced.executable.close()
        return loaded

    def drop(self, name: str, version: int) -> None:
        """Take a version out of service; calls that are running end first."""
        versions = self._models.get(name, {})
        loaded = versions.pop(version, None)
        self._broken.pop((name, version), None)
        if loaded is None:
            return
        if versions:
            self._latest[name] = versions[max(versions)]
        else:
            del self._models[name], self._latest[name]
        self._collector.remove(name, version)
        loaded.executable.close()

    async def follow(self, stored: Iterable[StoredVersion]) -> None:
        """Load what is stored and not loaded, and drop what is loaded and no longer stored."""
        wanted = {(one.name, one.version): one for one in stored}
        new = [one for key, one in wanted.items() if key not in self.versions() | set(self._broken)]
        await asyncio.gather(*(self._load_stored(one) for one in new))
        for name, version in (self.versions() | set(self._broken)) - set(wanted):
            self.drop(name, version)
        self._starting = False

    async def _load_stored(self, stored: StoredVersion) -> None:
        """Load a version; one that cannot be loaded is noted and stops none of the others."""
        try:
            warm = await self.load(stored.folder / ARTIFACT_FILE)
        except (PrunusError, OSError) as error:
            self._broken[stored.name, stored.version] = str(error)
            _LOG.error(
                "version %d of model %r cannot be loaded: %s", stored.version, stored.name, error
            )
            return
        if not self.is_loaded(stored.name, stored.version):
            self.put(stored.name, stored.version, warm, stored.summary)

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
    )


def _layer_numbers(layer: LayerPlan) -> LayerNumbers:
    return LayerNumbers(
        layer=layer.name,
        sparsity=layer.sparsity,
        nonzeros=layer.nonzeros,
        dense_bytes=layer.inputs * layer.units * _FLOAT_BYTES,
        sparse_bytes=max((bucket.bytes for bucket in layer.buckets), default=0),
    )
