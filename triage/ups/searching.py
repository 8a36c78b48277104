"""Work items are retrieved and looked for."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, cast

from triage.store import EVERYTHING
from triage.ups import statuses
from triage.ups.answers import Answer, Found
from triage.ups.encoding import encoded_item
from triage.ups.items import present_light, present_object
from triage.ups.selection import selection_of
from triage.ups.steps import LINES_AT_ONCE, Steps
from triage.worklist.query import Query, check_query, constrains, named_in, select
from triage.worklist.texts import TextItem, dataset_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from datetime import datetime

    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

    from triage.store import Selection, StepLine

_INPUTS: Final = "InputInformationSequence"
_MORE: Final = 8  # times as many as before: what is asked for again is a small share
_FIRST: Final = 10
_MOST_AT_ONCE: Final = 500


class StepSearch(Steps):
    """N-GET and C-FIND, RetrieveWorkitem and SearchForWorkitems."""

    def retrieve(self, work_item_uid: str, tags: Iterable[BaseTag] = ()) -> Answer:
        """Return a work item (N-GET, CC.2.7; GET /workitems/{uid}); never its Transaction UID.

        Args:
            work_item_uid: Its SOP Instance UID.
            tags: Of these attributes only; of all when there is none.

        Returns:
            SUCCESS with the item, or UNKNOWN_WORK_ITEM.
        """
        line = self._line(work_item_uid)
        if line is None:
            return Answer(statuses.UNKNOWN_WORK_ITEM, work_item_uid=work_item_uid)
        item = self._whole(line)
        wanted = tuple(tags)
        return Answer(statuses.SUCCESS, select(item, wanted) if wanted else item, "", work_item_uid)

    def search(self, query: Dataset) -> Found[Dataset]:
        """Look for work items (C-FIND, CC.2.8), each reduced to what the query names.

        Args:
            query: Matching and return keys. No key at all asks for everything, but Input
                Information.

        Raises:
            PermanentError: The query cannot be understood; raised at once or, of a value that
                only shows against an item, while the items are read.
        """
        status, answers = self._answers(query)
        return Found(status, map(_as_dataset, answers))

    def search_encoded(self, query: Dataset, transfer_syntax_uid: str) -> Found[bytes]:
        """Look for work items as `search` does, each as the bytes of its data set.

        Args:
            query: Matching and return keys.
            transfer_syntax_uid: How the answers are encoded.

        Raises:
            PermanentError: As `search` does; or an item cannot be encoded.
        """
        status, answers = self._answers(query)
        return Found(status, (encoded_item(one, transfer_syntax_uid) for one in answers))

    def search_objects(
        self, query: Dataset, *, limit: int, offset: int = 0
    ) -> Found[Mapping[str, Any]]:
        """Look for work items (GET /workitems), each whole, in the DICOM JSON model.

        Args:
            query: Matching keys. Input Information is answered with where it is named.
            limit: At most so many.
            offset: So many matches are left out first.

        Raises:
            PermanentError: As `search` does.
        """
        check_query(query)
        if constrains(query):
            most = offset + limit
            found = self._search(query, named_in(query), most=most, at_once=most)
            lines = islice((line for line, _ in found.items), offset, most)
            return Found(found.status, self._objects(lines, referring=_INPUTS in query))
        # Everything matches: what is left out need not be read, nor the rest be compared.
        now = self._store.clock()
        uids = self._store.search_uids(
            EVERYTHING, now, self._cap_seconds, limit=limit, offset=offset
        )
        every = iter(self._store.step_lines(uids, now, self._cap_seconds))
        return Found(statuses.PENDING, self._objects(every, referring=_INPUTS in query))

    def _answers(self, query: Dataset) -> tuple[int, Iterator[Dataset | TextItem]]:
        found = self._search(query, None if len(query) == 0 else named_in(query))
        asked = Query.of(query)
        return found.status, (_answered(asked, item) for _, item in found.items)

    def _search(
        self,
        query: Dataset,
        wanted: Container[int] | None,
        *,
        most: int = _FIRST,
        at_once: int = _FIRST,
    ) -> Found[tuple[StepLine, Dataset | TextItem]]:
        check_query(query)
        items = self._matching(query, wanted, most, at_once)
        # The status of every answer depends on what items have: on the first of them.
        first = next(items, None)
        if first is None:
            return Found(statuses.PENDING, items)
        unsupported = Query.of(query).has_unsupported_keys(first[1])
        status = statuses.PENDING_WITH_UNSUPPORTED_KEYS if unsupported else statuses.PENDING
        return Found(status, chain([first], items))

    def _matching(
        self,
        query: Dataset,
        wanted: Container[int] | None,
        most: int = _FIRST,
        at_once: int = _FIRST,
    ) -> Iterator[tuple[StepLine, Dataset | TextItem]]:
        """Yield the items that match a query, as they stand when it is their turn.

        Args:
            query: Its keys.
            wanted: The attributes to present, those of the query among them; all when None.
            most: So many will do, as a rule: the database is asked for these first.
            at_once: So many are read before the first is yielded; then more and more.
        """
        asked = Query.of(query)
        now = self._store.clock()
        uids = self._selected(selection_of(query, self._label), now, max(1, most))
        for some in _growing(uids, max(1, at_once)):
            lines = self._store.step_lines(some, now, self._cap_seconds)
            references = self._references(lines) if _INPUTS in query else {}
            for line in lines:
                own = references.get(line.step.study_instance_uid)
                item = present_light(line, self._label, own, wanted)
                if asked.matches(item):
                    yield line, item

    def _objects(
        self, lines: Iterator[StepLine], *, referring: bool
    ) -> Iterator[Mapping[str, Any]]:
        """Yield matching items whole, in the DICOM JSON model."""
        while some := list(islice(lines, LINES_AT_ONCE)):
            references = self._references(some) if referring else {}
            for line in some:
                own = references.get(line.step.study_instance_uid)
                yield present_object(line, self._label, own)

    def _selected(self, selection: Selection, now: datetime, most: int) -> Iterator[str]:
        """Yield the items that the database finds: few of them at once, then more and more.

        Each time it is asked anew for all from the first on, and what has been seen is left out:
        an item that moves up meanwhile comes late, but it comes. Whoever has enough after a page
        does not wait for a hundred thousand.
        """
        seen: set[str] = set()
        limit = most
        while True:
            found = self._store.search_uids(selection, now, self._cap_seconds, limit=limit)
            new = [uid for uid in found if uid not in seen]
            seen.update(new)
            yield from new
            if len(found) < limit:
                return
            limit *= _MORE


def _answered(asked: Query, item: Dataset | TextItem) -> Dataset | TextItem:
    return asked.answer(cast("TextItem", item))  # whichever it is


def _as_dataset(item: Dataset | TextItem) -> Dataset:
    return dataset_of(item) if isinstance(item, TextItem) else item


def _growing(uids: Iterator[str], first: int) -> Iterator[list[str]]:
    """Yield items together, few of them first: whoever asks has an answer soon."""
    number = first
    while some := list(islice(uids, min(number, _MOST_AT_ONCE))):
        yield some
        number *= 4
