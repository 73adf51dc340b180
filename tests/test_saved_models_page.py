"""The page of SavedModels lists just the operations that are read."""

from graph.saved_model.rules import RULES
from tests.saved_models_page import FAMILIES, PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert page(PAGE.read_text()) == PAGE.read_text(), "run make layers-page"


def test_every_rule_is_in_one_family() -> None:
    names = [name for rules in FAMILIES.values() for name in rules]
    assert sorted(names) == sorted(RULES)
