"""What must be so at the end of the demonstration; every check looks at the real thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    UnifiedProcedureStepPull,
)

from triage.delivery.reactor import HELD_REACTOR
from triage.demo.morning import MODALITY_AE_TITLE
from triage.values import ReadingClass, StudyState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from triage.demo.morning import Item
    from triage.demo.stage import Daemon
    from triage.loopback import LoopbackPacs
    from triage.store import Store

PENDING = (0xFF00, 0xFF01)
LEAST_SHARE = 0.7  # of the plain films; the bundle's card says what to expect
TRUNCATED, STAT, DUPLICATE = "truncated", "stat", "duplicate"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so, whether it is, and what was seen."""

    claim: str
    holds: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Run:
    """What is left when the morning is over."""

    daemon: Daemon
    store: Store
    pacs: LoopbackPacs
    items: tuple[Item, ...]
    statuses: Mapping[str, int]


def all_checks(run: Run) -> Iterator[Check]:
    """Yield every check."""
    checks: Sequence[Callable[[Run], Check]] = (
        _every_file_was_taken,
        _every_study_is_listed_once,
        _every_study_is_decided,
        _gated_films_are_not_assessed,
        _plain_films_come_out,
        _no_abnormal_film_is_lowered,
        _urgent_orders_come_first,
        _every_study_has_its_reports,
        _the_second_report_names_the_first,
        _nothing_is_left_to_send,
        _every_view_shows_one_order,
    )
    for check in checks:
        yield check(run)


def _studies(run: Run) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in run.items:
        if item.label != DUPLICATE:
            found.setdefault(item.study, []).append(item)
    return found


def _outcomes(run: Run) -> dict[str, str]:
    return {
        entry.study_instance_uid: entry.outcome.value if entry.outcome else "none"
        for entry in run.store.worklist_entries()
    }


def _every_file_was_taken(run: Run) -> Check:
    refused = [name for name, status in run.statuses.items() if status != 0]
    seen = f"{len(run.statuses)} sent, {len(refused)} refused"
    return Check("every C-STORE was answered with success", not refused, seen)


def _every_study_is_listed_once(run: Run) -> Check:
    listed = [entry.study_instance_uid for entry in run.store.worklist_entries()]
    sent = set(_studies(run))
    holds = len(listed) == len(set(listed)) and set(listed) == sent
    return Check("every study is on the list, once", holds, f"{len(listed)} of {len(sent)}")


def _every_study_is_decided(run: Run) -> Check:
    open_ = [
        entry
        for entry in run.store.worklist_entries()
        if entry.study_state is not StudyState.DECIDED
    ]
    return Check("every study is decided", not open_, f"{len(open_)} open")


def _gated_films_are_not_assessed(run: Run) -> Check:
    outcomes = _outcomes(run)
    wrong = [
        f"{items[-1].label}: {outcomes.get(study)}"
        for study, items in _studies(run).items()
        if outcomes.get(study) not in items[-1].expected
    ]
    return Check("films out of scope are not assessed", not wrong, ", ".join(wrong) or "none is")


def _plain_films_come_out(run: Run) -> Check:
    outcomes = _outcomes(run)
    plain = {
        study: items[-1].hoped_for
        for study, items in _studies(run).items()
        if items[-1].label in ("normal", "abnormal")
    }
    right = sum(outcomes.get(study) == hoped for study, hoped in plain.items())
    claim = f"at least {LEAST_SHARE:.0%} of the plain films come out as they are"
    return Check(claim, right >= LEAST_SHARE * len(plain), f"{right} of {len(plain)}")


def _no_abnormal_film_is_lowered(run: Run) -> Check:
    truth = {study: items[-1].label for study, items in _studies(run).items()}
    lowered = [
        entry.study_instance_uid
        for entry in run.store.worklist_entries()
        if entry.reading_class is ReadingClass.LIKELY_NORMAL
    ]
    wrong = [study for study in lowered if truth.get(study) != "normal"]
    seen = f"{len(lowered)} lowered, {len(wrong)} of them wrongly"
    return Check("only normal films are lowered", bool(lowered) and not wrong, seen)


def _ranked_studies(run: Run) -> list[str]:
    cap_seconds = run.daemon.settings.worklist.waiting_cap_minutes * 60
    ranked = run.store.reading_order(run.store.clock(), cap_seconds)
    return [one.entry.study_instance_uid for one in ranked]


def _urgent_orders_come_first(run: Run) -> Check:
    urgent = {item.study for item in run.items if item.label == STAT}
    first = _ranked_studies(run)[: len(urgent)]
    return Check("STAT orders come first", set(first) == urgent, f"{len(urgent)} at the top")


def _every_study_has_its_reports(run: Run) -> Check:
    wrong = []
    for study, items in _studies(run).items():
        due = 1 + any(item.late for item in items)
        wrong += [study] if len(run.pacs.received(study)) != due else []
    total = len(run.pacs.received())
    claim = "the PACS has one report for each study, two for the one that grew"
    return Check(claim, not wrong, f"{total} reports, {len(wrong)} studies with another number")


def _the_second_report_names_the_first(run: Run) -> Check:
    claim = "a second report names the first"
    for study in {item.study for item in run.items if item.late}:
        first, *rest = run.pacs.received(study)
        if not rest:
            return Check(claim, holds=False, seen="there is no second report")
        named = [
            str(reference.ReferencedSOPInstanceUID)
            for document in dcmread(rest[-1].path).get("PredecessorDocumentsSequence", [])
            for series in document.ReferencedSeriesSequence
            for reference in series.ReferencedSOPSequence
        ]
        if named != [first.sop_instance_uid]:
            return Check(claim, holds=False, seen=f"it names {len(named)} others")
    return Check(claim, holds=True, seen="it does")


def _nothing_is_left_to_send(run: Run) -> Check:
    waiting = {
        state.value: count
        for (_, state), count in run.store.counts().deliveries.items()
        if state.value != "stored"
    }
    return Check("no delivery is left in the outbox", not waiting, str(waiting or "empty"))


def _every_view_shows_one_order(run: Run) -> Check:
    terminal = _ranked_studies(run)
    page = [one["study_instance_uid"] for one in run.daemon.ask("api/worklist")["entries"]]
    ups = _ups_order(run.daemon)
    holds = terminal == page == ups
    seen = f"{len(terminal)} in the store, {len(page)} on the page, {len(ups)} over UPS"
    return Check("store, page and UPS query show the same order", holds, seen)


def _ups_order(daemon: Daemon) -> list[str]:
    listener = daemon.settings.listener
    entity = AE(MODALITY_AE_TITLE)
    entity.add_requested_context(UnifiedProcedureStepPull)
    query = Dataset()
    query.StudyInstanceUID = ""
    association = entity.associate(
        listener.address,
        listener.port,
        ae_title=listener.ae_title,
        evt_handlers=[HELD_REACTOR],
    )
    if not association.is_established:
        return []
    answers = association.send_c_find(query, UnifiedProcedureStepPull)
    found = [
        str(identifier.StudyInstanceUID)
        for status, identifier in answers
        if identifier is not None and status.get("Status") in PENDING
    ]
    association.release()
    return found
