"""A browser, and readers who have logged in."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from tests.web.pages import ARGUMENTS
from triage.values import UserRole
from triage.web.access.tokens import new_token, token_hash


@pytest.fixture(scope="package")
def browser():
    """Chromium without a window; every page has a context of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def log_in(morning):
    """Return a function that returns the cookie of a user who has just logged in."""

    def open_session(name: str, *roles: UserRole) -> dict[str, str]:
        morning.store.add_user(name, roles or (UserRole.READER,), "")
        token = new_token()
        kept = timedelta(hours=8)
        assert morning.store.open_session(token_hash(token), name, idle=kept, longest=kept)
        return {"name": "triage-session", "value": token}

    return open_session


_REFUSALS = (401, 403, 409)


def complaint_of(said) -> list[str]:
    """Return what a page complains about in its console.

    It is no fault that a server which a test has stopped does not answer, that what a test asks
    for is refused, nor that an image which a test has recorded without a file has no larger view.
    """
    refused = any(f"status of {status}" in said.text for status in _REFUSALS)
    gone = any(error in said.text for error in ("ERR_CONNECTION_REFUSED", "net::ERR_FAILED"))
    expected = refused or gone or "/films/" in said.location.get("url", "")
    return [said.text] if said.type == "error" and not expected else []


@pytest.fixture
def open_page(browser, log_in):
    """Return a function that opens an address; what the page complains about fails the test.

    With `user` it is opened by a reader of that name who has logged in, or by one with `roles`.
    """
    contexts = []
    complaints: list[str] = []

    def open_address(url: str, *, user: str = "", roles: tuple[UserRole, ...] = (), **options):
        context = browser.new_context(**options)
        contexts.append(context)
        if user:
            context.add_cookies([{**log_in(user, *roles), "url": url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.extend(complaint_of(said)))
        page.goto(url)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert complaints == []
