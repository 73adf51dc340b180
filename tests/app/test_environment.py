"""Settings from variables: what is set by accident stops no start, what is meant and wrong is named in one sentence."""

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.environment import SettingsError, read_settings, unknown_variables, variable_of
from app.core.settings import Settings
from app.startup import StartError, check_address, check_data_folder
from tests.conftest import REPOSITORY


def settings(**variables: str) -> Settings:
    reading = read_settings(variables, {})
    assert reading.warnings == ()
    return reading.settings


@pytest.mark.parametrize(
    ("variable", "name", "text", "wanted"),
    [
        ("HOST", "host", "0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("HOST", "host", "localhost", "localhost"),
        ("PRUNUS_HOST", "host", "::1", "::1"),
        ("PRUNUS_HOST", "host", "some.name", "some.name"),
        ("PORT", "port", "81", 81),
        ("PRUNUS_PORT", "port", "82", 82),
        ("PRUNUS_UPLOAD_MAX_BYTES", "upload_max_bytes", "17", 17),
        ("PRUNUS_DATA_DIR", "data_dir", "/x", Path("/x")),
        ("PRUNUS_DEMO", "demo", "true", True),
        ("PRUNUS_THREADS", "threads", " 3 ", 3),
        ("PRUNUS_THREADS", "threads", "", None),
    ],
)
def test_settings_come_from_the_environment(
    variable: str, name: str, text: str, wanted: object
) -> None:
    assert getattr(settings(**{variable: text}), name) == wanted


def test_every_setting_is_read_from_its_variable() -> None:
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            value = field.default + 1
            assert getattr(settings(**{variable_of(name): str(value)}), name) == value


def test_what_is_given_wins_over_prunus_and_prunus_over_the_general_name() -> None:
    assert settings(PORT="81", PRUNUS_PORT="82").port == 82
    reading = read_settings({"PORT": "x", "PRUNUS_PORT": "82"}, {"port": 83})
    assert (reading.settings.port, reading.warnings) == (83, ())
    assert read_settings({"PRUNUS_THREADS": "2"}, {"threads": 1}).settings.threads == 1


@pytest.mark.parametrize(
    ("variable", "text", "hint"),
    [
        ("HOST", "x86_64-conda-linux-gnu", "PRUNUS_HOST"),
        ("PORT", "tcp://10.96.0.3:8000", "PRUNUS_PORT"),
        ("PORT", "65536", "PRUNUS_PORT"),
        ("PORT", "-1", "PRUNUS_PORT"),
        ("PRUNUS_PORT", "tcp://10.96.0.3:8000", "Kubernetes"),
    ],
)
def test_what_others_set_is_ignored_with_a_warning(variable: str, text: str, hint: str) -> None:
    reading = read_settings({variable: text}, {})
    assert reading.settings == Settings()
    (warning,) = reading.warnings
    assert warning.startswith(f"{variable}={text} is ignored")
    assert hint in warning


def test_an_unknown_variable_is_named_with_the_nearest_one() -> None:
    assert unknown_variables({"PRUNUS_THREDS": "1"}) == (
        "PRUNUS_THREDS is not known; did you mean PRUNUS_THREADS?",
    )
    assert unknown_variables({"PRUNUS_COFFEE": "1", "OTHER": "1"}) == (
        "PRUNUS_COFFEE is not known",
    )
    assert read_settings({"PRUNUS_THREDS": "1"}, {}).warnings != ()


def test_what_kubernetes_sets_for_services_is_not_reported() -> None:
    set_by_kubernetes = {
        "PRUNUS_SERVICE_HOST": "10.96.0.3",
        "PRUNUS_SERVICE_PORT": "8000",
        "PRUNUS_SERVICE_PORT_HTTP": "8000",
        "PRUNUS_PORT_8000_TCP": "tcp://10.96.0.3:8000",
        "PRUNUS_PORT_8000_TCP_PROTO": "tcp",
        "PRUNUS_PORT_8000_TCP_PORT": "8000",
        "PRUNUS_PORT_8000_TCP_ADDR": "10.96.0.3",
        "PRUNUS_API_SERVICE_HOST": "10.96.0.4",
        "PRUNUS_API_PORT": "tcp://10.96.0.4:80",
        "PRUNUS_API_PORT_80_TCP_ADDR": "10.96.0.4",
    }
    assert unknown_variables(set_by_kubernetes) == ()


def test_variables_of_other_parts_are_known() -> None:
    others = dict.fromkeys(("PRUNUS_ISA", "PRUNUS_CACHE_DIR", "PRUNUS_LOAD_URL"), "1")
    assert unknown_variables(others) == ()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PRUNUS_THREADS", "abc"),
        ("PRUNUS_THREADS", "0"),
        ("PRUNUS_PORT", "65536"),
        ("PRUNUS_PORT", "http"),
        ("PRUNUS_DEMO", "perhaps"),
        ("PRUNUS_LOG_LEVEL", "loud"),
        ("PRUNUS_UPLOAD_MAX_BYTES", "2 GiB"),
        ("PRUNUS_WAIT_MAX_SECONDS", "-1"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(variable: str, text: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({variable: text}, {})
    assert str(error.value).startswith(f"{variable}={text} cannot be used: ")
    assert "\n" not in str(error.value)


def serve(*options: str, **variables: str) -> tuple[int, str]:
    """Run `prunus serve`, which is to end by itself; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", *options],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_serve_says_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    (tmp_path / "file").write_text("x")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "prunus.db").write_bytes(b"no database " * 1000)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, variables, wanted in (
            (data, {"PRUNUS_THREADS": "abc"}, "PRUNUS_THREADS=abc cannot be used"),
            (data, {"PRUNUS_ISA": "foo"}, "PRUNUS_ISA"),
            ((*data, "--port", port), {}, f"port {port} is in use: try --port {int(port) + 1}"),
            ((*data, "--host", "no.such.host.invalid"), {}, "the host 'no.such.host.invalid'"),
            (("--data-dir", str(tmp_path / "file" / "x")), {}, "is not a folder"),
            (("--data-dir", str(tmp_path / "file")), {}, "is not a folder"),
            (("--data-dir", str(tmp_path / "damaged")), {}, "is damaged"),
        ):
            status, said = serve(*options, **variables)
            assert (status, said.count("\n"), wanted in said) == (1, 1, True), said


def test_a_data_folder_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_data_folder(tmp_path / "new")
    check_data_folder(tmp_path / "new")
    later = sqlite3.connect(tmp_path / "new" / "prunus.db")
    later.execute("PRAGMA user_version=99")
    later.close()
    with pytest.raises(StartError, match="schema 99"):
        check_data_folder(tmp_path / "new")
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "models")
    (tmp_path / "other" / "models").mkdir(parents=True)
    with pytest.raises(StartError, match="models cannot be written by user"):
        check_data_folder(tmp_path / "other")


def test_a_damaged_page_of_the_database_is_found(tmp_path: Path) -> None:
    check_data_folder(tmp_path)
    path = tmp_path / "prunus.db"
    content = bytearray(path.read_bytes())
    page = 4096
    for start in range(page, len(content), page):
        content[start : start + page] = b"\xff" * page
    path.write_bytes(bytes(content))
    with pytest.raises(StartError, match="rebuilt from their folders"):
        check_data_folder(tmp_path)


def test_addresses_that_can_be_listened_on() -> None:
    check_address("127.0.0.1", 0)
    check_address("localhost", 0)
    with pytest.raises(StartError, match="no address of this machine"):
        check_address("192.0.2.1", 0)


def test_other_commands_name_unknown_variables_too() -> None:
    from click.testing import CliRunner

    from app.cli import main

    for command, wanted in (("inspect", "did you mean PRUNUS_THREADS?"), ("serve", "")):
        result = CliRunner().invoke(main, [command, "--help"], env={"PRUNUS_THREDS": "1"})
        assert result.exit_code == 0
        assert wanted in result.stderr
        assert bool(result.stderr) == bool(wanted)  # `serve` says it in its log
