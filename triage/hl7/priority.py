"""An order, again, with another priority: ORM^O01 2.3.1 (IHE RAD-13) or OMI^O23 2.5.1.

The whole last order is repeated as it came and only its priority is changed: whatever an order
message leaves out, some order systems delete. HL7 has nothing below routine, so that studies
are only ever raised here, and put back to what their order asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from triage.errors import DeliveryRefusedError
from triage.hl7.messages import control_id, header
from triage.hl7.parsing import name_of, read_message
from triage.hl7.text import encode, joined
from triage.hl7.values import Message, MessageKind, order_priority
from triage.values import ReadingClass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from triage.hl7.parsing import Received
    from triage.hl7.values import Order
    from triage.settings import Hl7Receiver

RAISED: Final = "A"  # as soon as possible: below STAT, which stays for people to say
ROUTINE: Final = "R"
_KINDS: Final = {
    MessageKind.ORM: ("ORM^O01", "2.3.1"),
    MessageKind.OMI: ("OMI^O23^OMI_O23", "2.5.1"),
}


class Change(Protocol):
    """A line of the ledger of priorities, as far as a message depends on it."""

    @property
    def change_id(self) -> int:
        """Which change it is."""

    @property
    def changed_at(self) -> datetime:
        """When it happened."""

    @property
    def class_before(self) -> ReadingClass | None:
        """Where the study stood; None for one that has just arrived."""

    @property
    def class_after(self) -> ReadingClass:
        """Where it stands now."""


def wanted_code(order: Order, reading_class: ReadingClass | None) -> str:
    """Return the priority that an order system should show for a study that stands here.

    An order that is urgent by itself keeps what it has, wherever its study stands.
    """
    own = order.priority_code or ROUTINE
    if order_priority(own).urgent or reading_class is not ReadingClass.SUSPECTED_ABNORMAL:
        return own
    return RAISED


def priority_message(order: Order, change: Change, receiver: Hl7Receiver) -> Message | None:
    """Return what tells a receiver that a study was raised, or put back.

    The same change makes the same message, so that a retry is one for the receiver too.

    Args:
        order: The study's last order.
        change: What moved the study.
        receiver: Who is told; its kinds of messages say in which form.

    Returns:
        None when there is nothing to tell: the change means nothing in HL7, the receiver takes
        no orders, the order is cancelled or read, or a person has changed it since.

    Raises:
        DeliveryRefusedError: The order cannot be repeated as it came.
    """
    kind = next((one for one in receiver.messages if one in _KINDS), None)
    code = wanted_code(order, change.class_after)
    if kind is None or code == wanted_code(order, change.class_before):
        return None
    if order.cancelled or order.read or order.edited:
        return None
    return order_message(order, code, kind, receiver, change.changed_at, str(change.change_id))


def order_message(
    order: Order, code: str, kind: MessageKind, receiver: Hl7Receiver, at: datetime, name: str
) -> Message:
    """Return the last order of a study with this priority.

    Args:
        order: The order.
        code: HL7 table 0027.
        kind: ORM or OMI.
        receiver: Who is told.
        at: When the priority changed.
        name: Makes the number of the message, with the receiver, the study and the code.

    Raises:
        DeliveryRefusedError: The order cannot be repeated as it came.
    """
    if not order.message or order.character_set is None:
        raise DeliveryRefusedError(
            "the study's order cannot be repeated: its text is not in the character set that its"
            " MSH-18 names; set [hl7] character_set, or have the sender mend MSH-18"
        )
    received = read_message(order.message.encode(), "UNICODE UTF-8")
    number = control_id("order", receiver.name, order.study_instance_uid, name, code)
    words, version = _KINDS[kind]
    changed = _Changed(received, order, code)
    segments = [
        header(receiver, words, number, version, at, received.delimiters),
        *(changed.as_orm() if kind is MessageKind.ORM else changed.as_omi()),
    ]
    return Message(number, encode(joined(segments), receiver.character_set.value))


class _Changed:
    """The segments of an order with another priority, in either form.

    Args:
        received: The order as it came.
        order: What it says.
        code: The new priority.
    """

    def __init__(self, received: Received, order: Order, code: str) -> None:
        self._marks = received.delimiters
        self._segments = [
            (name_of(segment), str(segment).split(self._marks.field))
            for segment in received.segments[1:]
        ]
        self._code = code
        self._study = order.study_instance_uid
        self._facts = self._identifiers(order)

    def as_orm(self) -> list[str]:
        """Keep the priority in ORC-7.6 and OBR-27.6, and the study in ZDS."""
        made = []
        for name, fields in self._segments:
            if name == "ORC":
                self._put_control(fields)
                self._put(fields, 7, self._code, component=6)
            if name == "OBR":
                self._put_request(fields)
                self._put(fields, 27, self._code, component=6)
            if name not in ("TQ1", "IPC", "ZDS"):
                made.append(self._written(fields))
        pointer = self._marks.components(self._study, "", "Application", "DICOM")
        return [*made, self._marks.segment("ZDS", {1: pointer})]

    def as_omi(self) -> list[str]:
        """Keep the priority in TQ1-9, and the study in IPC."""
        made = []
        timed = any(name == "TQ1" for name, _ in self._segments)
        for name, fields in self._segments:
            if name == "ORC":
                self._put_control(fields)
            if name == "TQ1":
                self._put(fields, 9, self._code, component=1)
            if name == "OBR" and len(fields) > 27 and fields[27]:  # noqa: PLR2004 - OBR-27
                self._put(fields, 27, self._code, component=6)
            if name not in ("IPC", "ZDS"):
                made.append(self._written(fields))
            if name == "ORC" and not timed:
                made.append(self._marks.segment("TQ1", {1: "1", 9: self._code}))
        return [*made, *self._procedures()]

    def _procedures(self) -> list[str]:
        """IPC as it came, with the study that is meant; or made of what an ORM says."""
        came = [fields for name, fields in self._segments if name == "IPC"]
        for fields in came:
            self._put_empty(fields, 1, self._facts[0])
            self._put(fields, 3, self._marks.escaped(self._study))
        accession, procedure, step = self._facts
        made = {1: accession, 2: procedure, 3: self._marks.escaped(self._study), 4: step}
        return [*map(self._written, came)] or [self._marks.segment("IPC", made)]

    def _identifiers(self, order: Order) -> tuple[str, str, str]:
        """Accession Number, Requested Procedure ID, Step ID, as they stood in the message."""
        accession = self._marks.escaped(order.accession_number)
        request = self._field("IPC", 1) or self._field("OBR", 18) or accession
        procedure = self._field("IPC", 2) or self._field("OBR", 19)
        return request, procedure, self._field("IPC", 4) or self._field("OBR", 20)

    def _field(self, name: str, number: int) -> str:
        found = (fields for one, fields in self._segments if one == name and len(fields) > number)
        return next((fields[number] for fields in found), "")

    def _put_control(self, fields: list[str]) -> None:
        self._put(fields, 1, "XO")
        self._put(fields, 5, "SC")

    def _put_request(self, fields: list[str]) -> None:
        for number, value in zip((18, 19, 20), self._facts, strict=True):
            self._put_empty(fields, number, value)

    def _put_empty(self, fields: list[str], number: int, value: str) -> None:
        if value and (len(fields) <= number or not fields[number]):
            self._put(fields, number, value)

    def _put(self, fields: list[str], number: int, value: str, component: int = 0) -> None:
        """Set a field, or one component of its first repetition."""
        fields += [""] * (number + 1 - len(fields))
        if component:
            first, *others = fields[number].split(self._marks.repetition)
            parts = first.split(self._marks.component)
            parts += [""] * (component - len(parts))
            parts[component - 1] = value
            value = self._marks.repetition.join([self._marks.component.join(parts), *others])
        fields[number] = value

    def _written(self, fields: Sequence[str]) -> str:
        return self._marks.field.join(fields)
