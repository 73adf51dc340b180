"""Forms of a kernel that follow from its weights alone, kept for layers of the same kernel at other sizes."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]

# Layers of few sizes have more: blocks of other shapes, other panels.
_MOST_FORMS = 4


class KernelForms:
    """What has been made of one kernel, or of a part of it; used by one thread at a time."""

    def __init__(self) -> None:
        self._forms: dict[Hashable, Arrays] = {}
        self._parts: dict[tuple[int, int], KernelForms] = {}

    def form(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of a key; they are made where they are not there, and those made first go."""
        if key not in self._forms:
            while len(self._forms) >= _MOST_FORMS:
                del self._forms[next(iter(self._forms))]
            self._forms[key] = make()
        return self._forms[key]

    def part(self, rows: range) -> "KernelForms":
        """Return the forms of some outputs of the kernel."""
        return self._parts.setdefault((rows.start, rows.stop), KernelForms())

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Yield all arrays that are held."""
        for form in self._forms.values():
            yield from form.values()
        for part in self._parts.values():
            yield from part.arrays()
