"""The brake's verbs: pause all effect and put every priority back; let it go on again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, or_, select, text, true, update

from triage.store.brake_schema import brake_changes
from triage.store.database import Database
from triage.store.placing import (
    BY_BRAKE,
    BY_MODE,
    CAPPED_HERE,
    Cause,
    ClassChange,
    place_all,
    record_classes,
    shown_class,
)
from triage.store.receiver_queue import enqueue_put_back
from triage.store.schema import MOVABLE, controls, priority_changes, studies, work_items
from triage.store.standing import PAUSED, as_ordered, films_of, is_paused, placements
from triage.values import StudyState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.store.records import Films, Placement, StandingDecision

_CAPPED = and_(text(MOVABLE), work_items.c.capped_at.is_not(None))


_LIFT_CAP = (
    update(work_items)
    .where(work_items.c.work_item_uid == bindparam("item"))
    .values(capped_at=None, changed_at=bindparam("now"), version=work_items.c.version + 1)
)


@dataclass(frozen=True, slots=True)
class BrakeChange:
    """What an operator did with the brake.

    Attributes:
        changed_at: When.
        paused: What has held since.
        reason: In the operator's words.
        moved: How many studies changed their class by it.
    """

    changed_at: datetime
    paused: bool
    reason: str
    moved: int


class BrakeVerbs(Database):
    """What the operators' brake says to the store."""

    def paused(self) -> bool:
        """Whether all effect on the reading order is paused."""
        with self.reading() as connection:
            return is_paused(connection)

    def brake_changes(self, limit: int) -> tuple[BrakeChange, ...]:
        """Return what was done with the brake lately, newest first."""
        newest = brake_changes.c.change_id.desc()
        columns = [brake_changes.c[name] for name in BrakeChange.__dataclass_fields__]
        with self.reading() as connection:
            rows = connection.execute(select(*columns).order_by(newest).limit(limit)).all()
        return tuple(BrakeChange(*row) for row in rows)

    def pause(self, reason: str) -> int:
        """Pause all effect, and put every study back to where its order alone puts it.

        What a person has opened, or whose priority a person has set, stays where it is. The
        receivers put back every priority of ours, of studies that are opened among them.

        Returns:
            How many studies changed their class.
        """
        with self.writing() as connection:
            _set_paused(connection, self.clock(), paused=True)
            cause = Cause(BY_BRAKE, reason)
            _lift_cap(connection, _capped(connection), cause, self.clock())
            moved = _place_all(connection, self.clock(), as_ordered, cause)
            enqueue_put_back(connection, reason, self.clock())
            _note(connection, BrakeChange(self.clock(), True, reason, moved))
            return moved

    def resume(
        self, placing: Callable[[StandingDecision], Placement], reason: str = "effect resumed"
    ) -> int:
        """Let results have effect again.

        Args:
            placing: Says where each decided study belongs.
            reason: What stands in the ledger.

        Returns:
            How many studies changed their class.
        """
        with self.writing() as connection:
            _set_paused(connection, self.clock(), paused=False)
            moved = _place_all(connection, self.clock(), placing, Cause(BY_BRAKE, reason))
            _note(connection, BrakeChange(self.clock(), False, reason, moved))
            return moved

    def place_all(
        self,
        placing: Callable[[StandingDecision], Placement],
        reason: str,
        *,
        raises: Callable[[Films], bool] = lambda _films: True,
    ) -> int:
        """Place every study anew, as after a change of the site's mode; not while paused.

        Args:
            placing: Says where each decided study belongs.
            reason: What stands in the ledger.
            raises: Says by a study's films whether its site's mode raises anything; where it
                does not, the cap raises nothing at the receivers either.

        Returns:
            How many studies changed their class.
        """
        with self.writing() as connection:
            if is_paused(connection):
                return 0
            cause = Cause(BY_MODE, reason)
            _adapt_cap(connection, cause, raises, self.clock())
            return _place_all(connection, self.clock(), placing, cause)


def _set_paused(connection: Connection, now: datetime, *, paused: bool) -> None:
    held = controls.c.name == PAUSED
    done = connection.execute(update(controls).where(held).values(value=paused, changed_at=now))
    if done.rowcount == 0:
        connection.execute(insert(controls).values(name=PAUSED, value=paused, changed_at=now))


def _note(connection: Connection, change: BrakeChange) -> None:
    connection.execute(insert(brake_changes).values(**asdict(change)))


def _place_all(
    connection: Connection,
    now: datetime,
    placing: Callable[[StandingDecision], Placement],
    cause: Cause,
) -> int:
    moved = place_all(connection, placements(connection, placing), now, cause)
    # What is not decided yet is looked at again, under the mode that now holds.
    connection.execute(
        update(studies)
        .where(studies.c.state != StudyState.DECIDED)
        .values(changes=studies.c.changes + 1)
    )
    return moved


def _adapt_cap(
    connection: Connection, cause: Cause, raises: Callable[[Films], bool], now: datetime
) -> None:
    """Take the cap's word back wherever the present mode would have it otherwise.

    The clock then says anew what the cap has raised, and to whom.
    """
    here = (
        select(true())
        .where(
            # Under this step, or under one before it that was cancelled unread.
            or_(
                priority_changes.c.work_item_uid == work_items.c.work_item_uid,
                priority_changes.c.study_instance_uid == work_items.c.study_instance_uid,
            ),
            priority_changes.c.changed_at == work_items.c.capped_at,
            priority_changes.c.reason == CAPPED_HERE,
        )
        .exists()
        .label("here")
    )
    rows = connection.execute(select(work_items, here).where(_CAPPED)).all()
    films = films_of(connection) if rows else {}
    wrong = [row for row in rows if raises(films.get(row.study_instance_uid, ())) == row.here]
    _lift_cap(connection, wrong, cause, now)


def _capped(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(select(work_items).where(_CAPPED)).all()


def _lift_cap(
    connection: Connection, rows: Sequence[Row[Any]], cause: Cause, now: datetime
) -> None:
    """Tell those who follow the ledger that what the cap had raised is put back."""
    if rows:
        connection.execute(_LIFT_CAP, [{"item": row.work_item_uid, "now": now} for row in rows])
    changes = [
        ClassChange(row.work_item_uid, row.named_study_uid, before, row.reading_class, cause)
        for row in rows
        if (before := shown_class(row.reading_class, row.capped_at, row.held_by))
        is not row.reading_class
    ]
    record_classes(connection, changes, now)
