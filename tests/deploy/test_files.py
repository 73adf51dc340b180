"""The container files hang together: what they name exists, and what should be pinned or closed is."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.settings import Settings
from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "prunus.json"
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return loaded


def dockerfile() -> list[list[str]]:
    """Return the instructions, words split, continued lines joined."""
    text = (REPOSITORY / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [shlex.split(line) for line in joined.splitlines() if line.strip()]


def instructions(name: str) -> list[list[str]]:
    return [words[1:] for words in dockerfile() if words[0] == name]


def copied() -> list[str]:
    return [
        source
        for words in instructions("COPY")
        if not words[0].startswith("--from")
        for source in words[:-1]
    ]


def test_every_copied_file_exists_and_reaches_the_builder() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    admitted = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert copied() != []
    for source in copied():
        assert (REPOSITORY / source).exists(), source
        assert source in admitted, f"{source} is kept out by .dockerignore"


def test_the_image_has_every_package_and_no_tensorflow() -> None:
    rooms = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")}
    around = {"tests", "benchmarks", "loadtest", "examples"}
    assert rooms - around <= set(copied())
    lock = (REPOSITORY / "requirements" / "serve.txt").read_text()
    assert not re.search(r"^(tensorflow|keras|tf-keras|torch)\b", lock, re.MULTILINE)
    install = next(words for words in instructions("RUN") if "install" in words)
    assert "--require-hashes" in install


def test_the_image_is_pinned_runs_as_nobody_and_tells_its_health() -> None:
    bases = [words[0] for words in instructions("FROM")]
    assert len(bases) == 2
    assert all(PINNED.fullmatch(base) for base in bases)
    (user,) = instructions("USER")
    assert int(user[0].split(":")[0]) > 0
    (health,) = instructions("HEALTHCHECK")
    assert "/health/ready" in " ".join(health)
    assert instructions("VOLUME") == [["/data"]]


def test_variables_of_the_image_and_the_service_are_settings() -> None:
    known = {f"PRUNUS_{field.upper()}" for field in Settings.model_fields}
    image = {pair.split("=")[0] for words in instructions("ENV") for pair in words}
    service = set(compose()["services"]["prunus"]["environment"])
    named = {name for name in image | service if name.startswith("PRUNUS_")}
    assert named != set()
    assert named <= known


@pytest.mark.parametrize("name", ["prunus", "prometheus", "grafana"])
def test_services_are_pinned_limited_checked_and_local(name: str) -> None:
    service = compose()["services"][name]
    assert PINNED.fullmatch(service["image"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert "ALL" in service["cap_drop"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged", False)
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in service["ports"])


def test_mounted_files_exist_and_volumes_are_declared() -> None:
    volumes = compose()["volumes"]
    for service in compose()["services"].values():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (REPOSITORY / source).exists(), source
                assert mount.endswith(":ro")
            else:
                assert source in volumes


def test_prometheus_scrapes_the_service_and_grafana_asks_prometheus() -> None:
    services = compose()["services"]
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (scrape,) = config["scrape_configs"]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    assert host in services
    assert services[host]["ports"][0].endswith(f":{port}")
    folder = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    dashboard = json.loads(DASHBOARD.read_text())
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["current"]["value"] == source["uid"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "prunus.yml").read_text())["providers"]
    mounts = [mount.split(":")[:2] for mount in services["grafana"]["volumes"]]
    inside = {target: Path(outside) for outside, target in mounts}
    assert (REPOSITORY / inside[provider["options"]["path"]] / DASHBOARD.name).exists()


def test_panels_have_names_of_their_own_places_and_units() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, f"{panel['title']} overlaps another panel"
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_each_alert_says_what_to_do_and_the_pages_know_it() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    headings = re.findall(
        r"^## (\w+)$", (REPOSITORY / "docs" / "alerts.md").read_text(), re.MULTILINE
    )
    assert headings == [rule["alert"] for rule in rules]
    table = (REPOSITORY / "docs" / "deployment.md").read_text()
    for rule in rules:
        assert rule["annotations"]["description"].endswith(".")
        assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert rule["alert"] in table


def test_alerts_fire_when_they_should(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yml"],
        cwd=REPOSITORY / "tests" / "deploy",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_its_configuration(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
