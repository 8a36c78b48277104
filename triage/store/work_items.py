"""The verbs of work items: their states, what readers and pushers set, priorities set by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, select, update

from triage.store.database import Database
from triage.store.list_records import StepRecord, StepSubject
from triage.store.placing import (
    BY_CAP,
    BY_ORDER,
    CAPPED,
    CAPPED_HERE,
    Cause,
    ClassChange,
    by_person,
    name_columns,
    place_work_item,
    record_class,
    record_classes,
    record_created,
    record_step,
    shown_class,
)
from triage.store.reading_order import Reading, overdue_items
from triage.store.records import Placement
from triage.store.schema import instances, studies, work_items
from triage.store.standing import films_of, placement_of
from triage.store.succession import place_again, succeed
from triage.values import ImageState, ReadingClass, StepState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.store.list_records import NewStep, OrderedStudies, OrderWord, StepChange
    from triage.store.records import Films, StandingDecision

_AT_ONCE = 200


_NOTE_CAPPED = (
    update(work_items)
    .where(work_items.c.work_item_uid == bindparam("item"))
    .values(
        capped_at=bindparam("now"),
        changed_at=bindparam("now"),
        version=work_items.c.version + 1,
    )
)


class WorkItemVerbs(Database):
    """What readers, pushers and orders say to the store."""

    def step(self, work_item_uid: str) -> StepRecord | None:
        """Return a work item as its state machine sees it, None when it is not known."""
        with self.reading() as connection:
            return read_step(connection, work_item_uid)

    def change_step(self, work_item_uid: str, expected_version: int, change: StepChange) -> bool:
        """Change a work item, with a line in its history and in the ledger where one is due.

        Which change is allowed is for the state machine to say; this is the compare-and-set
        under it.

        Returns:
            False when the item is not known, or has changed since that version: look again.
        """
        with self.writing() as connection:
            return write_step(connection, work_item_uid, expected_version, change, self.clock())

    def create_step(self, new: NewStep) -> bool:
        """Put a work item on the list that another system pushes.

        Returns:
            False when there is one of this UID already: nothing has been changed.
        """
        with self.writing() as connection:
            return write_new_step(connection, new, self.clock())

    def hold_priority(
        self, work_item_uid: str, reading_class: ReadingClass, by: str, expected_version: int
    ) -> bool:
        """Set a priority by hand: no result, no brake and no cap moves the item from then on.

        Args:
            work_item_uid: The work item.
            reading_class: Where it is to stand.
            by: The person's name, or the AE title of another system.
            expected_version: The version of the line that the person saw.

        Returns:
            False when the line has changed since then, has ended or is not known.
        """
        with self.writing() as connection:
            row = _row(connection, work_item_uid)
            if row is None or row.ended_at is not None or row.version != expected_version:
                return False
            now = self.clock()
            values = {"reading_class": reading_class, "held_by": by}
            _set(connection, row, values, now)
            _tell_class(connection, row, reading_class, by, "", now)
        return True

    def release_priority(
        self,
        work_item_uid: str,
        placing: Callable[[StandingDecision], Placement],
        by: str,
        expected_version: int,
    ) -> bool:
        """Take back that a person has set a priority: the item stands where it would without.

        Args:
            work_item_uid: The work item.
            placing: Says where a decided study belongs.
            by: Who takes it back.
            expected_version: The version of the line that the person saw.

        Returns:
            False when the line has changed since then, is not held, has ended or is not known.
        """
        with self.writing() as connection:
            row = _row(connection, work_item_uid)
            if row is None or row.version != expected_version:
                return False
            if row.ended_at is not None or not row.held_by:
                return False
            now = self.clock()
            placement = _standing(connection, row, placing)
            values = {
                "reading_class": placement.reading_class,
                "reasons": list(placement.reasons),
                "outcome": placement.outcome,
                "held_by": "",
            }
            _set(connection, row, values, now)
            reason = "priority no longer set by hand"
            after = shown_class(placement.reading_class, row.capped_at, "")
            _tell_class(connection, row, after, by, reason, now)
        return True

    def set_order(
        self,
        ordered: OrderedStudies,
        word: OrderWord,
        placing: Callable[[StandingDecision], Placement],
    ) -> tuple[str, ...]:
        """Take over what an order says later than with the images.

        Args:
            ordered: The studies that it is about.
            word: What it says.
            placing: Says where a decided study belongs whose order is not urgent.

        Returns:
            The work items of the studies that it is about, moved or not.

        Raises:
            ValueError: Neither an accession number nor a study is named.
        """
        if not (ordered.accession_number or ordered.study_instance_uid):
            raise ValueError("an order must name an accession number or a study")
        with self.writing() as connection:
            now = self.clock()
            rows = ordered_items(connection, ordered)
            for row in rows:
                hear_order(connection, row, word, placing, now)
        return tuple(row.work_item_uid for row in rows)

    def note_overdue(
        self,
        now: datetime,
        cap_seconds: float,
        raises: Callable[[Films], bool] = lambda _films: True,
    ) -> int:
        """Write into the ledger what the cap has raised since the last look.

        The order itself follows from the time; this tells those who follow the ledger.

        Args:
            now: The present time.
            cap_seconds: The cap.
            raises: Says by a study's films whether its site's mode lets receivers be told.

        Returns:
            How many lines were written; call again until it is 0.
        """
        with self.writing() as connection:
            rows = overdue_items(connection, Reading(now, cap_seconds), _AT_ONCE)
            own = [row.study_instance_uid for row in rows if row.study_instance_uid]
            films = films_of(connection, instances.c.study_instance_uid.in_(own)) if own else {}
            if rows:
                raised = [{"item": row.work_item_uid, "now": now} for row in rows]
                connection.execute(_NOTE_CAPPED, raised)
            changes = [
                ClassChange(
                    row.work_item_uid,
                    row.study_instance_uid or "",
                    row.reading_class,
                    ReadingClass.SUSPECTED_ABNORMAL,
                    Cause(
                        BY_CAP,
                        CAPPED if raises(films.get(row.study_instance_uid, ())) else CAPPED_HERE,
                    ),
                )
                for row in rows
            ]
            record_classes(connection, changes, now)
        return len(rows)


def read_step(connection: Connection, work_item_uid: str) -> StepRecord | None:
    """Return a work item as one transaction sees it."""
    row = _row(connection, work_item_uid)
    return None if row is None else step_of(row)


def write_step(
    connection: Connection,
    work_item_uid: str,
    expected_version: int,
    change: StepChange,
    now: datetime,
) -> bool:
    """Change a work item within a transaction; see WorkItemVerbs.change_step."""
    row = _row(connection, work_item_uid)
    if row is None or row.version != expected_version:
        return False
    _set(connection, row, _changed(row, change, now), now)
    if change.state is not None and change.state is not row.step_state:
        record_step(
            connection, work_item_uid, row.step_state, change.state, change.by, change.reason, now
        )
    if change.successor is not None:
        succeed(connection, row, change.successor, change.by, now)
    if change.placing is not None:
        place_again(connection, row, change.placing, change.by, now)
    if change.reading_class is not None:
        _tell_class(connection, row, change.reading_class, change.by, change.reason, now)
    return True


def write_new_step(connection: Connection, new: NewStep, now: datetime) -> bool:
    """Put a pushed item on the list within a transaction; see WorkItemVerbs.create_step."""
    if _row(connection, new.work_item_uid) is not None:
        return False
    placement = Placement(new.reading_class, new.reasons, outcome=None)
    connection.execute(
        insert(work_items).values(
            work_item_uid=new.work_item_uid,
            arrived_at=now,
            reading_class=new.reading_class,
            reasons=list(new.reasons),
            changed_at=now,
            step_state=StepState.SCHEDULED,
            attributes=dict(new.attributes),
            **_subject_columns(new.subject),
        )
    )
    study = new.subject.study_instance_uid
    cause = Cause(by_person(new.by), "pushed")
    record_created(connection, new.work_item_uid, study, placement, cause, now)
    return True


def _row(connection: Connection, work_item_uid: str) -> Row[Any] | None:
    query = select(work_items).where(work_items.c.work_item_uid == work_item_uid)
    return connection.execute(query).first()


def _set(connection: Connection, row: Row[Any], values: dict[str, Any], now: datetime) -> None:
    connection.execute(
        update(work_items)
        .where(work_items.c.work_item_uid == row.work_item_uid)
        .values(changed_at=now, version=work_items.c.version + 1, **values)
    )


def _changed(row: Row[Any], change: StepChange, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if change.state is not None and change.state is not row.step_state:
        values["step_state"] = change.state
        if change.state is StepState.IN_PROGRESS:
            values |= {"claimed_by": change.by, "claimed_at": now}
        if change.state is StepState.SCHEDULED:  # a claim that is given back
            values |= {"claimed_by": "", "claimed_at": None, "transaction_uid": ""}
        if change.state.final:
            values["ended_at"] = now
    if change.transaction_uid is not None:
        values["transaction_uid"] = change.transaction_uid
    if change.attributes is not None:
        values["attributes"] = dict(change.attributes)
    if change.subject is not None:
        values |= _subject_columns(change.subject)
    if change.reading_class is not None:
        values |= {"reading_class": change.reading_class, "held_by": change.by}
    return values


def _subject_columns(subject: StepSubject) -> dict[str, str]:
    return {
        "patient_id": subject.patient_id,
        "accession_number": subject.accession_number,
        "named_study_uid": subject.study_instance_uid,
        "label": subject.label,
        **name_columns(subject.patient_name),
    }


def _tell_class(
    connection: Connection,
    row: Row[Any],
    after: ReadingClass,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    """Write a person's change of a priority into the ledger."""
    before = shown_class(row.reading_class, row.capped_at, row.held_by)
    if before is not after:
        cause = Cause(by_person(by), reason or "priority set by hand")
        study = row.study_instance_uid or row.named_study_uid
        record_class(connection, row.work_item_uid, study, before, after, cause, now)


