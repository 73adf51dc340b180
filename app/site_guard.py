"""Keeps web pages of other sites from using the service through the browser of somebody who can reach it.

A page cannot read what another site answers, but it can send forms (a request of its own making, with `Origin` and
`Sec-Fetch-Site` set by the browser), and by DNS rebinding it can have its own name resolved to this host; the `Host`
header then bears its name. All three headers are set by the browser, not by the page.
"""

import ipaddress
import re
from collections.abc import Mapping

from starlette.types import Scope

from app.core.connection_errors import ForeignOriginError, HostError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# "none": typed or bookmarked by the user.
_OWN_SITES = frozenset({b"same-origin", b"none"})
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REMEMBERED_MAX_HOSTS = 256
_EVERY_HOST = "*"


class SiteGuard:
    """Checks the Host of every request, and the origin of those that may change something."""

    def __init__(self, bind_host: str, allowed_hosts: str) -> None:
        """Set up what is allowed.

        Args:
            bind_host: the address that the server listens on. Where that is every address of the machine, any
                address is a good Host, but no name: what an attacker can point here is a name.
            allowed_hosts: more names or addresses, separated by commas; `*` allows all and checks no origin.
        """
        listed = {_plain(name) for name in allowed_hosts.split(",")} - {""}
        self._allows_all = _EVERY_HOST in listed
        self._listed = frozenset(listed)
        self._names = frozenset({*listed, "localhost", _plain(bind_host)})
        bound = _address(_plain(bind_host))
        self._allows_addresses = bound is not None and bound.is_unspecified
        self._remembered: set[bytes | None] = set()

    def check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Check one request.

        Args:
            scope: ASGI scope.
            headers: its headers, the last one of each name.

        Raises:
            HostError: the Host header names another site, is missing, or there are several.
            ForeignOriginError: a page of another site sent the request.
        """
        host = headers.get(b"host")
        if host not in self._remembered:
            self._check_host(scope, host)
        # Of two headers of one name nobody knows which one a proxy has looked at.
        if len(headers) != len(scope["headers"]) and _count(scope, b"host", b"origin") > len(
            headers.keys() & {b"host", b"origin"}
        ):
            raise HostError("more than one Host or Origin header")
        if scope["method"] not in _SAFE_METHODS:
            origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
            if origin is not None or site is not None:
                self._check_origin(origin, site, host)

    def _check_host(self, scope: Scope, host: bytes | None) -> None:
        if host is None:
            # Browsers always send one. HTTP/1.0 need not have it, HTTP/1.1 must.
            if scope["http_version"] == "1.0":
                return
            raise HostError("no Host header")
        text = host.decode("latin-1")
        found = _AUTHORITY.fullmatch(text.lower())
        if found is None or not self._allows(found[1].strip("[]")):
            raise HostError(repr(text[:100]))
        if len(self._remembered) >= _REMEMBERED_MAX_HOSTS:
            self._remembered.clear()
        self._remembered.add(host)

    def _allows(self, name: str) -> bool:
        if self._allows_all or name in self._names:
            return True
        address = _address(name)
        return address is not None and (address.is_loopback or self._allows_addresses)

    def _check_origin(self, origin: bytes | None, site: bytes | None, host: bytes | None) -> None:
        if self._allows_all:
            return
        if origin is None:
            if site not in _OWN_SITES:
                raise ForeignOriginError(str(site)[:100])
            return
        text = origin.decode("latin-1").lower()
        found = _ORIGIN.fullmatch(text)
        if found is None:
            raise ForeignOriginError(text[:100])
        name, _ = place = _name_and_port(found[2], found[1])
        # A name that the setting lists may be what a proxy in front is called.
        is_listed = name in self._listed
        is_own = name != "" and place == _name_and_port((host or b"").decode("latin-1"), found[1])
        if not (is_listed or is_own) or (site is not None and site not in _OWN_SITES):
            raise ForeignOriginError(text[:100])


def _plain(name: str) -> str:
    return name.strip().lower().strip("[]")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _name_and_port(authority: str, scheme: str) -> tuple[str, int]:
    """Return name and port of `name[:port]`; an empty name where it is malformed."""
    found = _AUTHORITY.fullmatch(authority.lower())
    if found is None:
        return "", 0
    return found[1].strip("[]"), int(found[2]) if found[2] else _DEFAULT_PORTS[scheme]


def _count(scope: Scope, *names: bytes) -> int:
    return sum(name in names for name, _ in scope["headers"])
