"""Tables that triggers keep up with others, in the transaction of whatever changes those.

They hold nothing that could not be made anew, and `triage check` looks whether they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """How one table follows another, in SQL with `{0}` for NEW or OLD.

    Attributes:
        name: Of its triggers.
        table: What is kept.
        source: What it follows.
        columns: Columns of the source on which its rows depend.
        told: What its rows tell of a row of the source; where this stays, so do they.
        put: Statements that write what is kept of a row.
        take: Statements that take it out again.
        true: Selects the columns of the table as they should be, from the source.
        holds: The rows of the table that come from this source.
    """

    name: str
    table: Table
    source: Table
    columns: str
    told: str
    put: str
    take: str
    true: str
    holds: str = "true"

    def drops(self) -> Iterator[str]:
        """Yield the statements that take the triggers away, those that there are."""
        for when in ("new", "gone", "changed"):
            yield f"DROP TRIGGER IF EXISTS {self.name}_{when}"

    def triggers(self) -> Iterator[str]:
        """Yield the statements that make the triggers."""
        put, take = self.put.format("NEW"), self.take.format("OLD")
        differs = f"({self.told.format('OLD')}) IS NOT ({self.told.format('NEW')})"
        source = self.source.name
        yield f"CREATE TRIGGER {self.name}_new AFTER INSERT ON {source} BEGIN {put} END"
        yield f"CREATE TRIGGER {self.name}_gone AFTER DELETE ON {source} BEGIN {take} END"
        changed = f"AFTER UPDATE OF {self.columns} ON {source} WHEN {differs}"
        yield f"CREATE TRIGGER {self.name}_changed {changed} BEGIN {take} {put} END"


_EVERY: Final[list[Kept]] = []


def keep(*kept: Kept) -> None:
    """Let the triggers of a table be made with it."""
    table = kept[0].table

    def make_triggers(_: Table, connection: Connection, **_options: object) -> None:
        for one in kept:
            _make_triggers(connection, one)

    for one in kept:
        table.add_is_dependent_on(one.source)
    event.listen(table, "after_create", make_triggers)
    _EVERY.extend(kept)


def renew_triggers(connection: Connection, table: Table) -> None:
    """Make the triggers that keep a table anew, as its present definition has them."""
    for one in _EVERY:
        if one.table is table:
            _make_triggers(connection, one)


def _make_triggers(connection: Connection, kept: Kept) -> None:
    for statement in (*kept.drops(), *kept.triggers()):
        connection.exec_driver_sql(statement)


def make_anew(connection: Connection) -> None:
    """Write every kept table from what it follows."""
    for kept in _EVERY:
        name = kept.table.name
        connection.exec_driver_sql(f"DELETE FROM {name} WHERE {kept.holds}")
        connection.exec_driver_sql(f"INSERT INTO {name} ({_columns(kept)}) {kept.true}")


def agree(connection: Connection) -> bool:
    """Whether every kept table is what the rows that it follows say; reads all of them."""
    for kept in _EVERY:
        is_ = f"SELECT {_columns(kept)} FROM {kept.table.name} WHERE {kept.holds}"
        for one, other in ((is_, kept.true), (kept.true, is_)):
            differs = f"SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}) LIMIT 1"
            if connection.exec_driver_sql(differs).first() is not None:
                return False
    return True


def _columns(kept: Kept) -> str:
    return ", ".join(column.name for column in kept.table.columns)
