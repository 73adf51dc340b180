"""Limits on what a model may ask for, each a named constant with its unit; all are checked before use."""

MAX_NODES = 10_000
MAX_RANK = 8
MAX_NAME_LENGTH = 512
# Elements of one sample of any value: 64 Mi elements are 256 MiB of float32.
MAX_SAMPLE_ELEMENTS = 64 * 1024 * 1024
