"""What `/metrics` shows: names, labels and buckets, by Prometheus' naming conventions.

Nothing here touches the process-wide default registry: `create_app` makes one and passes it in. What every request
adds to is kept in plain numbers (`app.core.model_series`, `RequestCounts`), turned into samples when they are scraped.
Series of a model version go when the version goes.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.core.model_series import PHASES, ModelNumbers, ModelSeries
from app.core.version import VERSION

STAGE_BUCKETS_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
MODEL_LABELS = ("model_name", "model_version")


class ModelCollector(Collector):
    """Turns the series of all served versions into samples when Prometheus asks.

    Attributes:
        unavailable: name and version of what is stored and could not be loaded.
    """

    def __init__(self) -> None:
        self.unavailable: frozenset[tuple[str, int]] = frozenset()
        self._series: dict[tuple[str, int], ModelSeries] = {}

    def add(self, name: str, version_number: int, numbers: ModelNumbers) -> ModelSeries:
        """Start the series of a version."""
        series = ModelSeries(name, version_number, numbers)
        self._series[name, version_number] = series
        return series

    def remove(self, name: str, version_number: int) -> None:
        """Forget the series of a version."""
        self._series.pop((name, version_number), None)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the families are known from `collect`."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield all families of all versions."""
        series = list(self._series.values())
        yield from _prediction_families(series)
        yield from _quality_families(series)
        yield from _model_families(series)
        yield from _layer_families(series)
        loaded = GaugeMetricFamily("prunus_models_loaded", "Model versions ready to predict.")
        loaded.add_metric((), len(series))
        yield loaded
        yield from _unavailable_families(self.unavailable)


def _unavailable_families(unavailable: frozenset[tuple[str, int]]) -> Iterator[Metric]:
    total = GaugeMetricFamily(
        "prunus_models_unavailable", "Stored model versions that could not be loaded."
    )
    total.add_metric((), len(unavailable))
    each = _gauge("prunus_model_unavailable", "1 for each stored version that could not be loaded.")
    for name, version in sorted(unavailable):
        each.add_metric((name, str(version)), 1.0)
    yield from (total, each)


def _prediction_families(series: list[ModelSeries]) -> Iterator[Metric]:
    durations = HistogramMetricFamily(
        "prunus_predict_duration_seconds",
        "Time of answered predictions inside the service, by phase.",
        labels=(*MODEL_LABELS, "phase"),
    )
    batches = HistogramMetricFamily(
        "prunus_predict_batch_samples", "Samples in one prediction request.", labels=MODEL_LABELS
    )
    samples = CounterMetricFamily(
        "prunus_predict_samples", "Samples that were predicted.", labels=MODEL_LABELS
    )
    failures = CounterMetricFamily(
        "prunus_predict_failures",
        "Predictions that were refused, by the slug of the problem.",
        labels=(*MODEL_LABELS, "reason"),
    )
    for one in series:
        one.settle()
        for phase, cell in zip(PHASES, one.phases, strict=True):
            durations.add_metric((*one.labels, phase), cell.cumulative(), cell.sum)
        batches.add_metric(one.labels, one.batches.cumulative(), one.batches.sum)
        samples.add_metric(one.labels, one.samples)
        for reason, count in one.failures.items():
            failures.add_metric((*one.labels, reason), count)
    yield from (durations, batches, samples, failures)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=(*MODEL_LABELS, *labels))


def _model_families(series: list[ModelSeries]) -> Iterator[Metric]:
    sparsity = _gauge("prunus_model_sparsity_ratio", "Share of the model's weights that is zero.")
    nonzeros = _gauge("prunus_model_nonzero_weights", "Weights of the model that are not zero.")
    size = _gauge(
        "prunus_model_weight_bytes", "Bytes of the weights, dense and as they are served.", "form"
    )
    resident = _gauge("prunus_model_resident_bytes", "Memory that the loaded model holds.")
    speedup = _gauge(
        "prunus_model_speedup_ratio",
        "Dense time over sparse time, measured at upload: 1 where both run the same code,"
        " and missing where the readings showed no difference.",
        "batch",
    )
    latency = _gauge(
        "prunus_model_latency_seconds", "Time of one call, measured at upload.", "batch", "form"
    )
    tuned = _gauge(
        "prunus_model_tuned_here",
        "1 where kernels were timed on a CPU of this kind, for as many threads, else 0.",
    )
    active = _gauge(
        "prunus_model_active",
        "1 where the version may answer requests without a version (the highest such one does), else 0.",
    )
    for one in series:
        numbers = one.numbers
        active.add_metric(one.labels, float(one.is_active))
        tuned.add_metric(one.labels, float(numbers.tuned_here))
        sparsity.add_metric(one.labels, numbers.sparsity)
        nonzeros.add_metric(one.labels, numbers.nonzeros)
        size.add_metric((*one.labels, "dense"), numbers.dense_bytes)
        size.add_metric((*one.labels, "sparse"), numbers.sparse_bytes)
        resident.add_metric(one.labels, numbers.resident_bytes)
        for batch, ratio in numbers.speedups.items():
            speedup.add_metric((*one.labels, str(batch)), ratio)
        for (batch, form), seconds in numbers.latencies_seconds.items():
            latency.add_metric((*one.labels, str(batch), form), seconds)
    yield from (active, sparsity, nonzeros, size, resident, speedup, latency, tuned)


