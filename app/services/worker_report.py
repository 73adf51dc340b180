"""Whether what a worker reports can be shown: once, before its version is published, and not at each request.

The service reads a report whole, and makes a page of it, for each request that asks for one; summaries are part of
every list. A process that was taken over could make each of these costly, or impossible.
"""

import orjson

from app.core.errors import JobCrashedError
from app.services.stored_version import StoredVersion
from app.services.summary import ModelSummary

# Each value of a JSON text but the first follows one of these characters. Honest reports have about 150 values a layer.
VALUES_MAX = 400_000
# The page names a column in each of its cells.
HEAD_MAX_CHARACTERS = 64
PAGE_MAX_CHARACTERS = 32 * 1024 * 1024
NOTES_MAX_CHARACTERS = 64 * 1024
SUMMARY_MAX_BYTES = 1024 * 1024


def check_report(report: bytes) -> None:
    """Refuse the JSON form of a report that is none, or that holds too much.

    Raises:
        JobCrashedError: it holds too many values, is no JSON object, or names columns by long texts.
        ValueError: it is no JSON.
    """
    if sum(report.count(character) for character in (b",", b"[", b"{")) > VALUES_MAX:
        raise JobCrashedError(
            "the job wrote a report with too many values", expected=f"at most {VALUES_MAX:,}"
        )
    document = orjson.loads(report)
    if not isinstance(document, dict):
        raise JobCrashedError("the job wrote a report that is no JSON object")
    texts = document.get("texts", {})
    for name, heads in texts.items() if isinstance(texts, dict) else ():
        if name.endswith("_heads") and not _are_short(heads):
            raise JobCrashedError("the job wrote a report whose columns have no short names")


def _are_short(heads: object) -> bool:
    return isinstance(heads, list) and all(
        isinstance(head, str) and len(head) <= HEAD_MAX_CHARACTERS for head in heads
    )


def check_page(report: bytes, stored: StoredVersion) -> None:
    """Refuse a report, checked before, of which no page can be made, or a huge one.

    Raises:
        JobCrashedError: the page cannot be made, or is too long.
    """
    from app.services.pages import report_page_parts

    characters = 0
    try:
        for part in report_page_parts(report, stored):
            characters += len(part)
            if characters > PAGE_MAX_CHARACTERS:
                break
    except Exception as error:
        # Whatever the template does with values that it does not expect.
        raise JobCrashedError("the job wrote a report that cannot be shown") from error
    if characters > PAGE_MAX_CHARACTERS:
        raise JobCrashedError("the job wrote a report whose page is too long")


def short(summary: ModelSummary) -> ModelSummary:
    """Return a summary whose notes take `NOTES_MAX_CHARACTERS` at most; the last note says how many are left out.

    Raises:
        JobCrashedError: it is too long for other reasons.
    """
    kept, characters = list[str](), 0
    for note in summary.notes:
        characters += len(note)
        if characters > NOTES_MAX_CHARACTERS:
            left_out = len(summary.notes) - len(kept)
            kept.append(f"{left_out:,} more notes are left out here.")
            break
        kept.append(note)
    cut = summary.model_copy(update={"notes": tuple(kept)})
    if len(cut.model_dump_json()) > SUMMARY_MAX_BYTES:
        raise JobCrashedError("the worker process left a result that is too large")
    return cut
