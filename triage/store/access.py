"""The verbs of log-in: users, sessions, and the site's own secret."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update

from triage.store.access_schema import users, web_secrets, web_sessions
from triage.store.database import Database
from triage.values import UserRole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sqlalchemy.engine import Row

_SECRET = "web"  # noqa: S105 - the name of the secret
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class UserRecord:
    """One user of the page, or one machine.

    Attributes:
        name: Log-in name, in lower case.
        roles: What the user may do.
        password_hash: Salted hash with its parameters; empty for one without a password.
        token_hash: Hash of the token for machines; empty for none.
        disabled: May not log in; kept, so that the history still has an owner.
        created_at: When the user was added.
        changed_at: When anything of this last changed.
    """

    name: str
    roles: frozenset[UserRole]
    password_hash: str
    token_hash: str
    disabled: bool
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One log-in that holds.

    Attributes:
        user: Whose.
        opened_at: When the user logged in.
        used_at: When the user last did something.
    """

    user: UserRecord
    opened_at: datetime
    used_at: datetime


class AccessVerbs(Database):
    """What log-in says to the store."""

    def add_user(self, name: str, roles: Iterable[UserRole], password_hash: str) -> bool:
        """Add a user; False, and nothing changed, when there is one of that name."""
        now = self.clock()
        with self.writing() as connection:
            if connection.execute(select(users.c.name).where(users.c.name == name)).first():
                return False
            connection.execute(
                insert(users).values(
                    name=name,
                    roles=_names(roles),
                    password_hash=password_hash,
                    created_at=now,
                    changed_at=now,
                )
            )
        return True

    def users(self) -> tuple[UserRecord, ...]:
        """Return every user, by name."""
        with self.reading() as connection:
            return tuple(map(_user, connection.execute(select(users).order_by(users.c.name))))

    def user(self, name: str) -> UserRecord | None:
        """Return one user, None when there is none of that name."""
        with self.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).first()
        return None if row is None else _user(row)

    def user_of_token(self, token_hash: str) -> UserRecord | None:
        """Return the user whose token has this hash, None when there is none or it is disabled."""
        if not token_hash:
            return None
        query = select(users).where(users.c.token_hash == token_hash, ~users.c.disabled)
        with self.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _user(row)

    def set_user_roles(self, name: str, roles: Iterable[UserRole]) -> bool:
        """Give a user other roles; False when there is no such user."""
        return self._change_user(name, {"roles": _names(roles)}, ends_sessions=False)

    def set_user_password(self, name: str, password_hash: str) -> bool:
        """Set a user's password and end the user's sessions; False when there is no such user."""
        return self._change_user(name, {"password_hash": password_hash}, ends_sessions=True)

    def renew_password_hash(self, name: str, before: str, after: str) -> bool:
        """Replace the hash of a password that stays the same, as when hashing became slower."""
        with self.writing() as connection:
            done = connection.execute(
                update(users)
                .where(users.c.name == name, users.c.password_hash == before)
                .values(password_hash=after)
            )
        return done.rowcount == 1

    def set_user_token(self, name: str, token_hash: str) -> bool:
        """Set a user's token, empty for none; False when there is no such user."""
        return self._change_user(name, {"token_hash": token_hash}, ends_sessions=False)

    def set_user_disabled(self, name: str, *, disabled: bool) -> bool:
        """Disable a user, which ends the sessions at once, or enable; False when there is none."""
        return self._change_user(name, {"disabled": disabled}, ends_sessions=disabled)

    def remove_user(self, name: str) -> bool:
        """Remove a user with the sessions; False when there is no such user."""
        with self.writing() as connection:
            connection.execute(delete(web_sessions).where(web_sessions.c.user_name == name))
            return connection.execute(delete(users).where(users.c.name == name)).rowcount == 1

    def open_session(
        self, session_hash: str, name: str, *, idle: timedelta, longest: timedelta
    ) -> bool:
        """Record a log-in, and forget sessions that have ended.

        Args:
            session_hash: Hash of the session's token.
            name: Who logged in.
            idle: A session that was not used for so long has ended.
            longest: A session ends so long after the log-in.

        Returns:
            False when the user has been removed or disabled meanwhile.
        """
        now = self.clock()
        with self.writing() as connection:
            connection.execute(
                delete(web_sessions).where(
                    or_(
                        web_sessions.c.used_at <= now - idle,
                        web_sessions.c.opened_at <= now - longest,
                    )
                )
            )
            known = select(users.c.name).where(users.c.name == name, ~users.c.disabled)
            if connection.execute(known).first() is None:
                return False
            connection.execute(
                insert(web_sessions).values(
                    session_hash=session_hash, user_name=name, opened_at=now, used_at=now
                )
            )
        return True

    def session(self, session_hash: str) -> SessionRecord | None:
        """Return a session, None when there is none; whether it is too old is the caller's."""
        query = (
            select(users, web_sessions.c.opened_at, web_sessions.c.used_at)
            .join_from(web_sessions, users)
            .where(web_sessions.c.session_hash == session_hash, ~users.c.disabled)
        )
        with self.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else SessionRecord(_user(row), row.opened_at, row.used_at)

    def use_session(self, session_hash: str) -> None:
        """Record that the user of a session has just done something."""
        with self.writing() as connection:
            connection.execute(
                update(web_sessions)
                .where(web_sessions.c.session_hash == session_hash)
                .values(used_at=self.clock())
            )

    def close_session(self, session_hash: str) -> bool:
        """Forget a session; False when there is none."""
        with self.writing() as connection:
            done = connection.execute(
                delete(web_sessions).where(web_sessions.c.session_hash == session_hash)
            )
        return done.rowcount == 1

    def web_secret(self) -> bytes:
        """Return the site's own secret, made when it is first asked for."""
        query = select(web_secrets.c.value).where(web_secrets.c.name == _SECRET)
        with self.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            with self.writing() as connection:
                found = connection.execute(query).scalar_one_or_none()
                if found is None:
                    found = secrets.token_hex(_SECRET_BYTES)
                    connection.execute(insert(web_secrets).values(name=_SECRET, value=found))
        return bytes.fromhex(found)

    def _change_user(self, name: str, values: dict[str, Any], *, ends_sessions: bool) -> bool:
        with self.writing() as connection:
            done = connection.execute(
                update(users).where(users.c.name == name).values(**values, changed_at=self.clock())
            )
            if ends_sessions:
                connection.execute(delete(web_sessions).where(web_sessions.c.user_name == name))
        return done.rowcount == 1


def _names(roles: Iterable[UserRole]) -> list[str]:
    return sorted(role.value for role in roles)


def _user(row: Row[Any]) -> UserRecord:
    return UserRecord(
        name=row.name,
        roles=frozenset(UserRole(role) for role in row.roles),
        password_hash=row.password_hash,
        token_hash=row.token_hash,
        disabled=row.disabled,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
