"""`python -m tests.saved_models_page`: writes the list of operations into docs/saved-models.md."""

from collections.abc import Mapping

from graph.saved_model import (
    loops,
    ops_copies,
    ops_elements,
    ops_images,
    ops_indexing,
    ops_products,
    ops_reductions,
    ops_shape,
    ops_windows,
)
from graph.saved_model.site import Rules
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "saved-models.md"
BEGIN, END = "<!-- begin: operations -->\n", "<!-- end: operations -->"
FAMILIES: Mapping[str, Rules] = {
    "Products": ops_products.RULES,
    "Convolutions and pooling": ops_windows.RULES,
    "Images and batch normalization": ops_images.RULES,
    "Element by element": ops_elements.RULES,
    "Along axes": ops_reductions.RULES,
    "Parts, rows of tables, joining": ops_indexing.RULES,
    "Copies and padding": ops_copies.RULES,
    "Shapes": ops_shape.RULES,
    "Lists of loops": loops.RULES,
}


def section() -> str:
    """The operations by family."""
    rows = [f"| {family} | {', '.join(sorted(rules))} |" for family, rules in FAMILIES.items()]
    return "\n".join(("| what | operations |", "|---|---|", *rows, ""))


def page(text: str) -> str:
    """The page with a new list."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + section() + END + rest.split(END)[1]


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    write()
