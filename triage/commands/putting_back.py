"""The receivers' side of the brake: carry what is owed to them now, and say what is still owed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from triage.owners import is_dead
from triage.receivers.configured import configured_receivers
from triage.receivers.lane import ReceiverLane
from triage.settings import receiver_names
from triage.values import ReceiverState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from triage.settings import Settings
    from triage.store import ReceiverChangeRecord, Store

LOOK_SECONDS = 0.5
_DONE = (ReceiverState.CONFIRMED, ReceiverState.TOLD)
_UNCONFIGURED = (
    "the receiver is no longer configured; put it back there by hand, or configure it again and "
    "repeat this command"
)
_QUEUED = "queued: the service puts it back when the receiver answers"


def put_back(settings: Settings, store: Store, since: datetime, console: Console) -> int:
    """Put priorities back at every receiver, and say study by study what could not be.

    It works beside a running service: what one of the two holds, the other leaves alone. A
    receiver that is away ends the wait for it at once; its changes stay queued.

    Args:
        settings: The site's settings.
        store: The store, with the brake pulled.
        since: When it was pulled.
        console: Where to print.

    Returns:
        0 when every priority is as it was, or was left as a person set it; else 1.
    """
    names = [name for _, name in receiver_names(settings)]
    store.reap_receiver_changes(is_dead)
    store.revive_receiver_changes()
    _carry(settings, store, names)
    records = store.put_back_since(since)
    return _tell(records, frozenset(names), console)


def _carry(settings: Settings, store: Store, names: Sequence[str]) -> None:
    """Work on every receiver at once until its queue is empty, or it is away."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_carry_one, args=(settings, store, lane, stop), name=lane.name)
        for lane in (
            ReceiverLane(settings, receiver, store, stop)
            for receiver in configured_receivers(settings, store)
        )
    ]
    total = store.unfinished_receiver_changes(names)
    for thread in threads:
        thread.start()
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("putting back", total=total)
            while any(thread.is_alive() for thread in threads):
                left = store.unfinished_receiver_changes(names)
                progress.update(task, completed=total - left)
                threads[0].join(LOOK_SECONDS)
                threads = [thread for thread in threads if thread.is_alive()] or threads[:1]
    finally:
        stop.set()


def _carry_one(settings: Settings, store: Store, lane: ReceiverLane, stop: threading.Event) -> None:
    """Empty one queue; give up when the receiver is in trouble, or nothing moves any more."""
    patience = settings.receivers.confirm_seconds + settings.delivery.timeout_seconds
    watcher = store.watcher()
    left, moved_at = -1, time.monotonic()
    try:
        while not stop.is_set() and time.monotonic() - moved_at < patience:
            count = lane.carry_due()
            unfinished = store.unfinished_receiver_changes([lane.name])
            if count is None or unfinished == 0:
                return
            if unfinished != left:
                left, moved_at = unfinished, time.monotonic()
            if count == 0:
                watcher.wait(LOOK_SECONDS, stop)
    finally:
        watcher.close()


def _tell(
    records: Sequence[ReceiverChangeRecord], configured: frozenset[str], console: Console
) -> int:
    done = sum(record.state in _DONE for record in records)
    told = sum(record.state is ReceiverState.TOLD for record in records)
    left = [record for record in records if record.state is ReceiverState.LEFT]
    owed = [record for record in records if record.state not in (*_DONE, ReceiverState.LEFT)]
    if records:
        console.print(f"receivers: {done} priorities are as they were before us")
    if told:
        console.print(f"  {told} of them at receivers that cannot be asked what they show")
    for record in left:
        _print(console, record, f"stays as it is: {record.problem}")
    for record in owed:
        _print(console, record, f"not put back: {_why(record, configured)}")
    if owed:
        console.print(f"{len(owed)} priorities could not be put back yet; the lines above say why")
    return 1 if owed else 0


def _why(record: ReceiverChangeRecord, configured: frozenset[str]) -> str:
    if record.receiver not in configured:
        return _UNCONFIGURED
    if record.state is ReceiverState.DEAD:
        return f"{record.problem}; given up until `triage retry {record.receiver}`"
    if record.state is ReceiverState.PENDING:
        return f"{record.problem or 'not tried yet'}; {_QUEUED}"
    return record.problem or "the receiver took it, and does not show it yet; it is asked again"


def _print(console: Console, record: ReceiverChangeRecord, text: str) -> None:
    console.print(f"  study {record.study_instance_uid} at {record.receiver}: {text}", markup=False)
