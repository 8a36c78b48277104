"""The ladder: which mode holds where, and that no study is moved further than it lets."""

from __future__ import annotations

import itertools

import pytest

from triage.decision import Ladder, StudyModes, decide, ladder_of
from triage.settings import DecisionSettings, FindingMode, SiteMode
from triage.values import (
    Analysis,
    GateResult,
    ImageEvidence,
    ImageState,
    Mode,
    OperatingPoint,
    OrderPriority,
    Outcome,
    ReadingClass,
    Score,
    StudyEvidence,
)

SHADOW, PROMOTE, DEMOTE = Mode
FINDINGS = ("one", "two")
POINTS = tuple(OperatingPoint(name, 2.0, -2.0, 0.88, 0.12) for name in FINDINGS)
RAISED, LOWERED = ReadingClass.SUSPECTED_ABNORMAL, ReadingClass.LIKELY_NORMAL


def study(*raw: float, order: OrderPriority = OrderPriority.ROUTINE) -> StudyEvidence:
    """Return a study of one film with a score for each finding."""
    scores = tuple(Score(name, "a", score, 0.5) for name, score in zip(FINDINGS, raw, strict=True))
    analysis = Analysis("d", (GateResult("gate", passed=True),), scores)
    film = ImageEvidence("1.2.3", ImageState.ANALYSED, analysis)
    return StudyEvidence("1.2", complete=True, images=(film,), order_priority=order)


@pytest.mark.parametrize(
    ("general", "first", "second"),
    list(itertools.product(Mode, [None, *Mode], [None, *Mode])),
)
@pytest.mark.parametrize("raw", list(itertools.product((-5.0, 0.0, 5.0), repeat=2)))
def test_a_study_moves_only_as_far_as_every_mode_that_is_involved_lets_it(
    general, first, second, raw
):
    own = {n: mode for n, mode in zip(FINDINGS, (first, second), strict=True) if mode is not None}
    decision = decide(study(*raw), POINTS, ("a",), "d", general, finding_modes=own)
    modes = {name: own.get(name, general) for name in FINDINGS}
    flagged = [name for name, score in zip(FINDINGS, raw, strict=True) if score >= 2.0]
    raising = any(modes[name] is not SHADOW for name in flagged)
    lowering = all(mode is DEMOTE for mode in (general, *modes.values()))
    expected = ReadingClass.ROUTINE
    if flagged and raising:
        expected = RAISED
    elif max(raw) < -2.0 and lowering:
        expected = LOWERED
    assert decision.reading_class is expected
    assert (decision.outcome is Outcome.ABNORMAL) == bool(flagged)


@pytest.mark.parametrize("own", [None, *Mode])
@pytest.mark.parametrize("general", Mode)
def test_an_urgent_order_outranks_every_mode(general, own):
    modes = {"one": own} if own else {}
    for raw in ((5.0, 5.0), (-5.0, -5.0)):
        urgent = study(*raw, order=OrderPriority.STAT)
        decision = decide(urgent, POINTS, ("a",), "d", general, finding_modes=modes)
        assert decision.reading_class is ReadingClass.URGENT_ORDER


@pytest.mark.parametrize(("default", "site", "finding"), list(itertools.product(Mode, Mode, Mode)))
def test_of_the_modes_of_a_site_and_a_finding_the_more_careful_holds(default, site, finding):
    ladder = Ladder(default, {"A": site}, {"one": finding})
    careful = min(site, finding, key=list(Mode).index)
    assert ladder.at([("A", "")]) == StudyModes(site, {"one": careful})
    assert ladder.at([("B", "")]) == StudyModes(default, {"one": finding})


def test_a_site_is_known_by_institution_or_sender_whatever_the_case_and_the_spaces():
    settings = DecisionSettings(DEMOTE, sites=(SiteMode("GENERAL HOSPITAL", SHADOW),))
    ladder = ladder_of(settings)
    for names in (("General  Hospital", "CR1"), ("", "general hospital"), (" GENERAL HOSPITAL ",)):
        assert ladder.at([names]).general is SHADOW
    assert ladder.at([("General Hospital East", "CR1")]).general is DEMOTE


@pytest.mark.parametrize(("default", "site"), list(itertools.product(Mode, Mode)))
def test_films_of_several_sites_bind_a_study_to_the_most_careful_mode(default, site):
    ladder = Ladder(default, {"A": site})
    careful = min(default, site, key=list(Mode).index)
    assert ladder.at([("A", ""), ("B", "")]).general is careful
    assert ladder.at([("A", "B")]).general is site


def test_a_sender_and_an_institution_with_modes_of_their_own_give_the_more_careful():
    ladder = Ladder(SHADOW, {"A": DEMOTE, "CR1": PROMOTE})
    assert ladder.at([("A", "CR1")]).general is PROMOTE


@pytest.mark.parametrize(
    ("settings", "nothing"),
    [
        (DecisionSettings(SHADOW), True),
        (DecisionSettings(PROMOTE), False),
        (DecisionSettings(SHADOW, sites=(SiteMode("A", PROMOTE),)), False),
        (DecisionSettings(SHADOW, findings=(FindingMode("one", PROMOTE),)), False),
        (DecisionSettings(SHADOW, findings=(FindingMode("one", SHADOW),)), True),
    ],
)
def test_nothing_moves_only_where_every_mode_is_shadow(settings, nothing):
    assert ladder_of(settings).moves_nothing is nothing
