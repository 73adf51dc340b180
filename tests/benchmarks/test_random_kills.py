"""The ledger of the random kills: every kind of fault is told from what may be."""

from collections import Counter

from benchmarks.reliability.ledger import Ledger
from benchmarks.reliability.random_kills import NAME, ROWS, Tally, section
from tests.conftest import REPOSITORY


def ledger() -> Ledger:
    made = Ledger()
    made.published(("a", 1), is_active=True)
    made.published(("a", 2), is_active=False)
    made.published(("a", 3), is_active=True)
    made.gone(("a", 3))
    return made


SURE = {("a", 1): True, ("a", 2): False}


def test_what_was_acknowledged_is_no_fault() -> None:
    assert ledger().versions("a") == [1, 2]
    assert ledger().faults(SURE) == []


def test_each_kind_of_fault_is_named() -> None:
    for found, wanted in (
        ({("a", 1): True}, "lost: ('a', 2)"),
        ({**SURE, ("a", 2): True}, "changed: ('a', 2) is active"),
        ({**SURE, ("a", 3): True}, "came back: ('a', 3)"),
        ({**SURE, ("a", 4): True}, "appeared: ('a', 4)"),
        ({**SURE, ("b", 1): True}, "appeared: ('b', 1)"),
    ):
        assert ledger().faults(found) == [wanted]


def test_what_got_no_answer_may_have_happened_or_not() -> None:
    for found in (SURE, {**SURE, ("a", 4): True}, {("a", 1): False}):
        made = ledger()
        made.open_uploads["a"] = 1
        made.open_deletions.add(("a", 2))
        made.open_changes.add(("a", 1))
        assert made.faults(found) == []
        made.adopt(found)
        assert made.faults(found) == []
        assert made.faults({}) == [f"lost: {key}" for key in found]
    made = ledger()
    made.open_uploads["a"] = 1
    two = {**SURE, ("a", 4): True, ("a", 5): True}
    assert made.faults(two) == ["appeared: ('a', 5)"]


def test_what_is_gone_after_a_deletion_without_an_answer_may_not_come_back() -> None:
    made = ledger()
    made.open_deletions.add(("a", 2))
    made.adopt({("a", 1): True})
    assert made.faults(SURE) == ["came back: ('a', 2)"]


def test_the_section_names_the_faults_and_has_its_place_on_the_page() -> None:
    tally = Tally(Counter({ROWS[0]: 1234}), ["round 1: lost: x"], [0.5, 1.5])
    text = section(tally, f"{NAME} --kills 1")
    assert "| kills of the server | 1,234 |" in text
    assert "| **faults** | **1** |" in text
    assert "- round 1: lost: x" in text
    page = REPOSITORY / "docs" / "reliability.md"
    assert f"<!-- begin: written by {NAME} -->" in page.read_text()
