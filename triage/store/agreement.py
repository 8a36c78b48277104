"""The verbs by which the index is held against the spool folder, and brought to agree with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from triage.store.images import UNHELD
from triage.store.intake import IntakeVerbs
from triage.store.records import FILE_LOST, facts_to_json, without_note
from triage.store.schema import instances, reports, studies
from triage.store.states import StudyEvent, after
from triage.store.step_events import announce_readiness
from triage.store.studies import WAITING_FOR_A_WORKER
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.store.records import Arrival
    from triage.values import HeaderFacts

# What stands as the problem of an image whose file is gone. It is one of the reasons of its
# study's decision, and it is how a later look at the spool knows that the index knows.
_OLDER = "it came before the version that is recorded"
_PAGE_ROWS = 1000
_AFTER_SLASH = "0"  # the character after the slash in ASCII: the end of a folder's paths


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file as the index has it.

    Attributes:
        path: Relative to the state folder.
        problem: What is wrong with the image; see `is_lost`.
        thumbnail: Name of its thumbnail under the state folder, empty when it has none.
    """

    instance_id: int
    sop_instance_uid: str
    study_instance_uid: str
    version: int
    superseded: bool
    path: str
    size_bytes: int
    sha256: str
    received_at: datetime
    state: ImageState
    problem: str
    thumbnail: str

    @property
    def is_lost(self) -> bool:
        """Whether the index says that the file is gone, so that nobody waits for it."""
        return self.problem.endswith(FILE_LOST) and self.state not in WAITING_FOR_A_WORKER


_COLUMNS = tuple(instances.c[name] for name in RecordedFile.__dataclass_fields__)


class AdoptionKind(Enum):
    """What became of a file that no row named."""

    NEW = "new"  # the first version of its instance
    NEW_VERSION = "new-version"  # other bytes than those recorded before it
    OLDER_VERSION = "older-version"  # recorded, but a later version stands
    RESTORED = "restored"  # its bytes were recorded, and their file was gone
    DUPLICATE = "duplicate"  # its bytes are recorded, and their file is there
    OWN_REPORT = "own-report"  # a report of ours that came back


@dataclass(frozen=True, slots=True)
class Adoption:
    """What recording a file came to that no row named.

    Attributes:
        instance_id: The row of its instance; 0 for a report of ours.
    """

    kind: AdoptionKind
    instance_id: int = 0

    @property
    def takes_file(self) -> bool:
        """Whether a row names the file now."""
        return self.kind not in (AdoptionKind.DUPLICATE, AdoptionKind.OWN_REPORT)


class AgreementVerbs(IntakeVerbs):
    """What `triage check` and a starting listener say to the store."""

    def recorded_files(self, page_rows: int = _PAGE_ROWS) -> Iterator[RecordedFile]:
        """Yield every recorded file in order of its path (by code points).

        Each page is a transaction of its own: neither memory nor the write-ahead log grows
        with the index.
        """
        path = ""
        while rows := self._files_after(path, page_rows):
            yield from map(_recorded, rows)
            path = rows[-1].path

    def paths_in(self, folder: str) -> frozenset[str]:
        """Return the recorded paths within a folder that is named from the state folder."""
        query = select(instances.c.path).where(
            instances.c.path >= f"{folder}/", instances.c.path < f"{folder}{_AFTER_SLASH}"
        )
        with self.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def file_at(self, path: str) -> RecordedFile | None:
        """Return the row that names a path."""
        with self.reading() as connection:
            return _file_at(connection, path)

    def recorded_file(self, instance_id: int) -> RecordedFile:
        """Return the file of an instance."""
        query = select(*_COLUMNS).where(instances.c.instance_id == instance_id)
        with self.reading() as connection:
            return _recorded(connection.execute(query).one())

    def twins(self, facts: HeaderFacts, sha256: str) -> tuple[RecordedFile, ...]:
        """Return the versions of an instance that have these very bytes."""
        with self.reading() as connection:
            versions = _versions(connection, facts)
        return tuple(version for version in versions if version.sha256 == sha256)

    def count_recorded_files(self) -> int:
        """Return how many files are recorded."""
        with self.reading() as connection:
            query = select(func.count()).select_from(instances)
            return int(connection.execute(query).scalar_one())

    def report_paths(self, page_rows: int = _PAGE_ROWS) -> Iterator[str]:
        """Yield the path of every report, in order."""
        path = ""
        while True:
            query = select(reports.c.path).where(reports.c.path > path)
            with self.reading() as connection:
                page = connection.execute(query.order_by(reports.c.path).limit(page_rows))
                paths = page.scalars().all()
            if not paths:
                return
            yield from paths
            path = paths[-1]

    def adopt_instance(
        self, arrival: Arrival, is_older: Callable[[RecordedFile], bool]
    ) -> Adoption | None:
        """Record a file of the spool that no row names; durable on return.

        A file may lie without a row because its listener was killed before it answered, because
        the store failed (the sender was told, and may have sent something newer since), or
        because the database is older than the spool. So it is not always the newest of its
        instance, and must not take the place of a newer version: a study could be decided on
        bytes that were withdrawn. What came earlier becomes a superseded version.

        Args:
            arrival: The file and its header.
            is_older: Whether the file came before a recorded one.

        Returns:
            What became of it; None when a row names it by now.
        """
        with self.writing() as connection:
            if _file_at(connection, arrival.file.path) is not None:
                return None
            versions = _versions(connection, arrival.facts)
            current = next((one for one in versions if not one.superseded), None)
            same = current is not None and current.sha256 == arrival.file.sha256
            if current is None or same or not is_older(current):
                receipt = self._record(connection, arrival, self.clock())
                if current is not None and receipt.kind == "restored":
                    _update(connection, current, problem=without_note(current.problem))
                return Adoption(AdoptionKind(receipt.kind), receipt.instance_id)
            return self._adopt_older(connection, arrival, versions)

    def mark_file_lost(self, instance_id: int, path: str) -> ImageState | None:
        """Note that the file of an image is gone; its study is never lowered on what is left.

        An image that waits is set aside, and its study examined again. Of any other the state
        and the result stay. The same image sent again is stored again.

        Args:
            instance_id: The image.
            path: The file that is gone.

        Returns:
            The state of the image; None when its row names another file by now.
        """
        with self.writing() as connection:
            row = _file_at(connection, path)
            if row is None or row.instance_id != instance_id:
                return None
            if row.state in WAITING_FOR_A_WORKER:
                values = {"state": ImageState.SET_ASIDE, "problem": FILE_LOST, **UNHELD}
                _update(connection, row, **values)
                _count_change(connection, row)
                return ImageState.SET_ASIDE
            if not row.is_lost:
                _update(connection, row, problem="; ".join(filter(None, (row.problem, FILE_LOST))))
            return row.state

    def file_returned(self, instance_id: int, path: str) -> ImageState | None:
        """Take back that a file is gone; an image that was set aside for it waits again.

        Args:
            instance_id: The image.
            path: The file that is there again.

        Returns:
            The state of the image; None when nothing is to be taken back by now.
        """
        with self.writing() as connection:
            row = _file_at(connection, path)
            if row is None or row.instance_id != instance_id or not row.is_lost:
                return None
            waited = row.state is ImageState.SET_ASIDE and row.problem == FILE_LOST
            if not waited or row.superseded:
                _update(connection, row, problem=without_note(row.problem))
                return row.state
            _update(connection, row, state=ImageState.QUEUED, problem="", attempts=0)
            _reopen(connection, row, self.clock())
            return ImageState.QUEUED

    def _files_after(self, path: str, page_rows: int) -> Sequence[Row[Any]]:
        query = select(*_COLUMNS).where(instances.c.path > path)
        with self.reading() as connection:
            return connection.execute(query.order_by(instances.c.path).limit(page_rows)).all()

    def _adopt_older(
        self, connection: Connection, arrival: Arrival, versions: Sequence[RecordedFile]
    ) -> Adoption:
        """Record a file as a version that has been superseded since."""
        for twin in versions:
            if twin.sha256 == arrival.file.sha256:
                there = (self.state_folder / twin.path).is_file()
                if not there:
                    problem = without_note(twin.problem)
                    _update(connection, twin, path=arrival.file.path, problem=problem)
                kind = AdoptionKind.DUPLICATE if there else AdoptionKind.RESTORED
                return Adoption(kind, twin.instance_id)
        instance_id = _insert_superseded(connection, arrival, versions[0].version + 1, self.clock())
        return Adoption(AdoptionKind.OLDER_VERSION, instance_id)