def ordered_items(connection: Connection, ordered: OrderedStudies) -> list[Row[Any]]:
    """Return the work items of the studies that an order is about, with what their order was."""
    query = select(
        work_items, studies.c.order_priority, studies.c.state.label("study_state")
    ).join_from(work_items, studies)
    if ordered.accession_number:
        query = query.where(work_items.c.accession_number == ordered.accession_number)
    if ordered.study_instance_uid:
        query = query.where(work_items.c.study_instance_uid == ordered.study_instance_uid)
    return list(connection.execute(query))


def hear_order(
    connection: Connection,
    row: Row[Any],
    word: OrderWord,
    placing: Callable[[StandingDecision], Placement],
    now: datetime,
) -> None:
    """Take over what an order says of one study, within a transaction."""
    if word.patient_location is not None and word.patient_location != row.patient_location:
        _set(connection, row, {"patient_location": word.patient_location}, now)
    if word.priority is None or word.priority is row.order_priority:
        return
    held = studies.c.study_instance_uid == row.study_instance_uid
    # Whoever is deciding this study now must look again: its order is part of the evidence.
    values = {"order_priority": word.priority, "changes": studies.c.changes + 1}
    connection.execute(update(studies).where(held).values(**values))
    # Of what waits for a worker, urgent images come first.
    waiting = and_(
        instances.c.study_instance_uid == row.study_instance_uid,
        instances.c.state == ImageState.QUEUED,
    )
    connection.execute(update(instances).where(waiting).values(urgent=word.priority.urgent))
    if word.priority.reading_class is row.order_priority.reading_class:
        return
    placement = _standing(connection, row, placing)
    if word.priority.urgent:
        placement = Placement(word.priority.reading_class, placement.reasons, placement.outcome)
    place_work_item(
        connection, row.study_instance_uid, placement, now, Cause(BY_ORDER, word.reason)
    )


def _standing(
    connection: Connection, row: Row[Any], placing: Callable[[StandingDecision], Placement]
) -> Placement:
    """Return where order and result put the study of an item; a pushed item stays."""
    if row.study_instance_uid is None:
        return Placement(row.reading_class, tuple(row.reasons), row.outcome)
    return placement_of(connection, row.study_instance_uid, placing)


def step_of(row: Row[Any]) -> StepRecord:
    """Return a row of a work item as its state machine sees it."""
    return StepRecord(
        work_item_uid=row.work_item_uid,
        study_instance_uid=row.study_instance_uid or "",
        state=row.step_state,
        transaction_uid=row.transaction_uid,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        ended_at=row.ended_at,
        held_by=row.held_by,
        reading_class=row.reading_class,
        attributes=row.attributes,
        subject=StepSubject(
            patient_id=row.patient_id,
            patient_name=row.patient_name,
            accession_number=row.accession_number,
            study_instance_uid=row.named_study_uid,
            label=row.label,
        ),
        changed_at=row.changed_at,
        version=row.version,
    )
