"""What the operators' page tells: what runs, what waits, who is told, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from triage.uids import work_item_uid
from triage.values import DeliveryState
from triage.web.strings import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from triage.settings import Peer
    from triage.store import BrakeChange, GateCounts, QueueCounts, ReceiverRow
    from triage.values import Mode
    from triage.web.site import Site

_GATE_FILMS = 1000
_MOST_TROUBLES = 20  # of each kind
_MOST_BRAKE_CHANGES = 5


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue of reports for a destination, or of HL7 messages for a receiver.

    Attributes:
        name: Name in the configuration.
        speaks: AE title, or "HL7".
        address: Host and port.
        counts: How many stand where.
        last_taken: When the last one was taken; None when none was.
    """

    name: str
    speaks: str
    address: str
    counts: Mapping[DeliveryState, int]
    last_taken: datetime | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that asks for somebody.

    Attributes:
        where: Destination or receiver; empty for the images of this system.
        at: When it came; None where it is not kept.
        what: What is wrong, in words.
        tries: How often it was tried.
        detail: Why.
        work_item_uid: The line of its study.
    """

    where: str
    at: datetime | None
    what: str
    tries: int
    detail: str
    work_item_uid: str


@dataclass(frozen=True, slots=True)
class OperatorView:
    """All that the operators' page shows."""

    silent: tuple[str, ...]
    exceptions: tuple[tuple[str, Mode], ...]
    brake: tuple[BrakeChange, ...]
    counts: QueueCounts
    queues: tuple[QueueView, ...]
    peers: tuple[Peer, ...]
    receivers: tuple[ReceiverRow, ...]
    gates: GateCounts
    troubles: tuple[Trouble, ...]


def operator_view(site: Site) -> OperatorView:
    """Read what the operators' page shows."""
    counts = site.store.counts()
    return OperatorView(
        silent=tuple(site.silent_roles()),
        exceptions=tuple(_exceptions(site)),
        brake=site.store.brake_changes(_MOST_BRAKE_CHANGES),
        counts=counts,
        queues=(*_destinations(site, counts), *_results(site)),
        peers=site.settings.peers,
        receivers=site.store.receiver_rows(),
        gates=site.store.gate_counts(_GATE_FILMS),
        troubles=tuple(_troubles(site)),
    )


def _exceptions(site: Site) -> Iterator[tuple[str, Mode]]:
    """Yield what has a mode of its own, with that mode."""
    decision, algorithm = site.settings.decision, site.algorithm
    for place in decision.sites:
        yield say("operator.mode.site", name=place.name), place.mode
    for finding in decision.findings:
        yield algorithm.title(finding.name) if algorithm else finding.name, finding.mode


def _destinations(site: Site, counts: QueueCounts) -> Iterator[QueueView]:
    stored = site.store.last_stored([one.name for one in site.settings.destinations])
    for one in site.settings.destinations:
        states = _states(counts.deliveries, one.name)
        address = f"{one.address}:{one.port}"
        yield QueueView(one.name, one.ae_title, address, states, stored.get(one.name))


def _results(site: Site) -> Iterator[QueueView]:
    counts, taken = site.store.result_counts(), site.store.last_acknowledged()
    for one in site.settings.hl7_receivers:
        states = _states(counts, one.name)
        address = f"{one.address}:{one.port}"
        yield QueueView(one.name, "HL7", address, states, taken.get(one.name))


def _states(counts: Mapping[tuple[str, DeliveryState], int], name: str) -> dict[DeliveryState, int]:
    return {state: counts.get((name, state), 0) for state in DeliveryState}


def _troubles(site: Site) -> Iterator[Trouble]:
    """Yield what went wrong: what was not sent, or not heeded, then what could not be analysed."""
    store = site.store
    changes = store.receiver_alarms(_MOST_TROUBLES), store.waiting_receiver_changes(_MOST_TROUBLES)
    for change in chain(*changes):
        what = say(f"receiver-state.{change.state.value}")
        uid = work_item_uid(change.study_instance_uid)
        why = change.problem or change.reason
        yield Trouble(change.receiver, None, what, change.attempts, why, uid)
    for sent in store.failing_deliveries(_MOST_TROUBLES):
        what = say(f"delivery.{sent.state.value}")
        yield Trouble(sent.destination, None, what, sent.attempts, sent.problem, sent.work_item_uid)
    for result in store.failing_results(_MOST_TROUBLES):
        what = say(f"delivery.{result.state.value}")
        uid = work_item_uid(result.study_instance_uid)
        yield Trouble(result.receiver, None, what, result.attempts, result.problem, uid)
    for image in store.set_aside_images(_MOST_TROUBLES):
        what = say("image.set-aside")
        yield Trouble("", image.received_at, what, 0, image.problem, image.work_item_uid)
