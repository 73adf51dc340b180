"""Taking over what a worker made: the known files, copied by the server to files of its own.

The worker's own files are never published: it could have kept a link to them, or made them something else than plain
files. Numbers that follow from the files are the server's own, too.
"""

import errno
import hashlib
import os
import stat
from pathlib import Path

from pydantic import ValidationError

from app.core.errors import JobCrashedError
from app.core.job_folder import (
    ARTIFACT_FILE,
    KERAS2_FILE,
    KERAS_FILE,
    OUTPUT_FOLDER,
    REPORT_FILE,
    REPORT_TEXT_FILE,
    RESULT_FILE,
)
from app.services.files import remove
from app.services.summary import ModelSummary
from app.services.worker_report import check_report, short

_MODEL_FILES = (ARTIFACT_FILE, KERAS_FILE, KERAS2_FILE)
# The service reads these whole, for each request that asks for one.
_TEXT_FILES = (REPORT_FILE, REPORT_TEXT_FILE, RESULT_FILE)
REPORT_MAX_BYTES = 8 * 1024 * 1024
RESULT_MAX_BYTES = 8 * 1024 * 1024
_TAKEN_FOLDER = "taken"
_CHUNK_BYTES = 1024 * 1024
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def take_output(job_folder: Path, file_max_bytes: int) -> str:
    """Put copies of what a worker made in the place of `out/`; to be called when the worker has ended.

    Returns:
        The SHA-256 of the artifact, in hexadecimal digits.

    Raises:
        JobCrashedError: the artifact is missing, or something is no plain file or too large.
        OSError: a file cannot be read or written.
    """
    output, taken = job_folder / OUTPUT_FOLDER, job_folder / _TAKEN_FOLDER
    remove(taken)
    taken.mkdir(mode=0o755)
    try:
        source = os.open(output, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise JobCrashedError("the job wrote no artifact") from None
    digests = {}
    try:
        for name in (*_MODEL_FILES, *_TEXT_FILES):
            max_bytes = file_max_bytes if name in _MODEL_FILES else REPORT_MAX_BYTES
            digest = _copy(source, name, taken / name, min(max_bytes, file_max_bytes))
            if digest is not None:
                digests[name] = digest
    finally:
        os.close(source)
    if ARTIFACT_FILE not in digests:
        raise JobCrashedError("the job wrote no artifact")
    _check_reports(taken)
    remove(output)
    taken.rename(output)
    return digests[ARTIFACT_FILE]


def _copy(folder: int, name: str, target: Path, max_bytes: int) -> str | None:
    """Copy a plain file; return its SHA-256, or None where there is no such file."""
    try:
        descriptor = os.open(name, _READ_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in {
            errno.ELOOP,
            errno.ENXIO,
            errno.EACCES,
        }:  # a link, a socket, closed by its mode
            raise
        raise _no_plain_file(name) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_plain_file(name)
    with os.fdopen(descriptor, "rb") as source:
        digest, copied = hashlib.sha256(), 0
        with target.open("xb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                copied += len(chunk)
                if copied > max_bytes:
                    raise JobCrashedError(f"the job wrote {name!r}, which is too large")
                digest.update(chunk)
                file.write(chunk)
    return digest.hexdigest()


def _check_reports(folder: Path) -> None:
    """Refuse reports that the service could not show."""
    try:
        if (folder / REPORT_TEXT_FILE).exists():
            (folder / REPORT_TEXT_FILE).read_text("utf-8")
        if (folder / REPORT_FILE).exists():
            check_report((folder / REPORT_FILE).read_bytes())
    except ValueError as error:
        raise JobCrashedError("the job wrote a report that cannot be read") from error


def _no_plain_file(name: str) -> JobCrashedError:
    return JobCrashedError(f"the job wrote {name!r}, which is no plain file")


def read_summary(path: Path) -> ModelSummary:
    """Read what a worker found out, without trusting it.

    Raises:
        JobCrashedError: the file is missing, too large, or not of the documented form.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except OSError:
        raise JobCrashedError("the worker process left no result") from None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(RESULT_MAX_BYTES + 1)
    try:
        if len(content) > RESULT_MAX_BYTES:
            raise JobCrashedError("the worker process left a result that is too large")
        return short(ModelSummary.model_validate_json(content))
    except ValidationError as error:
        raise JobCrashedError("the worker process left a damaged result") from error


def with_facts(
    summary: ModelSummary, output: Path, sha256: str, uploaded_bytes: int
) -> ModelSummary:
    """Return the summary with the sizes and the checksum of the files as they are, and of the upload as it arrived."""
    keras = output / KERAS_FILE
    return summary.model_copy(
        update={
            "artifact_bytes": (output / ARTIFACT_FILE).stat().st_size,
            "artifact_sha256": sha256,
            "keras_bytes": keras.stat().st_size if keras.is_file() else None,
            "uploaded_bytes": uploaded_bytes,
        }
    )
