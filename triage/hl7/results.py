"""What was found, as ORU^R01 2.5.1: the findings of the structured report, for a RIS.

Preliminary throughout (OBR-25 and OBX-11 are P): no result of ours ever ends the reading of a
study, not even when it comes back to us.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from triage.codes import CODES
from triage.errors import MessageError
from triage.hl7.messages import control_id, header, timestamp
from triage.hl7.parsing import first, read_text
from triage.hl7.text import STANDARD, encode, joined
from triage.hl7.values import Message
from triage.report.evaluation import Presence, evaluate
from triage.report.wording import comments
from triage.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triage.hl7.values import Order
    from triage.report.evaluation import FindingResult
    from triage.report.request import ReportRequest
    from triage.settings import Hl7Receiver
    from triage.values import ConceptCode, WorklistEntry

_VERSION: Final = "2.5.1"
_PRELIMINARY: Final = "P"
_ORDER_DETAIL: Final = "O"  # OBX-11 of what is no result
_COMMENTS: Final = 2  # the disclaimer, and the result in words
_STUDY: Final = ("113014", "DICOM Study", "DCM")

_NORMALITY: Final = {
    Outcome.ABNORMAL: (CODES.abnormal, "A"),
    Outcome.LIKELY_NORMAL: (CODES.normal, "N"),
}
_PRESENCE: Final = {
    Presence.PRESENT: (CODES.present, "A"),
    Presence.ABSENT: (CODES.absent, "N"),
    Presence.UNDETERMINED: (CODES.presence_undetermined, ""),
}


@dataclass(frozen=True, slots=True)
class _Observation:
    """One OBX: what was observed, and how it reads."""

    value_type: str
    identifier: str
    group: str  # OBX-4: what belongs together
    value: str
    units: str = ""
    flag: str = ""  # OBX-8: N or A
    status: str = _PRELIMINARY


def result_message(
    request: ReportRequest, entry: WorklistEntry, order: Order | None, receiver: Hl7Receiver
) -> Message:
    """Return what a receiver is told about a study that was decided.

    Args:
        request: What the structured report of the decision says.
        entry: The study's line of the list, for patient and order.
        order: Its last order, where one is known.
        receiver: Who is told.

    Raises:
        DeliveryRefusedError: The receiver's character set lacks a character of the message.
    """
    number = control_id("result", receiver.name, request.sop_instance_uid)
    at = timestamp(request.created_at)
    observations = [
        _observation(position, one, request.algorithm.device_uid, at)
        for position, one in enumerate(_observations(request), start=1)
    ]
    notes = islice(comments(request, ()), _COMMENTS)
    segments = [
        header(receiver, "ORU^R01^ORU_R01", number, _VERSION, request.created_at),
        _patient(entry),
        _request(entry, order, at),
        *(
            STANDARD.segment("NTE", {1: str(position), 2: "L", 3: STANDARD.escaped(note)})
            for position, note in enumerate(notes, start=1)
        ),
        *observations,
    ]
    return Message(number, encode(joined(segments), receiver.character_set.value))


def _patient(entry: WorklistEntry) -> str:
    """PID; a DICOM name has the prefix before the suffix, an HL7 name behind it."""
    name = entry.patient_name.partition("=")[0].split("^")
    family, given, middle, prefix, suffix = (*name[:5], *[""] * (5 - len(name[:5])))
    return STANDARD.segment(
        "PID",
        {
            1: "1",
            3: STANDARD.components(entry.patient_id),
            5: STANDARD.components(family, given, middle, suffix, prefix),
            7: STANDARD.escaped(entry.patient_birth_date),
            8: STANDARD.escaped(entry.patient_sex),
        },
    )


def _request(entry: WorklistEntry, order: Order | None, at: str) -> str:
    """OBR: the order as the RIS knows it, where we do."""
    return STANDARD.segment(
        "OBR",
        {
            1: "1",
            4: _code(CODES.study_triage),
            **_ordered(order),
            7: STANDARD.escaped(entry.study_date) or at,
            18: STANDARD.escaped(entry.accession_number),
            22: at,
            25: _PRELIMINARY,
        },
    )


def _ordered(order: Order | None) -> dict[int, str]:
    """Placer's and filler's number and the service, as the last order names them."""
    if order is None or order.character_set is None:
        return {}
    try:
        received = read_text(order.message)
    except MessageError:  # only a report came, no order
        return {}
    request = first(received.segments, "OBR")
    if request is None or received.delimiters != STANDARD:
        return {}
    fields = str(request).split(STANDARD.field)
    return {number: fields[number] for number in (2, 3, 4) if number < len(fields)}


def _observations(request: ReportRequest) -> Iterator[_Observation]:
    yield _Observation(
        "ST",
        STANDARD.components(*_STUDY),
        "",
        STANDARD.escaped(request.study_instance_uid),
        status=_ORDER_DETAIL,
    )
    value, flag = _NORMALITY.get(request.decision.outcome, (CODES.normality_undetermined, ""))
    yield _Observation("CWE", _code(CODES.normality), "1", _code(value), flag=flag)
    for group, result in enumerate(evaluate(request), start=2):
        yield from _of_finding(result, str(group))


def _of_finding(result: FindingResult, group: str) -> Iterator[_Observation]:
    value, flag = _PRESENCE[result.presence]
    yield _Observation("CWE", _code(result.finding.code), group, _code(value), flag=flag)
    if result.score is not None:
        yield _Observation(
            "NM",
            _code(CODES.certainty_of_finding),
            group,
            f"{result.score.certainty_percent:g}",
            units=_code(CODES.percent),
        )


def _observation(position: int, one: _Observation, device_uid: str, at: str) -> str:
    return STANDARD.segment(
        "OBX",
        {
            1: str(position),
            2: one.value_type,
            3: one.identifier,
            4: one.group,
            5: one.value,
            6: one.units,
            8: one.flag,
            11: one.status,
            14: at,
            18: device_uid,
        },
    )


def _code(code: ConceptCode) -> str:
    return STANDARD.components(code.value, code.meaning, code.scheme)
