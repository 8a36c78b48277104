"""The listener's verbs: an instance becomes a row, a study grows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import String, and_, bindparam, case, insert, select, update

from triage.store.database import Database
from triage.store.hl7 import apply_waiting_orders
from triage.store.placing import (
    BY_ARRIVAL,
    BY_ORDER,
    Cause,
    create_work_item,
    name_columns,
    place_work_item,
)
from triage.store.records import Arrival, Placement, Receipt, facts_to_json, without_note
from triage.store.schema import deliveries, instances, reports, studies, work_items
from triage.store.states import StudyEvent, after
from triage.store.step_events import announce_readiness, welcome_study
from triage.values import ImageState, ReadingClass, StudyState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.records import StoredFile
    from triage.values import HeaderFacts, OrderPriority

# What the list shows of a patient and a study; a later image fills what an earlier lacked.
SHOWN = (
    "patient_name",
    "patient_id",
    "patient_birth_date",
    "patient_sex",
    "accession_number",
    "study_description",
    "study_date",
)


class IntakeVerbs(Database):
    """What the listener says to the store."""

    def record_instance(
        self,
        facts: HeaderFacts,
        file: StoredFile,
        *,
        state: ImageState,
        problem: str = "",
        calling_ae_title: str,
    ) -> Receipt:
        """Record one instance whose file is durable in the spool; durable on return.

        An image opens its study, or re-opens it: a decision that stood is then void, and a
        study that had been lowered goes back to where it would have stood without us. The same
        bytes under a known UID change nothing; other bytes become the next version.

        Args:
            facts: The header of the instance.
            file: Its file; the path is relative to the state folder.
            state: QUEUED for the worker, NOT_ELIGIBLE for an image that no model takes, or
                HEADER_ONLY for an object that is no image.
            problem: Why it is not eligible.
            calling_ae_title: Who sent it.

        Returns:
            What it came to. Of a duplicate the caller removes its own file.
        """
        arrival = Arrival(facts, file, state, problem, calling_ae_title)
        return self.record_instances([arrival])[0]

    def record_instances(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Record several instances in one transaction; see `record_instance`.

        Returns:
            What each came to, in order.
        """
        now = self.clock()
        with self.writing() as connection:
            return [self._record(connection, arrival, now) for arrival in arrivals]

    def _record(self, connection: Connection, arrival: Arrival, now: datetime) -> Receipt:
        facts = arrival.facts
        if arrival.state is ImageState.HEADER_ONLY and _is_own_report(connection, facts):
            return Receipt("own-report", 0, 0)
        known = _current_version(connection, facts)
        if known is None:
            return self._insert(connection, arrival, now, version=1)
        if known.sha256 == arrival.file.sha256:
            if self._has_file(known.path, known.size_bytes):
                return Receipt("duplicate", known.instance_id, known.version)
            if known.state is not ImageState.SET_ASIDE:
                _restore_file(connection, known, arrival.file)
                return Receipt("restored", known.instance_id, known.version)
        _supersede(connection, facts)
        return self._insert(connection, arrival, now, version=known.version + 1)

    def _insert(
        self, connection: Connection, arrival: Arrival, now: datetime, *, version: int
    ) -> Receipt:
        facts = arrival.facts
        values = {
            "sop_instance_uid": facts.sop_instance_uid,
            "version": version,
            "study_instance_uid": facts.study_instance_uid,
            "sop_class_uid": facts.sop_class_uid,
            "sha256": arrival.file.sha256,
            "size_bytes": arrival.file.size_bytes,
            "path": arrival.file.path,
            "calling_ae_title": arrival.calling_ae_title,
            "received_at": now,
            "facts": facts_to_json(facts),
            "state": arrival.state,
            "problem": arrival.problem,
            "urgent": facts.order_priority.urgent,
        }
        inserted = connection.execute(_INSERT, values)
        if arrival.state is not ImageState.HEADER_ONLY:
            _grow_study(connection, facts, now)
        (instance_id,) = cast("tuple[int]", inserted.inserted_primary_key)
        return Receipt("new" if version == 1 else "new-version", instance_id, version)

    def _has_file(self, path: str, size_bytes: int) -> bool:
        try:
            return (self.state_folder / path).stat().st_size == size_bytes
        except OSError:
            return False

    def association_released(self, study_instance_uids: Iterable[str]) -> None:
        """Take these studies as complete: the association that brought them has ended well."""
        with self.writing() as connection:
            for uid in study_instance_uids:
                _step(connection, uid, StudyEvent.RELEASED, self.clock())

    def close_quiet(self, quiet_seconds: float) -> tuple[str, ...]:
        """Take studies as complete for which no image came for so long; return their UIDs."""
        horizon = self.clock() - timedelta(seconds=quiet_seconds)
        with self.writing() as connection:
            quiet = connection.execute(
                select(studies.c.study_instance_uid).where(
                    studies.c.state == StudyState.ARRIVING,
                    studies.c.last_arrival <= horizon,
                )
            ).scalars()
            closed = tuple(quiet)
            for uid in closed:
                _step(connection, uid, StudyEvent.QUIET, self.clock())
        return closed


