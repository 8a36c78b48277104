"""The verbs of asking for orders: which studies to ask for, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, insert, or_, select, update

from triage.store.database import Database
from triage.store.orders_schema import order_questions
from triage.store.schema import studies
from triage.values import StudyState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.sql.elements import ColumnElement

    from triage.values import OrderPriority

_FORGOTTEN = timedelta(days=1)  # what nobody could say for this long is asked for no more


@dataclass(frozen=True, slots=True)
class OrderQuestion:
    """A study whose order is to be asked for.

    Attributes:
        order_priority: What is known of its order already.
        attempts: How often nobody could say.
    """

    study_instance_uid: str
    accession_number: str
    order_priority: OrderPriority
    attempts: int


class OrderQuestionVerbs(Database):
    """What the asking of modality worklists says to the store."""

    def orders_to_ask(self, limit: int) -> tuple[OrderQuestion, ...]:
        """Return studies whose order is to be asked for now, those that came first before others.

        One that nobody could tell of is asked for again, for a day at most.
        """
        now = self.clock()
        due = and_(
            order_questions.c.answered_at.is_(None), order_questions.c.next_attempt_at <= now
        )
        new = and_(
            order_questions.c.study_instance_uid.is_(None),
            studies.c.state != StudyState.DECIDED,
        )
        query = (
            select(
                studies.c.study_instance_uid,
                studies.c.accession_number,
                studies.c.order_priority,
                order_questions.c.attempts,
            )
            .outerjoin(
                order_questions,
                order_questions.c.study_instance_uid == studies.c.study_instance_uid,
            )
            .where(or_(due, new), studies.c.first_arrival > now - _FORGOTTEN)
            .order_by(studies.c.first_arrival)
            .limit(limit)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(
            OrderQuestion(
                row.study_instance_uid, row.accession_number, row.order_priority, row.attempts or 0
            )
            for row in rows
        )

    def order_answered(self, question: OrderQuestion, answer: OrderPriority) -> None:
        """Record what was answered; UNKNOWN that every worklist was asked and none knows."""
        values = {"answered_at": self.clock(), "answer": answer.value}
        self._note_answer(question, values)

    def order_unanswered(self, question: OrderQuestion, *, next_attempt_at: datetime) -> None:
        """Record that nobody could say; the question is due again."""
        values = {"attempts": question.attempts + 1, "next_attempt_at": next_attempt_at}
        self._note_answer(question, values)

    def _note_answer(self, question: OrderQuestion, values: dict[str, Any]) -> None:
        held = order_questions.c.study_instance_uid == question.study_instance_uid
        with self.writing() as connection:
            done = connection.execute(update(order_questions).where(held).values(**values))
            if done.rowcount == 0:
                row = {"next_attempt_at": self.clock(), **values}
                row["study_instance_uid"] = question.study_instance_uid
                connection.execute(insert(order_questions).values(**row))


def order_known(now: datetime, wait_seconds: float) -> ColumnElement[bool]:
    """Select studies that need not wait for their order: it is known, or the bound is over."""
    answered = (
        select(order_questions.c.study_instance_uid)
        .where(
            order_questions.c.study_instance_uid == studies.c.study_instance_uid,
            order_questions.c.answered_at.is_not(None),
        )
        .exists()
    )
    return or_(
        studies.c.state != StudyState.COMPLETE,
        studies.c.first_arrival <= now - timedelta(seconds=wait_seconds),
        answered,
    )
