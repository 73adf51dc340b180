"""Settings from environment variables. Unknown names are reported; what Kubernetes or a shell sets is ignored."""

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from app.core.settings import Settings
from engine.core.target import THREADS_VARIABLE, environment_threads
from graph.errors import PrunusError

PREFIX = "PRUNUS_"
# Read elsewhere: by the engine, by commands, by tests, benchmarks and load tests.
OTHER_VARIABLES = ("PRUNUS_ISA", "PRUNUS_CACHE_DIR", "PRUNUS_TUNING_SEED")
_OTHER_PREFIXES = ("PRUNUS_BENCH_", "PRUNUS_LOAD_", "PRUNUS_WRK_")
# What Kubernetes sets for services whose names begin with "prunus" (Kubernetes documentation: Services, environment
# variables); values such as tcp://10.96.0.3:8000 are known by themselves.
_KUBERNETES_NAME = re.compile(
    r"PRUNUS_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_VALUE = re.compile(r"(tcp|udp|sctp)://.*", re.IGNORECASE)
_LIKENESS = 0.75
_MAX_SHOWN_CHARACTERS = 80


class SettingsError(Exception):
    """A setting has a value that it cannot have; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from the environment.

    Attributes:
        warnings: what was ignored, one sentence each.
    """

    settings: Settings
    warnings: tuple[str, ...]


def variable_of(field: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + field.upper()


def read_settings(environment: Mapping[str, str], given: Mapping[str, object]) -> Reading:
    """Read all settings.

    Args:
        environment: the process's variables.
        given: settings that win over it, by name, such as options of the command line.

    Raises:
        SettingsError: a value cannot be used.
    """
    warnings = list(unknown_variables(environment))
    values: dict[str, object] = {}
    for field in Settings.model_fields:
        text = environment.get(variable_of(field), "").strip()
        if _KUBERNETES_VALUE.fullmatch(text):
            warnings.append(
                f"{variable_of(field)}={_shown(text)} is ignored: Kubernetes sets it for a service of this name"
            )
        elif text and field not in given:
            values[field] = text
    values |= _plain_address(environment, {*values, *given}, warnings)
    values |= given
    try:
        if isinstance(values.get("threads"), str):
            values["threads"] = environment_threads(environment)
        return Reading(Settings.model_validate(values), tuple(warnings))
    except PrunusError as error:
        text = _shown(environment.get(THREADS_VARIABLE, ""))
        raise SettingsError(
            f"{THREADS_VARIABLE}={text} cannot be used: expected {error.expected}"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        variable = variable_of(str(first["loc"][0]))
        value = _shown(str(first["input"]))
        raise SettingsError(f"{variable}={value} cannot be used: {first['msg']}") from None


def _plain_address(
    environment: Mapping[str, str], known: set[str], warnings: list[str]
) -> dict[str, object]:
    """Return address and port from `HOST` and `PORT`, which shells and compilers also set, where they are meant."""
    values: dict[str, object] = {}
    host, port = environment.get("HOST", "").strip(), environment.get("PORT", "").strip()
    if host and "host" not in known:
        if host == "localhost" or _is_address(host):
            values["host"] = host
        else:
            warnings.append(
                f"HOST={_shown(host)} is ignored: it is no IP address; PRUNUS_HOST takes names, too"
            )
    if port and "port" not in known:
        if port.isascii() and port.isdigit() and int(port[:9]) <= 65535 and len(port) < 9:
            values["port"] = port
        else:
            warnings.append(f"PORT={_shown(port)} is ignored: it is no port; set PRUNUS_PORT")
    return values


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each variable that looks like a setting and is none."""
    settings = [variable_of(field) for field in Settings.model_fields]
    known = {*settings, *OTHER_VARIABLES}
    sentences = []
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or name in known or name.startswith(_OTHER_PREFIXES):
            continue
        if _KUBERNETES_NAME.fullmatch(name) or _KUBERNETES_VALUE.fullmatch(value.strip()):
            continue
        near = difflib.get_close_matches(name, sorted(known), 1, _LIKENESS)
        meant = f"; did you mean {near[0]}?" if near else ""
        sentences.append(f"{_shown(name)} is not known{meant}")
    return tuple(sentences)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_MAX_SHOWN_CHARACTERS])
