"""An order, again, with another priority: ORM^O01 2.3.1 (IHE RAD-13) or OMI^O23 2.5.1.

The whole last order is repeated as it came and only its priority is changed: whatever an order
message leaves out, some order systems delete. HL7 has nothing below routine, so that studies
are only ever raised here, and put back to what their order asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from triage.errors import DeliveryRefusedError
from triage.hl7.messages import control_id, header
from triage.hl7.parsing import name_of, read_text
from triage.hl7.text import encode, joined
from triage.hl7.values import Message, MessageKind

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
    """What an order system is asked to show, as far as a message depends on it."""

    @property
    def value(self) -> str:
        """The priority, HL7 table 0027."""
        ...

    @property
    def message_id(self) -> str:
        """The same for every try of this change."""
        ...


def kind_for(receiver: Hl7Receiver) -> MessageKind | None:
    """Return in which form a receiver takes orders; None when it takes none."""
    return next((one for one in receiver.messages if one in _KINDS), None)


def priority_message(order: Order, change: Change, receiver: Hl7Receiver, at: datetime) -> Message:
    """Return the last order of a study with another priority.

    Args:
        order: The study's last order.
        change: What the receiver is asked to show.
        receiver: Who is told; one that takes orders.
        at: The present time.

    Raises:
        DeliveryRefusedError: The order cannot be repeated as it came.
    """
    if not order.message:
        raise DeliveryRefusedError("a report came for the study, and no order that can be repeated")
    if order.character_set is None:
        raise DeliveryRefusedError(
            "the study's order cannot be repeated: its text is not in the character set that its"
            " MSH-18 names; set [hl7] character_set, or have the sender mend MSH-18"
        )
    kind = kind_for(receiver) or MessageKind.ORM
    received = read_text(order.message)
    number = control_id("order", receiver.name, order.study_instance_uid, change.message_id)
    words, version = _KINDS[kind]
    changed = _Changed(received, order, change.value)
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
