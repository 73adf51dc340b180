"""Rules of the project that no other tool holds: sizes, empty packages, locks without addresses, a light server."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ROOMS = ("app", "pruning", "engine", "graph", "benchmarks", "loadtest", "examples")
FILES = sorted(path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_TEXT_COLUMNS = 120


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


def docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            yield first.value


@pytest.mark.parametrize("path", FILES, ids=name)
def test_docstrings_are_wrapped(path: Path) -> None:
    lines = path.read_text().splitlines()
    for docstring in docstrings(ast.parse("\n".join(lines))):
        for number in range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1):
            assert len(lines[number - 1]) <= MAX_TEXT_COLUMNS, f"line {number}"


PAGES = sorted(
    path
    for path in (
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / folder / "README.md" for folder in ("examples", "loadtest")),
    )
)


def prose_of(page: str) -> str:
    """What people wrote: without generated sections, code and tables."""
    page = re.sub(r"<!-- begin: .*?<!-- end: ", "", page, flags=re.DOTALL)
    page = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^\|.*$", "", page, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_are_wrapped(page: Path) -> None:
    text = page.read_text()
    if "\nWritten by `make" not in text:
        longest = max(prose_of(text).splitlines(), key=len)
        assert len(longest) <= MAX_TEXT_COLUMNS, longest


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_is_linked(page: Path) -> None:
    if page != REPOSITORY / "README.md":
        targets = {
            (other.parent / link).resolve()
            for other in PAGES
            if other != page
            for link in re.findall(r"\]\(([^)#:]+)", other.read_text())
        }
        assert targets & {page, page.parent if page.name == "README.md" else page}


def test_the_list_of_decisions_is_complete() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_packages_are_empty() -> None:
    # A re-export in a package would load the compiler into every serving process, and import-linter cannot see it.
    packages = [path for path in FILES if path.name == "__init__.py"]
    assert len(packages) > 4
    assert [name(path) for path in packages if path.read_text().strip()] == []


@pytest.mark.parametrize("lock", sorted((REPOSITORY / "requirements").glob("*.txt")), ids=name)
def test_locks_are_hashed_and_name_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    pinned = re.findall(r"^[\w.\[\]-]+==", text, re.MULTILINE)
    assert pinned
    entries = re.split(r"\n(?=[\w-]+)", text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry.split("\n")[0])


# What is used by its name in a string, or through another package's module, and not imported by name.
USED_WITHOUT_IMPORT = {"uvloop": "uvloop", "httptools": "uvicorn.protocols.http.httptools_impl"}


def test_everything_the_service_depends_on_is_used() -> None:
    """A dependency that no room imports makes the image larger and is one more package to trust."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)["project"]["dependencies"]
    rooms = [
        path for path in FILES if name(path).startswith(("app/", "pruning/", "engine/", "graph/"))
    ]
    imported = set().union(*(imports_of(path) for path in rooms))
    packages = {module.split(".")[0] for module in imported}
    text = "".join(path.read_text() for path in rooms)
    for requirement in declared:
        package = re.split(r"[^\w-]", requirement)[0].replace("-", "_")
        by_name = USED_WITHOUT_IMPORT.get(package)
        assert package in packages or (by_name is not None and by_name in text), requirement


def test_there_is_no_uv_lock() -> None:
    assert not (REPOSITORY / "uv.lock").exists()


def test_the_serving_modules_need_neither_tensorflow_nor_the_front_half() -> None:
    code = (
        "import sys, app.main, engine.execution.runtime\n"
        "heavy = ['tensorflow', 'keras', 'tf_keras', 'h5py', 'scipy', 'pruning', 'graph.keras',"
        " 'engine.compiler', 'engine.passes', 'engine.tuning', 'engine.roofline']\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def folders_imported(path: Path) -> set[str]:
    """The folders of the rooms that a file imports from, as dotted names."""
    found = set()
    for module in imports_of(path):
        place = REPOSITORY.joinpath(*module.split("."))
        found.add(module if place.is_dir() else module.rpartition(".")[0])
    return found


@pytest.mark.parametrize("room", ["app", "pruning", "engine", "graph"])
def test_no_two_folders_of_a_room_import_each_other(room: str) -> None:
    edges = set()
    for path in (REPOSITORY / room).rglob("*.py"):
        folder = ".".join(path.relative_to(REPOSITORY).parent.parts)
        edges |= {(folder, other) for other in folders_imported(path) - {folder}}
    inside = {(one, other) for one, other in edges if other.split(".")[0] == room}
    assert {room, *(folder for edge in inside for folder in edge)} != {room}
    assert {edge for edge in inside if edge[::-1] in inside} == set()


@pytest.mark.parametrize("room", ["pruning", "graph"])
def test_a_folder_of_a_room_does_not_import_the_modules_above_it(room: str) -> None:
    # The modules above use the folders: an import back would make a circle of the two.
    above = {f"{room}.{path.stem}" for path in (REPOSITORY / room).glob("*.py")}
    used: set[str] = set()
    for path in (REPOSITORY / room).glob("*.py"):
        used |= {".".join(module.split(".")[:2]) for module in imports_of(path)}
    for folder in (path for path in (REPOSITORY / room).iterdir() if path.is_dir()):
        if f"{room}.{folder.name}" not in used:
            continue
        for path in folder.glob("*.py"):
            assert imports_of(path) & above == set(), path


def test_the_tests_of_graph_cannot_reach_the_tuner() -> None:
    """`make test-all` runs them once, not with every seed of the tuner."""
    for path in (REPOSITORY / "tests" / "graph").rglob("*.py"):
        imports = re.findall(r"^\s*(?:from|import)\s+(?:engine|app)\b.*", path.read_text(), re.M)
        assert imports == [], path


def test_contributing_names_places_that_are_there() -> None:
    """The lists of "How to add" are worth something only while their places exist."""
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    words = set(re.findall(r"`([\w/.-]+)`", guide))
    paths = {word for word in words if "/" in word and not word.startswith(".")}
    assert len(paths) > 15
    assert {path for path in paths if not (REPOSITORY / path).exists()} == set()
    names = {word for word in words if re.fullmatch(r"_?[a-z]+(_[a-z]+)+|_?[A-Z]+(_[A-Z]+)+", word)}
    code = "".join(path.read_text() for path in FILES)
    assert len(names) > 5
    assert {word for word in names if not re.search(rf"\b{word}\b", code)} == set()


def test_a_layer_touches_at_most_eight_files() -> None:
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    section = guide.split("## How to add a layer")[1].split("## ")[0]
    rows = re.findall(r"^\| (\d+) \| .*`", section, re.MULTILINE)
    assert rows == [str(number) for number in range(1, len(rows) + 1)]
    assert 4 < len(rows) <= 8


def test_the_code_map_names_every_module_and_folder_of_the_rooms() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    for room in ("graph", "pruning", "engine", "app"):
        for child in (REPOSITORY / room).iterdir():
            if child.is_dir() and (child / "__init__.py").exists():
                assert f"`{child.name}/" in text, child
            elif child.suffix == ".py" and child.name != "__init__.py":
                assert f"`{child.name}`" in text, child