def _same_instance(facts: HeaderFacts) -> ColumnElement[bool]:
    """Select the versions of an instance.

    Where two studies use one SOP Instance UID, against the standard, they are two instances: a
    study must not lose an image to another.
    """
    return and_(
        instances.c.sop_instance_uid == facts.sop_instance_uid,
        instances.c.study_instance_uid == facts.study_instance_uid,
    )


# Statements that are made for every object are built once: SQLAlchemy takes longer to build one
# than SQLite to carry it out.
_OWN_REPORT = (
    select(reports.c.sop_instance_uid)
    .where(reports.c.sop_instance_uid == bindparam("uid"))
    .union_all(
        select(deliveries.c.sop_instance_uid).where(deliveries.c.stored_as == bindparam("uid"))
    )
    .limit(1)
)
_CURRENT_VERSION = select(
    instances.c.instance_id,
    instances.c.sha256,
    instances.c.version,
    instances.c.path,
    instances.c.size_bytes,
    instances.c.state,
    instances.c.problem,
).where(
    instances.c.sop_instance_uid == bindparam("instance"),
    instances.c.study_instance_uid == bindparam("study"),
    ~instances.c.superseded,
)
_INSERT = insert(instances)
_STUDY = (
    select(
        studies.c.state,
        studies.c.order_priority,
        work_items.c.reading_class,
        work_items.c.patient_id,
        work_items.c.patient_name,
        work_items.c.accession_number,
    )
    .join(work_items, work_items.c.study_instance_uid == studies.c.study_instance_uid)
    .where(studies.c.study_instance_uid == bindparam("study"))
)
_GROW = (
    update(studies)
    .where(studies.c.study_instance_uid == bindparam("study"))
    .values(
        state=bindparam("new_state"),
        changes=studies.c.changes + 1,
        last_arrival=bindparam("now"),
        order_priority=bindparam("order"),
        **{
            name: case(
                (bindparam(f"new_{name}", type_=String) != "", bindparam(f"new_{name}")),
                else_=studies.c[name],
            )
            for name in SHOWN
        },
    )
)


_RENAME = (
    update(work_items)
    .where(work_items.c.study_instance_uid == bindparam("study"))
    .values(
        **{
            name: bindparam(f"new_{name}")
            for name in ("patient_id", "accession_number", *name_columns(""))
        },
        changed_at=bindparam("now"),
        version=work_items.c.version + 1,
    )
)


def _is_own_report(connection: Connection, facts: HeaderFacts) -> bool:
    """Whether this is a report of ours, under any UID that a destination stored."""
    return connection.execute(_OWN_REPORT, {"uid": facts.sop_instance_uid}).first() is not None


def _current_version(
    connection: Connection, facts: HeaderFacts
) -> Row[Any, Any, Any, Any, Any, Any, Any] | None:
    return connection.execute(
        _CURRENT_VERSION,
        {"instance": facts.sop_instance_uid, "study": facts.study_instance_uid},
    ).first()


def _restore_file(
    connection: Connection, known: Row[Any, Any, Any, Any, Any, Any, Any], file: StoredFile
) -> None:
    """Let a row name the file that was sent again; what is known of its bytes stands."""
    connection.execute(
        update(instances)
        .where(instances.c.instance_id == known.instance_id)
        .values(path=file.path, problem=without_note(known.problem))
    )


