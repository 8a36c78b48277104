"""What went wrong and asks for somebody, as the operators' page tells it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from triage.uids import work_item_uid
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from triage.web.site import Site

_MOST_TROUBLES: Final = 20  # of each kind


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that asks for somebody.

    Attributes:
        where: Destination, receiver or subscriber; empty for what came to this system.
        at: When it came; None where it is not kept.
        what: What is wrong, in words.
        tries: How often it was tried.
        detail: Why.
        work_item_uid: The line of its study; empty where it is about no one study.
    """

    where: str
    at: datetime | None
    what: str
    tries: int
    detail: str
    work_item_uid: str


def troubles_of(site: Site) -> Iterator[Trouble]:
    """Yield what went wrong: what was doubted, not sent or not heeded, then not analysed."""
    yield from _of_messages(site)
    yield from _of_priorities(site)
    yield from _of_results(site)
    yield from _of_subscribers(site)
    yield from _of_images(site)


def _of_messages(site: Site) -> Iterator[Trouble]:
    """Yield the messages that name a study with another patient than it has."""
    for doubt in site.store.patient_doubts(_MOST_TROUBLES):
        kind = doubt.kind.value
        what, why = say(f"doubt.{kind}"), say(f"doubt.{kind}.what-to-do")
        yield Trouble("", doubt.last_at, what, 0, why, doubt.work_item_uid)


def _of_priorities(site: Site) -> Iterator[Trouble]:
    store = site.store
    changes = store.receiver_alarms(_MOST_TROUBLES), store.waiting_receiver_changes(_MOST_TROUBLES)
    for change in chain(*changes):
        what = say(f"receiver-state.{change.state.value}")
        uid = work_item_uid(change.study_instance_uid)
        why = change.problem or change.reason
        yield Trouble(change.receiver, None, what, change.attempts, why, uid)


def _of_results(site: Site) -> Iterator[Trouble]:
    store = site.store
    for sent in store.failing_deliveries(_MOST_TROUBLES):
        what = say(f"delivery.{sent.state.value}")
        yield Trouble(sent.destination, None, what, sent.attempts, sent.problem, sent.work_item_uid)
    for result in store.failing_results(_MOST_TROUBLES):
        what = say(f"delivery.{result.state.value}")
        uid = work_item_uid(result.study_instance_uid)
        yield Trouble(result.receiver, None, what, result.attempts, result.problem, uid)


def _of_subscribers(site: Site) -> Iterator[Trouble]:
    """Yield what subscribers to work items are not told, and who is subscribed no longer."""
    names = {peer.ae_title: peer.name for peer in site.settings.peers}
    for events in site.store.untold_events():
        name = names.get(events.ae_title, events.ae_title)
        kind = "given-up" if events.given_up else "waiting"
        what = say(f"events.{kind}", count=events.count)
        why = say(f"events.{kind}.what-to-do", problem=events.problem, name=name)
        yield Trouble(name, None, what, 0, why, "")
    for gone in site.store.dropped_watchers(_MOST_TROUBLES):
        what = say("events.dropped", name=gone.ae_title)
        why = say("events.dropped.what-to-do", count=gone.waiting)
        yield Trouble(gone.ae_title, gone.dropped_at, what, 0, why, "")


def _of_images(site: Site) -> Iterator[Trouble]:
    for image in site.store.set_aside_images(_MOST_TROUBLES):
        what = say("image.set-aside")
        yield Trouble("", image.received_at, what, 0, image.problem, image.work_item_uid)
