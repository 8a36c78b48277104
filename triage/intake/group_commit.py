"""Group commit: what several associations have received becomes durable together.

Each association flushes its own file, which overlaps with the others'. Then whoever comes first
commits for everybody who waits: all files are renamed, their folder is flushed once, and all rows
are one transaction. Those who come meanwhile are the next group: there is no delay that is waited
for, and an association alone pays for nothing but itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from triage.errors import TransientError, TriageError
from triage.store import Arrival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.intake.eligibility import Eligibility
    from triage.intake.spool import IncomingObject, Spool
    from triage.store import Receipt, Store, StoredFile
    from triage.values import HeaderFacts


@dataclass(slots=True)
class _Entry:
    """One object that waits for its group; filled in by whoever commits the group."""

    incoming: IncomingObject
    facts: HeaderFacts
    judged: Eligibility
    calling_ae_title: str
    receipt: Receipt | None = None
    error: Exception | None = field(default=None)

    @property
    def done(self) -> bool:
        return self.receipt is not None or self.error is not None

    def arrival(self, file: StoredFile) -> Arrival:
        return Arrival(
            self.facts,
            file,
            state=self.judged.state,
            problem=self.judged.reason,
            calling_ae_title=self.calling_ae_title,
        )


class GroupCommit:
    """Makes received objects durable, files and rows; safe to use from several threads."""

    def __init__(self, spool: Spool, store: Store) -> None:
        self._spool = spool
        self._store = store
        self._turn = threading.Lock()
        self._waiting: SimpleQueue[_Entry] = SimpleQueue()

    def keep(
        self,
        incoming: IncomingObject,
        facts: HeaderFacts,
        judged: Eligibility,
        calling_ae_title: str,
    ) -> Receipt:
        """Keep one object; its file and its row are durable when this returns.

        Raises:
            TriageError: It cannot be kept now.
        """
        incoming.flush_to_disk()
        entry = _Entry(incoming, facts, judged, calling_ae_title)
        self._waiting.put(entry)
        with self._turn:
            if not entry.done:
                self._commit(self._everybody())
        incoming.close()
        if entry.error is not None:
            raise entry.error
        if entry.receipt is None:
            raise TransientError("an object was left out of its group; the sender will try again")
        return entry.receipt

    def _everybody(self) -> list[_Entry]:
        """Take all who wait by now."""
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]

    def _commit(self, group: Sequence[_Entry]) -> None:
        """Make a group durable; each entry has its outcome afterwards."""
        try:
            files = self._spool.place([entry.incoming for entry in group])
            receipts = self._record(group, files)
        except Exception as error:  # noqa: BLE001 - whoever waits for this group must learn of it
            for entry in group:
                entry.error = error
            return
        for entry, file, receipt in zip(group, files, receipts, strict=True):
            if isinstance(receipt, Exception):
                entry.error = receipt
            else:
                entry.receipt = receipt
                if not receipt.takes_file:
                    self._spool.remove(file)

    def _record(
        self, group: Sequence[_Entry], files: Sequence[StoredFile]
    ) -> Sequence[Receipt | Exception]:
        arrivals = [entry.arrival(file) for entry, file in zip(group, files, strict=True)]
        try:
            return self._store.record_instances(arrivals)
        except TriageError:
            raise  # busy, full or damaged: it would be the same for each alone
        except Exception:
            if len(arrivals) == 1:
                raise
            return [self._record_alone(arrival) for arrival in arrivals]

    def _record_alone(self, arrival: Arrival) -> Receipt | Exception:
        """Record one of a group that failed: what is wrong with one is no fault of the others."""
        try:
            return self._store.record_instances([arrival])[0]
        except Exception as error:  # noqa: BLE001 - it becomes the answer to this one object
            return error
