"""What open pages are told, and how the role begins and ends."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import aclosing, suppress

import pytest

from triage.errors import TriageError
from triage.web.events import STALE_SECONDS, ChangeFeed, stream
from triage.web.server import listen, run


def test_an_open_page_is_told_at_once_of_every_commit(morning, serve, monkeypatch):
    monkeypatch.setattr("triage.web.events.BEAT_SECONDS", 0.2)
    running = serve()
    with running.client() as client, client.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line.startswith("event:"))
        assert next(lines) == "event: changed"
        quiet = next(line for line in lines if line == "event: beat")
        assert quiet
        morning.receive()
        assert "event: changed" in (next(lines), next(lines), next(lines))


def test_no_beat_is_sent_while_the_store_cannot_be_watched(morning, monkeypatch):
    monkeypatch.setattr("triage.web.events.BEAT_SECONDS", 0.01)
    now = [0.0]

    async def heard(feed: ChangeFeed) -> list[str]:
        """Return what a page hears until the first beat, at most for the time given."""
        events: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(0.6), aclosing(stream(feed)) as told:
                async for event in told:
                    events.append(event.partition("\n")[0])
                    if events[-1] == "event: beat":
                        break
        return events

    async def listen_twice() -> tuple[list[str], list[str]]:
        feed = ChangeFeed(morning.store, monotonic=lambda: now[0])
        watched = await heard(feed)
        now[0] = STALE_SECONDS
        return watched, await heard(feed)

    watched, unwatched = asyncio.run(listen_twice())
    assert watched[-1] == "event: beat"
    assert unwatched == ["retry: 2000", "event: changed"]


def test_stopping_closes_open_streams_within_seconds(serve):
    running = serve()
    with running.client() as client, client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        began = time.monotonic()
        running.stop()
        list(lines)
    assert time.monotonic() - began < 4
    assert running.failure is None
    assert running.beats > 0


def test_a_port_that_is_taken_is_a_sentence_that_names_the_key(morning):
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with taken, pytest.raises(TriageError, match=rf"127\.0\.0\.1 port {port} .*web\.port"):
        run(morning.settings(port=port), threading.Event(), lambda: None)
