"""What is told of a decision over HL7, gathered from the study's history and the bundle."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from triage.filing import SERIES_NUMBER
from triage.report import ReportRequest
from triage.uids import device_uid, report_series_uid, report_uid
from triage.values import ImageEvidence, ImageState, Mode, StudyState

if TYPE_CHECKING:
    from triage.store import DecisionRecord, StudyRecord
    from triage.vision.bundle import Bundle


def is_worth_telling(study: StudyRecord, number: int) -> bool:
    """Return whether receivers are told of a decision of a study.

    In shadow mode nothing leaves but the report. Of a study that has grown since, the decision
    is void: another one comes.
    """
    decision = study.decisions[number - 1]
    return (
        decision.mode is not Mode.SHADOW
        and number == len(study.decisions)
        and study.entry.study_state is StudyState.DECIDED
    )


def request_of(study: StudyRecord, number: int, bundle: Bundle) -> ReportRequest:
    """Return what the report of a decision says.

    Args:
        study: The study's history.
        number: Which decision of the study.
        bundle: The bundle in use. Of a decision that another one has made, the findings are left
            out: what they are called, and what they were held against, is not known any more.
    """
    record = study.decisions[number - 1]
    uid = study.entry.study_instance_uid
    same = record.bundle_digest == bundle.identity.digest
    algorithm = replace(
        bundle.identity,
        digest=record.bundle_digest,
        device_uid=device_uid(record.bundle_digest),
    )
    return ReportRequest(
        study_instance_uid=uid,
        decision=record.decision,
        images=_images(study, record),
        findings=bundle.findings if same else (),
        operating_points=bundle.operating_points if same else (),
        algorithm=algorithm,
        sop_instance_uid=_report_uid(uid, record),
        series_instance_uid=report_series_uid(uid),
        series_number=SERIES_NUMBER,
        instance_number=number,
        created_at=record.decided_at,
        mode=record.mode,
    )


def _images(study: StudyRecord, record: DecisionRecord) -> tuple[ImageEvidence, ...]:
    return tuple(
        ImageEvidence(one.sop_instance_uid, one.state, one.analysis, one.problem)
        for one in study.instances
        if not one.superseded
        and one.state is not ImageState.HEADER_ONLY
        and (one.analysis is None or one.analysis.bundle_digest == record.bundle_digest)
    )


def _report_uid(study_instance_uid: str, record: DecisionRecord) -> str:
    """Return the UID of the report; the one that it would have, where none could be written."""
    if record.report is not None:
        return record.report.sop_instance_uid
    return report_uid(study_instance_uid, record.number, record.decided_at)
