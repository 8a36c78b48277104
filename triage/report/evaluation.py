"""From scores and decision to what the report states of each finding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from statistics import fmean
from typing import TYPE_CHECKING

from triage.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triage.report.request import ReportRequest
    from triage.values import FindingDefinition, ImageEvidence, OperatingPoint, Score

_SMALLEST = 1e-12  # keeps the logit of a saturated probability finite


class Presence(Enum):
    """What is stated of one finding (CID 240)."""

    PRESENT = "present"  # flagged by the decision; for a description, at or above its threshold
    ABSENT = "absent"  # the study is likely normal: every finding was ruled out
    UNDETERMINED = "undetermined"  # neither


@dataclass(frozen=True, slots=True)
class FindingScore:
    """What the algorithm says about one finding in the image that shows it most.

    Attributes:
        sop_instance_uid: The image.
        certainty_percent: Calibrated probability of the ensemble, 0 to 100.
        threshold_percent: At or above this certainty an image is flagged, 0 to 100.
        margin: Mean raw score over the members, less the flag threshold (a logit).
    """

    sop_instance_uid: str
    certainty_percent: float
    threshold_percent: float
    margin: float


@dataclass(frozen=True, slots=True)
class FindingResult:
    """All that the report states of one finding; ``score`` is None where no image was scored."""

    finding: FindingDefinition
    operating_point: OperatingPoint
    presence: Presence
    score: FindingScore | None


def evaluate(request: ReportRequest) -> tuple[FindingResult, ...]:
    """State every finding of the bundle, in bundle order."""
    return tuple(_evaluate_finding(request, finding) for finding in request.findings)


def leading_score(results: tuple[FindingResult, ...]) -> FindingScore | None:
    """The score that stands highest above, or least below, its flag threshold.

    Findings that only describe another one lead nothing.
    """
    scores = [
        result.score
        for result in results
        if result.score is not None and result.operating_point.decides
    ]
    return max(scores, key=lambda score: score.margin, default=None)


def _evaluate_finding(request: ReportRequest, finding: FindingDefinition) -> FindingResult:
    point = request.operating_point(finding.name)
    flagged = finding.name in request.decision.flagged
    score = _highest_score(request.images, point, flagged=flagged)
    presence = (
        _presence(request.decision.outcome, flagged=flagged) if point.decides else _described(score)
    )
    return FindingResult(finding, point, presence, score)


def _highest_score(
    images: tuple[ImageEvidence, ...], point: OperatingPoint, *, flagged: bool
) -> FindingScore | None:
    """The highest score of the images in scope: outside its scope a score means nothing.

    A finding that an image out of scope has flagged is reported with the score that did it.
    """
    in_scope = _scores((image for image in images if _in_scope(image)), point)
    if flagged and not any(score.margin >= 0 for score in in_scope):
        in_scope = _scores(images, point)
    return max(in_scope, key=lambda score: score.margin, default=None)


def _in_scope(image: ImageEvidence) -> bool:
    return image.analysis is not None and not image.analysis.failed_gates


def _scores(images: Iterable[ImageEvidence], point: OperatingPoint) -> list[FindingScore]:
    return [score for image in images if (score := _score(image, point)) is not None]


def _described(score: FindingScore | None) -> Presence:
    """State a description: there above its threshold; below it nothing has been shown."""
    seen = score is not None and score.margin >= 0
    return Presence.PRESENT if seen else Presence.UNDETERMINED


def _presence(outcome: Outcome, *, flagged: bool) -> Presence:
    if flagged:
        return Presence.PRESENT
    return Presence.ABSENT if outcome is Outcome.LIKELY_NORMAL else Presence.UNDETERMINED


def _score(image: ImageEvidence, point: OperatingPoint) -> FindingScore | None:
    scores = [
        score
        for score in (image.analysis.scores if image.analysis else ())
        if score.finding == point.finding
    ]
    if not scores:
        return None
    return FindingScore(
        sop_instance_uid=image.sop_instance_uid,
        certainty_percent=_percent(_ensemble_probability(scores)),
        threshold_percent=_percent(point.display_flag),
        margin=fmean(score.raw for score in scores) - point.flag,
    )


def _ensemble_probability(scores: list[Score]) -> float:
    """The probability that belongs to the mean raw score of the members.

    Temperature scaling divides logits by a constant, so that the mean of the calibrated
    logits is the calibrated mean logit. The mean of the probabilities would not be, and could
    fall on the other side of the threshold.
    """
    return 1 / (1 + math.exp(-fmean(_logit(score.probability) for score in scores)))


def _logit(probability: float) -> float:
    bounded = min(max(probability, _SMALLEST), 1 - _SMALLEST)
    return math.log(bounded / (1 - bounded))


def _percent(probability: float) -> float:
    return round(100 * probability, 2)
