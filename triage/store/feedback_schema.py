"""The table of what readers say about decisions; lines are only ever added."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table

from triage.store.columns import UtcTime, enum_column
from triage.store.schema import metadata
from triage.values import Verdict

feedback = Table(
    "feedback",
    metadata,
    Column("feedback_id", Integer, primary_key=True),
    Column("study_instance_uid", String(64), nullable=False),
    Column("decision_number", Integer, nullable=False),  # the decision that it speaks of
    Column("user_name", String(64), nullable=False),  # no key: the history outlives its users
    Column("verdict", enum_column(Verdict), nullable=False),
    Column("given_at", UtcTime, nullable=False),
    ForeignKeyConstraint(
        ["study_instance_uid", "decision_number"],
        ["decisions.study_instance_uid", "decisions.number"],
    ),
    Index("feedback_by_study", "study_instance_uid", "feedback_id"),
)
