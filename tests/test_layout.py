"""The layout: what is installed, which package may import from which, and that stages do not import each other."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "stages", "exports", "tokenizers", "trainer", "corpus")
BELOW = {
    "pipeline": {"stages", "exports", "tokenizers", "corpus"},
    "stages": {"tokenizers", "trainer", "corpus"},
    "exports": {"tokenizers", "corpus"},
    "tokenizers": {"corpus"},
    "trainer": {"corpus"},
    "corpus": set(),
}
"""The packages that a package may import from, besides itself."""

FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


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


RECIPES = Path("stages", "quality", "recipes")
"""A folder of data, listed as a package: setuptools warns of folders with data that are none."""

SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def test_every_folder_with_code_is_installed() -> None:
    folders = {path.parent.relative_to(ROOT) for path in FILES} | {Path(), RECIPES}
    assert SETUPTOOLS["package-dir"] == {"prep": "."}
    assert set(SETUPTOOLS["packages"]) == {".".join(("prep", *folder.parts)) for folder in folders}


def test_every_file_that_is_no_code_is_installed() -> None:
    installed = {
        path
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")[1:]).glob(pattern)
    }
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    files.add(ROOT / "py.typed")
    assert {path for path in files if path.suffix not in (".py", ".pyc", ".nbi", ".nbc")} == installed


@pytest.mark.skipif(not (ROOT / "tests" / "typing").is_dir(), reason="a source distribution holds no links")
def test_type_checkers_see_every_package() -> None:
    links = {path.name: path.resolve() for path in (ROOT / "tests" / "typing" / "prep").iterdir()}
    assert links == {package: ROOT / package for package in PACKAGES}


def test_no_package_shadows_an_installed_package() -> None:
    """A folder with an `__init__.py` is a package wherever Python runs in the root."""
    faces = {path.parent for path in FILES if path.name == "__init__.py"}
    assert faces == {ROOT / "corpus", ROOT / "stages", ROOT / "trainer"}
    installed = [path for path in sys.path if "site-packages" in path]
    assert [face.name for face in faces if PathFinder.find_spec(face.name, installed)] == []
    assert {face.name for face in faces} & sys.stdlib_module_names == set()


def test_no_file_is_named_like_a_module_of_the_standard_library() -> None:
    assert [path for path in FILES if path.stem in sys.stdlib_module_names] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_down(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    packages = {name.split(".")[1] for name in imports(path) if name.startswith("prep.")}
    assert packages <= BELOW[package] | {package}
    if path.stem.endswith("_kernels"):
        foreign = {name.split(".")[0] for name in imports(path)} - sys.stdlib_module_names
        assert foreign <= {"numpy", "prep"}
        assert packages <= {"corpus", package}
        assert all(name.startswith("prep.corpus.") or "_kernels" in name for name in imports(path) if "prep." in name)
    if module(path) != "prep.pipeline.execution.clusters":
        assert not any(name.startswith("datatrove.executor") for name in imports(path))


CONTRACT = ("stage", "settings", "verdicts", "upstream", "results", "catalogue")
"""The files beside the stages' folders, which every stage may import."""


@pytest.mark.parametrize("path", sorted((ROOT / "stages").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_stages_do_not_import_each_other(path: Path) -> None:
    own = path.relative_to(ROOT / "stages").parts[0]
    used = {name.split(".")[2] for name in imports(path) if name.startswith("prep.stages.")}
    assert used <= {own, "shared", *CONTRACT}
    if own == "shared":
        assert used <= {"shared", *CONTRACT}


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
