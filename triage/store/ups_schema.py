"""The tables of UPS subscriptions and event reports (PS3.4 CC.2.3 and CC.2.4)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    text,
)

from triage.store.columns import UtcTime
from triage.store.schema import metadata

PENDING: Final = "pending"  # due at next_attempt_at
SENDING: Final = "sending"  # a courier holds a lease on it
DEAD: Final = "dead"  # refused by its receiver too often

# The application entities that have subscribed to anything.
step_watchers = Table(
    "step_watchers",
    metadata,
    Column("ae_title", String(16), primary_key=True),
    # How it is told: by an association that we open, or over a WebSocket that it opens.
    Column("channel", String(16), nullable=False),
    # Global Subscription State: NULL for none, else whether with lock.
    Column("global_lock", Boolean),
    # Of a filtered global subscription, in the DICOM JSON model; NULL for no filter.
    Column("matching_keys", JSON(none_as_null=True)),
    CheckConstraint("global_lock IS NOT NULL OR matching_keys IS NULL", name="filter_of_a_global"),
)

# UPS Subscription States; no row is "not subscribed".
step_subscriptions = Table(
    "step_subscriptions",
    metadata,
    Column("work_item_uid", String(64), primary_key=True),
    Column("ae_title", String(16), primary_key=True, index=True),
    Column("deletion_lock", Boolean, nullable=False),
)

# New items that a filtered global subscription has not judged yet.
step_candidates = Table(
    "step_candidates",
    metadata,
    Column("work_item_uid", String(64), primary_key=True),
    Column("ae_title", String(16), primary_key=True),
)

# Who was subscribed, and fetched nothing for so long that its subscriptions were taken back.
dropped_watchers = Table(
    "dropped_watchers",
    metadata,
    Column("ae_title", String(16), primary_key=True),
    Column("dropped_at", UtcTime, nullable=False),
    Column("waiting", Integer, nullable=False),  # how many events waited for it
)

UNTOLD: Final = "problem <> ''"

# The outbox of event reports; a row that its receiver has acknowledged is gone.
event_reports = Table(
    "event_reports",
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("ae_title", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("work_item_uid", String(64), nullable=False, index=True),
    Column("event_type", Integer, nullable=False),
    Column("information", JSON, nullable=False),  # in the DICOM JSON model
    Column("occurred_at", UtcTime, nullable=False),
    Column("state", String(16), nullable=False, default=PENDING),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcTime, nullable=False),
    Column("lease_owner", String, nullable=False, default=""),
    Column("lease_until", UtcTime),
    Column("problem", String, nullable=False, default=""),
    CheckConstraint("(state = 'sending') = (lease_owner <> '')", name="sending_event_has_an_owner"),
    Index("event_reports_due", "ae_title", "channel", "state", "next_attempt_at"),
    Index("event_reports_untold", "ae_title", "event_id", sqlite_where=text(UNTOLD)),
    Index("event_reports_sending", "lease_until", sqlite_where=text("state = 'sending'")),
)
