"""Types of columns: times, classes and enums as the tables of the store keep them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, Integer, TypeDecorator
from sqlalchemy import Enum as EnumColumn

from triage.values import ReadingClass

if TYPE_CHECKING:
    from enum import Enum

    from sqlalchemy.engine import Dialect


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as seconds since 1970: compares and indexes in any database."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn an aware datetime into seconds."""
        return None if value is None else value.timestamp()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002 - SQLAlchemy's signature
        """Turn seconds into an aware UTC datetime."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


class ClassNumber(TypeDecorator[ReadingClass]):
    """A ReadingClass as its number, so that the database can sort by it."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: ReadingClass | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn a class into its number."""
        return None if value is None else int(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> ReadingClass | None:  # noqa: ANN401, ARG002 - SQLAlchemy's signature
        """Turn a number into its class."""
        return None if value is None else ReadingClass(value)


def enum_column(kind: type[Enum], name: str = "") -> EnumColumn:
    """Return the type of a column that holds the values of an enum, and no others.

    Args:
        kind: The enum.
        name: Of the constraint, where it is not the enum's own.
    """
    return EnumColumn(
        kind,
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [member.value for member in members],
        name=name or f"{kind.__name__.lower()}_value",
        length=24,
    )
