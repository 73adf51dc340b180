"""What the HTTP code that is written by hand saves beside the libraries that do the same (decision 0007).

python -m benchmarks.http_choices

Each line is a ratio within one run: both sides in turns, the median of the rounds.
"""

import io
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from prometheus_client import CollectorRegistry, Histogram
from python_multipart.multipart import MultipartParser

from app.core.model_series import DURATION_BUCKETS_SECONDS, ModelNumbers, ModelSeries
from app.services.array_files import decode_npy, encode_npy

ROUNDS = 15
Work = Callable[[], object]


def seconds_of(work: Work, calls: int) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - start) / calls


def compare(name: str, own: Work, library: Work, calls: int) -> str:
    """Time both in turns; return a line."""
    pairs = [(seconds_of(own, calls), seconds_of(library, calls)) for _ in range(ROUNDS)]
    ours, theirs = (median(pair[n] for pair in pairs) for n in (0, 1))
    ratio = median(theirs / ours for ours, theirs in pairs)
    return f"{name}: own {ours * 1e6:,.2f} us, library {theirs * 1e6:,.2f} us, {ratio:.2f} times"


def histograms() -> str:
    """Observe the six figures of a prediction: in plain numbers of our own, and by children of prometheus_client."""
    series = ModelSeries("m", 1, ModelNumbers(0.5, 1, 1, 1, 1))
    histogram = Histogram(
        "x", "x", ("model",), buckets=DURATION_BUCKETS_SECONDS, registry=CollectorRegistry()
    ).labels("m")

    def library() -> None:
        for seconds in (1e-5, 0.0, 3e-5, 1e-5, 5e-5, 1.0):
            histogram.observe(seconds)

    return compare("histograms", lambda: series.observe(1, 1e-5, 0.0, 3e-5, 1e-5), library, 5_000)


def npy_reading() -> str:
    """Read one sample from a .npy body."""
    body = encode_npy(np.ones((1, 784), np.float32))
    return compare(
        ".npy to array", lambda: decode_npy(body), lambda: np.load(io.BytesIO(body)), 2_000
    )


def npy_writing() -> str:
    """Write the answer to one sample as a .npy body."""
    array = np.ones((1, 10), np.float32)

    def library() -> bytes:
        file = io.BytesIO()
        np.save(file, array)
        return file.getvalue()

    return compare("array to .npy", lambda: encode_npy(array), library, 2_000)


def forms() -> str:
    """Parse a form of 16 MiB in pieces of 64 KiB: python-multipart, and streaming-form-data where it is installed."""
    try:
        from streaming_form_data import StreamingFormDataParser
        from streaming_form_data.targets import NullTarget
    except ImportError:
        return "form: streaming-form-data is not installed"
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    content = np.random.default_rng(0).bytes(16 * 2**20)
    body = head + content + b"\r\n--b--\r\n"
    pieces = [body[n : n + 65536] for n in range(0, len(body), 65536)]

    def own() -> None:
        parser = MultipartParser(b"b", {"on_part_data": lambda *_: None})
        for piece in pieces:
            parser.write(piece)

    def library() -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        parser = StreamingFormDataParser(headers=headers)
        parser.register("file", NullTarget())
        for piece in pieces:
            parser.data_received(piece)

    return compare("form of 16 MiB", own, library, 1)


def main() -> None:
    """Print all lines."""
    for line in (histograms(), npy_reading(), npy_writing(), forms()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
