"""Two places for what left `models/`: deleted versions, and folders of which it cannot be told whose they are.

    trash/<job>.<version>.<name>/      a deleted version: emptied at once; the empty folder stays for some days
    lost/<time>/<name>/<version>/      set aside at the start of that time, removed after some days

A folder in `trash/` says that this version was deleted, also to a database that was saved before.
"""

import logging
import os
import time
from pathlib import Path
from typing import NamedTuple

from app.services.files import entries, remove, sync_folder

SECONDS_PER_DAY = 86_400.0
_LOG = logging.getLogger(__name__)


class Identity(NamedTuple):
    """One version of one model and the job that made it: a version deleted and made again has another job."""

    name: str
    version: int
    job_id: str


class Trash:
    """Deleted versions."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made where it does not exist."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, identity: Identity) -> Path:
        """Return where a deleted version lies."""
        return self._folder / f"{identity.job_id}.{identity.version}.{identity.name}"

    def take(self, identity: Identity, folder: Path) -> None:
        """Move the folder of a version into the trash, durably; one that has been moved stays where it is."""
        place = self.path(identity)
        if folder.is_dir() and not place.exists():
            folder.rename(place)
            sync_folder(folder.parent)
            sync_folder(self._folder)

    def identities(self) -> set[Identity]:
        """Return which versions were deleted within the last days."""
        found = set()
        for entry in entries(self._folder):
            job_id, _, rest = entry.name.partition(".")
            version, _, name = rest.partition(".")
            if version.isascii() and version.isdigit():
                found.add(Identity(name, int(version), job_id))
        return found

    def empty(self) -> None:
        """Remove the files of deleted versions; the empty folders stay."""
        for entry in entries(self._folder):
            for path in entries(entry):
                remove(path)

    def forget_old(self, keep_seconds: float) -> None:
        """Remove the empty folders that are older than `keep_seconds`."""
        for entry in entries(self._folder):
            if _age_seconds(entry) > keep_seconds:
                remove(entry)


class Lost:
    """Folders of which it cannot be told whose they are."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made when it is needed."""
        self._folder = folder
        self._place: Path | None = None

    def take(self, path: Path, models: Path, reason: str) -> None:
        """Set aside what lies at `path` below the folder `models`."""
        if self._place is None:
            self._place = self._new_place()
        target = self._place / path.relative_to(models)
        while os.path.lexists(target):
            target = target.with_name(target.name + "+")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        for folder in (path.parent, target.parent, self._place, self._folder):
            sync_folder(folder)
        _LOG.warning("%s is set aside as %s: %s", path, target, reason)

    def _new_place(self) -> Path:
        stem = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        number = 0
        while True:
            place = self._folder / (f"{stem}-{number}" if number else stem)
            try:
                place.mkdir(parents=True)
            except FileExistsError:
                number += 1
            else:
                return place

    def forget_old(self, keep_seconds: float) -> None:
        """Remove what was set aside more than `keep_seconds` ago."""
        for entry in entries(self._folder):
            if _age_seconds(entry) > keep_seconds:
                _LOG.warning("removing %s, which was set aside long ago", entry)
                remove(entry)


def _age_seconds(path: Path) -> float:
    """Return how long ago the names in a folder were changed last; 0 where it has just gone."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
