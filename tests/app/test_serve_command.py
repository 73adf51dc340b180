"""`prunus serve` up to the moment when the server runs."""

import sys

import pytest
from click.testing import CliRunner

from app.cli import main
from app.commands import serve


def test_threads_that_convert_give_pythons_lock_back_soon(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    seen = []

    class Server:
        def __init__(self, *_: object) -> None:
            pass

        def run(self) -> None:
            seen.append(sys.getswitchinterval())

    monkeypatch.setattr(serve, "GracefulServer", Server)
    monkeypatch.setattr(serve, "configure_logs", lambda *_: None)
    before = sys.getswitchinterval()
    try:
        done = CliRunner().invoke(main, ["serve", "--data-dir", str(tmp_path)])
    finally:
        sys.setswitchinterval(before)
    assert done.exit_code == 0, done.output
    assert seen == [pytest.approx(0.0005)]
