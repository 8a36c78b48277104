"""Concluding: from what is known of a study to its place, its decision and its report.

The clock calls this several times a second. Should two clocks run, the store sees to it that
only one of them writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from triage.decision import decide, is_spared, ladder_of, place
from triage.errors import ReportError, TransientError
from triage.filing import file_report
from triage.log import get_logger
from triage.modes import modes_of
from triage.store import Placement
from triage.values import Outcome, StudyState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triage.settings import Settings
    from triage.store import ReportRecord, StandingDecision, Store, StudySnapshot
    from triage.values import Decision, Mode, OperatingPoint
    from triage.vision.bundle import Bundle

log = get_logger("conclude")


def conclude_ready(store: Store, settings: Settings, bundle: Bundle) -> int:
    """Examine every study about which something has changed.

    Args:
        store: The store.
        settings: The site's settings.
        bundle: The model bundle that the site uses.

    Returns:
        How many studies got a decision.
    """
    waits = [worklist.wait_seconds for worklist in settings.modality_worklists]
    uids = store.studies_to_examine(order_wait_seconds=max(waits, default=0.0))
    return sum(_examine_alone(store, settings, bundle, uid) for uid in uids)


def place_standing(settings: Settings, stands: StandingDecision) -> Placement:
    """Return where a decided study belongs under the site's present modes."""
    mode = ladder_of(settings.decision).at(stands.films).governing(stands.flagged)
    reading_class = place(stands.outcome, stands.order_priority, mode, spared=stands.spared)
    return Placement(reading_class, stands.reasons, stands.outcome)


def _examine_alone(
    store: Store, settings: Settings, bundle: Bundle, study_instance_uid: str
) -> bool:
    """Examine one study; one that fails is looked at again, and never stops another."""
    try:
        return _examine(store, settings, bundle, study_instance_uid)
    except TransientError as error:
        log.warning("study waits", action="study_waits", study=study_instance_uid, problem=error)
    except Exception:  # body of the loop: it is looked at again, and stops no other
        log.exception("study not examined", action="study_failed", study=study_instance_uid)
    return False


def _examine(store: Store, settings: Settings, bundle: Bundle, study_instance_uid: str) -> bool:
    snapshot = store.snapshot(study_instance_uid)
    if _requeue_outdated(store, snapshot, bundle.identity.digest):
        return False
    modes = modes_of(settings.decision, snapshot)
    spared = is_spared(study_instance_uid, settings.decision.undemoted_share)
    decision = decide(
        snapshot.evidence,
        bundle.operating_points,
        bundle.members,
        bundle.identity.digest,
        modes.general,
        spared=spared,
        finding_modes=modes.findings,
    )
    if snapshot.state is StudyState.COMPLETE and snapshot.settled:
        mode = modes.governing(decision.flagged)
        return _conclude(store, settings, bundle, snapshot, decision, mode, spared=spared)
    _raise_early(store, bundle, snapshot, decision)
    return False


def _requeue_outdated(store: Store, snapshot: StudySnapshot, digest: str) -> bool:
    """Have images analysed again that another bundle analysed: one report, one bundle."""
    if snapshot.state is StudyState.DECIDED:
        return False
    analyses = [image.analysis for image in snapshot.evidence.images if image.analysis]
    if all(analysis.bundle_digest == digest for analysis in analyses):
        return False
    return store.requeue_outdated(snapshot.evidence.study_instance_uid, digest) > 0


def _raise_early(store: Store, bundle: Bundle, snapshot: StudySnapshot, decision: Decision) -> None:
    """Raise a study at once when an image is suspected abnormal; anything else can wait."""
    placement = None
    if decision.outcome is Outcome.ABNORMAL and snapshot.state is not StudyState.DECIDED:
        reasons = (*decision.reasons, "not all images assessed yet")
        placement = Placement(decision.reading_class, reasons, decision.outcome)
    threshold = thresholds(decision, bundle.operating_points)
    store.record_examined(snapshot, placement, bundle.identity.digest, threshold)


def _conclude(
    store: Store,
    settings: Settings,
    bundle: Bundle,
    snapshot: StudySnapshot,
    decision: Decision,
    mode: Mode,
    *,
    spared: bool,
) -> bool:
    decision, report = _with_report(store, settings, bundle, snapshot, decision, mode)
    done = store.record_decision(
        snapshot,
        decision,
        Placement(decision.reading_class, decision.reasons, decision.outcome),
        report,
        mode=mode,
        spared=spared,
        bundle_digest=bundle.identity.digest,
        destinations=[destination.name for destination in settings.destinations],
        threshold=thresholds(decision, bundle.operating_points),
    )
    if done:
        log.info(
            "study decided",
            action="study_decided",
            study=snapshot.evidence.study_instance_uid,
            outcome=decision.outcome.value,
            reading_class=decision.reading_class.name,
            count=snapshot.decisions + 1,
        )
    return done


def thresholds(decision: Decision, points: Iterable[OperatingPoint]) -> str:
    """Return what the raw scores were held against, as the ledger tells it.

    Args:
        decision: The decision.
        points: The thresholds of the bundle.

    Returns:
        "spondylosis=1.25" for each flagged finding, or for each that was ruled out; empty for
        an outcome that no threshold has brought about.
    """
    if decision.outcome is Outcome.ABNORMAL:
        bounds = {one.finding: one.flag for one in points if one.finding in decision.flagged}
    elif decision.outcome is Outcome.LIKELY_NORMAL:
        bounds = {
            one.finding: one.rule_out for one in points if one.decides and one.rule_out is not None
        }
    else:
        bounds = {}
    return ", ".join(f"{finding}={bound:.6g}" for finding, bound in bounds.items())


def _with_report(
    store: Store,
    settings: Settings,
    bundle: Bundle,
    snapshot: StudySnapshot,
    decision: Decision,
    mode: Mode,
) -> tuple[Decision, ReportRecord | None]:
    """Write the report; a study without one is decided all the same, but never lowered."""
    uid = snapshot.evidence.study_instance_uid
    try:
        return decision, file_report(store, settings, bundle, snapshot, decision, mode)
    except TransientError:
        raise
    except Exception as error:
        # Whatever a strange header did to the writing of the report: the study is decided.
        log.exception("report not written", action="report_failed", study=uid)
        why = str(error) if isinstance(error, ReportError) else "an error that the log tells"
        decision = replace(decision, reasons=(*decision.reasons, f"no report: {why}"))
        if decision.outcome is Outcome.ABNORMAL:
            return decision, None
        neutral = snapshot.evidence.order_priority.reading_class
        return replace(decision, outcome=Outcome.NOT_ASSESSABLE, reading_class=neutral), None
