"""What a client knows of the versions on a server that is killed repeatedly, and what it may find after a start."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

# Name of a model, and number of a version.
Key = tuple[str, int]


@dataclass(slots=True)
class Ledger:
    """Versions whose being there, or not, was acknowledged; and what was under way when the server died.

    Attributes:
        sure: versions that are there, and whether they are active.
        deleted: versions whose deletion was acknowledged, and that were not made again.
        open_uploads: names of models for which an upload got no answer, once for each.
        open_deletions: versions whose deletion got no answer.
        open_changes: versions whose (de)activation got no answer.
    """

    sure: dict[Key, bool] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    open_uploads: Counter[str] = field(default_factory=Counter)
    open_deletions: set[Key] = field(default_factory=set)
    open_changes: set[Key] = field(default_factory=set)

    def versions(self, name: str) -> list[int]:
        """Return the versions of a model that are surely there, lowest first."""
        return sorted(version for model, version in self.sure if model == name)

    def published(self, key: Key, *, is_active: bool) -> None:
        """Note that the server has said that a version is there."""
        self.sure[key] = is_active
        self.deleted.discard(key)

    def gone(self, key: Key) -> None:
        """Note that the server has said that a version is deleted."""
        del self.sure[key]
        self.deleted.add(key)

    def faults(self, found: Mapping[Key, bool]) -> list[str]:
        """Return what is wrong: lost, changed, returned or unknown versions; `found` is what the server lists."""
        faults = []
        for key, is_active in self.sure.items():
            if key not in found:
                if key not in self.open_deletions:
                    faults.append(f"lost: {key}")
            elif found[key] != is_active and key not in self.open_changes:
                faults.append(f"changed: {key} is {'active' if found[key] else 'not active'}")
        uploads = Counter(self.open_uploads)
        for key in sorted(found.keys() - self.sure.keys()):
            if uploads[key[0]] > 0:
                uploads[key[0]] -= 1
            elif key in self.deleted:
                faults.append(f"came back: {key}")
            else:
                faults.append(f"appeared: {key}")
        return faults

    def adopt(self, found: Mapping[Key, bool]) -> None:
        """Take what was found as what is sure; nothing is under way any more."""
        self.deleted |= self.sure.keys() - found.keys()
        self.deleted -= found.keys()
        self.sure = dict(found)
        self.open_uploads.clear()
        self.open_deletions.clear()
        self.open_changes.clear()
