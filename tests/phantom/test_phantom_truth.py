"""The truth about a case is asked by the names that bundles and tables use."""

from __future__ import annotations

import pytest

from training.errors import DataError
from training.phantom import draw_case
from training.phantom.truth import has_finding


def test_a_finding_is_known_by_kind_by_level_and_by_group() -> None:
    worn = draw_case(1, findings=("spondylosis:C5/C6",))
    bent = draw_case(2, findings=("kyphosis",))
    names = ["abnormal", "spondylosis", "spondylosis:C5/C6", "spondylosis:C4/C5", "malalignment"]

    cases = [worn, bent, draw_case(3, findings=())]

    assert [[has_finding(case, name) for name in names] for case in cases] == [
        [True, True, True, False, False],
        [True, False, False, False, True],
        [False] * 5,
    ]


@pytest.mark.parametrize("name", ["fracture", "spondylosis:C1/C2", "kyphosis:C4/C5", ""])
def test_a_finding_that_the_phantom_does_not_draw_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="knows no finding"):
        has_finding(draw_case(1), name)
