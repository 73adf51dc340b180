"""What somebody probably meant by a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

# Comparing takes some microseconds a name, and the event loop may do it.
_MAX_NAMES = 500
_MAX_CHARACTERS = 80


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that names the most similar known name, or nothing where none is similar."""
    candidates = list(islice(known, _MAX_NAMES))
    found = get_close_matches(name[:_MAX_CHARACTERS], candidates, n=1)
    return f"did you mean {found[0]!r}?" if found else ""
