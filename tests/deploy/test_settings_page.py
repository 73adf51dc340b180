"""docs/deployment.md lists every setting as it is."""

from pathlib import Path

from pydantic.fields import FieldInfo

from app.core.settings import GIB, KIB, MIB, Settings
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "deployment.md"
ALSO = {"host": " or `HOST`", "port": " or `PORT`"}


def shown_default(name: str, field: FieldInfo) -> str:
    """Return the default as the page writes it: sizes in binary units, an empty text as a dash."""
    value = field.default
    if name.endswith("_bytes"):
        unit, size = next(
            (u, s) for u, s in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)) if value >= s
        )
        return f"{value // size} {unit}"
    if isinstance(value, Path):
        return f"`{value}`"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else f"`{value}`" if value else "-"


def row(name: str, field: FieldInfo) -> str:
    variable = f"`PRUNUS_{name.upper()}`{ALSO.get(name, '')}"
    return f"| {variable} | {shown_default(name, field)} | {field.description} |"


def test_every_setting_is_listed_with_its_default_and_meaning() -> None:
    lines = PAGE.read_text().splitlines()
    expected = [row(name, field) for name, field in Settings.model_fields.items()]
    assert [line for line in expected if line not in lines] == []
    listed = [line for line in lines if line.startswith("| `PRUNUS_")]
    assert [line for line in listed if line not in expected] == []
