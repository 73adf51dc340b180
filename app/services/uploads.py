"""Multipart uploads, streamed to disk while they arrive: at no time is more than one chunk in memory.

RFC 7578 form data through python-multipart's low-level parser. Every file and field has its own limit, checked as the
bytes come; file names of the client are only ever kept as text.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.core.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    MediaTypeError,
    UploadTimeoutError,
)
from app.core.job_folder import FILE_PARTS
from app.core.settings import Settings
from app.core.storage_full import storage_full
from app.services.files import remove

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# Parts that are no files, whose values are kept in memory.
FIELD_PARTS = ("name", "version", "recipe", "allow_nonfinite", "values", "activate", "signature")
# Parts that are the model, or half of it.
_MODEL_PARTS = ("file", "weights")
_MAX_FILE_NAME_CHARACTERS = 200
_MAX_HEADERS = 8
_MAX_HEADER_BYTES = 4096
# Bytes of boundaries and part headers, beyond the parts themselves.
_ENVELOPE_MAX_BYTES = 64 * 1024


@dataclass(slots=True)
class Upload:
    """A form that has arrived: fields in memory, files in `folder`.

    Attributes:
        job_id: the identifier of the job it will become.
        file_names: what the client called its files, by part.
        sizes: bytes of each file part.
    """

    job_id: str
    folder: Path
    fields: dict[str, str] = field(default_factory=dict)
    file_names: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def discard(self) -> None:
        """Remove its files."""
        remove(self.folder)


async def receive_upload(
    content_type: str,
    chunks: AsyncIterator[bytes],
    folder: Path,
    owner: str,
    settings: Settings,
) -> Upload:
    """Stream a form to a new folder under `folder`.

    Args:
        content_type: the request's Content-Type, which names the boundary.
        chunks: the body.
        folder: the folder of uploads that are still arriving.
        owner: mark of this server process; it starts the name of the new folder.
        settings: limits on bytes and time.

    Raises:
        MediaTypeError: the body is no form data.
        BodyTooLargeError: a part is over its limit.
        InvalidRequestError: the body is malformed, or its parts are not the documented ones.
        UploadTimeoutError: it took too long.
        StorageFullError: the disk is full.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise MediaTypeError(
            "a model is uploaded as a form",
            expected="multipart/form-data with a boundary",
            got=repr(content_type[:100]),
            hint="curl -F file=@model.keras -F name=my-model ...",
        )
    job_id = secrets.token_hex(8)
    upload = Upload(job_id, folder / f"{owner}.{job_id}")
    upload.folder.mkdir()
    form = _Form(upload, settings)
    try:
        async with asyncio.timeout(settings.upload_timeout_seconds):
            await _feed(form, boundary, chunks)
    except TimeoutError:
        upload.discard()
        raise UploadTimeoutError(
            "the upload did not arrive in time",
            expected=f"at most {settings.upload_timeout_seconds:g} seconds",
            hint="the limit is the setting PRUNUS_UPLOAD_TIMEOUT_SECONDS",
        ) from None
    except OSError as error:
        upload.discard()
        raise storage_full(error) or error from None
    except BaseException:
        upload.discard()
        raise
    finally:
        form.close()
    return upload


async def _feed(form: "_Form", boundary: bytes, chunks: AsyncIterator[bytes]) -> None:
    try:
        parser = MultipartParser(
            boundary,
            form.callbacks(),
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )
        async for chunk in chunks:
            form.count(len(chunk))
            # In a thread, so that a slow disk stops no prediction.
            await asyncio.to_thread(parser.write, chunk)
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequestError("the form data are malformed", got=str(error)[:200]) from error
    if not form.finished:
        raise InvalidRequestError(
            "the form data end before the closing boundary", hint="was the upload cut off?"
        )


class _Form:
    """Receives the parser's events and puts each part where it belongs."""

    def __init__(self, upload: Upload, settings: Settings) -> None:
        self._upload = upload
        self._settings = settings
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._value = bytearray()
        self._file: BufferedWriter | None = None
        self._limit = (0, "")
        self._received = 0
        self.finished = False

    def callbacks(self) -> "MultipartCallbacks":
        """Return the functions that the parser calls."""
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value_part,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def count(self, size: int) -> None:
        """Count received bytes against the limit on the whole form."""
        self._received += size
        settings = self._settings
        limit = 2 * settings.upload_max_bytes + 2 * settings.calibration_max_bytes
        limit += len(FIELD_PARTS) * settings.form_field_max_bytes + _ENVELOPE_MAX_BYTES
        if self._received > limit:
            raise BodyTooLargeError("the form", limit, "PRUNUS_UPLOAD_MAX_BYTES")

    def close(self) -> None:
        """Close the file of a part that was cut off."""
        if self._file is not None:
            self._file.close()

    def _part_begin(self) -> None:
        self._headers = {}
        self._value = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        upload, settings = self._upload, self._settings
        if self._name in upload.fields or self._name in upload.file_names:
            raise InvalidRequestError(f"the form has the part {self._name[:40]!r} twice")
        if self._name in FILE_PARTS:
            shown = options.get(b"filename", b"").decode("utf-8", "replace")
            upload.file_names[self._name] = _plain_name(shown)
            upload.sizes[self._name] = 0
            self._limit = (
                (settings.upload_max_bytes, "PRUNUS_UPLOAD_MAX_BYTES")
                if self._name in _MODEL_PARTS
                else (settings.calibration_max_bytes, "PRUNUS_CALIBRATION_MAX_BYTES")
            )
            self._file = (upload.folder / FILE_PARTS[self._name]).open("xb")
        elif self._name in FIELD_PARTS:
            self._limit = (settings.form_field_max_bytes, "PRUNUS_FORM_FIELD_MAX_BYTES")
        else:
            raise InvalidRequestError(
                "the form has a part that is not known",
                expected=f"one of {', '.join((*FILE_PARTS, *FIELD_PARTS))}",
                got=repr(self._name[:40]),
            )

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        limit, setting = self._limit
        if self._file is None:
            size = len(self._value) + end - start
        else:
            size = self._upload.sizes[self._name] + end - start
        if size > limit:
            raise BodyTooLargeError(f"the part {self._name!r}", limit, setting)
        if self._file is None:
            self._value += data[start:end]
        else:
            self._file.write(memoryview(data)[start:end])
            self._upload.sizes[self._name] = size

    def _part_end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            return
        try:
            self._upload.fields[self._name] = self._value.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequestError(f"the field {self._name!r} is not UTF-8 text") from None

    def _end(self) -> None:
        self.finished = True


def _plain_name(name: str) -> str:
    """Return a client's file name as one line of text without folders, for display only."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(c for c in last if c.isprintable())[:_MAX_FILE_NAME_CHARACTERS]
