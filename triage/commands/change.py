"""`triage retry`, `revert` and `resume`: the operators' levers."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from triage import log as logs
from triage.commands.console import open_console
from triage.commands.putting_back import put_back
from triage.conclude import place_standing
from triage.errors import PermanentError
from triage.settings import LogLevel, receiver_names
from triage.store import Store

if TYPE_CHECKING:
    from triage.settings import Settings


def retry(settings: Settings, destination: str | None) -> int:
    """Give what was given up a new start, and make due now what waits for its next try."""
    names = [
        *(one.name for one in settings.destinations),
        *(one.name for one in settings.peers),
        *(one.name for one in settings.hl7_receivers),
        *(name for _, name in receiver_names(settings)),
    ]
    if destination is not None and destination not in names:
        known = ", ".join(names) or "none"
        raise PermanentError(f"there is no destination {destination!r}; configured are: {known}")
    told = [one.ae_title for one in settings.peers if destination in (None, one.name)]
    with Store.open(settings.state_folder) as store:
        count = store.revive_deliveries(destination) + store.revive_results(destination)
        priorities = store.revive_receiver_changes(destination)
        events = sum(store.revive_events(ae_title) for ae_title in told)
    console = open_console()
    console.print(f"{count} deliveries are due now")
    if priorities:
        console.print(f"{priorities} priorities for receivers are due now")
    if settings.peers:
        console.print(f"{events} events are due now")
    return 0


def quieten_log(settings: Settings) -> None:
    """Keep what the lanes log out of what the command prints; errors go to standard error."""
    logs.configure("revert", replace(settings.log, level=LogLevel.ERROR), sys.stderr)


def revert(settings: Settings) -> int:
    """Pause all effect on the reading order and put every priority back, at every receiver.

    Returns:
        0 when every priority is as it was, or was left as a person set it; 1 when a receiver
        still shows one of ours.
    """
    quieten_log(settings)
    console = open_console()
    with Store.open(settings.state_folder) as store:
        store.know_receivers([name for _, name in receiver_names(settings)])
        began = store.clock()
        moved = store.pause("effect paused by an operator")
        console.print(
            f"effect paused: {moved} studies went back to where they stand without results"
        )
        console.print(
            "new results are recorded and reported, but move nothing; `triage resume` ends this"
        )
        return put_back(settings, store, began, console)


def resume(settings: Settings) -> int:
    """Let results move the reading order again, as the site's mode allows."""
    with Store.open(settings.state_folder) as store:
        moved = store.resume(
            lambda stands: place_standing(settings, stands), "effect resumed by an operator"
        )
        names = [name for _, name in receiver_names(settings)]
        owed = store.unfinished_receiver_changes(names)
    mode = settings.decision.mode.value
    console = open_console()
    console.print(f"effect resumed in mode {mode}: {moved} studies moved")
    if owed:
        console.print(f"{owed} priorities are on their way to receivers")
    return 0
