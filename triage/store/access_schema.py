"""Tables of who may use the page: users, their sessions, and the site's own secret."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table

from triage.store.columns import UtcTime
from triage.store.schema import metadata

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("roles", JSON, nullable=False),  # names of UserRole
    # A salted scrypt hash with its parameters; empty for a machine that has only a token.
    Column("password_hash", String, nullable=False, default=""),
    # SHA-256 of a token of 256 random bits; nothing slower is needed for what nobody can guess.
    Column("token_hash", String(64), nullable=False, default=""),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    CheckConstraint("name = lower(name)", name="user_name_in_lower_case"),
    Index("users_by_token", "token_hash"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    Column("user_name", ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("opened_at", UtcTime, nullable=False),
    Column("used_at", UtcTime, nullable=False),
)

web_secrets = Table(
    "web_secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
