"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's threads must not spin where test processes share cores


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real data that PREP_TEST_DATA names, or skip."""
    folder = os.environ.get("PREP_TEST_DATA")
    if not folder:
        pytest.skip("PREP_TEST_DATA is not set; it names a folder of real web pages, books and labels")
    path = Path(folder)
    assert path.is_dir(), f"PREP_TEST_DATA={folder} is not a folder"
    return path
