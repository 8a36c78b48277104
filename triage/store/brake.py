"""The brake's verbs: pause all effect and put every priority back; let it go on again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, select, update

from triage.store.database import Database
from triage.store.placing import place_work_item, unassessed
from triage.store.records import Placement, StandingDecision
from triage.store.schema import controls, decisions, instances, studies, work_items
from triage.values import ImageState, StudyState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

PAUSED = "paused"


class BrakeVerbs(Database):
    """What the operators' brake says to the store."""

    def paused(self) -> bool:
        """Whether all effect on the reading order is paused."""
        with self.reading() as connection:
            return is_paused(connection)

    def pause(self, reason: str) -> int:
        """Pause all effect, and put every study back to where its order alone puts it.

        Returns:
            How many studies changed their class.
        """
        with self.writing() as connection:
            _set_paused(connection, self.clock(), paused=True)
            return _place_all(connection, self.clock(), _as_ordered, reason)

    def resume(self, placing: Callable[[StandingDecision], Placement]) -> int:
        """Let results have effect again; `placing` says where each decided study belongs.

        Returns:
            How many studies changed their class.
        """
        with self.writing() as connection:
            _set_paused(connection, self.clock(), paused=False)
            return _place_all(connection, self.clock(), placing, "effect resumed")

    def place_all(self, placing: Callable[[StandingDecision], Placement], reason: str) -> int:
        """Place every study anew, as after a change of the site's mode; not while paused.

        Returns:
            How many studies changed their class.
        """
        with self.writing() as connection:
            if is_paused(connection):
                return 0
            return _place_all(connection, self.clock(), placing, reason)


def is_paused(connection: Connection) -> bool:
    """Whether the brake is on, as one transaction sees it."""
    query = select(controls.c.value).where(controls.c.name == PAUSED)
    return bool(connection.execute(query).scalar_one_or_none())


def _set_paused(connection: Connection, now: datetime, *, paused: bool) -> None:
    held = controls.c.name == PAUSED
    done = connection.execute(update(controls).where(held).values(value=paused, changed_at=now))
    if done.rowcount == 0:
        connection.execute(insert(controls).values(name=PAUSED, value=paused, changed_at=now))


def _place_all(
    connection: Connection,
    now: datetime,
    placing: Callable[[StandingDecision], Placement],
    reason: str,
) -> int:
    moved = 0
    films = _films(connection)
    for row in _standing(connection):
        if row.decided_outcome is None or row.state is not StudyState.DECIDED:
            placement = unassessed(row.order_priority)
        else:
            placement = placing(_stands(row, films.get(row.study_instance_uid, ())))
        moved += row.class_now is not placement.reading_class
        place_work_item(connection, row.study_instance_uid, placement, now, cause=reason)
    # What is not decided yet is looked at again, under the mode that now holds.
    connection.execute(
        update(studies)
        .where(studies.c.state != StudyState.DECIDED)
        .values(changes=studies.c.changes + 1)
    )
    return moved


def _as_ordered(stands: StandingDecision) -> Placement:
    """Place a decided study as if its result had no effect; what was found out stays told."""
    return Placement(stands.order_priority.reading_class, stands.reasons, stands.outcome)


def _standing(connection: Connection) -> list[Row[Any]]:
    last = (
        select(decisions.c.study_instance_uid, func.max(decisions.c.number).label("number"))
        .group_by(decisions.c.study_instance_uid)
        .subquery()
    )
    query = (
        select(
            studies.c.study_instance_uid,
            studies.c.state,
            studies.c.order_priority,
            work_items.c.reading_class.label("class_now"),
            decisions.c.outcome.label("decided_outcome"),
            decisions.c.reasons.label("decided_reasons"),
            decisions.c.flagged,
            decisions.c.spared,
        )
        .join_from(studies, work_items)
        .outerjoin(last, last.c.study_instance_uid == studies.c.study_instance_uid)
        .outerjoin(
            decisions,
            and_(
                decisions.c.study_instance_uid == last.c.study_instance_uid,
                decisions.c.number == last.c.number,
            ),
        )
    )
    return list(connection.execute(query))


def _films(connection: Connection) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return where the films of every study came from: institution and sender."""
    institution = instances.c.facts["institution_name"].as_string()
    query = (
        select(instances.c.study_instance_uid, institution, instances.c.calling_ae_title)
        .where(~instances.c.superseded, instances.c.state != ImageState.HEADER_ONLY)
        .distinct()
    )
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for study, name, title in connection.execute(query):
        found[study] = (*found.get(study, ()), (name or "", title))
    return found


def _stands(row: Row[Any], films: tuple[tuple[str, str], ...]) -> StandingDecision:
    return StandingDecision(
        study_instance_uid=row.study_instance_uid,
        order_priority=row.order_priority,
        outcome=row.decided_outcome,
        reasons=tuple(row.decided_reasons),
        spared=row.spared,
        flagged=tuple(row.flagged),
        films=films,
    )
