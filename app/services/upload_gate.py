"""How many uploads may arrive at a time: each holds a connection, a folder and room on the disk."""

import contextlib
from collections.abc import Iterator

from app.errors import TooManyUploadsError
from app.metrics import Metrics
from app.settings import Settings


class UploadGate:
    """Counts the uploads that are arriving."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._max_uploads = settings.upload_parallel_max_uploads
        self._arriving = 0
        metrics.uploads_in_flight.set_function(lambda: self._arriving)

    @contextlib.contextmanager
    def passage(self) -> Iterator[None]:
        """Let one upload in for as long as the block lasts.

        Raises:
            TooManyUploadsError: as many as are allowed arrive already.
        """
        if self._arriving >= self._max_uploads:
            raise TooManyUploadsError(
                "too many uploads arrive at this moment",
                expected=f"at most {self._max_uploads}",
                hint="the limit is the setting PRUNUS_UPLOAD_PARALLEL_MAX_UPLOADS",
            )
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1
