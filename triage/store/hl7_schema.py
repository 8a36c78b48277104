"""The tables of the HL7 room: messages that came, orders, results on their way to receivers."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from triage.store.columns import UtcTime, enum_column
from triage.store.hl7_records import DoubtKind
from triage.store.schema import metadata
from triage.values import DeliveryState

# Which messages were taken, so that a repeated one gets the same answer and does nothing twice.
hl7_messages = Table(
    "hl7_messages",
    metadata,
    Column("message_id", Integer, primary_key=True),
    Column("application", String, nullable=False),
    Column("facility", String, nullable=False),
    Column("control_id", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("received_at", UtcTime, nullable=False, index=True),
    UniqueConstraint("application", "facility", "control_id", "digest"),
)

hl7_orders = Table(
    "hl7_orders",
    metadata,
    Column("order_id", Integer, primary_key=True),
    # As the message names them; either may be empty. The study itself may not have come yet.
    Column("study_instance_uid", String(64), nullable=False),
    Column("accession_number", String, nullable=False),
    Column("patient_ids", JSON, nullable=False),
    Column("priority_code", String, nullable=False, default=""),
    # What we have told order systems instead, empty while nothing; and whether one has taken it.
    Column("told_code", String, nullable=False, default=""),
    Column("told_taken", Boolean, nullable=False, default=False),
    Column("shown_code", String, nullable=False, default=""),
    Column("location", String, nullable=False, default=""),
    Column("cancelled", Boolean, nullable=False, default=False),
    Column("read", Boolean, nullable=False, default=False),
    Column("message", Text, nullable=False, default=""),
    Column("character_set", String),  # NULL: the message cannot be repeated
    Column("changed_at", UtcTime, nullable=False, index=True),
    UniqueConstraint("study_instance_uid", "accession_number"),
    CheckConstraint(
        "study_instance_uid <> '' OR accession_number <> ''", name="order_names_a_study"
    ),
    Index(
        "hl7_orders_by_accession",
        "accession_number",
        sqlite_where=text("accession_number <> ''"),
    ),
)

# Studies that a message named with another patient than they have; the study may be still to come.
hl7_doubts = Table(
    "hl7_doubts",
    metadata,
    Column("study_instance_uid", String(64), primary_key=True),
    Column("kind", enum_column(DoubtKind), primary_key=True),
    Column("last_at", UtcTime, nullable=False),
)

GIVEN_UP = "state = 'dead'"
FAILING = "state <> 'stored' AND problem <> ''"

hl7_results = Table(
    "hl7_results",
    metadata,
    Column("result_id", Integer, primary_key=True),
    Column("receiver", String, nullable=False),
    Column("decision_id", ForeignKey("decisions.decision_id"), nullable=False),
    Column("study_instance_uid", String(64), nullable=False, index=True),
    # Both are empty until the first try. The content is again once it has been acknowledged:
    # nobody needs it then, and it names the patient.
    Column("control_id", String(20), nullable=False, default=""),
    Column("content", LargeBinary, nullable=False, default=b""),
    Column("state", enum_column(DeliveryState, "hl7_result_state"), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcTime, nullable=False),
    Column("lease_owner", String, nullable=False, default=""),
    Column("lease_until", UtcTime),
    Column("acknowledged_at", UtcTime),
    Column("problem", String, nullable=False, default=""),
    UniqueConstraint("receiver", "decision_id"),
    CheckConstraint("(state = 'sending') = (lease_owner <> '')", name="sending_has_an_owner"),
    Index("hl7_results_due", "receiver", "state", "next_attempt_at"),
    Index("hl7_results_given_up", "result_id", sqlite_where=text(GIVEN_UP)),
    Index("hl7_results_failing", "result_id", sqlite_where=text(FAILING)),
    Index("hl7_results_taken", "receiver", "acknowledged_at"),
)

# How far each receiver has been told: the last decision that was looked at for it.
hl7_feeds = Table(
    "hl7_feeds",
    metadata,
    Column("receiver", String, primary_key=True),
    Column("decision_id", Integer, nullable=False),
)
