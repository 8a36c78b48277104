"""The table of questions about orders that modality worklists are asked."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, text

from triage.store.columns import UtcTime
from triage.store.schema import metadata

order_questions = Table(
    "order_questions",
    metadata,
    Column(
        "study_instance_uid",
        String(64),
        ForeignKey("studies.study_instance_uid"),
        primary_key=True,
    ),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcTime, nullable=False),
    Column("answered_at", UtcTime),
    Column("answer", String, nullable=False, default=""),
    Index(
        "order_questions_open",
        "next_attempt_at",
        sqlite_where=text("answered_at IS NULL"),
        postgresql_where=text("answered_at IS NULL"),
    ),
)
