"""README's curl lines, run as they are pasted, against a real service with the demo model; and README's links."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loadtest.service import Service, running_service
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("readme") / "data"
    with running_service(data, "--demo", environment={"PRUNUS_JOB_TUNE_SECONDS": "0.5"}) as running:
        deadline = time.monotonic() + 60
        while not running.serves("digits"):
            assert time.monotonic() < deadline, "the demo model was not loaded"
            time.sleep(0.1)
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder in which README's relative paths exist and its `-o` files do no harm."""
    place = tmp_path_factory.mktemp("pasted")
    (place / "app").symlink_to(REPOSITORY / "app")
    return place


def curl_blocks() -> list[tuple[str, str]]:
    """Each block of curl lines, with the block of expected output that follows it, if any."""
    found = []
    for index, (_, text) in enumerate(BLOCKS):
        if text.startswith("curl"):
            following = BLOCKS[index + 1][1] if index + 1 < len(BLOCKS) else ""
            shown = README.split(text)[1].split("```")[1].strip() == ""
            found.append((text, following if shown else ""))
    return found


def run(line: str, service: Service, folder: Path) -> str:
    pasted = line.replace("http://127.0.0.1:8000", service.url)
    done = subprocess.run(
        ["bash", "-c", pasted], cwd=folder, capture_output=True, text=True, check=True, timeout=90
    )
    return done.stdout


def assert_shown(found: str, expected: str) -> None:
    if not expected.startswith("{"):
        # The size of rounding differs between machines, and the day between runs.
        numbers = re.compile(r"\d\.\de-\d\d|\d{4}-\d\d-\d\d")
        assert numbers.sub("#", found).strip() == numbers.sub("#", expected).strip()
        return
    got, wanted = json.loads(found), json.loads(expected)
    assert np.allclose(got.pop("outputs"), wanted.pop("outputs"), rtol=0, atol=1e-6)
    assert got == wanted


def test_curl_lines_show_what_readme_shows(service: Service, folder: Path) -> None:
    blocks = curl_blocks()
    assert len(blocks) == 5
    assert sum(bool(expected) for _, expected in blocks) == 4
    for text, expected in blocks:
        found = "".join(run(line, service, folder) for line in text.splitlines())
        if expected:
            assert_shown(found, expected)
    assert np.load(folder / "answer.npy").argmax(axis=1).tolist() == [6, 0]
    assert (folder / "pruned.keras").read_bytes()[:2] == b"PK"
    assert json.loads((folder / "version.json").read_text())["version"] == 2


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", (REPOSITORY / page).read_text())
    assert links or page == "ARCHITECTURE.md"
    missing = [link for link in links if "://" not in link and not (REPOSITORY / link).exists()]
    assert missing == []
