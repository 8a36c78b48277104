"""The tables of the store; invariants are constraints here, not hopes of the code."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from triage.store.columns import ClassNumber, UtcTime, enum_column
from triage.values import (
    DeliveryState,
    ImageState,
    Mode,
    OrderPriority,
    Outcome,
    StepState,
    StudyState,
)

SCHEMA_VERSION = 5

metadata = MetaData()

studies = Table(
    "studies",
    metadata,
    Column("study_instance_uid", String(64), primary_key=True),
    Column("state", enum_column(StudyState), nullable=False),
    # `changes` counts everything that could alter the decision; `examined` is the count that
    # the last examination saw. changes > examined: somebody must look.
    Column("changes", Integer, nullable=False, default=1),
    Column("examined", Integer, nullable=False, default=0),
    Column("first_arrival", UtcTime, nullable=False),
    Column("last_arrival", UtcTime, nullable=False),
    Column("order_priority", enum_column(OrderPriority), nullable=False),
    Column("patient_name", String, nullable=False, default=""),
    Column("patient_id", String, nullable=False, default=""),
    Column("patient_birth_date", String, nullable=False, default=""),
    Column("patient_sex", String, nullable=False, default=""),
    Column("accession_number", String, nullable=False, default=""),
    Column("study_description", String, nullable=False, default=""),
    Column("study_date", String, nullable=False, default=""),
    CheckConstraint("examined <= changes", name="examined_not_ahead"),
    Index("studies_to_examine", "first_arrival", sqlite_where=text("changes > examined")),
    Index("studies_by_state", "state", "last_arrival"),
    Index("studies_by_birth_date", "patient_birth_date"),
)

# Images that wait for a worker, word for word as in their index; so those that it gave up, and
# those that it has looked at.
WAITING = "state IN ('queued', 'claimed')"
GIVEN_UP = "state = 'set-aside' AND NOT superseded"
LOOKED_AT = "state = 'analysed'"

instances = Table(
    "instances",
    metadata,
    Column("instance_id", Integer, primary_key=True),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("superseded", Boolean, nullable=False, default=False),
    Column("study_instance_uid", String(64), nullable=False, index=True),
    Column("sop_class_uid", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("path", String, nullable=False, unique=True),
    Column("calling_ae_title", String(16), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("facts", JSON, nullable=False),
    # The worker queue is these columns: a queue apart would have to agree with them.
    Column("state", enum_column(ImageState), nullable=False),
    Column("problem", String, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_owner", String, nullable=False, default=""),
    Column("lease_until", UtcTime),
    Column("urgent", Boolean, nullable=False, default=False),
    Column("analysis", JSON(none_as_null=True)),
    Column("analysed_at", UtcTime),
    Column("thumbnail", String, nullable=False, default=""),
    UniqueConstraint("study_instance_uid", "sop_instance_uid", "version"),
    CheckConstraint("(state = 'claimed') = (lease_owner <> '')", name="claimed_has_an_owner"),
    CheckConstraint("(state = 'analysed') = (analysis IS NOT NULL)", name="analysed_has_results"),
    Index(
        "one_current_version",
        "sop_instance_uid",
        "study_instance_uid",
        unique=True,
        sqlite_where=text("NOT superseded"),
    ),
    Index(
        "images_waiting",
        "urgent",
        "received_at",
        sqlite_where=text(WAITING),
    ),
    Index("images_given_up", "instance_id", sqlite_where=text(GIVEN_UP)),
    Index("images_looked_at", "instance_id", "analysed_at", sqlite_where=text(LOOKED_AT)),
)

# What makes a line of the open list one that results, the brake and the cap may still move, or
# one that stays where a person found or put it. Word for word as in the partial indexes: only
# then does the database use them.
OPEN = "ended_at IS NULL"
ENDED = f"NOT ({OPEN})"
MOVABLE = f"{OPEN} AND claimed_at IS NULL AND held_by = ''"
FIXED = f"{OPEN} AND (claimed_at IS NOT NULL OR held_by <> '')"
# Of what is open, the few with something that most lines have not.
CLAIMED = f"{OPEN} AND claimed_at IS NOT NULL"
EVERY_CLAIMED = f"{CLAIMED} AND claimed_by >= ''"  # says which index serves it
LOCATED = f"{OPEN} AND patient_location <> ''"
LABELLED = f"{OPEN} AND label <> ''"
SAID = "attributes <> '{}'"  # readers or pushers have said something of it
TOLD_OF = f"{OPEN} AND {SAID}"
EVERY_TOLD_OF = f"{TOLD_OF} AND arrived_at >= 0"  # says which index serves it
# What has been said of an item, as far as queries ask for it (DICOM JSON model).
SAID_START = """json_extract(attributes, '$."00404005".Value[0]')"""
SAID_BIRTH_DATE = """json_extract(attributes, '$."00100030".Value[0]')"""
# By what names are put into order; what has none is last.
NAME_ORDER = (
    "coalesce(nullif(name_alphabetic, ''), nullif(name_ideographic, ''),"
    " nullif(name_phonetic, ''), char(1114111))"
)

work_items = Table(
    "work_items",
    metadata,
    Column("work_item_uid", String(64), primary_key=True),
    # NULL for an item that is not the step to read a study of ours: another system pushed it, or
    # it was cancelled unread and another step has taken its place.
    Column("study_instance_uid", String(64), ForeignKey("studies.study_instance_uid"), unique=True),
    Column("arrived_at", UtcTime, nullable=False),
    Column("reading_class", ClassNumber, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("outcome", enum_column(Outcome)),
    Column("changed_at", UtcTime, nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("step_state", enum_column(StepState), nullable=False),
    Column("transaction_uid", String(64), nullable=False, default=""),
    Column("claimed_by", String, nullable=False, default=""),
    Column("claimed_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("held_by", String, nullable=False, default=""),
    Column("capped_at", UtcTime),  # when the ledger said that the cap has raised it
    Column("patient_location", String, nullable=False, default=""),
    # DICOM JSON model (PS3.18 F.2) of what readers and pushers have set; {} for none.
    Column("attributes", JSON, nullable=False),
    # What queries ask for. Names are kept once more as they are compared: see name_keys.
    Column("named_study_uid", String(64), nullable=False, default=""),
    Column("patient_id", String, nullable=False, default=""),
    Column("patient_name", String, nullable=False, default=""),
    Column("name_alphabetic", String, nullable=False, default=""),
    Column("name_ideographic", String, nullable=False, default=""),
    Column("name_phonetic", String, nullable=False, default=""),
    Column("accession_number", String, nullable=False, default=""),
    Column("label", String, nullable=False, default=""),  # empty: the label of the site
    CheckConstraint(
        "(step_state IN ('COMPLETED', 'CANCELED')) = (ended_at IS NOT NULL)",
        name="final_has_an_end",
    ),
    CheckConstraint(
        "step_state <> 'SCHEDULED' OR (claimed_at IS NULL AND transaction_uid = '')",
        name="scheduled_is_unclaimed",
    ),
    CheckConstraint(
        "step_state <> 'IN PROGRESS' OR (claimed_at IS NOT NULL AND transaction_uid <> '')",
        name="in_progress_is_claimed",
    ),
    Index(
        "work_items_movable",
        "reading_class",
        "arrived_at",
        "work_item_uid",
        sqlite_where=text(MOVABLE),
    ),
    Index(
        "work_items_fixed", "reading_class", "arrived_at", "work_item_uid", sqlite_where=text(FIXED)
    ),
    Index("work_items_ended", "arrived_at", "work_item_uid", sqlite_where=text(ENDED)),
    Index(
        "work_items_to_cap",
        "arrived_at",
        sqlite_where=text(f"{MOVABLE} AND capped_at IS NULL AND reading_class > 1"),
    ),
    # The end beside the key: how many open lines there are to a key is told by the index alone.
    Index("work_items_by_study", "named_study_uid", "ended_at"),
    Index("work_items_by_patient", "patient_id", "ended_at"),
    Index("work_items_by_accession", "accession_number", "ended_at"),
    Index(
        "work_items_claimed",
        "claimed_by",
        "reading_class",
        "arrived_at",
        "work_item_uid",
        "claimed_at",
        "held_by",
        sqlite_where=text(CLAIMED),
    ),
    Index("work_items_by_location", "patient_location", sqlite_where=text(LOCATED)),
    Index("work_items_by_label", "label", sqlite_where=text(LABELLED)),
    Index("work_items_told_of", "arrived_at", sqlite_where=text(TOLD_OF)),
    Index("work_items_by_said_start", text(SAID_START), "ended_at", sqlite_where=text(SAID)),
    Index(
        "work_items_by_said_birth_date", text(SAID_BIRTH_DATE), "ended_at", sqlite_where=text(SAID)
    ),
    Index("work_items_by_change", "changed_at", "ended_at"),
    # Orders that a person may ask for, beside the reading order.
    Index("work_items_by_arrival", "arrived_at", "work_item_uid", sqlite_where=text(OPEN)),
    Index(
        "work_items_by_patient_name",
        text(NAME_ORDER),
        "arrived_at",
        "work_item_uid",
        sqlite_where=text(OPEN),
    ),
    # Names of what has ended; those of the open list are in name_words.
    Index("work_items_by_name", "name_alphabetic"),
    Index("work_items_by_ideographic_name", "name_ideographic"),
    Index("work_items_by_phonetic_name", "name_phonetic"),
)

step_changes = Table(
    "step_changes",
    metadata,
    Column("change_id", Integer, primary_key=True),
    Column("work_item_uid", String(64), nullable=False, index=True),
    Column("changed_at", UtcTime, nullable=False),
    Column("state_before", enum_column(StepState)),
    Column("state_after", enum_column(StepState), nullable=False),
    Column("by", String, nullable=False),
    Column("reason", String, nullable=False, default=""),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", Integer, primary_key=True),
    Column(
        "study_instance_uid", String(64), ForeignKey("studies.study_instance_uid"), nullable=False
    ),
    Column("number", Integer, nullable=False),  # 1 for a study's first decision
    Column("outcome", enum_column(Outcome), nullable=False),
    Column("reading_class", ClassNumber, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("flagged", JSON, nullable=False),
    Column("mode", enum_column(Mode), nullable=False),
    Column("spared", Boolean, nullable=False),  # the audit share: stays in place though normal
    Column("bundle_digest", String(64), nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    # One number, one decision: two processes that conclude at once cannot both write.
    UniqueConstraint("study_instance_uid", "number"),
)

reports = Table(
    "reports",
    metadata,
    Column("sop_instance_uid", String(64), primary_key=True),
    Column("decision_id", ForeignKey("decisions.decision_id"), nullable=False, unique=True),
    Column("study_instance_uid", String(64), nullable=False, index=True),
    Column("sop_class_uid", String(64), nullable=False),
    Column("series_instance_uid", String(64), nullable=False),
    Column("path", String, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
)

# Reports that a destination has not taken, and that went wrong; and those that it has.
FAILING = "state <> 'stored' AND problem <> ''"
STORED = "state = 'stored'"

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Integer, primary_key=True),
    Column("destination", String, nullable=False),
    Column("sop_instance_uid", ForeignKey("reports.sop_instance_uid"), nullable=False),
    Column("state", enum_column(DeliveryState), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcTime, nullable=False),
    Column("lease_owner", String, nullable=False, default=""),
    Column("lease_until", UtcTime),
    Column("status", Integer),  # the DIMSE status that the destination answered
    Column("stored_as", String(64), nullable=False, default=""),  # the UID that it stored
    Column("stored_at", UtcTime),
    Column("problem", String, nullable=False, default=""),
    UniqueConstraint("destination", "sop_instance_uid"),
    CheckConstraint("(state = 'sending') = (lease_owner <> '')", name="sending_has_an_owner"),
    Index("deliveries_due", "destination", "state", "next_attempt_at"),
    Index("deliveries_as_stored", "stored_as"),
    Index("deliveries_failing", "delivery_id", sqlite_where=text(FAILING)),
    Index("deliveries_stored", "destination", "stored_at", sqlite_where=text(STORED)),
)

priority_changes = Table(
    "priority_changes",
    metadata,
    Column("change_id", Integer, primary_key=True),
    Column("work_item_uid", String(64), nullable=False, index=True),
    Column("study_instance_uid", String(64), nullable=False, index=True),
    Column("changed_at", UtcTime, nullable=False),
    Column("class_before", ClassNumber),
    Column("class_after", ClassNumber, nullable=False),
    Column("by", String, nullable=False, default=""),
    Column("reason", String, nullable=False),
    Column("bundle_digest", String(64), nullable=False, default=""),
    Column("threshold", String, nullable=False, default=""),  # "spondylosis=1.25", raw scores
)

controls = Table(
    "controls",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)
