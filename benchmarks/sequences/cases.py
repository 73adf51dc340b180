"""What of the networks of sequences is measured: each sparse, and dense."""

from dataclasses import dataclass

from benchmarks.sequences.network import Description

SEQUENCE_BATCHES = (1, 16)


@dataclass(frozen=True, slots=True)
class SequenceCase:
    """A network, and the fraction of zeros in its kernels."""

    description: Description
    sparsity: float


SEQUENCE_CASES = tuple(
    SequenceCase(description, sparsity)
    for description in (
        Description("LSTM-512", "lstm", 512),
        Description("GRU-256", "gru", 256),
        Description("Transformer-256", "transformer", 256, features=256, times=128),
    )
    for sparsity in (0.9, 0.0)
)
