"""What is refused before a request has a route: connections, heads, hosts and origins.

ServiceError
├── HeadError                   the connection or the head of a request cannot be used
│   ├── MalformedRequestError   bytes that are no HTTP/1.1 request
│   ├── HeadTooLargeError       more bytes or fields of a head, or of trailers, than are read
│   ├── UriTooLongError         a request line over the limit
│   ├── HeadTimeoutError        a head that did not arrive in time
│   └── TooManyConnectionsError as many connections as are allowed are in use
├── HostError                   a Host header that names another site, none, or several
└── ForeignOriginError          a request that a page of another site made a browser send
"""

from app.core.errors import ServiceError


class HeadError(ServiceError):
    """The connection, or the head of a request, cannot be used."""


class MalformedRequestError(HeadError):
    """Bytes that are no HTTP/1.1 request."""

    slug = "malformed-request"
    title = "The request is not valid HTTP"

    def __init__(self) -> None:
        super().__init__("what was sent cannot be read as a request", expected="HTTP/1.1")


class HeadTooLargeError(HeadError):
    """More bytes or fields of a head, or of trailers, than are read."""

    slug = "head-too-large"
    title = "The head of the request is too large"

    def __init__(self, limit_bytes: int, limit_fields: int) -> None:
        super().__init__(
            "the head or the trailers of the request are too large",
            expected=f"at most {limit_bytes:,} bytes and {limit_fields} fields",
        )


class UriTooLongError(HeadError):
    """A request line over the limit."""

    slug = "uri-too-long"
    title = "The address of the request is too long"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            "the path and query of the request are too long",
            expected=f"at most {limit_bytes:,} bytes",
        )


class HeadTimeoutError(HeadError):
    """A head that did not arrive in time."""

    slug = "head-timeout"
    title = "The head of the request took too long"

    def __init__(self, limit_seconds: float) -> None:
        super().__init__(
            "the head of the request did not arrive in time",
            expected=f"at most {limit_seconds:g} seconds",
            hint="the limit is the setting PRUNUS_HEAD_TIMEOUT_SECONDS",
        )


class TooManyConnectionsError(HeadError):
    """As many connections as are allowed are in use."""

    slug = "too-many-connections"
    title = "Too many connections are open"
    retry_after_seconds = 1

    def __init__(self, limit_connections: int) -> None:
        super().__init__(
            "as many connections as are allowed are in use",
            expected=f"at most {limit_connections}",
            hint="the limit is the setting PRUNUS_CONNECTIONS_MAX",
        )


class HostError(ServiceError):
    """A Host header that names another site, none, or several."""

    slug = "host-not-allowed"
    title = "The service is not known by this name"

    def __init__(self, got: str) -> None:
        super().__init__(
            "the Host header names no address of this service",
            expected="localhost, an address that the service listens on, or a listed name",
            got=got,
            hint="PRUNUS_ALLOWED_HOSTS lists more names, separated by commas",
        )


class ForeignOriginError(ServiceError):
    """A request that a page of another site made a browser send."""

    slug = "foreign-origin"
    title = "The request comes from a page of another site"

    def __init__(self, got: str) -> None:
        super().__init__(
            "pages of other sites may not change anything here",
            expected="no Origin header, or the service's own",
            got=got,
            hint="behind a proxy, PRUNUS_ALLOWED_HOSTS lists the name that browsers see",
        )
