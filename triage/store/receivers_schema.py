"""The tables of the receivers: who takes our priorities, what stands there, what is on its way."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from triage.store.columns import UtcTime, enum_column
from triage.store.schema import metadata
from triage.values import ReceiverState, Wish

# Rows in these states are still to be carried; there is at most one for a study and receiver.
LIVE_STATES = (ReceiverState.PENDING, ReceiverState.CONFIRMING, ReceiverState.NOT_MOVED)
# Those that need a person.
ALARMING = f"state IN ({', '.join(repr(one.value) for one in ReceiverState if one.alarming)})"
# Those that went wrong and are tried again by themselves.
RETRIED = (
    f"state IN ({', '.join(repr(one.value) for one in LIVE_STATES if not one.alarming)})"
    " AND problem <> ''"
)
_LIVE = text(f"state IN ({', '.join(repr(state.value) for state in LIVE_STATES)})")


# Whoever changes a place writes a row for each of these, whatever process it is.
receivers = Table(
    "receivers",
    metadata,
    Column("name", String, primary_key=True),
    Column("since", UtcTime, nullable=False),
    Column("configured", Boolean, nullable=False),
)

# What a receiver shows for a study, as far as we know: the ground of compare-and-set.
receiver_standings = Table(
    "receiver_standings",
    metadata,
    Column("receiver", String, primary_key=True),
    Column("study_instance_uid", String(64), primary_key=True),
    Column("wish", enum_column(Wish), nullable=False),  # what we want to stand there
    Column("original", String),  # what stood there before we first wrote; NULL: never asked
    Column("known", String),  # what it showed when we last asked and it was as we knew
    Column("intended", String),  # what we have begun to write; NULL: nothing unconfirmed
    Column("left_at", UtcTime),  # since then the study is not ours to move there
    Column("left_because", String, nullable=False, default=""),
    Column("found", String, nullable=False, default=""),  # what stood there then
)

receiver_changes = Table(
    "receiver_changes",
    metadata,
    Column("receiver_change_id", Integer, primary_key=True),
    # The line of the ledger; NULL where the brake puts back what stands at a receiver of a study
    # that the list itself no longer moves, as a reader has opened it.
    Column("change_id", ForeignKey("priority_changes.change_id")),
    Column("receiver", String, nullable=False),
    Column("study_instance_uid", String(64), nullable=False),
    Column("wish", enum_column(Wish), nullable=False),
    Column("reason", String, nullable=False),
    Column("bundle_digest", String(64), nullable=False, default=""),
    Column("threshold", String, nullable=False, default=""),
    Column("made_at", UtcTime, nullable=False),
    Column("state", enum_column(ReceiverState), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcTime, nullable=False),
    Column("lease_owner", String, nullable=False, default=""),
    Column("lease_until", UtcTime),
    Column("before", String, nullable=False, default=""),  # what the receiver showed
    Column("after", String, nullable=False, default=""),  # what we asked it to show
    Column("acknowledgement", String, nullable=False, default=""),
    Column("acknowledged_at", UtcTime),
    Column("confirmed_at", UtcTime),
    Column("problem", String, nullable=False, default=""),
    UniqueConstraint("receiver", "change_id"),
    CheckConstraint("(lease_owner <> '') = (lease_until IS NOT NULL)", name="leased_until"),
    CheckConstraint(
        "(state = 'confirmed') = (confirmed_at IS NOT NULL)", name="confirmed_at_a_time"
    ),
    Index(
        "one_live_change",
        "receiver",
        "study_instance_uid",
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    Index("receiver_changes_due", "receiver", "state", "next_attempt_at"),
    Index("receiver_changes_of_study", "study_instance_uid"),
    Index("receiver_changes_taken", "receiver", "acknowledged_at"),
    Index("receiver_changes_alarming", "receiver_change_id", sqlite_where=text(ALARMING)),
    Index("receiver_changes_retried", "receiver_change_id", sqlite_where=text(RETRIED)),
    Index(
        "receiver_changes_leased",
        "receiver",
        "study_instance_uid",
        sqlite_where=text("lease_owner <> ''"),
        postgresql_where=text("lease_owner <> ''"),
    ),
)
