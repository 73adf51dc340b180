"""Whether the service is on its way down."""

from dataclasses import dataclass


@dataclass(slots=True)
class Lifecycle:
    """Set once, by the signal handler or at the end of the lifespan; read by everything that waits.

    Attributes:
        stopping: readiness is taken back, uploads are refused, and whoever waits for a job gets it as it is.
    """

    stopping: bool = False
