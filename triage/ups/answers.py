"""What an operation on work items came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from triage.ups import statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation came to.

    Attributes:
        status: The DIMSE status (triage.ups.statuses); `was_done` tells whether it had effect.
        dataset: What was asked for, or kept; None when there is nothing to return.
        comment: What is at fault, for the sender's log, without patient data.
        work_item_uid: The work item, also one that was just given its UID.
    """

    status: int
    dataset: Dataset | None = None
    comment: str = ""
    work_item_uid: str = ""


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """What a search came to.

    Attributes:
        status: PENDING, or PENDING_WITH_UNSUPPORTED_KEYS.
        items: What matches, in reading order, the ended ones behind. It reads the database as it
            goes.
    """

    status: int
    items: Iterator[Item]


def refused(status: int, keywords: tuple[str, ...], work_item_uid: str) -> Answer:
    """Return the answer to what was refused because of some attributes."""
    return Answer(status, None, comment_of(keywords), work_item_uid)


def comment_of(keywords: tuple[str, ...]) -> str:
    """Return a comment that names attributes, and nothing that stands in them."""
    return ", ".join(keywords)


def crowded(work_item_uid: str) -> Answer:
    """Return the answer where others changed the work item each time that it was tried."""
    comment = "the work item changes too fast; try again"
    return Answer(statuses.RESOURCE_LIMITATION, None, comment, work_item_uid)
