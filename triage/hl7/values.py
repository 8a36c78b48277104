"""The frozen values of the HL7 room, for those who store them and those who send them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from triage.values import OrderPriority

if TYPE_CHECKING:
    from datetime import datetime

# HL7 tables 0027 and 0485 as IHE maps them to (0040,1003); sites also write the words.
PRIORITIES: Final = {
    "S": OrderPriority.STAT,
    "STAT": OrderPriority.STAT,
    "A": OrderPriority.HIGH,
    "ASAP": OrderPriority.HIGH,
    "P": OrderPriority.HIGH,  # before an operation
    "C": OrderPriority.HIGH,  # somebody waits to be called back
    "UR": OrderPriority.HIGH,
    "T": OrderPriority.MEDIUM,
    "R": OrderPriority.ROUTINE,
    "ROUTINE": OrderPriority.ROUTINE,
    "PRN": OrderPriority.ROUTINE,
}


def order_priority(code: str) -> OrderPriority:
    """Return what a priority code means; UNKNOWN changes nothing."""
    return PRIORITIES.get(code.upper(), OrderPriority.UNKNOWN)


class MessageKind(Enum):
    """What a receiver may be sent."""

    ORU = "oru"  # ORU^R01 2.5.1: what was found
    ORM = "orm"  # ORM^O01 2.3.1: the order again, with another priority (IHE RAD-13)
    OMI = "omi"  # OMI^O23 2.5.1: the same for receivers that have left 2.3.1 behind


class AcknowledgementCode(Enum):
    """MSA-1, HL7 table 0008; the commit codes of the enhanced mode count as their likes."""

    AA = "AA"  # done
    AE = "AE"  # not now: the same message again later, and an alarm when that does not help
    AR = "AR"  # never: the same message would be refused again


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What became of one message.

    Attributes:
        code: Done, not now, or never.
        problem: What is wrong, in words of this program, without patient data; empty when done.
        error: What is wrong, by HL7 table 0357.
        at: Where, as ERR-2 has it ("MSH^1^9"); empty where no one field is at fault.
    """

    code: AcknowledgementCode
    problem: str = ""
    error: str = "207"
    at: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it goes over the wire.

    Attributes:
        control_id: MSH-10; a retried message keeps it.
        content: The encoded message, without its MLLP frame.
    """

    control_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MessageIdentity:
    """What makes a received message the one that it is.

    Attributes:
        application: MSH-3, as received.
        facility: MSH-4, as received.
        control_id: MSH-10.
        digest: SHA-256 of everything after MSH: a sender that starts its numbers anew, or lets
            them wrap, sends another message under a known number, and it must not be lost.
    """

    application: str
    facility: str
    control_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class OrderNotice:
    """What a message says about one order, and so about the study that fulfils it.

    Attributes:
        study_instance_uid: From ZDS-1 or IPC-3; empty where the message names none.
        accession_number: From OBR-18 or IPC-1, else the filler's number; may be empty.
        patient_ids: Every identifier in PID-3.
        priority_code: HL7 table 0027 or 0485; empty where nothing is said.
        location: PV1-3 in words; empty where nothing is said.
        cancelled: Whether the order was cancelled or discontinued.
        message: The order as received: MSH, what belongs to the patient, its own segments.
        character_set: MSH-18 as received; None where the text could not be decoded, so that the
            message can be acted upon but not repeated.
    """

    study_instance_uid: str
    accession_number: str
    patient_ids: tuple[str, ...] = ()
    priority_code: str = ""
    location: str = ""
    cancelled: bool = False
    message: str = ""
    character_set: str | None = ""


@dataclass(frozen=True, slots=True)
class ReportNotice:
    """A final report: the study has been read."""

    study_instance_uid: str
    accession_number: str
    patient_ids: tuple[str, ...] = ()


Notice = OrderNotice | ReportNotice


@dataclass(frozen=True, slots=True)
class Order:
    """The last order of a study, as far as it is known.

    Attributes:
        study_instance_uid: As the message named it; may be empty.
        accession_number: As the message named it; may be empty.
        priority_code: What the people who ordered asked for; empty where they said nothing.
        shown_code: What the order system shows, as far as its messages and its answers to ours
            tell; empty where they tell nothing.
        location: Where the patient is.
        cancelled: Whether it was cancelled.
        read: Whether a final report came for it.
        message: The last whole message, which an order change repeats; empty when there was
            none but a report.
        character_set: As in OrderNotice.
        changed_at: When the last message about it came.
    """

    study_instance_uid: str
    accession_number: str
    priority_code: str
    shown_code: str
    location: str
    cancelled: bool
    read: bool
    message: str
    character_set: str | None
    changed_at: datetime
