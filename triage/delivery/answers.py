"""What became of an object, and what a C-STORE status means: values and one literal table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SOP_CLASS_NOT_SUPPORTED = 0x0122  # PS3.7 C.5.6


class Answer(Enum):
    """What became of one object."""

    STORED = "stored"  # success, a warning, or "I have it already"
    BUSY = "busy"  # not now: out of resources, no answer, an abort
    REFUSED = "refused"  # not this object: the same bytes will be refused again
    UNSENT = "unsent"  # not tried: the peer was away, or we were asked to stop


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What became of one object.

    Attributes:
        path: The file.
        answer: What became of it.
        status: The DIMSE status that the peer answered, None when it answered none.
        sop_instance_uid: The UID that the peer stored it under; empty when not stored.
        problem: One sentence for a person, without patient data; empty when all went well.
    """

    path: Path
    answer: Answer
    status: int | None = None
    sop_instance_uid: str = ""
    problem: str = ""


# C-STORE statuses, PS3.4 Table B.2-1 and PS3.7 Annex C; the first range that holds decides.
# 0111 is no status of Storage, but PACS answer it to an object that they have: as our UIDs are
# fixed before the first send, that object is this one.
STATUSES: tuple[tuple[int, int, Answer, str], ...] = (
    (0x0000, 0x0000, Answer.STORED, "success"),
    (0x0107, 0x0107, Answer.STORED, "a warning: attribute list error"),
    (0x0110, 0x0110, Answer.BUSY, "processing failure"),
    (0x0111, 0x0111, Answer.STORED, "the peer has this object already"),
    (0x0116, 0x0116, Answer.STORED, "a warning: attribute value out of range"),
    (0x0117, 0x0117, Answer.REFUSED, "invalid object instance"),
    (0x0122, 0x0122, Answer.REFUSED, "SOP class not supported"),
    (0x0124, 0x0124, Answer.REFUSED, "not authorised"),
    (0x0213, 0x0213, Answer.BUSY, "resource limitation"),
    (0x0100, 0x02FF, Answer.REFUSED, "refused by the peer's DIMSE service"),
    (0xA700, 0xA7FF, Answer.BUSY, "out of resources"),
    (0xA900, 0xA9FF, Answer.REFUSED, "the data set does not match its SOP class"),
    (0xB000, 0xBFFF, Answer.STORED, "a warning: stored, but not wholly as sent"),
    (0xC000, 0xCFFF, Answer.REFUSED, "the peer cannot understand the data set"),
)


def judge(status: int) -> tuple[Answer, str]:
    """Return what a C-STORE status comes to, and its meaning in words.

    A status that no table knows is taken as "not now": it is tried again, within bounds.
    """
    for first, last, answer, meaning in STATUSES:
        if first <= status <= last:
            return answer, meaning
    return Answer.BUSY, "a status that the standard does not define for C-STORE"
