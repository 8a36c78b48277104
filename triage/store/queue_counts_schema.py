"""How much of each queue stands in each state: kept, and not counted when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import CheckConstraint, Column, Integer, String, Table, select

from triage.store.hl7_schema import hl7_results
from triage.store.kept import Kept, keep
from triage.store.receivers_schema import receiver_changes
from triage.store.schema import deliveries, instances, metadata, studies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

queue_counts = Table(
    "queue_counts",
    metadata,
    Column("kind", String(24), primary_key=True),  # the table that is counted
    Column("name", String, primary_key=True),  # of a destination or receiver
    Column("state", String(24), primary_key=True),
    Column("number", Integer, nullable=False),
    CheckConstraint("number > 0", name="some_are_queued"),
    sqlite_with_rowid=False,
)
_NAMES: Final[Mapping[Table, str]] = {
    instances: "''",
    studies: "''",
    deliveries: "{0}.destination",
    receiver_changes: "{0}.receiver",
    hl7_results: "{0}.receiver",
}


def _kept(source: Table, name: str) -> Kept:
    kind = source.name
    own = f"kind = '{kind}' AND name = {name} AND state = {{0}}.state"
    return Kept(
        name=f"queue_counts_of_{kind}",
        table=queue_counts,
        source=source,
        columns="state",
        told="{0}.state",
        put=f"""
            INSERT INTO queue_counts (kind, name, state, number)
            SELECT '{kind}', {name}, {{0}}.state, 1 WHERE true
            ON CONFLICT (kind, name, state) DO UPDATE SET number = number + 1;
        """,
        take=f"""
            DELETE FROM queue_counts WHERE number = 1 AND {own};
            UPDATE queue_counts SET number = number - 1 WHERE number > 1 AND {own};
        """,
        true=f"SELECT '{kind}', {name}, state, count(*) FROM {kind} GROUP BY 2, 3".format(kind),
        holds=f"kind = '{kind}'",
    )


keep(*(_kept(source, name) for source, name in _NAMES.items()))


def numbers_of(connection: Connection, source: Table) -> dict[tuple[str, str], int]:
    """Return how much of a table stands where, by name and state."""
    query = select(queue_counts).where(queue_counts.c.kind == source.name)
    return {(row.name, row.state): row.number for row in connection.execute(query)}
