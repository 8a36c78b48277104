"""What the operators' page tells: what runs, what waits, who is told, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.values import DeliveryState
from triage.web.strings import say
from triage.web.troubles import troubles_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from triage.settings import Peer
    from triage.store import BrakeChange, GateCounts, QueueCounts, ReceiverRow
    from triage.values import Mode
    from triage.web.site import Site
    from triage.web.troubles import Trouble

_GATE_FILMS = 1000
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
        troubles=tuple(troubles_of(site)),
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
