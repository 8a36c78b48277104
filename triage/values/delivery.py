"""Where a report on its way to a PACS stands, and a priority on its way to a receiver."""

from __future__ import annotations

from enum import Enum

from triage.values.urgency import ReadingClass


class DeliveryState(Enum):
    """Where an outbox row stands."""

    PENDING = "pending"  # due at next_attempt_at
    SENDING = "sending"  # a courier holds a lease on it
    STORED = "stored"  # the destination answered success or a warning
    DEAD = "dead"  # tries are used up or the peer refused for good: `triage retry` revives it


class Wish(Enum):
    """What we want a receiver of priorities to show for a study."""

    RAISED = "raised"  # suspected abnormal, or beyond the waiting cap: above routine
    AS_IT_WAS = "as-it-was"  # what stood there before us
    LOWERED = "lowered"  # likely normal: below routine

    @classmethod
    def of(cls, reading_class: ReadingClass) -> Wish:
        """Return what a class of the reading list asks of receivers.

        An urgent order asks for nothing: whoever shows the order shows its urgency already, and
        what we had changed there we take back.
        """
        return _WISH_OF_CLASS.get(reading_class, cls.AS_IT_WAS)


_WISH_OF_CLASS = {
    ReadingClass.SUSPECTED_ABNORMAL: Wish.RAISED,
    ReadingClass.LIKELY_NORMAL: Wish.LOWERED,
}


class ReceiverState(Enum):
    """Where a priority on its way to a receiver stands."""

    PENDING = "pending"  # due at next_attempt_at
    CONFIRMING = "confirming"  # taken; the receiver is asked whether it moved the study
    CONFIRMED = "confirmed"  # the receiver was asked afterwards, and shows it
    TOLD = "told"  # taken by a receiver that cannot be asked what it shows
    NOT_MOVED = "not-moved"  # taken, and the receiver shows another: an alarm, asked on
    LEFT = "left"  # a person has edited it there, or a reader has opened it: not ours to move
    UNSAID = "unsaid"  # the receiver has no word for it (HL7 has nothing below routine)
    SUPERSEDED = "superseded"  # a newer change came before this one was through
    DEAD = "dead"  # tries are used up or refused for good: `triage retry` revives it

    @property
    def live(self) -> bool:
        """Whether something is still to be done about it."""
        return self in (ReceiverState.PENDING, ReceiverState.CONFIRMING, ReceiverState.NOT_MOVED)

    @property
    def alarming(self) -> bool:
        """Whether a person has to look."""
        return self in (ReceiverState.NOT_MOVED, ReceiverState.DEAD)
