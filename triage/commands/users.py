"""`triage user`: who may log in to the page, and the tokens of machines."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from rich.table import Table

from triage.commands.console import open_console
from triage.errors import PermanentError
from triage.store import Store
from triage.values import UserRole
from triage.web.access.passwords import hash_password, problem_with
from triage.web.access.tokens import new_token, token_hash
from triage.web.access.who import USER_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.settings import Settings


def add_user(settings: Settings, name: str, roles: Sequence[str], *, machine: bool) -> int:
    """Add a user with a password, or a machine with a token.

    Raises:
        PermanentError: The name or the password cannot be used, or the name is taken.
    """
    name = _usable(name)
    chosen = frozenset(UserRole(role) for role in roles)
    with Store.open(settings.state_folder) as store:
        if store.user(name) is not None:
            raise PermanentError(f"there is a user {name} already; `triage user list` shows all")
        hashed = "" if machine else hash_password(_new_password(name))
        if not store.add_user(name, chosen, hashed):
            raise PermanentError(f"there is a user {name} already; `triage user list` shows all")
    _say(f"added {name}: {', '.join(sorted(role.value for role in chosen))}")
    return give_token(settings, name, revoke=False) if machine else 0


def list_users(settings: Settings) -> int:
    """Print every user."""
    with Store.open(settings.state_folder) as store:
        users = store.users()
    if not users:
        _say("no user has been added; triage user add NAME --role reader adds the first")
        return 0
    table = Table("name", "roles", "password", "token", "state", "changed", box=None)
    for user in users:
        table.add_row(
            user.name,
            ", ".join(sorted(role.value for role in user.roles)),
            "yes" if user.password_hash else "none",
            "yes" if user.token_hash else "none",
            "disabled" if user.disabled else "enabled",
            user.changed_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    open_console().print(table)
    return 0


def set_disabled(settings: Settings, name: str, *, disabled: bool) -> int:
    """Disable a user, whose log-ins end at once, or enable one again."""
    with Store.open(settings.state_folder) as store:
        _require(name, known=store.set_user_disabled(name.lower(), disabled=disabled))
    _say(f"{name} is disabled, every log-in has ended" if disabled else f"{name} is enabled")
    return 0


def set_password(settings: Settings, name: str) -> int:
    """Give a user another password; the user's log-ins end."""
    with Store.open(settings.state_folder) as store:
        _require(name, known=store.user(name.lower()) is not None)
        hashed = hash_password(_new_password(name.lower()))
        _require(name, known=store.set_user_password(name.lower(), hashed))
    _say(f"{name} has a new password, every log-in has ended")
    return 0


def set_roles(settings: Settings, name: str, roles: Sequence[str]) -> int:
    """Give a user other roles; they hold from the next request on."""
    chosen = frozenset(UserRole(role) for role in roles)
    with Store.open(settings.state_folder) as store:
        _require(name, known=store.set_user_roles(name.lower(), chosen))
    _say(f"{name}: {', '.join(sorted(role.value for role in chosen))}")
    return 0


def give_token(settings: Settings, name: str, *, revoke: bool) -> int:
    """Print a new token for a machine, in place of the one before; or take it back."""
    token = "" if revoke else new_token()
    with Store.open(settings.state_folder) as store:
        hashed = token_hash(token) if token else ""
        _require(name, known=store.set_user_token(name.lower(), hashed))
    if revoke:
        _say(f"{name} has no token any more")
    else:
        _say("the token, shown this once; send it as Authorization: Bearer TOKEN")
        print(token)  # noqa: T201 - the command's output
    return 0


def remove_user(settings: Settings, name: str) -> int:
    """Remove a user; what the user said about decisions stays, under the name."""
    with Store.open(settings.state_folder) as store:
        _require(name, known=store.remove_user(name.lower()))
    _say(f"{name} is removed")
    return 0


def _usable(name: str) -> str:
    name = name.lower()
    if not USER_NAME.fullmatch(name):
        raise PermanentError(
            f"{name!r} cannot be a user's name; take up to 64 letters, digits, dots, dashes,"
            " underscores or @, beginning with a letter or digit"
        )
    return name


def _require(name: str, *, known: bool) -> None:
    if not known:
        raise PermanentError(f"there is no user {name}; `triage user list` shows all")


def _new_password(name: str) -> str:
    """Return a new password, typed twice, or the first line of what is piped in."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"New password of {name}: ")
        if getpass.getpass("Once more: ") != password:
            raise PermanentError("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if problem := problem_with(password, name):
        raise PermanentError(f"this password cannot be taken: {problem}; nothing was changed")
    return password


def _say(sentence: str) -> None:
    # To standard error: standard output is for what a script reads, the token.
    sys.stderr.write(f"{sentence}\n")
