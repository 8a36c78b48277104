"""What a study comes to: abnormal, likely normal, indeterminate or not assessable.

Raise at once, lower late: one flagged image makes a study abnormal, whatever else is
missing; only a study that is complete, whose every image passed every gate, and in which
every model of the bundle ruled out every finding, is likely normal. Whatever is in between
changes nothing, and says why.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from triage.decision.ladder import StudyModes
from triage.decision.place import place
from triage.values import Decision, ImageState, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from triage.values import Analysis, ImageEvidence, Mode, OperatingPoint, Score, StudyEvidence


def decide(
    evidence: StudyEvidence,
    points: Sequence[OperatingPoint],
    members: Sequence[str],
    bundle_digest: str,
    mode: Mode,
    *,
    spared: bool = False,
    finding_modes: Mapping[str, Mode] | None = None,
) -> Decision:
    """Decide a study.

    Args:
        evidence: All that is known of the study.
        points: The operating point of every finding of the bundle. Those that only describe
            another finding must have been scored, and count for nothing else.
        members: The names of all models of the bundle.
        bundle_digest: The bundle's digest; results of another bundle count as doubt.
        mode: How far the site lets results move its list.
        spared: The study belongs to the audit share that stays in place though likely normal.
        finding_modes: The modes of the findings that have one of their own.

    Returns:
        The outcome, the class on the reading list, and the reasons.
    """
    films = [image for image in evidence.images if image.state is not ImageState.HEADER_ONLY]
    trusted = [image.analysis for image in films if _in_scope(image, bundle_digest)]
    deciding = [point for point in points if point.decides]
    flagged = [point for point in deciding if any(_is_flagged(a, point) for a in trusted if a)]
    if flagged:
        outcome, reasons = Outcome.ABNORMAL, [_clause("at or above the flag threshold", flagged)]
    elif doubts := list(_doubts(evidence, films, points, members, bundle_digest)):
        outcome, reasons = Outcome.NOT_ASSESSABLE, doubts
    elif left_open := [p for p in deciding if not all(_is_ruled_out(a, p) for a in trusted if a)]:
        outcome = Outcome.INDETERMINATE
        reasons = [_clause("between the thresholds", left_open)]
    else:
        outcome, reasons = Outcome.LIKELY_NORMAL, ["every finding ruled out in every image"]
    order = evidence.order_priority
    names = tuple(point.finding for point in flagged)
    governing = StudyModes(mode, finding_modes or {}).governing(names)
    reading_class = place(outcome, order, governing, spared=spared)
    if reading_class is not place(outcome, order, governing):
        reasons = [*reasons, "stays in place for the audit of likely-normal studies"]
    return Decision(
        outcome=outcome,
        reading_class=reading_class,
        reasons=tuple(dict.fromkeys(reasons)),
        flagged=names,
    )


def _clause(what: str, points: Sequence[OperatingPoint]) -> str:
    return f"{what}: {', '.join(point.finding for point in points)}"


def _in_scope(image: ImageEvidence, bundle_digest: str) -> bool:
    """Whether the scores of an image mean anything: its gates passed, this bundle made them."""
    analysis = image.analysis
    return (
        image.state is ImageState.ANALYSED
        and analysis is not None
        and analysis.bundle_digest == bundle_digest
        and not analysis.failed_gates
    )


def _is_flagged(analysis: Analysis, point: OperatingPoint) -> bool:
    """Whether the mean over the members reaches the flag threshold; NaN never does."""
    raw = [score.raw for score in _of(analysis, point)]
    return bool(raw) and sum(raw) / len(raw) >= point.flag


def _is_ruled_out(analysis: Analysis, point: OperatingPoint) -> bool:
    """Whether every member is strictly below the certified threshold; NaN never is."""
    if point.rule_out is None:
        return False
    return all(score.raw < point.rule_out for score in _of(analysis, point))


def _of(analysis: Analysis, point: OperatingPoint) -> list[Score]:
    return [score for score in analysis.scores if score.finding == point.finding]


def _doubts(
    evidence: StudyEvidence,
    films: Sequence[ImageEvidence],
    points: Sequence[OperatingPoint],
    members: Sequence[str],
    bundle_digest: str,
) -> Iterator[str]:
    """Yield every reason why the study cannot be called likely normal, or indeterminate."""
    if not films:
        yield "no image"
    if not any(point.decides for point in points) or not members:
        yield "the bundle has no findings"
    if not evidence.complete:
        yield "images may still arrive"
    for image in films:
        yield from _image_doubts(image, points, members, bundle_digest)


def _image_doubts(
    image: ImageEvidence,
    points: Sequence[OperatingPoint],
    members: Sequence[str],
    bundle_digest: str,
) -> Iterator[str]:
    analysis = image.analysis
    if image.state is not ImageState.ANALYSED or analysis is None:
        yield image.problem or f"an image is {image.state.value}"
        return
    if analysis.bundle_digest != bundle_digest:
        yield "an image was analysed with another model bundle"
    if not analysis.gates:
        yield "an image passed no gate"
    for gate in analysis.failed_gates:
        yield gate.reason or f"gate {gate.gate} failed"
    if not _is_whole(analysis, points, members):
        yield "a score is missing or is no number"


def _is_whole(analysis: Analysis, points: Sequence[OperatingPoint], members: Sequence[str]) -> bool:
    """Whether every member scored every finding once, with a finite number."""
    expected = sorted((point.finding, member) for point in points for member in members)
    found = sorted((score.finding, score.member) for score in analysis.scores)
    finite = all(math.isfinite(score.raw) for score in analysis.scores)
    return finite and found == expected
