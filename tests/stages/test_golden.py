"""No stage's output changes under the same version: every case of golden.yaml gives what golden.json says."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from prep.stages.catalogue import STAGES

from .golden import Seen, cases, complaint, justified, look, recorded

GOLDEN = recorded()
SEEN = Seen(version=2, libraries={"regex": "1"}, input="documents", output="ab")


def test_every_stage_has_cases() -> None:
    assert set(cases()) == set(STAGES)


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_gives_what_its_version_gave(stage: str) -> None:
    found = look(stage)
    assert found[stage].keys() == GOLDEN[stage].keys(), "cases and golden.json differ; see tests/stages/golden.py"
    for name, named in found.items():
        for case, seen in named.items():
            golden = GOLDEN[name].get(case)
            text = complaint(name, case, seen, golden)
            if text and golden is not None and _other_versions(seen.libraries, golden.libraries):
                pytest.skip(f"{text} (made with {dict(golden.libraries)}, installed are {dict(seen.libraries)})")
            assert not text, text


def _other_versions(seen: Mapping[str, str], golden: Mapping[str, str]) -> bool:
    return seen != golden and seen.keys() == golden.keys()


def test_output_that_changes_needs_a_new_version() -> None:
    changed = replace(SEEN, output="cd")
    assert "raise `version` of 'pii'" in complaint("pii", "defaults", changed, SEEN)
    assert not justified(changed, SEEN)
    assert justified(replace(changed, version=3), SEEN)
    assert "--write" in complaint("pii", "defaults", replace(changed, version=3), SEEN)


def test_a_version_never_falls() -> None:
    assert not justified(replace(SEEN, version=1, output="cd"), SEEN)


@pytest.mark.parametrize("other", [{"input": "other documents"}, {"libraries": {"regex": "2"}}])
def test_another_input_or_library_may_give_another_output(other: dict[str, object]) -> None:
    changed = replace(SEEN, output="cd", **other)  # type: ignore[arg-type]
    assert justified(changed, SEEN)
    assert "with its version, libraries or input" in complaint("pii", "defaults", changed, SEEN)


def test_new_cases_are_written_and_said() -> None:
    assert justified(SEEN, None)
    assert "not in golden.json" in complaint("pii", "new", SEEN, None)
    assert complaint("pii", "defaults", SEEN, SEEN) == ""
    assert complaint("pii", "defaults", replace(SEEN, libraries={"regex": "2"}), SEEN) == ""
