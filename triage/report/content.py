"""The content tree of a report: PS3.16 TID 1500 "Measurement Report", by highdicom.

One TID 1501 group states the triage of the study, and one each finding; TID 1410 is not mixed
in, because validators misread the two together. What has to be said in words stands in
"Qualitative Evaluations" (TID 1500 rows 12 and 14).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from highdicom import sr

from triage.errors import ReportError
from triage.report.evaluation import Presence, evaluate, leading_score
from triage.report.wording import comments
from triage.uids import tracking_uid
from triage.values import ConceptCode, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from triage.codes import CodeTable
    from triage.report.evaluation import FindingResult, FindingScore
    from triage.report.request import ReportRequest
    from triage.report.source import SourceHeader

_CONTAINS: Final = sr.RelationshipTypeValues.CONTAINS
_LONGEST_MEANING: Final = 64  # Code Meaning is an LO, PS3.5 6.2
_LONGEST_SCHEME: Final = 16  # Coding Scheme Designator is an SH
_STUDY: Final = "study"  # what the study's own group tracks, beside the names of findings


def content_tree(
    request: ReportRequest,
    sources: Sequence[SourceHeader],
    library: Sequence[Dataset],
    codes: CodeTable,
) -> Dataset:
    """The root content item, with everything below it.

    Args:
        request: What the report says.
        sources: The headers of the images, each once.
        library: Clean headers for the Image Library (TID 1600); empty for none.
        codes: The coded concepts.

    Raises:
        ReportError: A code of the bundle is not fit for DICOM, or a scored image has no source.
    """
    return _ContentTree(request, sources, codes).root(library)


@dataclass(frozen=True, slots=True)
class _ContentTree:
    """What all parts of the tree are made from."""

    request: ReportRequest
    sources: Sequence[SourceHeader]
    codes: CodeTable

    def root(self, library: Sequence[Dataset]) -> Dataset:
        results = evaluate(self.request)
        report = sr.MeasurementReport(
            observation_context=self._observation_context(),
            procedure_reported=concept(self.codes.imaging_procedure),
            imaging_measurements=[
                self._study_group(results),
                *(self._finding_group(result) for result in results),
            ],
            referenced_images=library or None,
        )
        root: Dataset = report[0]
        root.ContentSequence.append(self._qualitative_evaluations())
        return root

    def _observation_context(self) -> sr.ObservationContext:
        """The algorithm as the observer (TID 1004); it agrees with Contributing Equipment."""
        algorithm = self.request.algorithm
        device = sr.DeviceObserverIdentifyingAttributes(
            uid=algorithm.device_uid,
            manufacturer_name=algorithm.manufacturer,
            model_name=algorithm.name,
        )
        observer = sr.ObserverContext(concept(self.codes.observer_device), device)
        return sr.ObservationContext(observer_device_context=observer)

    def _study_group(
        self, results: tuple[FindingResult, ...]
    ) -> sr.MeasurementsAndQualitativeEvaluations:
        """The triage of the study, with the number of the finding that weighed most."""
        outcome = self.request.decision.outcome
        return self._group(
            subject=_STUDY,
            title=self.codes.study_triage.meaning,
            finding=self.codes.study_triage,
            parameters=[f"mode={self.request.mode.value}", f"outcome={outcome.value}"],
            score=leading_score(results),
            evaluation=(self.codes.normality, self._normality(outcome)),
            images=self.sources,
        )

    def _finding_group(self, result: FindingResult) -> sr.MeasurementsAndQualitativeEvaluations:
        point = result.operating_point
        rule_out = "none" if point.rule_out is None else f"{point.rule_out:.6g}"
        return self._group(
            subject=result.finding.name,
            title=result.finding.title,
            finding=result.finding.code,
            site=result.finding.site,
            parameters=[f"flag_logit={point.flag:.6g}", f"rule_out_logit={rule_out}"],
            score=result.score,
            evaluation=(self.codes.presence, self._presence(result.presence)),
            images=[self._source(result.score.sop_instance_uid)] if result.score else [],
        )

    def _group(
        self,
        *,
        subject: str,
        title: str,
        finding: ConceptCode,
        parameters: Sequence[str],
        score: FindingScore | None,
        evaluation: tuple[ConceptCode, ConceptCode],
        images: Sequence[SourceHeader],
        site: ConceptCode | None = None,
    ) -> sr.MeasurementsAndQualitativeEvaluations:
        """One TID 1501 group; without a score it has no numbers."""
        name, value = evaluation
        return sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(
                uid=tracking_uid(self.request.study_instance_uid, subject), identifier=title
            ),
            finding_type=concept(finding),
            finding_sites=[sr.FindingSite(concept(site or self.codes.cervical_spine))],
            algorithm_id=self._algorithm(parameters),
            measurements=self._numbers(score) if score else None,
            qualitative_evaluations=[sr.QualitativeEvaluation(concept(name), concept(value))],
            source_images=[_source_image(image) for image in images],
        )

    def _algorithm(self, parameters: Sequence[str]) -> sr.AlgorithmIdentification:
        """TID 4019; it agrees with Contributing Equipment (IHE AIR)."""
        algorithm = self.request.algorithm
        return sr.AlgorithmIdentification(
            name=algorithm.name,
            version=algorithm.version,
            manufacturer=algorithm.manufacturer,
            family=concept(self.codes.artificial_intelligence),
            parameters=[f"model_sha256={algorithm.digest}", *parameters],
        )

    def _numbers(self, score: FindingScore) -> list[sr.Measurement]:
        percent = concept(self.codes.percent)
        return [
            sr.Measurement(concept(name), value, percent)
            for name, value in (
                (self.codes.certainty_of_finding, score.certainty_percent),
                (self.codes.threshold_value, score.threshold_percent),
            )
        ]

    def _normality(self, outcome: Outcome) -> ConceptCode:
        by_outcome = {
            Outcome.ABNORMAL: self.codes.abnormal,
            Outcome.LIKELY_NORMAL: self.codes.normal,
        }
        return by_outcome.get(outcome, self.codes.normality_undetermined)

    def _presence(self, presence: Presence) -> ConceptCode:
        return {
            Presence.PRESENT: self.codes.present,
            Presence.ABSENT: self.codes.absent,
            Presence.UNDETERMINED: self.codes.presence_undetermined,
        }[presence]

    def _source(self, sop_instance_uid: str) -> SourceHeader:
        for source in self.sources:
            if source.value("SOPInstanceUID") == sop_instance_uid:
                return source
        raise ReportError("an image that was scored is not among the sources: pass its header too")

    def _qualitative_evaluations(self) -> sr.ContainerContentItem:
        container = sr.ContainerContentItem(
            concept(self.codes.qualitative_evaluations), relationship_type=_CONTAINS
        )
        name = concept(self.codes.comment)
        order = [source.value("SOPInstanceUID") for source in self.sources]
        container.ContentSequence = sr.ContentSequence(
            [sr.TextContentItem(name, text, _CONTAINS) for text in comments(self.request, order)]
        )
        return container


def concept(code: ConceptCode) -> sr.CodedConcept:
    """A code as a DICOM item.

    Raises:
        ReportError: A part of it is empty or too long (PS3.3 8.8).
    """
    if not (code.value and code.scheme and code.meaning):
        raise ReportError("a code lacks its value, scheme or meaning: complete it in the bundle")
    if len(code.meaning) > _LONGEST_MEANING or len(code.scheme) > _LONGEST_SCHEME:
        raise ReportError(
            f"code {code.value}: a meaning has at most 64 characters and a scheme 16: shorten it"
        )
    return sr.CodedConcept(code.value, code.scheme, code.meaning)


def _source_image(source: SourceHeader) -> sr.SourceImageForMeasurementGroup:
    return sr.SourceImageForMeasurementGroup(
        source.required_uid("SOPClassUID"), source.required_uid("SOPInstanceUID")
    )