def _quality_families(series: list[ModelSeries]) -> Iterator[Metric]:
    accuracy = _gauge(
        "prunus_model_accuracy_ratio",
        "Share of right answers on the labelled samples of the upload: of the original (before) and as served (after).",
        "stage",
    )
    agreement = _gauge(
        "prunus_model_agreement_ratio",
        "Share of the samples of the upload that the version answers as the original does.",
    )
    for one in series:
        for stage, share in one.numbers.accuracies.items():
            accuracy.add_metric((*one.labels, stage), share)
        if one.numbers.agreement is not None:
            agreement.add_metric(one.labels, one.numbers.agreement)
    yield from (accuracy, agreement)


def _layer_families(series: list[ModelSeries]) -> Iterator[Metric]:
    sparsity = _gauge(
        "prunus_layer_sparsity_ratio", "Share of the layer's weights that is zero.", "layer"
    )
    nonzeros = _gauge(
        "prunus_layer_nonzero_weights", "Weights of the layer that are not zero.", "layer"
    )
    size = _gauge(
        "prunus_layer_weight_bytes", "Bytes of the layer's weights, by form.", "layer", "form"
    )
    for one in series:
        for layer in one.numbers.layers:
            labels = (*one.labels, layer.layer)
            sparsity.add_metric(labels, layer.sparsity)
            nonzeros.add_metric(labels, layer.nonzeros)
            size.add_metric((*labels, "dense"), layer.dense_bytes)
            size.add_metric((*labels, "sparse"), layer.sparse_bytes)
    yield from (sparsity, nonzeros, size)


@dataclass(slots=True, eq=False)
class RequestCount:
    """How many requests were answered so, and at which level each is logged."""

    labels: tuple[str, str, str]
    log_level: int
    number: int = 0


class RequestCounts(Collector):
    """Counts answered HTTP requests; only the event loop does."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], RequestCount] = {}

    def of(
        self, route: str, method: str, code: str, log_level: int = logging.DEBUG
    ) -> RequestCount:
        """Return the count of one set of label values."""
        labels = (route, method, code)
        return self._counts.setdefault(labels, RequestCount(labels, log_level))

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the family is known from `collect`."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the one family."""
        requests = CounterMetricFamily(
            "prunus_http_requests",
            "HTTP requests that were answered.",
            labels=("route", "method", "code"),
        )
        for count in list(self._counts.values()):
            requests.add_metric(count.labels, count.number)
        yield requests


class JobCollector(Collector):
    """The number of jobs in each state, read from the database when Prometheus asks."""

    def __init__(self, count_by_state: Callable[[], Mapping[str, int]]) -> None:
        self._count_by_state = count_by_state

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the families are known from `collect`."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the one family."""
        jobs = GaugeMetricFamily("prunus_jobs", "Upload jobs by state.", labels=("state",))
        for state, count in self._count_by_state().items():
            jobs.add_metric((state,), count)
        yield jobs


class Metrics:
    """All metrics of one service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics and register them."""
        self.registry = registry
        self.models = ModelCollector()
        registry.register(self.models)
        ProcessCollector(registry=registry)
        self.http_requests = RequestCounts()
        registry.register(self.http_requests)
        self.http_in_flight = Gauge(
            "prunus_http_requests_in_flight", "HTTP requests under way.", registry=registry
        )
        self.loop_lag = Gauge(
            "prunus_event_loop_lag_seconds",
            "How late the event loop was when it last looked at its clock, ten times a second.",
            registry=registry,
        )
        self.predict_pending = Gauge(
            "prunus_predict_pending_requests",
            "Predictions that wait for a thread or run in one.",
            registry=registry,
        )
        self.uploaded_bytes = Counter(
            "prunus_upload_bytes", "Bytes of uploads received.", registry=registry
        )
        self.uploads_in_flight = Gauge(
            "prunus_uploads_in_flight", "Uploads that are arriving.", registry=registry
        )
        self.jobs_finished = Counter(
            "prunus_jobs_finished",
            "Jobs that ended: done, refused (the upload could not be used), failed or cancelled.",
            ("state",),
            registry=registry,
        )
        for state in ("done", "refused", "failed", "cancelled"):
            self.jobs_finished.labels(state)  # a counter that appears with 1 shows no increase
        self.retunes_finished = Counter(
            "prunus_retunes_finished",
            "Stored versions that were tuned again for this machine, by result.",
            ("state",),
            registry=registry,
        )
        self.recovered_versions = Gauge(
            "prunus_recovered_versions",
            "Model versions that the last start rebuilt from their folders, set aside,"
            " finished deleting, or removed because a crash had cut their publishing short.",
            ("result",),
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "prunus_job_stage_duration_seconds",
            "Time of the stages of upload jobs.",
            ("stage",),
            buckets=STAGE_BUCKETS_SECONDS,
            registry=registry,
        )
        Info("prunus_build", "The running version.", registry=registry).info({"version": VERSION})

    def show_recovery(self, results: Mapping[str, int]) -> None:
        """Show for how many versions the start did what."""
        for result, number in results.items():
            self.recovered_versions.labels(result).set(number)

    def watch_jobs(self, count_by_state: Callable[[], Mapping[str, int]]) -> None:
        """Show the numbers of jobs that `count_by_state` returns."""
        self.registry.register(JobCollector(count_by_state))