def _recorded(row: Row[Any]) -> RecordedFile:
    return RecordedFile(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _file_at(connection: Connection, path: str) -> RecordedFile | None:
    row = connection.execute(select(*_COLUMNS).where(instances.c.path == path)).first()
    return None if row is None else _recorded(row)


def _versions(connection: Connection, facts: HeaderFacts) -> list[RecordedFile]:
    """Return the versions of an instance, the last one first."""
    query = select(*_COLUMNS).where(
        instances.c.sop_instance_uid == facts.sop_instance_uid,
        instances.c.study_instance_uid == facts.study_instance_uid,
    )
    rows = connection.execute(query.order_by(instances.c.version.desc()))
    return [_recorded(row) for row in rows]


def _update(connection: Connection, row: RecordedFile, **values: Any) -> None:  # noqa: ANN401 - columns of any type
    held = instances.c.instance_id == row.instance_id
    connection.execute(update(instances).where(held).values(**values))


def _insert_superseded(
    connection: Connection, arrival: Arrival, version: int, now: datetime
) -> int:
    waits = arrival.state in WAITING_FOR_A_WORKER
    facts, file = arrival.facts, arrival.file
    inserted = connection.execute(
        insert(instances)
        .values(
            sop_instance_uid=facts.sop_instance_uid,
            version=version,
            superseded=True,
            study_instance_uid=facts.study_instance_uid,
            sop_class_uid=facts.sop_class_uid,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            path=file.path,
            calling_ae_title=arrival.calling_ae_title,
            received_at=now,
            facts=facts_to_json(facts),
            state=ImageState.SET_ASIDE if waits else arrival.state,
            problem=_OLDER if waits else arrival.problem,
            urgent=facts.order_priority.urgent,
        )
        .returning(instances.c.instance_id)
    )
    return int(inserted.scalar_one())


def _count_change(connection: Connection, row: RecordedFile) -> None:
    """Have the study of an image examined again."""
    held = studies.c.study_instance_uid == row.study_instance_uid
    connection.execute(update(studies).where(held).values(changes=studies.c.changes + 1))


def _reopen(connection: Connection, row: RecordedFile, now: datetime) -> None:
    """Let the study of an image that waits again arrive again, as if the image had come now.

    It needs no new place on the list: with an image set aside it was never lowered.
    """
    held = studies.c.study_instance_uid == row.study_instance_uid
    state = connection.execute(select(studies.c.state).where(held)).scalar_one()
    reopened = after(state, StudyEvent.IMAGE_STORED)
    connection.execute(
        update(studies)
        .where(held)
        .values(state=reopened, last_arrival=now, changes=studies.c.changes + 1)
    )
    announce_readiness(connection, row.study_instance_uid, state, reopened, now)
