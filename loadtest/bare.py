"""What the HTTP server alone can do: an ASGI application that reads a body and answers a constant."""

from starlette.types import Receive, Scope, Send

_ANSWER = b"0" * 150


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request alike."""
    if scope["type"] != "http":
        await _live(receive, send)
        return
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"150")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})


async def _live(receive: Receive, send: Send) -> None:
    """Say that start and end went well."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
