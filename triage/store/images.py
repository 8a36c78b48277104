"""The worker's verbs: the image queue with leases."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, null, select, update

from triage.store.database import Database
from triage.store.records import ClaimedImage, facts_from_json
from triage.store.schema import instances, studies
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from triage.values import Analysis

# What a row looks like when nobody holds it.
UNHELD: dict[str, Any] = {"lease_owner": "", "lease_until": None}


class ImageVerbs(Database):
    """What the worker says to the store."""

    def claim_images(
        self, owner: str, limit: int, lease_seconds: float
    ) -> tuple[ClaimedImage, ...]:
        """Claim the images that are next; the owner must finish, fail or renew each in time.

        Urgent orders come first, then the longest waiting. An image that was claimed before and
        not finished comes alone: should it be what kills workers, it takes no other with it.

        Returns:
            At most `limit` images, none when the queue is empty.
        """
        now = self.clock()
        with self.writing() as connection:
            rows = _next_in_queue(connection, limit)
            return tuple(
                _claim(connection, row, owner, now + timedelta(seconds=lease_seconds))
                for row in rows
            )

    def renew_leases(self, owner: str, instance_ids: Sequence[int], lease_seconds: float) -> None:
        """Hold these images for longer; those that the owner has lost stay lost."""
        until = self.clock() + timedelta(seconds=lease_seconds)
        with self.writing() as connection:
            connection.execute(
                update(instances)
                .where(instances.c.instance_id.in_(instance_ids), _held_by(owner))
                .values(lease_until=until)
            )

    def finish_image(
        self, instance_id: int, owner: str, analysis: Analysis, thumbnail: str
    ) -> bool:
        """Record what was found; return False when the lease was lost and nothing was recorded."""
        values = {
            "state": ImageState.ANALYSED,
            "analysis": dataclasses.asdict(analysis),
            "analysed_at": self.clock(),
            "thumbnail": thumbnail,
            "problem": "",
        }
        with self.writing() as connection:
            return _let_go(connection, instance_id, owner, values)

    def fail_image(
        self,
        instance_id: int,
        owner: str,
        problem: str,
        *,
        maximum_attempts: int,
        permanent: bool = False,
    ) -> ImageState:
        """Record a failed try: back to the queue, or set aside for good.

        Args:
            instance_id: The image.
            owner: Who holds the lease.
            problem: What went wrong, without patient data.
            maximum_attempts: Claims after which an image is set aside.
            permanent: Set it aside now; trying again cannot help.

        Returns:
            QUEUED or SET_ASIDE.
        """
        with self.writing() as connection:
            attempts = connection.execute(
                select(instances.c.attempts).where(instances.c.instance_id == instance_id)
            ).scalar_one()
            given_up = permanent or attempts >= maximum_attempts
            state = ImageState.SET_ASIDE if given_up else ImageState.QUEUED
            _let_go(connection, instance_id, owner, {"state": state, "problem": problem})
        return state

    def requeue_outdated(self, study_instance_uid: str, bundle_digest: str) -> int:
        """Queue the current images of a study again that another bundle has analysed.

        Returns:
            How many were queued.
        """
        by = instances.c.analysis["bundle_digest"].as_string()
        with self.writing() as connection:
            done = connection.execute(
                update(instances)
                .where(
                    instances.c.study_instance_uid == study_instance_uid,
                    instances.c.state == ImageState.ANALYSED,
                    ~instances.c.superseded,
                    by != bundle_digest,
                )
                .values(state=ImageState.QUEUED, attempts=0, analysis=null(), analysed_at=None)
            )
        return done.rowcount

    def hand_back_images(self, owner: str) -> int:
        """Put back, untouched, what an orderly owner still holds; the claim does not count."""
        with self.writing() as connection:
            held = connection.execute(
                select(instances.c.instance_id).where(_held_by(owner))
            ).scalars()
            values = {"state": ImageState.QUEUED, "attempts": instances.c.attempts - 1}
            return sum(_let_go(connection, one, owner, values) for one in list(held))

    def reap_images(
        self, maximum_attempts: int, is_dead: Callable[[str], bool] = lambda _owner: False
    ) -> int:
        """Take images back whose lease has run out, or whose owner is known to be dead.

        An image that was claimed `maximum_attempts` times without ever being finished is set
        aside: it may be what kills its workers.

        Returns:
            How many were taken back.
        """
        now = self.clock()
        with self.writing() as connection:
            claimed = connection.execute(
                select(instances).where(instances.c.state == ImageState.CLAIMED)
            ).all()
            lost = [row for row in claimed if row.lease_until < now or is_dead(row.lease_owner)]
            for row in lost:
                values = _reaped(row, maximum_attempts)
                _let_go(connection, row.instance_id, row.lease_owner, values)
        return len(lost)


def _next_in_queue(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    rows = connection.execute(
        select(instances)
        .where(instances.c.state == ImageState.QUEUED)
        .order_by(instances.c.urgent.desc(), instances.c.received_at, instances.c.instance_id)
        .limit(limit)
    ).all()
    suspects = [row for row in rows if row.attempts > 0]
    if rows and rows[0].attempts > 0:
        return suspects[:1]
    return [row for row in rows if row.attempts == 0]


def _claim(connection: Connection, row: Row[Any], owner: str, until: datetime) -> ClaimedImage:
    connection.execute(
        update(instances)
        .where(instances.c.instance_id == row.instance_id)
        .values(
            state=ImageState.CLAIMED,
            lease_owner=owner,
            lease_until=until,
            attempts=row.attempts + 1,
        )
    )
    return ClaimedImage(
        instance_id=row.instance_id,
        study_instance_uid=row.study_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        path=row.path,
        facts=facts_from_json(row.facts),
        attempts=row.attempts + 1,
    )


def _held_by(owner: str) -> Any:  # noqa: ANN401 - SQLAlchemy's expression
    return and_(instances.c.state == ImageState.CLAIMED, instances.c.lease_owner == owner)


def _let_go(connection: Connection, instance_id: int, owner: str, values: dict[str, Any]) -> bool:
    study = connection.execute(
        update(instances)
        .where(instances.c.instance_id == instance_id, _held_by(owner))
        .values(**values, **UNHELD)
        .returning(instances.c.study_instance_uid)
    ).scalar_one_or_none()
    if study is None:
        return False
    connection.execute(
        update(studies)
        .where(studies.c.study_instance_uid == study)
        .values(changes=studies.c.changes + 1)
    )
    return True


def _reaped(row: Row[Any], maximum_attempts: int) -> dict[str, Any]:
    if row.attempts < maximum_attempts:
        return {"state": ImageState.QUEUED}
    problem = f"a worker was lost on it {row.attempts} times"
    return {"state": ImageState.SET_ASIDE, "problem": problem}
