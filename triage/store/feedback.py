"""The verbs of feedback: a reader agrees or disagrees with a decision, or takes that back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, select

from triage.store.database import Database
from triage.store.feedback_schema import feedback
from triage.store.schema import decisions
from triage.values import Mode, Outcome, ReadingClass, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """What a reader said about a decision, and what that decision was.

    Attributes:
        study_instance_uid: Study Instance UID.
        decision_number: The decision, counted from 1 within its study.
        user_name: Who said it.
        verdict: What was said.
        given_at: When.
        outcome: What the decision had found.
        reading_class: Where it had placed the study.
        flagged: The findings that it had flagged.
        mode: The site's mode at the time.
        bundle_digest: The bundle that it was made with.
        stands: Whether it is the reader's last word on this study, and not taken back.
    """

    study_instance_uid: str
    decision_number: int
    user_name: str
    verdict: Verdict
    given_at: datetime
    outcome: Outcome
    reading_class: ReadingClass
    flagged: tuple[str, ...]
    mode: Mode
    bundle_digest: str
    stands: bool


class FeedbackVerbs(Database):
    """What the page's agree, disagree and undo say to the store."""

    def give_feedback(
        self, study_instance_uid: str, user_name: str, verdict: Verdict, decision_number: int
    ) -> bool:
        """Record a verdict on the decision that stands; the same verdict twice is one.

        Returns:
            False when that decision does not stand (any more): the reader should look again.
        """
        with self.writing() as connection:
            if decision_number != _standing_decision(connection, study_instance_uid):
                return False
            last = _last_word(connection, study_instance_uid, user_name)
            if last is None or (last.verdict, last.decision_number) != (verdict, decision_number):
                self._add(connection, study_instance_uid, user_name, verdict, decision_number)
        return True

    def undo_feedback(self, study_instance_uid: str, user_name: str) -> bool:
        """Take the reader's last verdict on a study back; False when none stands."""
        with self.writing() as connection:
            last = _last_word(connection, study_instance_uid, user_name)
            if last is None or last.verdict is Verdict.UNDO:
                return False
            number = last.decision_number
            self._add(connection, study_instance_uid, user_name, Verdict.UNDO, number)
        return True

    def study_feedback(self, study_instance_uid: str) -> tuple[FeedbackRecord, ...]:
        """Return all that readers have said about a study, oldest first."""
        with self.reading() as connection:
            return _records(connection, feedback.c.study_instance_uid == study_instance_uid)

    def all_feedback(self, since: datetime | None = None) -> tuple[FeedbackRecord, ...]:
        """Return all that readers have said, oldest first; from a moment on, where one is given."""
        with self.reading() as connection:
            return _records(connection, None if since is None else feedback.c.given_at >= since)

    def feedback_on(
        self, study_instance_uids: Iterable[str], user_name: str
    ) -> dict[str, FeedbackRecord]:
        """Return a reader's standing verdict by study, for those studies that have one."""
        chosen = and_(
            feedback.c.study_instance_uid.in_(list(study_instance_uids)),
            feedback.c.user_name == user_name,
        )
        with self.reading() as connection:
            found = _records(connection, chosen)
        return {record.study_instance_uid: record for record in found if record.stands}

    def _add(
        self, connection: Connection, study: str, user_name: str, verdict: Verdict, number: int
    ) -> None:
        connection.execute(
            insert(feedback).values(
                study_instance_uid=study,
                decision_number=number,
                user_name=user_name,
                verdict=verdict,
                given_at=self.clock(),
            )
        )


def _standing_decision(connection: Connection, study_instance_uid: str) -> int | None:
    """Return the number of the last decision, None where nothing is decided."""
    query = select(func.max(decisions.c.number)).where(
        decisions.c.study_instance_uid == study_instance_uid
    )
    number: int | None = connection.execute(query).scalar_one()
    return number


def _last_word(connection: Connection, study: str, user_name: str) -> Row[Any] | None:
    return connection.execute(
        select(feedback)
        .where(feedback.c.study_instance_uid == study, feedback.c.user_name == user_name)
        .order_by(feedback.c.feedback_id.desc())
        .limit(1)
    ).first()


def _records(connection: Connection, chosen: Any) -> tuple[FeedbackRecord, ...]:  # noqa: ANN401 - SQLAlchemy's expression
    last = select(func.max(feedback.c.feedback_id)).group_by(
        feedback.c.study_instance_uid, feedback.c.user_name
    )
    stands = and_(feedback.c.feedback_id.in_(last), feedback.c.verdict != Verdict.UNDO)
    query = (
        select(feedback, decisions, stands.label("stands"))
        .join_from(
            feedback,
            decisions,
            and_(
                decisions.c.study_instance_uid == feedback.c.study_instance_uid,
                decisions.c.number == feedback.c.decision_number,
            ),
        )
        .order_by(feedback.c.feedback_id)
    )
    if chosen is not None:
        query = query.where(chosen)
    return tuple(
        FeedbackRecord(
            study_instance_uid=row.study_instance_uid,
            decision_number=row.decision_number,
            user_name=row.user_name,
            verdict=row.verdict,
            given_at=row.given_at,
            outcome=row.outcome,
            reading_class=row.reading_class,
            flagged=tuple(row.flagged),
            mode=row.mode,
            bundle_digest=row.bundle_digest,
            stands=bool(row.stands),
        )
        for row in connection.execute(query)
    )
