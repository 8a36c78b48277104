"""Everything that a report says, before it is DICOM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import ReportError

if TYPE_CHECKING:
    from datetime import datetime

    from triage.values import (
        BundleIdentity,
        Decision,
        FindingDefinition,
        ImageEvidence,
        Mode,
        OperatingPoint,
    )


@dataclass(frozen=True, slots=True)
class PredecessorReference:
    """The earlier report of the study that a new one replaces (PS3.3 C.17.2, C.17.2.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report says and under which identifiers; the same request gives the same bytes.

    Attributes:
        study_instance_uid: Study Instance UID; the sources must be of this study.
        decision: What follows for the study.
        images: Every image of the study that was looked at, with its analysis.
        findings: What the algorithm looks for, in the order of the report.
        operating_points: The thresholds, one for each finding.
        algorithm: Who the algorithm is.
        sop_instance_uid: SOP Instance UID of the report, fixed before the first send.
        series_instance_uid: Series Instance UID of the reports of the study.
        series_number: Series Number, at least 1.
        instance_number: Instance Number, at least 1; by custom the revision of the report.
        created_at: When the decision was made; aware. Dates and times are written in its own
            zone, or in that of the source where the source names one (0008,0201).
        mode: How far the site lets results move its reading list.
        predecessor: The report that this one replaces.
    """

    study_instance_uid: str
    decision: Decision
    images: tuple[ImageEvidence, ...]
    findings: tuple[FindingDefinition, ...]
    operating_points: tuple[OperatingPoint, ...]
    algorithm: BundleIdentity
    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    instance_number: int
    created_at: datetime
    mode: Mode
    predecessor: PredecessorReference | None = None

    def __post_init__(self) -> None:
        """Refuse what no report can be made from."""
        if self.created_at.utcoffset() is None:
            raise ReportError("created_at has no time zone: pass an aware time")
        if min(self.series_number, self.instance_number) < 1:
            raise ReportError("Series Number and Instance Number of a report begin at 1")
        self._check_operating_points()
        self._check_bundle()

    def _check_operating_points(self) -> None:
        known = {point.finding for point in self.operating_points}
        missing = [finding.name for finding in self.findings if finding.name not in known]
        if missing:
            raise ReportError(f"no operating point for {', '.join(missing)}: the bundle has none")

    def _check_bundle(self) -> None:
        for image in self.images:
            if image.analysis and image.analysis.bundle_digest != self.algorithm.digest:
                raise ReportError(
                    "an image was analysed by another bundle than the one that the report names:"
                    " analyse it again before reporting"
                )

    def operating_point(self, finding: str) -> OperatingPoint:
        """The thresholds of one finding."""
        return next(point for point in self.operating_points if point.finding == finding)
