"""`python -m loadtest.overhead`: what `POST /predict` adds to the native call, without a network and a server.

The application is called as the HTTP server calls it (ASGI), in turns with the bare `Executable.run`.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from starlette.types import Message, Scope

from app.core.settings import Settings
from app.main import Service, create_app
from app.services.registry import Standing
from app.services.summary import ModelSummary
from app.services.warm import load_warm
from benchmarks.networks import random_layers
from benchmarks.prunus_sparse import build_graph
from engine.artifacts.artifact import write_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from loadtest.network import MODEL, NETWORK, SPARSITY, Body, write_bodies

ROUNDS = 40
CALLS = 100


@dataclass(frozen=True, slots=True)
class Overhead:
    """Medians in microseconds.

    Attributes:
        native_us: one call of `Executable.run` with one sample.
        request_us: one request through the whole application.
    """

    form: str
    native_us: float
    request_us: float

    @property
    def added_us(self) -> float:
        """Return what the application adds."""
        return self.request_us - self.native_us


def measure_overhead(folder: Path) -> tuple[Overhead, ...]:
    """Compile the network, and time it bare and through the application.

    Args:
        folder: where the model and the data folder come to lie.
    """
    folder.mkdir(exist_ok=True)
    cache = ObjectCache(folder / "objects")
    graph = build_graph(random_layers(NETWORK, SPARSITY, seed=0))
    write_artifact(
        compile_graph(graph, host_target(), CompileOptions(), cache), folder / "m.prunus"
    )
    app = create_app(Settings(data_dir=folder / "data"))
    bodies = write_bodies(folder)
    return asyncio.run(_measure(app, cache, folder / "m.prunus", bodies))


async def _measure(
    app: Service, cache: ObjectCache, artifact: Path, bodies: tuple[Body, ...]
) -> tuple[Overhead, ...]:
    async with app.router.lifespan_context(app):
        registry = app.state.services.registry
        while registry.is_starting:
            await asyncio.sleep(0.01)
        warm = load_warm(lambda path: load(path, cache), artifact)
        registry.put((MODEL, 1, "overhead"), warm, _summary(), Standing(is_active=True, revision=1))
        inputs = {"x": np.load(bodies[-1].path)}
        requests = {body.form: _request(app, body) for body in bodies}
        times: dict[str, list[float]] = {form: [] for form in ("native", *requests)}
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for _ in range(CALLS):
                warm.executable.run(inputs)
            times["native"].append(time.perf_counter() - start)
            for form, request in requests.items():
                start = time.perf_counter()
                for _ in range(CALLS):
                    await request()
                times[form].append(time.perf_counter() - start)
    found = {form: median(seconds) / CALLS * 1e6 for form, seconds in times.items()}
    return tuple(Overhead(form, found["native"], found[form]) for form in requests)


def _request(app: Service, body: Body) -> Callable[[], Awaitable[None]]:
    """Return a function that makes one request and checks its answer."""
    content = body.path.read_bytes()
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"content-type", body.media_type.encode()),
        (b"content-length", str(len(content)).encode()),
    ]

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        if message.get("status", 200) != 200:
            raise ValueError(f"expected 200, got {message['status']}")

    async def request() -> None:
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict",
            "query_string": f"model={MODEL}".encode(),
            "headers": headers,
        }
        await app(scope, receive, send)

    return request


def _summary() -> ModelSummary:
    return ModelSummary.model_construct(latency=[])


def main() -> None:
    """Print the medians as JSON."""
    with tempfile.TemporaryDirectory(prefix="prunus-overhead-") as folder:
        found = measure_overhead(Path(folder))
    shown = [{**asdict(one), "added_us": one.added_us} for one in found]
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")


if __name__ == "__main__":
    main()