def _supersede(connection: Connection, facts: HeaderFacts) -> None:
    """Mark every version so far as superseded."""
    held = _same_instance(facts)
    connection.execute(update(instances).where(held).values(superseded=True))
    # A version that still waited is of no more use; one that a worker holds may finish.
    connection.execute(
        update(instances)
        .where(held, instances.c.state == ImageState.QUEUED)
        .values(state=ImageState.SET_ASIDE, problem="replaced by a newer version")
    )


def _grow_study(connection: Connection, facts: HeaderFacts, now: datetime) -> None:
    uid = facts.study_instance_uid
    study = connection.execute(_STUDY, {"study": uid}).first()
    if study is None:
        _open_study(connection, facts, now)
        return
    order = _more_urgent(study.order_priority, facts.order_priority)
    values = {
        "study": uid,
        "new_state": after(study.state, StudyEvent.IMAGE_STORED),
        "now": now,
        "order": order,
        **{f"new_{name}": getattr(facts, name) for name in SHOWN},
    }
    connection.execute(_GROW, values)
    announce_readiness(connection, uid, study.state, values["new_state"], now)
    named_anew = _complete_search(connection, facts, study, now)
    _neutralise(connection, uid, study.reading_class, order, now)
    if named_anew:
        apply_waiting_orders(connection, uid, now)
    if order.urgent and not facts.order_priority.urgent:
        # The order said so over HL7: its later images come first too.
        own = instances.c.study_instance_uid == uid
        waiting = and_(own, instances.c.state == ImageState.QUEUED)
        connection.execute(update(instances).where(waiting).values(urgent=True))


def _complete_search(
    connection: Connection,
    facts: HeaderFacts,
    known: Any,  # noqa: ANN401 - a row of _STUDY
    now: datetime,
) -> bool:
    """Let the work item be found by what its study is now shown with.

    Returns:
        Whether that is something else than before.
    """
    found = {
        name: getattr(facts, name) or getattr(known, name)
        for name in ("patient_id", "patient_name", "accession_number")
    }
    if all(found[name] == getattr(known, name) for name in found):
        return False
    columns = {**found, **name_columns(found["patient_name"])}
    values = {f"new_{name}": value for name, value in columns.items()}
    connection.execute(_RENAME, {"study": facts.study_instance_uid, "now": now, **values})
    return True


def _open_study(connection: Connection, facts: HeaderFacts, now: datetime) -> None:
    connection.execute(
        insert(studies).values(
            study_instance_uid=facts.study_instance_uid,
            state=StudyState.ARRIVING,
            changes=1,
            examined=0,
            first_arrival=now,
            last_arrival=now,
            order_priority=facts.order_priority,
            **{name: getattr(facts, name) for name in SHOWN},
        )
    )
    welcome_study(connection, create_work_item(connection, facts, now), now)
    apply_waiting_orders(connection, facts.study_instance_uid, now)


def _neutralise(
    connection: Connection,
    study_instance_uid: str,
    stands: ReadingClass,
    order: OrderPriority,
    now: datetime,
) -> None:
    """Give a grown study what its order asks for, and take back that it was lowered.

    A study that was raised stays raised until it is decided again: doubt changes nothing.
    """
    lowered = stands is ReadingClass.LIKELY_NORMAL
    if not lowered and order.reading_class >= stands:
        return
    urgent = order.reading_class < stands and order.urgent
    reason = "the order is urgent" if urgent else "another image arrived"
    placement = Placement(order.reading_class, (reason,), outcome=None)
    cause = Cause(BY_ORDER if urgent else BY_ARRIVAL)
    place_work_item(connection, study_instance_uid, placement, now, cause)


def _more_urgent(one: OrderPriority, other: OrderPriority) -> OrderPriority:
    # Declaration order is urgency order, with UNKNOWN last.
    ranks = list(type(one))
    return min(one, other, key=ranks.index)


def _step(
    connection: Connection, study_instance_uid: str, happened: StudyEvent, now: datetime
) -> None:
    held = studies.c.study_instance_uid == study_instance_uid
    state = connection.execute(select(studies.c.state).where(held)).scalar_one_or_none()
    if state is None:
        return
    follows = after(state, happened)
    if follows is state and happened is not StudyEvent.IMAGE_STORED:
        return
    connection.execute(
        update(studies).where(held).values(state=follows, changes=studies.c.changes + 1)
    )
    announce_readiness(connection, study_instance_uid, state, follows, now)
