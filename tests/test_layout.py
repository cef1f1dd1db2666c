"""The floor plan: what is installed, and which room may import from which."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("pipeline", "stages", "tokenizers", "trainer", "corpus")
BELOW = {
    "pipeline": {"stages", "tokenizers", "corpus"},
    "stages": {"tokenizers", "trainer", "corpus"},
    "tokenizers": {"corpus"},
    "trainer": {"corpus"},
    "corpus": set(),
}
"""The rooms that a room may import from, besides itself."""

FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def module(path: Path) -> str:
    return ".".join(("prep", *path.relative_to(ROOT).with_suffix("").parts))


def imports(path: Path) -> Iterator[str]:
    """Yield the names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_folder_with_code_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {str(path.parent.relative_to(ROOT)) for path in FILES}
    names = {f"prep.{folder.replace('/', '.')}": folder for folder in folders}
    assert set(project["packages"]) == set(names)
    assert {name: project["package-dir"].get(name) for name in names} == names


def test_every_file_that_is_no_code_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = [
        (project["package-dir"][package], pattern)
        for package, globs in project["package-data"].items()
        for pattern in globs
    ]
    installed = {path for folder, pattern in patterns for path in (ROOT / folder).glob(pattern)}
    files = {path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    assert {path for path in files if path.suffix not in (".py", ".pyc", ".nbi", ".nbc")} == installed


def test_type_checkers_see_every_room() -> None:
    links = {path.name: path.resolve() for path in (ROOT / "tests" / "typing" / "prep").iterdir()}
    assert links == {room: ROOT / room for room in ROOMS}


def test_no_room_shadows_an_installed_package() -> None:
    assert [path for path in FILES if path.name == "__init__.py"] == []


def test_no_file_is_named_like_a_module_of_the_standard_library() -> None:
    assert [path for path in FILES if path.stem in sys.stdlib_module_names] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("prep.")}
    assert rooms <= BELOW[room] | {room}
    if path.stem.endswith("_kernels"):
        foreign = {name.split(".")[0] for name in imports(path)} - sys.stdlib_module_names
        assert foreign <= {"numpy", "prep"}
        assert rooms <= {"corpus", room}
        assert all(name.startswith("prep.corpus.") or "_kernels" in name for name in imports(path) if "prep." in name)
    if module(path) != "prep.pipeline.executors":
        assert not any(name.startswith("datatrove.executor") for name in imports(path))


def test_no_imports_in_a_circle() -> None:
    known = {module(path): path for path in FILES}
    graph = {name: {other for other in imports(path) if other in known} for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join((*above, name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*above, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
