"""What a received message says about orders and reports: pure, and tolerant of how it says it.

Orders come as ORM^O01 (IHE RAD-2, 3, 4 and 13) and OMI^O23; one message may hold several, each
begun by an ORC. Reports come as ORU^R01. What cannot be understood raises; what is not said is
empty, and empty changes nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from triage.errors import MessageError
from triage.hl7.parsing import first, name_of
from triage.hl7.text import joined
from triage.hl7.values import PRIORITIES, OrderNotice, ReportNotice, order_priority
from triage.values import OrderPriority

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import hl7

    from triage.hl7.parsing import Received
    from triage.hl7.values import Notice

# ORC-1, HL7 table 0119: what becomes of an order.
_CANCELS: Final = frozenset({"CA", "OC", "CR", "DC", "OD", "DR"})
_CHANGES: Final = frozenset(
    {"NW", "XO", "XX", "XR", "SC", "SN", "NA", "SR", "SS", "RO", "RP", "RU", "RR"}
    | {"PA", "CH", "OK", "OE", "RE", "UA", "HD", "OH", "HR", "RL", "OR"}
)
_CANCELLED_STATES: Final = frozenset({"CA", "DC"})  # ORC-5, HL7 table 0038

# OBR-25 (table 0123) and OBX-11 (table 0085): final, corrected, and what is no result at all.
_FINAL: Final = frozenset({"F", "C"})
_NO_RESULT: Final = frozenset({"", "O"})

_OF_THE_PATIENT: Final = frozenset({"PID", "PD1", "NTE", "NK1", "PV1", "PV2", "IN1", "IN2", "IN3"})
_DICOM_STUDY: Final = "113014"
_UID: Final = re.compile(r"[0-9.]{1,64}")
_LONGEST_LOCATION: Final = 64  # characters


def understand(received: Received) -> tuple[Notice, ...]:
    """Return what a message says of each study that it is about.

    A report that is not final says nothing.

    Raises:
        MessageError: It is no order and no report, or it does not say which study it is about.
    """
    readers = {"ORM^O01": _orders, "OMI^O23": _orders, "ORU^R01": _reports}
    reader = readers.get(received.kind)
    if reader is None:
        raise MessageError(
            "a message of this kind is not understood: ORM^O01, OMI^O23 and ORU^R01 are",
            code="200",
            at="MSH^1^9",
        )
    return tuple(reader(received))


def _orders(received: Received) -> Iterable[Notice]:
    head, groups = _groups(received.segments[1:], "ORC")
    if not groups:
        raise MessageError("the order has no ORC segment", at="ORC^1")
    shared = _shared_study(groups, received)
    by_study: dict[tuple[str, str], list[list[hl7.Segment]]] = {}
    for group in groups:
        uid = _study_uid(group, received) or shared
        key = (uid, _accession_number(group, received))
        if key == ("", ""):
            raise MessageError(
                "the order names neither a Study Instance UID (ZDS-1, IPC-3) nor an accession"
                " number (OBR-18, IPC-1)",
                code="101",
                at="OBR^1^18",
            )
        by_study.setdefault(key, []).append(group)
    return [_order(received, head, key, found) for key, found in by_study.items()]


def _groups(
    segments: Sequence[hl7.Segment], begins_with: str
) -> tuple[list[hl7.Segment], list[list[hl7.Segment]]]:
    """Split segments into what stands before the first group, and the groups."""
    head: list[hl7.Segment] = []
    groups: list[list[hl7.Segment]] = []
    for segment in segments:
        if name_of(segment) == begins_with:
            groups.append([])
        (groups[-1] if groups else head).append(segment)
    return head, groups


def _shared_study(groups: Sequence[Sequence[hl7.Segment]], received: Received) -> str:
    """Return the one UID of a message that names it once, at its end, for all of its orders."""
    named = {uid for group in groups if (uid := _study_uid(group, received))}
    return named.pop() if len(named) == 1 and _study_uid(groups[-1], received) else ""


def _study_uid(group: Sequence[hl7.Segment], received: Received) -> str:
    named = received.value(first(group, "ZDS"), 1) or received.value(first(group, "IPC"), 3)
    return _uid(named)


def _uid(text: str) -> str:
    """Return a UID (PS3.5 9.1); anything else is none, and the accession number has to do."""
    return text if _UID.fullmatch(text) else ""


def _accession_number(group: Sequence[hl7.Segment], received: Received) -> str:
    request = first(group, "OBR")
    return (
        received.value(first(group, "IPC"), 1)
        or received.value(request, 18)
        or received.value(request, 3)
        or received.value(first(group, "ORC"), 3)
    )


def _order(
    received: Received,
    head: Sequence[hl7.Segment],
    key: tuple[str, str],
    groups: Sequence[Sequence[hl7.Segment]],
) -> OrderNotice:
    uid, accession_number = key
    patient = [segment for segment in head if name_of(segment) in _OF_THE_PATIENT]
    segments = [received.header, *patient, *(segment for group in groups for segment in group)]
    return OrderNotice(
        study_instance_uid=uid,
        accession_number=accession_number,
        patient_ids=received.repetitions(first(head, "PID"), 3),
        priority_code=_most_urgent(code for group in groups for code in _codes(received, group)),
        location=_location(received, first(head, "PV1")),
        cancelled=all(_is_cancelled(received, group) for group in groups),
        message=joined(str(segment) for segment in segments),
        character_set=received.character_set,
    )


def _codes(received: Received, group: Sequence[hl7.Segment]) -> Iterable[str]:
    """Yield the places in which versions of the standard keep the priority."""
    yield received.value(first(group, "TQ1"), 9)
    yield received.value(first(group, "ORC"), 7, 6)
    yield received.value(first(group, "OBR"), 27, 6)
    yield received.value(first(group, "OBR"), 5)


def _most_urgent(codes: Iterable[str]) -> str:
    known = [code.upper() for code in codes if order_priority(code) is not OrderPriority.UNKNOWN]
    # Declaration order is urgency order.
    return min(known, key=lambda code: list(OrderPriority).index(PRIORITIES[code]), default="")


def _is_cancelled(received: Received, group: Sequence[hl7.Segment]) -> bool:
    control = received.value(group[0], 1).upper()
    if control in _CANCELS:
        return True
    if control not in _CHANGES:
        raise MessageError(
            "ORC-1 is no order control code that is understood", code="103", at="ORC^1^1"
        )
    return received.value(group[0], 5).upper() in _CANCELLED_STATES


def _location(received: Received, visit: hl7.Segment | None) -> str:
    """PV1-3: point of care, room, bed, and the facility where it is named."""
    parts = [received.value(visit, 3, component) for component in (1, 2, 3, 4)]
    shown = ", ".join(filter(None, parts))
    return "".join(filter(str.isprintable, shown))[:_LONGEST_LOCATION]


def _reports(received: Received) -> Iterable[Notice]:
    head, groups = _groups(received.segments[1:], "OBR")
    if not groups:
        raise MessageError("the report has no OBR segment", at="OBR^1")
    patient_ids = received.repetitions(first(head, "PID"), 3)
    told = [
        (
            _is_final(received, group),
            ReportNotice(
                _study_reported_on(received, (*head, *group)),
                received.value(group[0], 18) or received.value(group[0], 3),
                patient_ids,
            ),
        )
        for group in groups
    ]
    unfinished = [notice for final, notice in told if not final]
    for final, notice in told:
        if not final or any(_may_be_one(notice, other) for other in unfinished):
            continue
        if not (notice.study_instance_uid or notice.accession_number):
            raise MessageError(
                "the report names neither a Study Instance UID nor an accession number (OBR-18)",
                code="101",
                at="OBR^1^18",
            )
        yield notice


def _may_be_one(one: ReportNotice, other: ReportNotice) -> bool:
    """Whether two reports of a message may be about one study: then both have to be final."""
    if one.study_instance_uid and one.study_instance_uid == other.study_instance_uid:
        return True
    if one.accession_number and one.accession_number == other.accession_number:
        return True
    return not (other.study_instance_uid or other.accession_number)


def _is_final(received: Received, group: Sequence[hl7.Segment]) -> bool:
    """Whether a report is final by all that it says; a contradiction leaves the study unread."""
    stated = received.value(group[0], 25).upper()
    results = [
        received.value(segment, 11).upper() for segment in group if name_of(segment) == "OBX"
    ]
    results = [result for result in results if result not in _NO_RESULT]
    if stated not in _FINAL | {""}:
        return False
    return all(result in _FINAL for result in results) and bool(stated or results)


def _study_reported_on(received: Received, segments: Sequence[hl7.Segment]) -> str:
    named = (
        received.value(segment, 5)
        for segment in segments
        if name_of(segment) == "OBX" and received.value(segment, 3) == _DICOM_STUDY
    )
    return _uid(next(filter(None, named), "") or received.value(first(segments, "ZDS"), 1))
