"""What an association asks of the listener, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from pynetdicom.events import EventHandlerType

    from triage.intake.spool import IncomingObject, Spool

# PS3.4 Table B.2-1; the sender tries again after A700 and gives up after the others.
SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One object that a peer has sent completely and that waits for its answer."""

    incoming: IncomingObject
    calling_ae_title: str


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """The answer to a C-STORE: status of PS3.4 Table B.2-1, and a comment for the sender's log.

    Attributes:
        study_instance_uid: The study that the object was stored to; empty when it was not, or
            when it has no effect on one.
    """

    status: int
    comment: str = ""
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class FindRequest:
    """A query that waits for its answers.

    Attributes:
        identifier: Its keys, encoded.
        transfer_syntax_uid: How they are encoded, and how the answers are to be.
        is_cancelled: Whether the peer does not want more of them.
    """

    identifier: bytes
    transfer_syntax_uid: str
    calling_ae_title: str
    is_cancelled: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Services:
    """What associations do their work with.

    Attributes:
        spool: Where objects go while they are received.
        store: Answers a complete object; never raises.
        released: Told which studies a released association has brought.
        handlers: Handlers of the library's events.
        find: Answers a query for work items: each answer is a status with an item, encoded; the
            last may be a status alone, that of a failure.
    """

    spool: Spool
    store: Callable[[StoreRequest], StoreAnswer]
    released: Callable[[AbstractSet[str]], None]
    handlers: Sequence[EventHandlerType]
    find: Callable[[FindRequest], Iterator[tuple[int, bytes]]]
