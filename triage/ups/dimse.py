"""The UPS service over DIMSE (PS3.4 Annex CC): thin views of triage.ups.service.

Whatever class an association was negotiated for (Push, Pull, Watch, Event), an operation names
the UPS Push SOP Class and is served; over UPS Query the list is only read.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar, cast

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dsutils import decode

from triage.errors import PermanentError, TriageError
from triage.intake.elements import WalkLimits, walk
from triage.intake.services import FindRequest
from triage.intake.sources import FileSource
from triage.intake.storage_classes import encoding_of
from triage.log import get_logger
from triage.ups import statuses
from triage.ups.answers import Answer, comment_of
from triage.worklist.ups import UPS_PUSH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydicom.tag import BaseTag
    from pynetdicom.dimse_primitives import C_FIND, N_ACTION, N_CREATE, N_GET, N_SET
    from pynetdicom.events import Event, EventHandlerType

    from triage.ups.answers import Found
    from triage.ups.service import StepService

Item = TypeVar("Item")

# Action Type IDs of PS3.4 Tables CC.2.1-1, CC.2.2-1 and CC.2.3-1.
CHANGE_STATE: Final = 1
REQUEST_CANCEL: Final = 2
SUBSCRIBE: Final = 3
UNSUBSCRIBE: Final = 4
SUSPEND: Final = 5

_UPS_QUERY: Final = "1.2.840.10008.5.1.4.34.6.5"
_LIMITS = WalkLimits(depth=16, elements=10_000)
_LONGEST_COMMENT: Final = 64  # Error Comment (0000,0902) is an LO
# What pydicom raises on data sets that a tolerant walk still gets through.
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_log = get_logger("listener")


class StepProvider:
    """Answers DIMSE operations on work items.

    Args:
        service: Does what they ask for.
    """

    def __init__(self, service: StepService) -> None:
        self._service = service
        self._actions = {
            CHANGE_STATE: self._change_state,
            REQUEST_CANCEL: self._request_cancel,
            SUBSCRIBE: self._subscribe,
            UNSUBSCRIBE: self._unsubscribe,
            SUSPEND: self._suspend,
        }

    @property
    def handlers(self) -> list[EventHandlerType]:
        """The handlers of the library's events."""
        return [
            (evt.EVT_C_FIND, self.find),
            (evt.EVT_N_ACTION, self.act),
            (evt.EVT_N_CREATE, self.create),
            (evt.EVT_N_GET, self.get),
            (evt.EVT_N_SET, self.set),
        ]

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        """Yield the work items that match, in reading order (C-FIND); none with a failure."""
        identifier = cast("C_FIND", event.request).Identifier
        request = FindRequest(
            b"" if identifier is None else identifier.getvalue(),
            str(event.context.transfer_syntax),
            _peer(event),
            lambda: event.is_cancelled,
        )
        yield from _found(request, self._service.search)

    def find_encoded(self, request: FindRequest) -> Iterator[tuple[int, bytes]]:
        """Yield what `find` does, encoded as the request is; nothing with a failure."""

        def search(query: Dataset) -> Found[bytes]:
            return self._service.search_encoded(query, request.transfer_syntax_uid)

        for status, item in _found(request, search):
            yield status, item or b""

    def get(self, event: Event) -> tuple[Dataset, Dataset | None]:
        """Return one work item, or those of its attributes that are asked for (N-GET).

        What is asked for and not there is told by a warning that names it (Table CC.2.7-1).
        """
        request = cast("N_GET", event.request)
        uid = str(request.RequestedSOPInstanceUID)
        tags = event.attribute_identifiers
        return _served(
            event,
            str(request.RequestedSOPClassUID),
            lambda: _with_lacking(self._service.retrieve(uid, tags), tags),
        )

    def create(self, event: Event) -> tuple[Dataset, Dataset | None]:
        """Put a work item on the list (N-CREATE)."""
        request = cast("N_CREATE", event.request)
        given = str(request.AffectedSOPInstanceUID or "")

        def do() -> Answer:
            attributes = _read(event, request.AttributeList)
            answer = self._service.create(given, attributes, _peer(event))
            return answer if given else _with_uid(answer)

        return _served(event, str(request.AffectedSOPClassUID), do, changes=True)

    def set(self, event: Event) -> tuple[Dataset, Dataset | None]:
        """Set attributes of a work item (N-SET)."""
        request = cast("N_SET", event.request)

        def do() -> Answer:
            modifications = _read(event, request.ModificationList)
            transaction_uid = str(modifications.get("TransactionUID") or "")
            uid = str(request.RequestedSOPInstanceUID)
            return self._service.update(uid, modifications, transaction_uid, _peer(event))

        return _served(event, str(request.RequestedSOPClassUID), do, changes=True)

    def act(self, event: Event) -> tuple[Dataset, Dataset | None]:
        """Change a state, ask for cancellation, subscribe or unsubscribe (N-ACTION)."""
        request = cast("N_ACTION", event.request)

        def do() -> Answer:
            action = self._actions.get(int(request.ActionTypeID or 0))
            if action is None:
                return Answer(statuses.NO_SUCH_ACTION)
            information = _read(event, request.ActionInformation)
            return action(str(request.RequestedSOPInstanceUID), information, _peer(event))

        return _served(event, str(request.RequestedSOPClassUID), do, changes=True)

    def _change_state(self, uid: str, information: Dataset, by: str) -> Answer:
        state = str(information.get("ProcedureStepState") or "")
        transaction_uid = str(information.get("TransactionUID") or "")
        return self._service.change_state(uid, state, transaction_uid, by)

    def _request_cancel(self, uid: str, information: Dataset, by: str) -> Answer:
        return self._service.request_cancel(uid, information, by)

    def _subscribe(self, uid: str, information: Dataset, _by: str) -> Answer:
        lock = str(information.get("DeletionLock") or "FALSE").strip()
        if lock not in ("TRUE", "FALSE"):
            return Answer(statuses.INVALID_ARGUMENT_VALUE, comment="DeletionLock")
        receiver = _receiver(information)
        for keyword in ("DeletionLock", "ReceivingAE"):
            if keyword in information:
                del information[keyword]
        return self._service.subscribe(
            uid, receiver, deletion_lock=lock == "TRUE", matching_keys=information
        )

    def _unsubscribe(self, uid: str, information: Dataset, _by: str) -> Answer:
        return self._service.unsubscribe(uid, _receiver(information))

    def _suspend(self, uid: str, information: Dataset, _by: str) -> Answer:
        return self._service.suspend(uid, _receiver(information))


