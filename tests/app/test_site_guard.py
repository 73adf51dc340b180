"""Which Host and Origin headers are accepted: what a page of another site can have a browser send never is."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.connection_errors import ForeignOriginError, HostError
from app.core.settings import Settings
from app.site_guard import SiteGuard
from tests.app.live import Live, live
from tests.app.test_connections import connect, received
from tests.app.test_predict import slug

Headers = list[tuple[bytes, bytes]]


def scope_of(headers: Headers, method: str = "GET", version: str = "1.1") -> dict[str, Any]:
    return {"method": method, "headers": headers, "http_version": version}


def check(guard: SiteGuard, headers: Headers, method: str = "GET", version: str = "1.1") -> None:
    guard.check(scope_of(headers, method, version), dict(headers))


LOOPBACK = SiteGuard("127.0.0.1", "")
EVERYWHERE = SiteGuard("0.0.0.0", "prunus, Models.Example.org")  # noqa: S104
NAMED = SiteGuard("192.168.1.7", "")
OPEN = SiteGuard("127.0.0.1", "*")


@pytest.mark.parametrize(
    ("guard", "host"),
    [
        (LOOPBACK, "localhost"),
        (LOOPBACK, "localhost:8000"),
        (LOOPBACK, "LOCALHOST:1"),
        (LOOPBACK, "127.0.0.1:8000"),
        (LOOPBACK, "127.9.9.9"),
        (LOOPBACK, "[::1]:8000"),
        (NAMED, "192.168.1.7:8000"),
        (NAMED, "localhost"),
        (EVERYWHERE, "prunus:8000"),
        (EVERYWHERE, "models.example.org"),
        (EVERYWHERE, "10.1.2.3:8000"),
        (EVERYWHERE, "[2001:db8::1]"),
        (SiteGuard("::", ""), "10.1.2.3"),
        (OPEN, "evil.example"),
    ],
)
def test_own_names_are_accepted(guard: SiteGuard, host: str) -> None:
    for _ in range(2):  # the second time it is remembered
        check(guard, [(b"host", host.encode())])


@pytest.mark.parametrize(
    ("guard", "host"),
    [
        (LOOPBACK, "evil.example"),
        (LOOPBACK, "evil.example:8000"),
        (LOOPBACK, "localhost.evil.example"),
        (LOOPBACK, "127.0.0.1.evil.example"),
        (LOOPBACK, "10.1.2.3"),
        (LOOPBACK, "0.0.0.0"),  # noqa: S104
        (LOOPBACK, "2130706433"),
        (LOOPBACK, "0x7f000001"),
        (LOOPBACK, "localhost:80:80"),
        (LOOPBACK, "user@localhost"),
        (LOOPBACK, "localhost/"),
        (LOOPBACK, "[::1"),
        (LOOPBACK, " localhost"),
        (LOOPBACK, ""),
        (LOOPBACK, "löcalhost"),
        (NAMED, "192.168.1.8"),
        (EVERYWHERE, "evil.example"),
        (EVERYWHERE, "prunus.evil.example"),
        (OPEN, "a b"),
    ],
)
def test_other_names_are_refused(guard: SiteGuard, host: str) -> None:
    for _ in range(2):
        with pytest.raises(HostError):
            check(guard, [(b"host", host.encode())])


def test_only_http_1_0_may_leave_the_host_out() -> None:
    check(LOOPBACK, [], version="1.0")
    with pytest.raises(HostError):
        check(LOOPBACK, [])


@pytest.mark.parametrize("name", [b"host", b"origin"])
def test_two_headers_of_one_name_are_refused(name: bytes) -> None:
    value = b"localhost" if name == b"host" else b"http://localhost"
    headers = [(b"host", b"localhost"), (name, value), (name, value)]
    with pytest.raises(HostError) as refused:
        check(LOOPBACK, headers, "POST")
    assert "more than one" in refused.value.got


def test_other_headers_may_come_twice() -> None:
    check(LOOPBACK, [(b"host", b"localhost"), (b"accept", b"a"), (b"accept", b"b")], "POST")


@pytest.mark.parametrize(
    ("guard", "headers"),
    [
        (LOOPBACK, []),
        (LOOPBACK, [(b"origin", b"http://localhost:8000")]),
        (LOOPBACK, [(b"origin", b"HTTP://LOCALHOST:8000")]),
        (LOOPBACK, [(b"sec-fetch-site", b"same-origin")]),
        (LOOPBACK, [(b"sec-fetch-site", b"none")]),
        (
            LOOPBACK,
            [(b"origin", b"http://localhost:8000"), (b"sec-fetch-site", b"same-origin")],
        ),
        (EVERYWHERE, [(b"origin", b"https://models.example.org")]),
        (OPEN, [(b"origin", b"http://evil.example"), (b"sec-fetch-site", b"cross-site")]),
    ],
)
def test_own_pages_and_programs_may_change_things(guard: SiteGuard, headers: Headers) -> None:
    check(guard, [(b"host", b"localhost:8000"), *headers], "POST")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"origin", b"http://evil.example")],
        [(b"origin", b"null")],
        [(b"origin", b"")],
        [(b"origin", b"file://")],
        [(b"origin", b"http://localhost")],
        [(b"origin", b"http://localhost:3000")],
        [(b"origin", b"https://localhost:8000@evil.example")],
        [(b"origin", b"http://localhost:8000.evil.example")],
        [(b"sec-fetch-site", b"cross-site")],
        [(b"sec-fetch-site", b"same-site")],
        [(b"sec-fetch-site", b"something new")],
        [(b"origin", b"http://localhost:8000"), (b"sec-fetch-site", b"cross-site")],
        [(b"origin", b"http://evil.example"), (b"sec-fetch-site", b"same-origin")],
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "TRACE", "NEW"])
def test_pages_of_other_sites_may_not(headers: Headers, method: str) -> None:
    with pytest.raises(ForeignOriginError):
        check(LOOPBACK, [(b"host", b"localhost:8000"), *headers], method)
    check(LOOPBACK, [(b"host", b"localhost:8000"), *headers], "GET")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/models"),
        ("DELETE", "/models/small"),
        ("POST", "/predict"),
        ("GET", "/health/live"),
        ("GET", "/docs"),
    ],
)
def test_a_foreign_host_gets_nothing(service: Live, method: str, path: str) -> None:
    answer = service.http.request(method, path, headers={"Host": "evil.example:8000"})
    assert (answer.status_code, slug(answer)) == (421, "host-not-allowed")
    assert "PRUNUS_ALLOWED_HOSTS" in answer.json()["hint"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/models"), ("POST", "/predict")])
def test_a_form_of_another_site_changes_nothing(service: Live, method: str, path: str) -> None:
    answer = service.http.request(
        method, path, files={"file": b"x"}, headers={"Origin": "http://evil.example"}
    )
    assert (answer.status_code, slug(answer)) == (403, "foreign-origin")


def test_a_request_without_host_is_refused(service: Live) -> None:
    with connect(service) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 421")


def test_listed_hosts_are_served(make_settings: Callable[..., Settings]) -> None:
    with live(make_settings(allowed_hosts="prunus")) as service:
        assert service.http.get("/health/live", headers={"Host": "prunus:8000"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/models", "/metrics", "/nothing"])
def test_answers_forbid_guessing_scripts_and_frames(service: Live, path: str) -> None:
    headers = service.http.get(path, headers={"Accept": "text/html"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy


def test_predictions_forbid_guessing(service: Live) -> None:
    answer = service.predict(model="small", inputs=[[0] * 6])
    assert answer.headers["x-content-type-options"] == "nosniff"
