"""The decision: raise at once, lower late, doubt changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decision import decide, is_spared, place
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

DIGEST = "d" * 64
MEMBERS = ("one", "two")
POINTS = (
    OperatingPoint("spondylosis", 2.0, -2.0, 0.88, 0.12),
    OperatingPoint("malalignment", 2.0, -2.0, 0.88, 0.12),
)


def analysis(raw: float = -5.0, *, digest: str = DIGEST, gate_passed: bool = True) -> Analysis:
    return Analysis(
        bundle_digest=digest,
        gates=(GateResult("pixels.blur", gate_passed, "" if gate_passed else "blurred"),),
        scores=tuple(
            Score(point.finding, member, raw, 0.5) for point in POINTS for member in MEMBERS
        ),
    )


def image(found: Analysis | None = None, state: ImageState = ImageState.ANALYSED) -> ImageEvidence:
    if found is None and state is ImageState.ANALYSED:
        found = analysis()
    return ImageEvidence("1.2.3", state, found)


def study(*images: ImageEvidence, complete: bool = True, order=OrderPriority.ROUTINE):
    return StudyEvidence("1.2", complete, images, order)


def decided(evidence: StudyEvidence, mode: Mode = Mode.DEMOTE, **options):
    return decide(evidence, POINTS, MEMBERS, DIGEST, mode, **options)


def with_score(found: Analysis, number: int, raw: float) -> Analysis:
    scores = list(found.scores)
    scores[number] = replace(scores[number], raw=raw)
    return replace(found, scores=tuple(scores))


def test_a_complete_gated_study_that_every_member_rules_out_is_lowered():
    decision = decided(study(image(), image()))
    assert decision.outcome is Outcome.LIKELY_NORMAL
    assert decision.reading_class is ReadingClass.LIKELY_NORMAL


def test_one_flagged_image_raises_a_study_that_is_not_complete():
    flagged = image(analysis(3.0))
    waiting = image(state=ImageState.QUEUED)
    decision = decided(study(flagged, waiting, complete=False))
    assert decision.outcome is Outcome.ABNORMAL
    assert decision.reading_class is ReadingClass.SUSPECTED_ABNORMAL
    assert decision.flagged == ("spondylosis", "malalignment")


def test_the_flag_is_reached_by_the_mean_of_the_members():
    mixed = with_score(with_score(analysis(), 0, 1.0), 1, 3.0)
    assert decided(study(image(mixed))).flagged == ("spondylosis",)
    below = with_score(mixed, 1, 2.9)
    assert decided(study(image(below))).outcome is Outcome.INDETERMINATE


def test_one_member_at_the_rule_out_threshold_keeps_a_study_in_place():
    at_threshold = with_score(analysis(), 3, -2.0)
    decision = decided(study(image(at_threshold)))
    assert decision.outcome is Outcome.INDETERMINATE
    assert decision.reading_class is ReadingClass.ROUTINE
    assert "malalignment" in decision.reasons[0]


def test_a_flagged_image_that_failed_a_gate_raises_nothing():
    decision = decided(study(image(analysis(9.0, gate_passed=False))))
    assert decision.outcome is Outcome.NOT_ASSESSABLE
    assert decision.reading_class is ReadingClass.ROUTINE
    assert decision.reasons == ("blurred",)


def test_without_a_certificate_nothing_is_ever_ruled_out():
    points = tuple(replace(point, rule_out=None) for point in POINTS)
    decision = decide(study(image(analysis(-99.0))), points, MEMBERS, DIGEST, Mode.DEMOTE)
    assert decision.outcome is Outcome.INDETERMINATE


def test_objects_that_are_no_images_have_no_effect():
    decision = decided(study(image(), image(state=ImageState.HEADER_ONLY)))
    assert decision.outcome is Outcome.LIKELY_NORMAL


@pytest.mark.parametrize(
    "doubt",
    [
        image(state=ImageState.QUEUED),
        image(state=ImageState.CLAIMED),
        image(state=ImageState.SET_ASIDE),
        image(state=ImageState.NOT_ELIGIBLE),
        image(analysis(gate_passed=False)),
        image(analysis(digest="e" * 64)),
        image(replace(analysis(), gates=())),
        image(replace(analysis(), scores=())),
        image(replace(analysis(), scores=analysis().scores[1:])),
        image(replace(analysis(), scores=(*analysis().scores, analysis().scores[0]))),
        image(with_score(analysis(), 0, math.nan)),
        image(with_score(analysis(), 0, -math.inf)),
    ],
)
def test_one_doubtful_image_keeps_its_study_in_place(doubt):
    decision = decided(study(image(), doubt))
    assert decision.outcome is Outcome.NOT_ASSESSABLE
    assert decision.reading_class is ReadingClass.ROUTINE
    assert decision.reasons


@pytest.mark.parametrize("evidence", [study(), study(image(), complete=False)])
def test_an_empty_or_growing_study_stays_in_place(evidence):
    assert decided(evidence).outcome is Outcome.NOT_ASSESSABLE


def test_a_bundle_without_findings_or_members_lowers_nothing():
    empty = replace(analysis(), scores=())
    assert decide(study(image(empty)), (), MEMBERS, DIGEST, Mode.DEMOTE).outcome is (
        Outcome.NOT_ASSESSABLE
    )
    assert decide(study(image(empty)), POINTS, (), DIGEST, Mode.DEMOTE).outcome is (
        Outcome.NOT_ASSESSABLE
    )


R, S, L, U = (
    ReadingClass.ROUTINE,
    ReadingClass.SUSPECTED_ABNORMAL,
    ReadingClass.LIKELY_NORMAL,
    ReadingClass.URGENT_ORDER,
)


@pytest.mark.parametrize(
    ("mode", "abnormal", "likely_normal", "indeterminate", "not_assessable"),
    [(Mode.SHADOW, R, R, R, R), (Mode.PROMOTE, S, R, R, R), (Mode.DEMOTE, S, L, R, R)],
)
def test_each_mode_moves_what_it_may(mode, abnormal, likely_normal, indeterminate, not_assessable):
    classes = [place(outcome, OrderPriority.ROUTINE, mode) for outcome in Outcome]
    assert classes == [abnormal, likely_normal, indeterminate, not_assessable]


@pytest.mark.parametrize("order", [OrderPriority.STAT, OrderPriority.HIGH])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("outcome", Outcome)
def test_an_urgent_order_outranks_every_result(order, mode, outcome):
    assert place(outcome, order, mode) is U


def test_a_spared_study_stays_in_place_and_keeps_its_outcome():
    decision = decided(study(image()), spared=True)
    assert decision.outcome is Outcome.LIKELY_NORMAL
    assert decision.reading_class is ReadingClass.ROUTINE
    assert "audit" in decision.reasons[-1]


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.PROMOTE])
def test_where_nothing_is_lowered_nothing_is_said_of_the_audit(mode):
    assert decided(study(image()), mode, spared=True).reasons == (
        decided(study(image()), mode).reasons
    )


def test_the_audit_share_is_stable_and_of_the_size_asked_for():
    uids = [f"1.2.{number}" for number in range(4000)]
    spared = [is_spared(uid, 0.05) for uid in uids]
    assert spared == [is_spared(uid, 0.05) for uid in uids]
    assert 0.035 < sum(spared) / len(spared) < 0.065
    assert not any(is_spared(uid, 0.0) for uid in uids)
    assert all(is_spared(uid, 1.0) for uid in uids)


raws = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([-5.0, -2.0, 2.0, 5.0])
)
scores = st.builds(
    Score,
    finding=st.sampled_from(["spondylosis", "malalignment", "unheard of"]),
    member=st.sampled_from(["one", "two", "three"]),
    raw=raws,
    probability=st.just(0.5),
)
gates = st.builds(GateResult, gate=st.just("g"), passed=st.booleans(), reason=st.text(max_size=5))
analyses = st.one_of(
    st.just(analysis()),
    st.builds(
        Analysis,
        bundle_digest=st.sampled_from([DIGEST, "", "e" * 64]),
        gates=st.lists(gates, max_size=3).map(tuple),
        scores=st.lists(scores, max_size=5).map(tuple),
    ),
)
images = st.builds(
    ImageEvidence,
    sop_instance_uid=st.just("1"),
    state=st.sampled_from(ImageState),
    analysis=st.one_of(st.none(), analyses),
    problem=st.text(max_size=5),
)
studies = st.builds(
    StudyEvidence,
    study_instance_uid=st.just("1"),
    complete=st.booleans(),
    images=st.lists(images, max_size=4).map(tuple),
    order_priority=st.sampled_from(OrderPriority),
)


@given(evidence=studies, mode=st.sampled_from(Mode), spared=st.booleans())
def test_no_fault_ever_lowers_a_study(evidence, mode, spared):
    decision = decided(evidence, mode, spared=spared)
    if decision.reading_class is not ReadingClass.LIKELY_NORMAL:
        return
    films = [one for one in evidence.images if one.state is not ImageState.HEADER_ONLY]
    assert mode is Mode.DEMOTE
    assert not spared
    assert evidence.complete
    assert not evidence.order_priority.urgent
    assert films
    for film in films:
        assert film.state is ImageState.ANALYSED
        assert film.analysis is not None
        assert film.analysis.bundle_digest == DIGEST
        assert film.analysis.gates
        assert all(gate.passed for gate in film.analysis.gates)
        found = {(one.finding, one.member): one.raw for one in film.analysis.scores}
        assert set(found) == {(point.finding, name) for point in POINTS for name in MEMBERS}
        assert all(math.isfinite(raw) and raw < -2.0 for raw in found.values())


@given(evidence=studies, mode=st.sampled_from(Mode))
def test_every_decision_gives_a_reason(evidence, mode):
    assert decided(evidence, mode).reasons


DESCRIBED = (*POINTS, OperatingPoint("spondylosis:C5/C6", 2.0, None, 0.88, None, decides=False))


def described(raw: float) -> Analysis:
    """Scores that rule every deciding finding out, and one of a description."""
    found = analysis(-5.0)
    level = tuple(Score("spondylosis:C5/C6", member, raw, 0.5) for member in MEMBERS)
    return replace(found, scores=(*found.scores, *level))


def test_a_description_above_its_threshold_raises_nothing_and_blocks_nothing():
    decision = decide(study(image(described(9.0))), DESCRIBED, MEMBERS, DIGEST, Mode.DEMOTE)
    assert decision.outcome is Outcome.LIKELY_NORMAL
    assert decision.flagged == ()


def test_a_description_that_was_not_scored_is_doubt():
    decision = decide(study(image(analysis(-5.0))), DESCRIBED, MEMBERS, DIGEST, Mode.DEMOTE)
    assert decision.outcome is Outcome.NOT_ASSESSABLE


def test_a_bundle_that_only_describes_decides_nothing():
    only = DESCRIBED[-1:]
    found = described(-9.0)
    found = replace(found, scores=found.scores[-len(MEMBERS) :])
    decision = decide(study(image(found)), only, MEMBERS, DIGEST, Mode.DEMOTE)
    assert decision.outcome is Outcome.NOT_ASSESSABLE
