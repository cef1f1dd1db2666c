"""What tasks are given of the parts before them: paths that are made when they are asked for."""

import pytest

from prep.stages.upstream import PerPart, Upstream


def test_a_path_is_made_when_it_is_asked_for() -> None:
    asked = []

    def make(part: int) -> str:
        asked.append(part)
        return f"parts/{part:05d}"

    paths = PerPart(10**9, make)
    upstream = Upstream(paths, drops=PerPart(0, lambda part: ()))
    assert len(upstream.parts) == 10**9
    assert upstream.dropped(5) is None
    assert (paths[7], paths[-1], paths[2:4]) == ("parts/00007", "parts/999999999", ["parts/00002", "parts/00003"])
    assert asked == [7, 999_999_999, 2, 3]
    assert list(PerPart(3, make)) == ["parts/00000", "parts/00001", "parts/00002"]
    with pytest.raises(IndexError):
        paths[10**9]
