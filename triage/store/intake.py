"""The listener's verbs: an instance becomes a row, a study grows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, select, update

from triage.store.database import Database
from triage.store.placing import create_work_item, place_work_item
from triage.store.records import Placement, Receipt, facts_to_json
from triage.store.schema import deliveries, instances, reports, studies, work_items
from triage.store.states import StudyEvent, after
from triage.values import ImageState, ReadingClass, StudyState

if TYPE_CHECKING:
    from collections.abc import Iterable
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
        now = self.clock()
        with self.writing() as connection:
            known = _current_version(connection, facts)
            if known is not None and known.sha256 == file.sha256:
                return Receipt("duplicate", known.instance_id, known.version)
            version = _supersede(connection, facts)
            instance_id = connection.execute(
                insert(instances)
                .values(
                    sop_instance_uid=facts.sop_instance_uid,
                    version=version,
                    study_instance_uid=facts.study_instance_uid,
                    sop_class_uid=facts.sop_class_uid,
                    sha256=file.sha256,
                    size_bytes=file.size_bytes,
                    path=file.path,
                    calling_ae_title=calling_ae_title,
                    received_at=now,
                    facts=facts_to_json(facts),
                    state=state,
                    problem=problem,
                    urgent=facts.order_priority.urgent,
                )
                .returning(instances.c.instance_id)
            ).scalar_one()
            if state is not ImageState.HEADER_ONLY:
                _grow_study(connection, facts, now)
        return Receipt("new" if version == 1 else "new-version", instance_id, version)

    def is_known(self, sop_instance_uid: str, sha256: str) -> bool:
        """Whether the current version of an instance has these very bytes."""
        with self.reading() as connection:
            query = select(func.count()).where(
                instances.c.sop_instance_uid == sop_instance_uid,
                instances.c.sha256 == sha256,
                ~instances.c.superseded,
            )
            return bool(connection.execute(query).scalar_one())

    def is_own_report(self, sop_instance_uid: str) -> bool:
        """Whether this UID is a report of ours, under any UID that a destination stored."""
        with self.reading() as connection:
            query = select(func.count()).select_from(
                select(reports.c.sop_instance_uid)
                .where(reports.c.sop_instance_uid == sop_instance_uid)
                .union(
                    select(deliveries.c.sop_instance_uid).where(
                        deliveries.c.stored_as == sop_instance_uid
                    )
                )
                .subquery()
            )
            return bool(connection.execute(query).scalar_one())

    def association_released(self, study_instance_uids: Iterable[str]) -> None:
        """Take these studies as complete: the association that brought them has ended well."""
        with self.writing() as connection:
            for uid in study_instance_uids:
                _step(connection, uid, StudyEvent.RELEASED)

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
                _step(connection, uid, StudyEvent.QUIET)
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


def _current_version(connection: Connection, facts: HeaderFacts) -> Row[Any, Any, Any] | None:
    return connection.execute(
        select(instances.c.instance_id, instances.c.sha256, instances.c.version).where(
            _same_instance(facts), ~instances.c.superseded
        )
    ).first()


def _supersede(connection: Connection, facts: HeaderFacts) -> int:
    """Mark every version so far as superseded and return the number of the next."""
    held = _same_instance(facts)
    last = connection.execute(select(func.max(instances.c.version)).where(held)).scalar_one()
    if last is None:
        return 1
    connection.execute(update(instances).where(held).values(superseded=True))
    # A version that still waited is of no more use; one that a worker holds may finish.
    connection.execute(
        update(instances)
        .where(held, instances.c.state == ImageState.QUEUED)
        .values(state=ImageState.SET_ASIDE, problem="replaced by a newer version")
    )
    return int(last) + 1


def _grow_study(connection: Connection, facts: HeaderFacts, now: datetime) -> None:
    study = connection.execute(
        select(studies).where(studies.c.study_instance_uid == facts.study_instance_uid)
    ).first()
    if study is None:
        _open_study(connection, facts, now)
        return
    _step(connection, facts.study_instance_uid, StudyEvent.IMAGE_STORED)
    shown = {name: getattr(facts, name) for name in SHOWN if getattr(facts, name)}
    order = _more_urgent(study.order_priority, facts.order_priority)
    connection.execute(
        update(studies)
        .where(studies.c.study_instance_uid == facts.study_instance_uid)
        .values(last_arrival=now, order_priority=order, **shown)
    )
    _neutralise(connection, facts.study_instance_uid, order, now)


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
    create_work_item(connection, facts.study_instance_uid, facts.order_priority, now)


def _neutralise(
    connection: Connection, study_instance_uid: str, order: OrderPriority, now: datetime
) -> None:
    """Give a grown study what its order asks for, and take back that it was lowered.

    A study that was raised stays raised until it is decided again: doubt changes nothing.
    """
    stands = connection.execute(
        select(work_items).where(work_items.c.study_instance_uid == study_instance_uid)
    ).one()
    lowered = stands.reading_class is ReadingClass.LIKELY_NORMAL
    if not lowered and order.reading_class >= stands.reading_class:
        return
    reason = "another image arrived" if lowered else "the order is urgent"
    placement = Placement(order.reading_class, (reason,), outcome=None)
    place_work_item(connection, study_instance_uid, placement, now)


def _more_urgent(one: OrderPriority, other: OrderPriority) -> OrderPriority:
    # Declaration order is urgency order, with UNKNOWN last.
    ranks = list(type(one))
    return min(one, other, key=ranks.index)


def _step(connection: Connection, study_instance_uid: str, happened: StudyEvent) -> None:
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
