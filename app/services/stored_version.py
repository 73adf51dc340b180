"""A version as its row describes it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.services.summary import ModelSummary
from app.services.version_record import VersionRecord


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a model as stored.

    Attributes:
        summary: what the job found out: signature, sizes, sparsity, measured times.
        folder: the folder that holds its files.
        is_active: whether it may answer requests without a version; the highest such one does.
        revision: counts the changes of its row.
    """

    name: str
    version: int
    created_at: float
    job_id: str
    summary: ModelSummary
    folder: Path
    is_active: bool = True
    revision: int = 1

    def record(self, stages: Sequence[tuple[str, float]]) -> VersionRecord:
        """Return what its folder is to say of it; `stages` are those of its job, with their seconds."""
        return VersionRecord(
            name=self.name,
            version=self.version,
            created_at=self.created_at,
            job_id=self.job_id,
            active=self.is_active,
            revision=self.revision,
            stages=tuple(stages),
            summary=self.summary,
        )


@dataclass(frozen=True, slots=True)
class DamagedVersion:
    """A version whose row cannot be read, for the reason given; it can be deleted."""

    name: str
    version: int
    job_id: str
    reason: str
    is_active: bool = True
    revision: int = 1


AnyVersion = StoredVersion | DamagedVersion


def read_row(row: sqlite3.Row, models: Path) -> AnyVersion:
    """Return what a row says; `models` is the folder of all models."""
    name, version = row["name"], row["version"]
    try:
        summary = ModelSummary.model_validate_json(row["summary"])
    except ValidationError as error:
        reason = f"its summary is damaged: {error.errors()[0]['msg']}"
        return DamagedVersion(
            name, version, row["job_id"], reason, bool(row["active"]), row["revision"]
        )
    return StoredVersion(
        name=name,
        version=version,
        created_at=row["created_at"],
        job_id=row["job_id"],
        summary=summary,
        folder=models / name / str(version),
        is_active=bool(row["active"]),
        revision=row["revision"],
    )
