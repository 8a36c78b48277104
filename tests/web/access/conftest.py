"""Users whose passwords cost nothing to check, and clients that act like people and programs."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.web.site import PASSWORD, trusted
from triage.log.allowed import drop_what_is_not_allowed
from triage.values import UserRole
from triage.web.access.tokens import new_token, token_hash


@pytest.fixture
def add_machine(morning):
    """Return a function that adds a machine and returns its token."""

    def add(name="pacs", *roles):
        token = new_token()
        assert morning.store.add_user(name, roles or (UserRole.READER,), "")
        assert morning.store.set_user_token(name, token_hash(token))
        return token

    return add


class Visitor(httpx.Client):
    """A browser without a window: it keeps cookies and reads forms."""

    def csrf(self, path="/login"):
        """Return the token that a page's form carries."""
        page = self.get(path, headers={"accept": "text/html"}).text
        found = re.search(r'name="csrf[-_]token" (?:value|content)="([0-9a-f]*)"', page)
        assert found, page
        return found[1]

    def log_in(self, name="anna", password=PASSWORD, **fields):
        """Fill the log-in form in and send it."""
        form = {"name": name, "password": password, "csrf_token": self.csrf(), **fields}
        return self.post("/login", data=form)


@pytest.fixture
def visit():
    """Return a function that opens a visitor to a running site, from an address of loopback."""
    visitors = []

    def open_visitor(running, address="127.0.0.1", **options):
        trust = {"verify": trusted()}
        transport = httpx.HTTPTransport(local_address=address, **trust)
        visitors.append(
            Visitor(base_url=running.url, transport=transport, timeout=20, **trust, **options)
        )
        return visitors[-1]

    yield open_visitor
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def logged(monkeypatch):
    """Return the lines that the web's log-in logs, after the filter."""
    lines = []

    class Witness:
        def _note(self, event, **keys):
            lines.append(drop_what_is_not_allowed(None, "", {"event": event, **keys}))

        info = warning = _note

    for module in ("gate", "login", "control"):
        monkeypatch.setattr(f"triage.web.access.{module}._log", Witness())
    return lines
