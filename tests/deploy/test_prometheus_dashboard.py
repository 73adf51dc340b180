"""A real Prometheus scrapes a real service under load, and every query of the dashboard finds numbers."""

import json
import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from loadtest.run import wait_for_demo
from loadtest.service import HOST, Service, free_port, running_service
from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
DEMO = REPOSITORY / "app" / "demo"
SCRAPE_SECONDS = 0.5
# Grafana makes $__rate_interval four scrapes at least; the default panel asks for more.
VARIABLES = {"$__rate_interval": "10s", "$model": ".*"}
PATIENCE_SECONDS = 30.0
CLAIM = "prunus_model_speedup_ratio"
JSON = {"Content-Type": "application/json"}
NPY = {"Content-Type": "application/x-npy"}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the dashboard, ready to be sent."""

    panel: str
    expression: str


def dashboard() -> dict[str, Any]:
    text = (DEPLOY / "grafana" / "dashboards" / "prunus.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def queries() -> list[Query]:
    found = []
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            assert "$" not in expression, f"{panel['title']}: unknown variable in {expression}"
            found.append(Query(panel["title"], expression))
    return found


def write_config(folder: Path, service: Service) -> Path:
    """Write the shipped configuration with this service as its target, and a quick pace."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    pace = f"{int(SCRAPE_SECONDS * 1000)}ms"
    config["global"] |= {"scrape_interval": pace, "evaluation_interval": pace}
    config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
    config["scrape_configs"][0]["static_configs"] = [
        {"targets": [service.url.removeprefix("http://")]}
    ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def ask(url: str, path: str, **parameters: str) -> Any:
    return httpx.get(url + path, params=parameters).raise_for_status().json()["data"]


@contextmanager
def running_prometheus(program: str, folder: Path, service: Service) -> Iterator[str]:
    url = f"http://{HOST}:{free_port()}"
    command = [
        program,
        f"--config.file={write_config(folder, service)}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_ready(url):
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            assert time.monotonic() < deadline, "Prometheus did not become ready"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def produce_traffic(service: Service) -> None:
    """Send good predictions of both kinds, and each kind of error that a panel counts."""
    body, array = (DEMO / "request.json").read_bytes(), (DEMO / "request.npy").read_bytes()
    for _ in range(20):
        assert service.post("/predict", body, JSON)[0] == 200
        assert service.post("/predict?model=digits", array, NPY)[0] == 200
    too_short = json.dumps({"model": "digits", "inputs": [[1, 2, 3]]}).encode()
    assert 400 <= service.post("/predict", too_short, JSON)[0] < 500


def is_answered(url: str, query: Query) -> bool:
    """Say whether the query gives at least one number; NaN is what a quantile of nothing gives."""
    result = ask(url, "/api/v1/query", query=query.expression)["result"]
    return any(math.isfinite(float(series["value"][1])) for series in result)


def unanswered(url: str, service: Service) -> list[Query]:
    """Return the queries without data once all have had time to get some."""
    missing = queries()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing and time.monotonic() < deadline:
        produce_traffic(service)
        time.sleep(SCRAPE_SECONDS)
        missing = [query for query in missing if not is_answered(url, query)]
    return missing


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder / "data", "--demo") as running:
        wait_for_demo(running)
        yield running


@pytest.fixture(scope="module")
def prometheus_url(
    prometheus: str, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with running_prometheus(prometheus, tmp_path_factory.mktemp("prometheus"), service) as url:
        wait_for_scrapes(url)
        yield url


def wait_for_scrapes(url: str) -> None:
    """Return when samples of the service can be asked for: Prometheus is ready before its first scrape."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ask(url, "/api/v1/query", query="prunus_model_sparsity_ratio")["result"]:
        assert time.monotonic() < deadline, "Prometheus scraped nothing"
        time.sleep(SCRAPE_SECONDS)


def test_every_query_of_the_dashboard_returns_numbers(
    prometheus_url: str, service: Service
) -> None:
    assert len(queries()) > 30
    missing = unanswered(prometheus_url, service)
    # A speed-up is claimed only where the readings are apart, which they need not be.
    if f"{CLAIM}{{" not in httpx.get(f"{service.url}/metrics").text:
        missing = [query for query in missing if CLAIM not in query.expression]
    assert missing == []


def test_the_target_is_up_and_its_samples_are_accepted(prometheus_url: str) -> None:
    (target,) = ask(prometheus_url, "/api/v1/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_the_model_variable_lists_the_served_models(prometheus_url: str) -> None:
    (variable,) = [v for v in dashboard()["templating"]["list"] if v["type"] == "query"]
    metric, label = variable["definition"].removeprefix("label_values(").rstrip(")").split(", ")
    names = ask(prometheus_url, f"/api/v1/label/{label}/values", **{"match[]": metric})
    assert names == ["digits"]


def test_the_alerts_evaluate_and_none_fires_on_a_healthy_service(prometheus_url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    rules = all_rules(prometheus_url)
    while any(rule["health"] == "unknown" for rule in rules) and time.monotonic() < deadline:
        time.sleep(SCRAPE_SECONDS)
        rules = all_rules(prometheus_url)
    assert len(rules) > 5
    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def all_rules(url: str) -> list[dict[str, Any]]:
    return [rule for group in ask(url, "/api/v1/rules")["groups"] for rule in group["rules"]]
