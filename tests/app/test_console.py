"""What all commands share: refusals of the system in one line, the user's cache folder, and times as text."""

import errno
from pathlib import Path

import pytest

from app.commands.console import EXIT_REFUSED, default_cache, microseconds, refusals_as_messages


def test_what_the_system_refuses_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @refusals_as_messages
    def command() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out.keras")

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == EXIT_REFUSED
    assert capsys.readouterr().err == "prunus: No space left on device: out.keras\n"


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_cache() == Path("/caches/prunus/objects")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_cache() == Path("/home/someone/.cache/prunus/objects")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (2.345e-6, "2.35"), (0.012345, "12,345.0")]
)
def test_short_times_have_two_decimals(seconds: float | None, text: str) -> None:
    assert microseconds(seconds) == text
