"""The version of Prunus, as in pyproject.toml (a test compares them)."""

VERSION = "0.1.0"
