"""The verbs of telling receivers what was found: a feed of decisions, and a queue of messages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, insert, select, text, update

from triage.hl7.values import Message
from triage.store.database import Database
from triage.store.hl7_records import ClaimedResult, FedDecision, ResultRecord
from triage.store.hl7_schema import FAILING, GIVEN_UP, hl7_feeds, hl7_results
from triage.store.queue_counts_schema import numbers_of
from triage.store.schema import decisions
from triage.values import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

_UNHELD: dict[str, Any] = {"lease_owner": "", "lease_until": None}


class Hl7OutboxVerbs(Database):
    """What the courier says to the store about messages to HL7 receivers."""

    def open_result_feed(self, receiver: str) -> None:
        """Begin with what is decided from now on, for a receiver that is new."""
        with self.writing() as connection:
            known = select(hl7_feeds.c.receiver).where(hl7_feeds.c.receiver == receiver)
            if connection.execute(known).first() is None:
                last = connection.execute(select(func.max(decisions.c.decision_id))).scalar_one()
                connection.execute(
                    insert(hl7_feeds).values(receiver=receiver, decision_id=last or 0)
                )

    def decisions_to_tell(self, receiver: str, limit: int = 20) -> tuple[FedDecision, ...]:
        """Return decisions of which a receiver has not been told, oldest first."""
        later = decisions.alias()
        superseded = exists().where(
            later.c.study_instance_uid == decisions.c.study_instance_uid,
            later.c.number > decisions.c.number,
        )
        told = select(hl7_feeds.c.decision_id).where(hl7_feeds.c.receiver == receiver)
        with self.reading() as connection:
            rows = connection.execute(
                select(
                    decisions.c.decision_id,
                    decisions.c.study_instance_uid,
                    decisions.c.number,
                    superseded.label("superseded"),
                )
                .where(decisions.c.decision_id > told.scalar_subquery())
                .order_by(decisions.c.decision_id)
                .limit(limit)
            ).all()
        return tuple(
            FedDecision(
                row.decision_id, row.study_instance_uid, row.number, last=not row.superseded
            )
            for row in rows
        )

    def tell_decision(self, receiver: str, told: FedDecision, *, worth_telling: bool) -> bool:
        """Queue a decision for a receiver, or note that there is nothing to tell of it.

        Returns:
            False when another courier was faster, and nothing has been done.
        """
        now = self.clock()
        with self.writing() as connection:
            moved = connection.execute(
                update(hl7_feeds)
                .where(
                    hl7_feeds.c.receiver == receiver,
                    hl7_feeds.c.decision_id < told.decision_id,
                )
                .values(decision_id=told.decision_id)
            )
            if moved.rowcount == 0:
                return False
            if worth_telling:
                connection.execute(
                    insert(hl7_results).values(
                        receiver=receiver,
                        decision_id=told.decision_id,
                        study_instance_uid=told.study_instance_uid,
                        state=DeliveryState.PENDING,
                        next_attempt_at=now,
                    )
                )
        return True

    def claim_results(
        self, owner: str, receiver: str, limit: int, lease_seconds: float
    ) -> tuple[ClaimedResult, ...]:
        """Claim what is due at one receiver, oldest first.

        Of one study, what was decided later waits for what was decided before. The owner must
        record each before the lease runs out; after that another courier may send the same
        message, with the same number.
        """
        now = self.clock()
        earlier = hl7_results.alias()
        due = and_(
            hl7_results.c.receiver == receiver,
            hl7_results.c.state == DeliveryState.PENDING,
            hl7_results.c.next_attempt_at <= now,
            ~exists().where(
                earlier.c.receiver == receiver,
                earlier.c.study_instance_uid == hl7_results.c.study_instance_uid,
                earlier.c.result_id < hl7_results.c.result_id,
                earlier.c.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]),
            ),
        )
        with self.reading() as connection:
            waits = connection.execute(select(hl7_results.c.result_id).where(due).limit(1)).first()
        if waits is None:  # looking often takes no lock from others
            return ()
        with self.writing() as connection:
            rows = connection.execute(
                select(hl7_results, decisions.c.number)
                .join_from(hl7_results, decisions)
                .where(due)
                .order_by(hl7_results.c.result_id)
                .limit(limit)
            ).all()
            connection.execute(
                update(hl7_results)
                .where(hl7_results.c.result_id.in_([row.result_id for row in rows]))
                .values(
                    state=DeliveryState.SENDING,
                    lease_owner=owner,
                    lease_until=now + timedelta(seconds=lease_seconds),
                    attempts=hl7_results.c.attempts + 1,
                )
            )
        return tuple(
            ClaimedResult(
                row.result_id,
                row.study_instance_uid,
                row.number,
                Message(row.control_id, row.content) if row.content else None,
                row.attempts + 1,
            )
            for row in rows
        )

    def result_written(self, result_id: int, owner: str, message: Message) -> bool:
        """Keep a message before it is sent for the first time: every retry is the same.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        with self.writing() as connection:
            done = connection.execute(
                update(hl7_results)
                .where(hl7_results.c.result_id == result_id, hl7_results.c.lease_owner == owner)
                .values(control_id=message.control_id, content=message.content)
            )
        return done.rowcount == 1

    def result_acknowledged(self, result_id: int, owner: str) -> bool:
        """Record that the receiver has taken a message; False when the lease was lost."""
        values = {
            "state": DeliveryState.STORED,
            "acknowledged_at": self.clock(),
            "content": b"",
            "problem": "",
        }
        with self.writing() as connection:
            return _let_go(connection, result_id, owner, values)

    def result_failed(
        self,
        result_id: int,
        owner: str,
        problem: str,
        *,
        next_attempt_at: datetime | None,
        counts: bool = True,
    ) -> bool:
        """Record a failed try: due again at `next_attempt_at`, or a dead letter when None.

        Args:
            result_id: The message.
            owner: Who holds the lease.
            problem: What went wrong, without patient data.
            next_attempt_at: When to try again; None for never by itself.
            counts: Whether the try counts against the message; a peer that is away does not.

        Returns:
            False when the lease was lost and nothing was recorded.
        """
        values: dict[str, Any] = {"problem": problem}
        if next_attempt_at is None:
            values |= {"state": DeliveryState.DEAD}
        else:
            values |= {"state": DeliveryState.PENDING, "next_attempt_at": next_attempt_at}
        if not counts:
            values |= {"attempts": hl7_results.c.attempts - 1}
        with self.writing() as connection:
            return _let_go(connection, result_id, owner, values)

    def revive_results(self, receiver: str | None = None) -> int:
        """Give dead messages a new start, and make what waits for its next try due now.

        Returns:
            How many messages are due again.
        """
        waiting = hl7_results.c.state.in_([DeliveryState.DEAD, DeliveryState.PENDING])
        chosen = waiting if receiver is None else and_(waiting, hl7_results.c.receiver == receiver)
        with self.writing() as connection:
            done = connection.execute(
                update(hl7_results)
                .where(chosen)
                .values(state=DeliveryState.PENDING, attempts=0, next_attempt_at=self.clock())
            )
        return done.rowcount

    def reap_results(self, is_dead: Callable[[str], bool] = lambda _owner: False) -> int:
        """Take messages back whose lease has run out, or whose owner is known to be dead."""
        now = self.clock()
        with self.writing() as connection:
            sending = connection.execute(
                select(hl7_results).where(hl7_results.c.state == DeliveryState.SENDING)
            ).all()
            lost = [row for row in sending if row.lease_until < now or is_dead(row.lease_owner)]
            for row in lost:
                values = {"state": DeliveryState.PENDING, "next_attempt_at": now}
                _let_go(connection, row.result_id, row.lease_owner, values)
        return len(lost)

    def results_of(self, study_instance_uid: str) -> tuple[ResultRecord, ...]:
        """Return the messages about a study, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                select(hl7_results)
                .where(hl7_results.c.study_instance_uid == study_instance_uid)
                .order_by(hl7_results.c.result_id)
            ).all()
        return tuple(map(_record, rows))

    def dead_results(self) -> tuple[ResultRecord, ...]:
        """Return the messages that have been given up."""
        with self.reading() as connection:
            rows = connection.execute(
                select(hl7_results).where(text(GIVEN_UP)).order_by(hl7_results.c.result_id)
            ).all()
        return tuple(map(_record, rows))

    def failing_results(self, limit: int) -> tuple[ResultRecord, ...]:
        """Return the messages that went wrong and are not taken yet, the latest first."""
        with self.reading() as connection:
            rows = connection.execute(
                select(hl7_results)
                .where(text(FAILING))
                .order_by(hl7_results.c.result_id.desc())
                .limit(limit)
            ).all()
        return tuple(map(_record, rows))

    def last_acknowledged(self) -> dict[str, datetime]:
        """Return when receivers last took a message; one that took none is left out."""
        taken = (
            select(func.max(hl7_results.c.acknowledged_at))
            .where(hl7_results.c.receiver == hl7_feeds.c.receiver)
            .scalar_subquery()
        )
        with self.reading() as connection:
            rows = connection.execute(select(hl7_feeds.c.receiver, taken))
            return {name: at for name, at in rows if at is not None}

    def result_counts(self) -> Mapping[tuple[str, DeliveryState], int]:
        """Return how many messages stand where, by receiver and state."""
        with self.reading() as connection:
            counted = numbers_of(connection, hl7_results)
        return {(name, DeliveryState(state)): number for (name, state), number in counted.items()}


def _let_go(connection: Connection, result_id: int, owner: str, values: dict[str, Any]) -> bool:
    done = connection.execute(
        update(hl7_results)
        .where(
            hl7_results.c.result_id == result_id,
            hl7_results.c.state == DeliveryState.SENDING,
            hl7_results.c.lease_owner == owner,
        )
        .values(**values, **_UNHELD)
    )
    return done.rowcount == 1


def _record(row: Row[Any]) -> ResultRecord:
    return ResultRecord(
        result_id=row.result_id,
        receiver=row.receiver,
        study_instance_uid=row.study_instance_uid,
        control_id=row.control_id,
        state=row.state,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        acknowledged_at=row.acknowledged_at,
        problem=row.problem,
    )
