"""Health and readiness for supervisors, and metrics for Prometheus; never patient data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from triage import __version__
from triage.errors import TriageError
from triage.values import DeliveryState, ReceiverState
from triage.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.requests import Request

    from triage.store import QueueCounts, ReceiverCounts
    from triage.web.site import Site


async def live(_request: Request) -> Response:
    """Answer that this process answers."""
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    """Answer 200 when the service does its work, else 503 with every reason."""
    reasons = await run_in_threadpool(_reasons, site_of(request))
    status = "not ready" if reasons else "ready"
    return JSONResponse({"status": status, "reasons": reasons}, 503 if reasons else 200)


async def metrics(request: Request) -> Response:
    """Answer with the gauges of this moment in Prometheus' text format."""
    body = await run_in_threadpool(generate_latest, request.app.state.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _reasons(site: Site) -> list[str]:
    reasons = [f"the {role} gives no sign of life" for role in site.silent_roles()]
    try:
        site.store.counts()
    except TriageError as error:
        reasons.append(str(error))
    return reasons


def make_registry(site: Site, subscribers: Callable[[], int] = int) -> CollectorRegistry:
    """Return a registry of this site's gauges, apart from the process-wide one.

    Args:
        site: What is measured.
        subscribers: Counts the WebSockets that event reports go out over.
    """
    registry = CollectorRegistry()
    registry.register(StoreCollector(site, subscribers))
    return registry


class StoreCollector:
    """Reads every gauge from the store when it is asked: what restarts loses no count."""

    def __init__(self, site: Site, subscribers: Callable[[], int]) -> None:
        self._site = site
        self._subscribers = subscribers

    def describe(self) -> list[GaugeMetricFamily]:
        """Describe nothing beforehand: registering must not read the store."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges of this moment."""
        counts = self._site.store.counts()
        yield from _queues(counts)
        yield from _receivers(self._site.store.receiver_counts())
        yield _results(self._site.store.result_counts())
        yield GaugeMetricFamily(
            "triage_oldest_queued_image_seconds",
            "How long the oldest image that is not analysed yet has waited.",
            counts.oldest_queued_seconds,
        )
        yield GaugeMetricFamily(
            "triage_paused",
            "1 while re-ordering is paused by triage revert.",
            int(self._site.store.paused()),
        )
        yield GaugeMetricFamily(
            "triage_web_streams",
            "Pages that are open and kept up to date.",
            self._site.feed.streams,
        )
        yield GaugeMetricFamily(
            "triage_web_subscribers",
            "Subscribers of the reading list that are connected over WebSockets.",
            self._subscribers(),
        )
        yield self._build()

    def _build(self) -> GaugeMetricFamily:
        algorithm = self._site.algorithm
        build = GaugeMetricFamily(
            "triage_build_info",
            "Always 1; names the program, the bundle and the mode.",
            labels=("version", "bundle", "mode"),
        )
        digest = algorithm.identity.digest if algorithm else ""
        build.add_metric((__version__, digest, self._site.settings.decision.mode.value), 1)
        return build


def _receivers(counts: ReceiverCounts) -> Iterator[GaugeMetricFamily]:
    changes = GaugeMetricFamily(
        "triage_receiver_changes",
        "Priorities on their way to receivers, by state.",
        labels=("receiver", "state"),
    )
    alarms = GaugeMetricFamily(
        "triage_receiver_alarms",
        "Priorities that a receiver took without moving the study, or that were given up.",
        labels=("receiver",),
    )
    for receiver in sorted({name for name, _ in counts.changes}):
        for state in ReceiverState:
            changes.add_metric((receiver, state.value), counts.changes.get((receiver, state), 0))
        alarms.add_metric((receiver,), counts.alarms_of(receiver))
    yield from (changes, alarms)


def _results(counts: Mapping[tuple[str, DeliveryState], int]) -> GaugeMetricFamily:
    results = GaugeMetricFamily(
        "triage_hl7_results",
        "Results told to HL7 receivers, by state.",
        labels=("receiver", "state"),
    )
    for receiver in sorted({name for name, _ in counts}):
        for state in DeliveryState:
            results.add_metric((receiver, state.value), counts.get((receiver, state), 0))
    return results


def _queues(counts: QueueCounts) -> Iterator[GaugeMetricFamily]:
    images = GaugeMetricFamily("triage_images", "Images received, by state.", labels=("state",))
    for image_state, number in counts.images.items():
        images.add_metric((image_state.value,), number)
    yield images
    studies = GaugeMetricFamily(
        "triage_studies", "Studies on the list, by state.", labels=("state",)
    )
    for study_state, number in counts.studies.items():
        studies.add_metric((study_state.value,), number)
    yield studies
    deliveries = GaugeMetricFamily(
        "triage_deliveries", "Reports on their way, by state.", labels=("destination", "state")
    )
    for destination in sorted({name for name, _ in counts.deliveries}):
        for state in DeliveryState:
            number = counts.deliveries.get((destination, state), 0)
            deliveries.add_metric((destination, state.value), number)
    yield deliveries
