"""`triage retry`, `revert` and `resume`: the operators' levers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.commands.console import open_console
from triage.errors import PermanentError
from triage.modes import place_standing
from triage.store import Store

if TYPE_CHECKING:
    from triage.settings import Settings


def retry(settings: Settings, destination: str | None) -> int:
    """Give reports that were given up a new start, and make waiting ones due now."""
    names = [one.name for one in settings.destinations]
    if destination is not None and destination not in names:
        known = ", ".join(names) or "none"
        raise PermanentError(f"there is no destination {destination!r}; configured are: {known}")
    with Store.open(settings.state_folder) as store:
        count = store.revive_deliveries(destination)
    open_console().print(f"{count} deliveries are due now")
    return 0


def revert(settings: Settings) -> int:
    """Pause all effect on the reading order and put every priority back."""
    with Store.open(settings.state_folder) as store:
        moved = store.pause("effect paused by an operator")
    console = open_console()
    console.print(f"effect paused: {moved} studies went back to where they stand without results")
    console.print(
        "new results are recorded and reported, but move nothing; `triage resume` ends this"
    )
    return 0


def resume(settings: Settings) -> int:
    """Let results move the reading order again, as the site's mode allows."""
    with Store.open(settings.state_folder) as store:
        moved = store.resume(lambda stands: place_standing(settings, stands))
    mode = settings.decision.mode.value
    open_console().print(f"effect resumed in mode {mode}: {moved} studies moved")
    return 0
