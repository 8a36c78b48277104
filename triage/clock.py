"""The clock role: what happens because time has passed (APScheduler)."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from triage.conclude import conclude_ready, place_standing
from triage.decision import ladder_of
from triage.log import get_logger
from triage.modes import check_findings
from triage.owners import is_dead
from triage.store import Store
from triage.ups.reports import subscriptions_lost
from triage.ups.steps import events_of
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION
from triage.vision.bundle import Bundle, default_bundle_folder

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from triage.settings import Settings
    from triage.store import Films

log = get_logger("clock")

CLOSING_SECONDS = 0.25  # adds, on average, half of this to every report
CAP_SECONDS = 1.0
REAPING_SECONDS = 5
DISK_SECONDS = 60
ABSENT_SECONDS = 300
DROPPED_TOLD_DAYS = 30  # how long the operators' page tells of a subscriber that was dropped
ALIVE_SECONDS = 1.0


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run the clock until `stop` is set.

    Args:
        settings: The site's settings.
        stop: Ends the role.
        alive: Called every second; a supervisor replaces a role that has fallen silent.
        ready: Called once when the clock ticks.
    """
    bundle = Bundle.load(settings.worker.bundle or default_bundle_folder())
    with Store.open(settings.state_folder) as store:
        check_findings(settings.decision, bundle.operating_points)
        _adopt_mode(store, settings)
        scheduler = _scheduler(store, settings, bundle)
        scheduler.start()
        ready()
        while not stop.wait(ALIVE_SECONDS):
            alive()
        scheduler.shutdown(wait=True)


def _adopt_mode(store: Store, settings: Settings) -> None:
    """Place what was decided under the mode of an earlier configuration as this one asks."""
    moved = store.place_all(
        lambda stands: place_standing(settings, stands),
        f"mode {settings.decision.mode.value}",
        raises=_raising(settings),
    )
    log.info("mode in force", action="mode", mode=settings.decision.mode.value, count=moved)


def _scheduler(store: Store, settings: Settings, bundle: Bundle) -> BackgroundScheduler:
    # One thread: the jobs take turns, and none ever runs beside itself. A turn that comes while
    # the one before is still at work is left out, as it should be: no warning about that.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone="UTC")

    def every(seconds: float, job: Callable[[], None]) -> None:
        scheduler.add_job(
            job,
            "interval",
            seconds=seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    every(CLOSING_SECONDS, lambda: _close_and_conclude(store, settings, bundle))
    every(CAP_SECONDS, lambda: _note_overdue(store, settings))
    every(REAPING_SECONDS, lambda: _reap(store, settings))
    every(DISK_SECONDS, lambda: _watch_disk(settings))
    every(ABSENT_SECONDS, lambda: drop_absent(store, settings))
    return scheduler


def _close_and_conclude(store: Store, settings: Settings, bundle: Bundle) -> None:
    store.close_quiet(settings.studies.quiet_seconds)
    conclude_ready(store, settings, bundle)


def _raising(settings: Settings) -> Callable[[Films], bool]:
    """Return what says by its films whether a study's mode raises anything."""
    ladder = ladder_of(settings.decision)
    return lambda films: not ladder.at(films).moves_nothing


def _note_overdue(store: Store, settings: Settings) -> None:
    """Tell those who follow the ledger what the waiting cap has raised.

    In shadow mode, and while the brake is on, nothing is raised anywhere; where one site of
    several is in shadow mode, nothing of it at the receivers.
    """
    if ladder_of(settings.decision).moves_nothing or store.paused():
        return
    cap_seconds = settings.worklist.waiting_cap_minutes * 60
    count = store.note_overdue(store.clock(), cap_seconds, _raising(settings))
    if count:
        log.info("waiting cap reached", action="overdue", count=count)


def _reap(store: Store, settings: Settings) -> None:
    images = store.reap_images(settings.worker.maximum_attempts, is_dead)
    deliveries = store.reap_deliveries(is_dead) + store.reap_results(is_dead)
    events = store.reap_events(is_dead)
    if images or deliveries or events:
        log.warning(
            "leases ran out", action="reaped", images=images, deliveries=deliveries, count=events
        )


def drop_absent(store: Store, settings: Settings) -> None:
    """Drop the subscribers that fetch no event reports: nothing may grow without bound.

    PS3.4 CC.2.4 knows a service that has lost its subscriptions (COLD START): a subscriber that
    comes back is told so, and subscribes again.
    """
    now = store.clock()
    (farewell,) = events_of([subscriptions_lost()])
    dropped = store.drop_absent_watchers(
        [peer.ae_title for peer in settings.peers],
        now - timedelta(days=settings.web.subscriber_days),
        settings.web.subscriber_events,
        GLOBAL_SUBSCRIPTION,
        farewell,
    )
    for one in dropped:
        log.warning(
            "subscriber dropped", action="subscriber_dropped", peer=one.ae_title, count=one.waiting
        )
    store.forget_dropped_watchers(now - timedelta(days=DROPPED_TOLD_DAYS))


def _watch_disk(settings: Settings) -> None:
    free = shutil.disk_usage(settings.state_folder).free // 2**20
    if free < 2 * settings.listener.minimum_free_megabytes:
        log.warning("disk nearly full", action="disk", free_megabytes=free)
