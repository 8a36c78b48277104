"""What a DIMSE status is over HTTP, by transaction (PS3.18 sections 11.4 to 11.12): pure.

One literal table. The words of a warning are those that the section asks for; an answer whose
section has none stands without. 410 is never answered: no work item is ever deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from triage.ups import statuses as dimse

if TYPE_CHECKING:
    from collections.abc import Mapping

_WARNING_CLASS = 0xB000
_CLASS = 0xF000
_INTERNAL_ERROR = 500


class Transaction(Enum):
    """The transactions of the Worklist Service, each with its section of PS3.18."""

    CREATE = "11.4"
    RETRIEVE = "11.5"
    UPDATE = "11.6"
    CHANGE_STATE = "11.7"
    REQUEST_CANCELLATION = "11.8"
    SEARCH = "11.9"
    SUBSCRIBE = "11.10"
    UNSUBSCRIBE = "11.11"
    SUSPEND = "11.12"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """How a status is answered.

    Attributes:
        status: The HTTP status.
        sentence: What is wrong and what to do, for a person; empty for a success.
        warning: The text of the Warning header field, empty for none.
    """

    status: int
    sentence: str = ""
    warning: str = ""

    @property
    def failed(self) -> bool:
        """Whether nothing has been done."""
        return self.status >= 400  # noqa: PLR2004 - HTTP's first status of a failure


_SUCCESS: Final[Mapping[Transaction, int]] = {
    Transaction.CREATE: 201,
    Transaction.RETRIEVE: 200,
    Transaction.UPDATE: 200,
    Transaction.CHANGE_STATE: 200,
    Transaction.REQUEST_CANCELLATION: 202,
    Transaction.SEARCH: 200,
    Transaction.SUBSCRIBE: 201,
    Transaction.UNSUBSCRIBE: 200,
    Transaction.SUSPEND: 200,
}

_MISSING_UID = "The Transaction UID is missing."
_INCORRECT_UID = "The Transaction UID is incorrect."
_INCONSISTENT_UPS = "The submitted request is inconsistent with the state of the UPS Instance."
_INCONSISTENT = "The submitted request is inconsistent with the current state of the Workitem."
_NOT_CLAIMED = "The target URI did not reference a claimed Workitem."
_IS_CANCELED = "The UPS is already in the requested state of CANCELED."
_IS_COMPLETED = "The UPS is already in the requested state of COMPLETED."
_UNSUPPORTED = "Requested optional Attributes are not supported."

_WRONG_UID = HttpAnswer(
    400,
    "The transaction UID is not the one that this work item was claimed with.",
    _INCORRECT_UID,
)

_TABLE: Final[Mapping[Transaction, Mapping[int, HttpAnswer]]] = {
    Transaction.CREATE: {
        dimse.CREATED_MODIFIED: HttpAnswer(
            201, warning="The Workitem was created with modifications."
        ),
        dimse.UNSUPPORTED_ATTRIBUTES: HttpAnswer(201, warning=_UNSUPPORTED),
        dimse.DUPLICATE_SOP_INSTANCE: HttpAnswer(409, "There is a work item of this UID already."),
        dimse.NOT_CREATED_SCHEDULED: HttpAnswer(
            400, "A work item must be created with the Procedure Step State SCHEDULED."
        ),
    },
    Transaction.UPDATE: {
        dimse.UNSUPPORTED_ATTRIBUTES: HttpAnswer(200, warning=_UNSUPPORTED),
        dimse.COERCED: HttpAnswer(200, warning="The Workitem was updated with modifications."),
        dimse.NO_LONGER_UPDATED: HttpAnswer(
            400, "The work item is completed or canceled; it no longer changes.", _INCONSISTENT
        ),
        dimse.WRONG_TRANSACTION_UID: HttpAnswer(
            400,
            "The work item is claimed; name the transaction UID that it was claimed with.",
            _INCONSISTENT,
        ),
        dimse.NOT_IN_PROGRESS: HttpAnswer(
            409, "Nobody has claimed the work item; leave the transaction UID out.", _NOT_CLAIMED
        ),
    },
    Transaction.CHANGE_STATE: {
        dimse.ALREADY_CANCELED: HttpAnswer(200, warning=_IS_CANCELED),
        dimse.ALREADY_COMPLETED: HttpAnswer(200, warning=_IS_COMPLETED),
        dimse.WRONG_TRANSACTION_UID: _WRONG_UID,
        dimse.NO_LONGER_UPDATED: HttpAnswer(
            409, "The work item is completed or canceled; it no longer changes.", _INCONSISTENT_UPS
        ),
        dimse.ALREADY_IN_PROGRESS: HttpAnswer(
            409, "Somebody else has claimed the work item.", _INCONSISTENT_UPS
        ),
        dimse.ONLY_CREATED_SCHEDULED: HttpAnswer(
            400, "A work item never becomes SCHEDULED again.", _INCONSISTENT_UPS
        ),
        dimse.FINAL_STATE_UNMET: HttpAnswer(
            409,
            "The work item lacks what its final state requires (PS3.4 Table CC.2.5-3);"
            " update it first.",
            _INCONSISTENT_UPS,
        ),
        dimse.NOT_IN_PROGRESS: HttpAnswer(
            409, "Nobody has claimed the work item; claim it first.", _INCONSISTENT_UPS
        ),
    },
    Transaction.REQUEST_CANCELLATION: {
        dimse.ALREADY_CANCELED: HttpAnswer(202, warning=_IS_CANCELED),
        dimse.COMPLETED_ALREADY: HttpAnswer(
            409, "The work item is completed.", "The UPS is already COMPLETED."
        ),
        dimse.PERFORMER_UNREACHABLE: HttpAnswer(
            409,
            "Whoever has claimed the work item cannot be told.",
            "The performer cannot be contacted.",
        ),
        dimse.PERFORMER_DECLINES: HttpAnswer(
            409, "The work item is not canceled.", "Performer chooses not to cancel."
        ),
    },
    Transaction.SUBSCRIBE: {
        dimse.LOCK_NOT_GRANTED: HttpAnswer(201, warning="Deletion Lock not granted."),
        dimse.NO_EVENT_REPORTS: HttpAnswer(
            403,
            "This subscription is not offered.",
            "Filtered Worklist Subscriptions are not supported.",
        ),
    },
    Transaction.SEARCH: {
        dimse.UNABLE_TO_PROCESS: HttpAnswer(400, "The search has a value that nothing can match."),
    },
}

# What a status means in every transaction that does not say otherwise.
_GENERAL: Final[Mapping[int, HttpAnswer]] = {
    dimse.UNKNOWN_WORK_ITEM: HttpAnswer(404, "There is no such work item."),
    dimse.UNKNOWN_RECEIVING_AE: HttpAnswer(404, "There is no such subscriber."),
    dimse.NO_SUCH_ATTRIBUTE: HttpAnswer(400, "The work item has no such attribute."),
    dimse.INVALID_ATTRIBUTE_VALUE: HttpAnswer(400, "An attribute has a value that is not allowed."),
    dimse.INVALID_ARGUMENT_VALUE: HttpAnswer(400, "The request has a value that is not allowed."),
    dimse.INVALID_SOP_INSTANCE: HttpAnswer(400, "The UID of the work item is no UID."),
    dimse.NO_SUCH_SOP_CLASS: HttpAnswer(400, "Only Unified Procedure Steps are kept here."),
    dimse.MISSING_ATTRIBUTE: HttpAnswer(400, "An attribute is missing that must be there."),
    dimse.MISSING_ATTRIBUTE_VALUE: HttpAnswer(400, "An attribute is empty that needs a value."),
    dimse.NO_SUCH_ACTION: HttpAnswer(400, "This is nothing that can be done to a work item."),
    dimse.WRONG_ACTION: HttpAnswer(400, "This is nothing that can be done to a work item."),
    dimse.RESOURCE_LIMITATION: HttpAnswer(
        503, "This is more than the service takes at the moment."
    ),
    dimse.OUT_OF_RESOURCES: HttpAnswer(503, "The list cannot be had at the moment; try again."),
}
_FAILURE = HttpAnswer(_INTERNAL_ERROR, "The request failed for a reason of the service's own.")


def answer_of(
    transaction: Transaction, status: int, *, transaction_uid_given: bool = True
) -> HttpAnswer:
    """Return how a DIMSE status is answered.

    Args:
        transaction: What was asked for.
        status: The status of the Unified Procedure Step service.
        transaction_uid_given: Whether the request named a Transaction UID.
    """
    if transaction is Transaction.CHANGE_STATE and not transaction_uid_given:
        missing = HttpAnswer(400, "The transaction UID is missing.", _MISSING_UID)
        found = missing if status == dimse.WRONG_TRANSACTION_UID else None
    else:
        found = None
    found = found or _TABLE.get(transaction, {}).get(status) or _GENERAL.get(status)
    if found is not None:
        return found
    done = dimse.was_done(status) or status & _CLASS == _WARNING_CLASS
    return HttpAnswer(_SUCCESS[transaction]) if done else _FAILURE
