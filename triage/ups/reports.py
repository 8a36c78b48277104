"""The event reports of a work item: what each tells, and which follow from a change. Pure.

PS3.4 CC.2.4 and Table CC.2.4-1. A change of priority has no event: who needs it asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.ups.attributes import PROGRESS
from triage.worklist.query import select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataelem import DataElement

    from triage.values import StepState


class EventType(IntEnum):
    """Event Type ID, PS3.4 Table CC.2.4-1."""

    STATE_REPORT = 1  # its state, or whether its input is ready; also on a new subscription
    CANCEL_REQUESTED = 2  # somebody asks whoever performs it to cancel it
    PROGRESS_REPORT = 3  # how far the work on it has come
    SCP_STATUS_CHANGE = 4  # we have been restarted
    ASSIGNED = 5  # who is to perform it, or where


@dataclass(frozen=True, slots=True)
class EventReport:
    """One event, as every subscriber is told it."""

    kind: EventType
    information: Dataset


_LONGEST_TITLE = 16  # VR AE
_WHY = ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence")
_CONTACT = ("ContactURI", "ContactDisplayName")
_ASSIGNMENTS = ("ScheduledStationNameCodeSequence", "ScheduledHumanPerformersSequence")


def state_report(item: Dataset, state: StepState | None = None) -> EventReport:
    """Return the UPS State Report of an item.

    Args:
        item: The item.
        state: A state that it has gone through, when it is not the one that it has now.
    """
    told = Dataset()
    told.ProcedureStepState = item.ProcedureStepState if state is None else state.value
    told.InputReadinessState = item.InputReadinessState
    for progress in item.get(PROGRESS) or ():
        _copy(progress, _WHY, told)
    return EventReport(EventType.STATE_REPORT, told)


def cancel_requested(requesting_ae: str, request: Dataset) -> EventReport:
    """Return the UPS Cancel Requested event.

    Args:
        requesting_ae: AE title of who asks; of a user, as much of the name as a title holds.
        request: The action information of the request.
    """
    told = Dataset()
    told.RequestingAE = requesting_ae[:_LONGEST_TITLE]
    _copy(request, (*_WHY, *_CONTACT), told)
    return EventReport(EventType.CANCEL_REQUESTED, told)


def restarted() -> EventReport:
    """Return the SCP Status Change event after a restart that has kept everything."""
    told = Dataset()
    told.SCPStatus = "RESTARTED"
    told.SubscriptionListStatus = "WARM START"
    told.UnifiedProcedureStepListStatus = "WARM START"
    return EventReport(EventType.SCP_STATUS_CHANGE, told)


def subscriptions_lost() -> EventReport:
    """Return the SCP Status Change event for who has to subscribe again: all else is kept."""
    report = restarted()
    report.information.SubscriptionListStatus = "COLD START"
    return report


def first_reports(item: Dataset) -> tuple[EventReport, ...]:
    """Return the events of a new item: its state, and who is to perform it, if that is known."""
    assigned = (_assigned(item),) if any(item.get(word) for word in _ASSIGNMENTS) else ()
    return (state_report(item), *assigned)


def reports_of_change(
    before: Dataset, after: Dataset, states: Iterable[StepState]
) -> tuple[EventReport, ...]:
    """Return the events that follow from a change.

    Args:
        before: The item as it was.
        after: The item as it is.
        states: The states that it has gone through, the present one among them; none when
            its state stayed as it was.
    """
    found = [state_report(after, state) for state in states]
    if not found and before.InputReadinessState != after.InputReadinessState:
        found.append(state_report(after))
    if any(before.get(word) != after.get(word) for word in _ASSIGNMENTS):
        found.append(_assigned(after))
    if after.get(PROGRESS) and before.get(PROGRESS) != after.get(PROGRESS):
        progress = select(after, [after[PROGRESS].tag])
        found.append(EventReport(EventType.PROGRESS_REPORT, progress))
    return tuple(found)


def _assigned(item: Dataset) -> EventReport:
    told = Dataset()
    stations = item.get("ScheduledStationNameCodeSequence")
    if stations:
        told.ScheduledStationNameCodeSequence = stations
    performers = item.get("ScheduledHumanPerformersSequence") or ()
    codes = [one for who in performers for one in who.get("HumanPerformerCodeSequence") or ()]
    if codes:
        told.HumanPerformerCodeSequence = Sequence(codes)
    for performer in performers[:1]:
        _copy(performer, ("HumanPerformerOrganization",), told)
    return EventReport(EventType.ASSIGNED, told)


def _copy(source: Dataset, keywords: Iterable[str], target: Dataset) -> None:
    for keyword in keywords:
        if keyword in source:
            element: DataElement = source[keyword]
            target.add(element)
