"""Fixtures and hooks that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's threads must not spin where test processes share cores

settings.register_profile("prep", deadline=None)  # a busy machine is not a failure
settings.load_profile("prep")


LONGEST = ("examples", "docs", "trainer", "pipeline", "tokenizers")
"""Folders of the tests that take longest. They begin first, so that no process is left with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, otherwise in the order of their files."""
    tests = Path(__file__).parent
    order = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: min(order.get(folder, len(order)) for folder in item.path.parents))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their number: what they hold may depend on the time, and every worker must name tests alike."""
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real data that PREP_TEST_DATA names, or skip."""
    folder = os.environ.get("PREP_TEST_DATA")
    if not folder:
        pytest.skip("PREP_TEST_DATA is not set; it names a folder of real web pages, books and labels")
    path = Path(folder)
    assert path.is_dir(), f"PREP_TEST_DATA={folder} is not a folder"
    return path
