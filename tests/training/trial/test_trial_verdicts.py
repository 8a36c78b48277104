"""What the films of a cell show: every verdict, and the counts of a line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.trial.films import TrialFilm, read_back, written
from training.trial.looks import Claim
from training.trial.verdicts import Verdict, line, verdict
from triage.values import Outcome

CLAIM = Claim(0.05, 0.05)  # 59 positives allow no miss, 93 one, 124 two
GONE = TrialFilm(
    1, 0, "F", 50.0, abnormal=True, truth=(True,), failed=("pixels.blur", "embedding"), raw=(),
    outcome=Outcome.NOT_ASSESSABLE,
)  # fmt: skip
FOUND = replace(GONE, failed=(), raw=((3.0,), (2.0,)), outcome=Outcome.ABNORMAL)
MISSED = replace(FOUND, raw=((-6.0,), (-6.0,)), outcome=Outcome.LIKELY_NORMAL)
NORMAL = replace(MISSED, abnormal=False, truth=(False,))


@pytest.mark.parametrize(
    ("gated", "among", "expected"),
    [
        ((100, 95), (4, 4), Verdict.STOPPED),
        ((40, 40), (0, 0), Verdict.NOT_SHOWN),  # 40 of 40 do not show 95 %
        ((100, 0), (59, 0), Verdict.HOLDS),
        ((100, 0), (58, 0), Verdict.NOT_SHOWN),
        ((100, 0), (59, 1), Verdict.NOT_SHOWN),  # 1 of 59 is less than alpha, but not shown
        ((100, 0), (93, 1), Verdict.HOLDS),
        ((100, 0), (93, 5), Verdict.NEITHER),
        ((200, 150), (30, 0), Verdict.NOT_SHOWN),  # what gates stop is no proof of the scores
        ((200, 150), (30, 2), Verdict.NEITHER),  # 2 of 30 that passed are more than alpha
    ],
)
def test_the_verdict_follows_from_the_counts(gated, among, expected) -> None:
    assert verdict(gated, among, CLAIM) is expected


def test_only_neither_is_a_failure() -> None:
    assert [one for one in Verdict if one.failed] == [Verdict.NEITHER]


def test_without_a_certificate_nothing_is_lowered_and_nothing_shown() -> None:
    assert verdict((100, 0), (60, 0), None) is Verdict.NOTHING_LOWERED
    assert verdict((100, 99), (1, 0), None) is Verdict.STOPPED


def test_a_line_counts_stopped_missed_and_lowered_films() -> None:
    films = [GONE] * 10 + [FOUND] * 60 + [MISSED] * 3 + [NORMAL] * 20
    films += [replace(NORMAL, raw=((0.0,), (0.0,)), outcome=Outcome.INDETERMINATE)] * 5

    made = line(("blur", "severity 1"), films, CLAIM, 0)

    assert (made.films, made.stopped, made.gate) == (98, 10, "pixels.blur")
    assert (made.abnormal, made.passed, made.missed, made.allowed) == (73, 63, 3, 0)
    assert made.missed_share is not None
    assert made.missed_share.low < 3 / 63 < made.missed_share.high
    assert (made.normal, made.normals_lowered) == (25, 20)
    assert made.area is not None
    assert made.area.estimate == pytest.approx((60 + 3 * (20 * 0.5) / 25) / 63)


def test_an_area_needs_films_of_both_kinds() -> None:
    assert line(("chest", ""), [FOUND] * 9, CLAIM, 0).area is None
    assert line(("chest", ""), [FOUND] * 9 + [NORMAL] * 9, CLAIM, None).area is None


def test_a_film_comes_back_from_disk_as_it_was() -> None:
    assert read_back(written(FOUND), "cell") == replace(FOUND)
