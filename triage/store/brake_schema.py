"""The table of what operators did with the brake; lines are only ever added."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table

from triage.store.columns import UtcTime
from triage.store.schema import metadata

brake_changes = Table(
    "brake_changes",
    metadata,
    Column("change_id", Integer, primary_key=True),
    Column("changed_at", UtcTime, nullable=False),
    Column("paused", Boolean, nullable=False),  # what has held since
    Column("reason", String, nullable=False),
    Column("moved", Integer, nullable=False),  # studies that changed their class by it
)
