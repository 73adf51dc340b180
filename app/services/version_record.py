"""What the folder of a version says of itself: all that its row holds, so that a lost row can be rebuilt.

`version.json` is written before the row's transaction is committed. Whoever changes the row afterwards raises the
revision and writes the record again, also before the commit: where the two differ, the higher revision is right.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.services.files import write_whole
from app.services.job_log import MAX_VERSION, StageTiming
from app.services.summary import ModelSummary

RECORD_FILE = "version.json"
# An empty file in a folder whose row has not been committed; it goes right after the commit.
PENDING_FILE = "unpublished"
_RECORD_MAX_BYTES = 64 * 1024 * 1024


class VersionRecord(BaseModel):
    """The row of a version, and how long the stages of its job took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    version: Annotated[int, Field(ge=1, le=MAX_VERSION)]
    created_at: float
    job_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")]
    active: bool
    revision: Annotated[int, Field(ge=1, lt=2**62)]
    stages: tuple[tuple[str, float], ...] = ()
    summary: ModelSummary

    @property
    def timings(self) -> Sequence[StageTiming]:
        """The stages of the job that made the version."""
        return tuple(StageTiming(*stage) for stage in self.stages)


class DamagedRecordError(Exception):
    """There is a record, and it cannot be read."""


def write_record(folder: Path, record: VersionRecord) -> None:
    """Write the record of a version's folder; it appears whole or not at all."""
    write_whole(folder / RECORD_FILE, record.model_dump_json().encode())


def read_record(folder: Path) -> VersionRecord | None:
    """Return the record of a version's folder; None where there is none.

    Raises:
        DamagedRecordError: it cannot be read.
    """
    try:
        with (folder / RECORD_FILE).open("rb") as file:
            content = file.read(_RECORD_MAX_BYTES + 1)
        return VersionRecord.model_validate_json(content)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DamagedRecordError(str(error)) from error


def stages_of(folder: Path) -> tuple[tuple[str, float], ...]:
    """Return the stages that the record of a folder tells of, with their seconds; none where it cannot be read."""
    try:
        record = read_record(folder)
    except DamagedRecordError:
        return ()
    return () if record is None else record.stages


def is_pending(folder: Path, job_id: str) -> bool:
    """Tell whether a folder is what this job was publishing, before its row was committed."""
    try:
        record = read_record(folder)
    except DamagedRecordError:
        return False
    return record is not None and record.job_id == job_id and (folder / PENDING_FILE).exists()
