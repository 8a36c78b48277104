"""The reading list over DIMSE: C-FIND and N-GET of work items (PS3.4 Annex CC)."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, cast

from pynetdicom.dsutils import decode

from triage.errors import PermanentError, TriageError
from triage.intake.elements import WalkLimits, walk
from triage.intake.sources import FileSource
from triage.intake.storage_classes import encoding_of
from triage.log import get_logger
from triage.worklist.order import rank
from triage.worklist.query import answer, check_query, has_unsupported_keys, matches, select
from triage.worklist.ups import UPS_PUSH, add_references, work_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset
    from pynetdicom.dimse_primitives import C_FIND, N_GET
    from pynetdicom.events import Event

    from triage.settings import WorklistSettings
    from triage.store import Store
    from triage.values import RankedEntry

# PS3.4 Tables CC.2.8-4 and CC.2.7-3, PS3.7 Annex C.
SUCCESS = 0x0000
PENDING = 0xFF00
PENDING_WITH_UNSUPPORTED_KEYS = 0xFF01
CANCELLED = 0xFE00
OUT_OF_RESOURCES = 0xA700
UNABLE_TO_PROCESS = 0xC000
UNKNOWN_WORK_ITEM = 0xC307
PROCESSING_FAILURE = 0x0110
NO_SUCH_SOP_CLASS = 0x0118

_QUERY_LIMITS = WalkLimits(depth=16, elements=10_000)
# What pydicom raises on data sets that a tolerant walk still gets through.
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_log = get_logger("listener")


class ReadingListProvider:
    """Answers queries for the reading list, each from the list as it stands at that moment."""

    def __init__(self, store: Store, settings: WorklistSettings) -> None:
        self._store = store
        self._settings = settings

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        """Yield the work items that match, in reading order (EVT_C_FIND)."""
        try:
            query = _identifier(event)
            found = [item for item in self._items(query) if matches(query, item)]
            status = _pending_status(query, found)
            answers = [answer(query, item) for item in found]
        except (*_UNREADABLE, PermanentError) as error:
            yield _refused(event, UNABLE_TO_PROCESS, error), None
            return
        except TriageError as error:
            yield _refused(event, OUT_OF_RESOURCES, error), None
            return
        for identifier in answers:
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield status, identifier

    def get(self, event: Event) -> tuple[int, Dataset | None]:
        """Return one work item, or those of its attributes that are asked for (EVT_N_GET)."""
        request = cast("N_GET", event.request)
        if request.RequestedSOPClassUID != UPS_PUSH:
            return NO_SUCH_SOP_CLASS, None
        try:
            item = self._item(str(request.RequestedSOPInstanceUID))
        except TriageError as error:
            return _refused(event, PROCESSING_FAILURE, error), None
        if item is None:
            return UNKNOWN_WORK_ITEM, None
        tags = event.attribute_identifiers
        return SUCCESS, select(item, tags) if tags else item

    def _items(self, query: Dataset) -> Iterator[Dataset]:
        with_references = "InputInformationSequence" in query
        for ranked in self._ranked():
            yield self._full_item(ranked) if with_references else self._plain_item(ranked)

    def _item(self, work_item_uid: str) -> Dataset | None:
        named = (one for one in self._ranked() if one.entry.work_item_uid == work_item_uid)
        ranked = next(named, None)
        return None if ranked is None else self._full_item(ranked)

    def _ranked(self) -> tuple[RankedEntry, ...]:
        cap_seconds = self._settings.waiting_cap_minutes * 60
        return rank(self._store.worklist_entries(), self._store.clock(), cap_seconds)

    def _plain_item(self, ranked: RankedEntry) -> Dataset:
        return work_item(ranked, self._settings.label)

    def _full_item(self, ranked: RankedEntry) -> Dataset:
        item = self._plain_item(ranked)
        study = self._store.study(ranked.entry.study_instance_uid)
        if study is not None:
            add_references(item, study)
        return item


def _identifier(event: Event) -> Dataset:
    """Decode the query, after a bounded walk has shown that decoding it is harmless."""
    identifier = cast("C_FIND", event.request).Identifier
    raw = b"" if identifier is None else identifier.getvalue()
    syntax = event.context.transfer_syntax
    for _ in walk(FileSource(io.BytesIO(raw)), encoding_of(syntax), frozenset(), _QUERY_LIMITS):
        pass
    query = decode(
        io.BytesIO(raw), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
    )
    check_query(query)
    return query


def _pending_status(query: Dataset, found: list[Dataset]) -> int:
    unsupported = bool(found) and has_unsupported_keys(query, found[0])
    return PENDING_WITH_UNSUPPORTED_KEYS if unsupported else PENDING


def _refused(event: Event, status: int, error: Exception) -> int:
    _log.warning(
        "query refused",
        action="query_refused",
        peer=event.assoc.requestor.ae_title.strip(),
        status=status,
        problem=error,
    )
    return status