def _found(
    request: FindRequest, search: Callable[[Dataset], Found[Item]]
) -> Iterator[tuple[int, Item | None]]:
    """Yield what a search finds; at the end a status alone, where it comes to no good end."""
    try:
        found = search(_decoded(request.identifier, UID(request.transfer_syntax_uid)))
        for item in found.items:
            if request.is_cancelled():
                yield statuses.CANCELLED, None
                return
            yield found.status, item
    except (*_UNREADABLE, PermanentError) as error:
        yield _refused(request.calling_ae_title, statuses.UNABLE_TO_PROCESS, error), None
    except TriageError as error:
        yield _refused(request.calling_ae_title, statuses.OUT_OF_RESOURCES, error), None


def _served(
    event: Event, sop_class_uid: str, do: Callable[[], Answer], *, changes: bool = False
) -> tuple[Dataset, Dataset | None]:
    """Do an operation and return its answer, whatever becomes of it."""
    if sop_class_uid != UPS_PUSH:
        return _status(statuses.NO_SUCH_SOP_CLASS), None
    if changes and event.context.abstract_syntax == _UPS_QUERY:
        return _status(statuses.UNRECOGNISED_OPERATION), None
    try:
        answer = do()
    except (*_UNREADABLE, PermanentError) as error:
        return _status(_refused(_peer(event), statuses.PROCESSING_FAILURE, error)), None
    except TriageError as error:
        return _status(_refused(_peer(event), statuses.RESOURCE_LIMITATION, error)), None
    if changes:
        _tell(event, answer)
    return _status(answer.status, answer.comment), answer.dataset


def _read(event: Event, stream: io.BytesIO | None) -> Dataset:
    return _decoded(b"" if stream is None else stream.getvalue(), event.context.transfer_syntax)


def _decoded(raw: bytes, syntax: UID) -> Dataset:
    """Decode a data set, after a bounded walk has shown that decoding it is harmless."""
    for _ in walk(FileSource(io.BytesIO(raw)), encoding_of(syntax), frozenset(), _LIMITS):
        pass
    return decode(
        io.BytesIO(raw), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
    )


def _with_uid(answer: Answer) -> Answer:
    """Return an answer that tells the UID which a new item was given (PS3.7 10.1.5.1.4)."""
    if not statuses.was_done(answer.status):
        return answer
    told = Dataset()
    told.AffectedSOPInstanceUID = answer.work_item_uid
    # The library tells it with success only.
    return Answer(statuses.SUCCESS, told, answer.comment, answer.work_item_uid)


def _with_lacking(answer: Answer, tags: Iterable[BaseTag]) -> Answer:
    """Return an answer that names the attributes which were asked for and are not there."""
    if answer.dataset is None:
        return answer
    lacking = [tag for tag in tags if tag not in answer.dataset]
    if not lacking:
        return answer
    comment = comment_of(tuple(keyword_for_tag(tag) or str(tag) for tag in lacking))
    return replace(answer, status=statuses.UNSUPPORTED_ATTRIBUTES, comment=comment)


def _receiver(information: Dataset) -> str:
    return str(information.get("ReceivingAE") or "").strip()


def _peer(event: Event) -> str:
    return str(event.assoc.requestor.ae_title).strip()


def _status(status: int, comment: str = "") -> Dataset:
    found = Dataset()
    found.Status = status
    if comment:
        found.ErrorComment = comment[:_LONGEST_COMMENT]
    return found


def _tell(event: Event, answer: Answer) -> None:
    """Log what somebody has changed, or was refused."""
    operation = type(event.request).__name__
    if statuses.was_done(answer.status):
        _log.info(
            "work item changed",
            action="work_item_changed",
            peer=_peer(event),
            work_item=answer.work_item_uid,
            kind=operation,
            status=answer.status,
        )
    else:
        _log.warning(
            "change of a work item refused",
            action="work_item_refused",
            peer=_peer(event),
            work_item=answer.work_item_uid,
            kind=operation,
            status=answer.status,
        )


def _refused(peer: str, status: int, error: Exception) -> int:
    _log.warning(
        "query refused",
        action="query_refused",
        peer=peer,
        status=status,
        problem=error,
    )
    return status
