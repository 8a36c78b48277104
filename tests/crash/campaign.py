"""A campaign: load, kill, look, start again, some hundreds of times."""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.crash.deaths import draw_death
from tests.crash.films import chance_of
from tests.crash.ledger import Ledger
from tests.crash.listeners import (
    START_SECONDS,
    STOP_SECONDS,
    ForkedSite,
    Scene,
    SpawnedSite,
    bury_dead,
    first_death,
)
from tests.crash.load import Load
from tests.crash.power import Power
from tests.crash.verdict import (
    Fault,
    Trouble,
    judge,
    spooled,
    still_loose,
    unbegun,
    unfinished,
)
from tests.peers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.crash.deaths import Breakage, Death
    from tests.crash.listeners import Site

AT_START, UNDER_LOAD = "during start", "under load"
LONGEST_LOAD_SECONDS = 0.6  # under load before a kill at a random instant
DEATH_SECONDS = 1.5  # within which a planned death has come, or will not
FINISH_SECONDS = 60.0
SHARE_AT_CALLS = 0.5
SHARE_AT_START = 0.3  # of the others
SHARE_OF_ONE = 0.5  # of several listeners only one is killed


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign does.

    Attributes:
        spawn: Start the real command each time, not a fork of a process that has it imported.
        power_cuts: Whoever is killed loses what was not flushed, too.
        breakage: What is wrong with the listener on purpose.
    """

    kills: int
    seed: int = 0
    listeners: int = 1
    associations: int = 5
    spawn: bool = False
    power_cuts: bool = False
    breakage: Breakage | None = None


@dataclass
class Outcome:
    """What a campaign has found.

    Attributes:
        kills: How many there were, by the kind of instant.
        sent: Contents of objects that were sent, each counted once.
        swept: Unfinished files that a start has removed.
        adopted: Files without a row that a start has recorded.
        spared: Files without a row that a start has removed, being recorded already.
        loose: Files without a row that are left in the end.
        lost: Names and contents that power cuts have taken; none of them may have been promised.
    """

    plan: Plan
    kills: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    transfers: int = 0
    acknowledged: int = 0
    present: int = 0
    swept: int = 0
    adopted: int = 0
    spared: int = 0
    loose: int = 0
    lost: int = 0
    megabytes: float = 0.0
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many kills there were."""
        return sum(self.kills.values())

    @property
    def missing(self) -> int:
        """Acknowledged contents that are not there as they were sent."""
        return self.acknowledged - self.present


def run(plan: Plan, folder: Path, *, note: Callable[[int], None] = lambda _kills: None) -> Outcome:
    """Carry a campaign out.

    Args:
        plan: What to do.
        folder: An empty folder for the state and the log.
        note: Called with the number of kills so far.
    """
    began = time.monotonic()
    scene = _set_up(plan, folder)
    journal = folder / "journal" if plan.power_cuts else None
    site: Site = SpawnedSite(scene) if plan.spawn else ForkedSite(scene, plan.breakage, journal)
    power = Power(scene.state_folder, journal, chance_of(plan.seed)) if journal else None
    campaign = _Campaign(plan, scene, site, power)
    try:
        with Load(scene.port, plan.associations, plan.seed, campaign.ledger) as load:
            while campaign.outcome.killed < plan.kills and campaign.goes_on:
                campaign.cycle()
                note(campaign.outcome.killed)
            campaign.finish(load)
    finally:
        site.close()
    campaign.close(load, time.monotonic() - began)
    return campaign.outcome


def _set_up(plan: Plan, folder: Path) -> Scene:
    port = free_port()
    settings = folder / "triage.toml"
    settings.write_text(
        f'state_folder = "{folder / "state"}"\n[listener]\naddress = "127.0.0.1"\nport = {port}\n'
        f"listeners = {plan.listeners}\nminimum_free_megabytes = 1\n"
    )
    return Scene(settings, folder / "state", folder / "log.jsonl", port, plan.listeners)


class _Campaign:
    """A campaign under way."""

    def __init__(self, plan: Plan, scene: Scene, site: Site, power: Power | None) -> None:
        self.plan = plan
        self.outcome = Outcome(plan)
        self.ledger = Ledger()
        self.goes_on = True
        self._scene = scene
        self._site = site
        self._power = power
        self._chance = chance_of(plan.seed)
        self._start_seconds = 0.0  # how long the last start took that was waited for
        self._leftovers: set[str] = set()  # in incoming/, when nobody ran
        self._orphans: set[str] = set()  # in the spool without a row, when nobody ran
        self._named: set[str] = set()  # by rows, ever

    def cycle(self) -> None:
        """Start what is missing, kill at one instant, and look when nobody runs."""
        death = self._draw_death()
        self._site.start(death)
        self.outcome.kills[self._await(death)] += 1
        if self._chance.random() < SHARE_OF_ONE:
            self._site.kill_one(self._chance)
        else:
            self._site.kill_all()
        self._bury()
        if not self._site.processes:
            self._look()

    def finish(self, load: Load) -> None:
        """Start all anew, let the senders get everything acknowledged, then end it in order."""
        self._site.kill_all()  # who is restarted by a supervisor tidies up when nobody looks
        self._bury()
        self._look()
        self._site.start()
        if not self._become_ready():
            return
        if not load.finish(FINISH_SECONDS):
            self._blame(Trouble.SENDER, "not everything was acknowledged in the end")
        ending = list(self._site.processes)
        for process in ending:
            process.send(signal.SIGTERM)
        for process in ending:
            if not process.is_dead(STOP_SECONDS):
                self._blame(Trouble.LISTENER, "it did not stop when told to")

    def close(self, load: Load, seconds: float) -> None:
        """Hold the whole state folder against the whole ledger."""
        state, sent = self._scene.state_folder, self.ledger.objects()
        if self._power is not None:
            self._power.cut()
            self.outcome.lost = self._power.lost
        verdict = judge(state, sent)
        loose = spooled(state) - verdict.named
        self._add(verdict.faults)
        self._add(unbegun(state, sent))
        self._add([Fault(Trouble.SENDER, trouble) for trouble in load.troubles])
        self._add([Fault(Trouble.UNFINISHED, name) for name in unfinished(state)])
        self._add([Fault(Trouble.LOOSE, path) for path in sorted(loose)])
        outcome, tally = self.outcome, self.ledger.tally
        outcome.loose = len(loose)
        outcome.sent = sum(len(one.contents) for one in sent)
        outcome.acknowledged, outcome.present = verdict.acknowledged, verdict.present
        outcome.transfers, outcome.megabytes = tally.transfers, tally.megabytes
        outcome.seconds = seconds

    def _draw_death(self) -> Death | None:
        missing = len(self._site.processes) < self.plan.listeners
        if missing and not self.plan.spawn and self._chance.random() < SHARE_AT_CALLS:
            return draw_death(self._chance)
        return None

    def _await(self, death: Death | None) -> str:
        """Wait for the instant of the next kill; return what kind of instant it is."""
        if death is not None:
            # One that does not come in time is a kill at a random instant.
            came = first_death(self._site.processes, DEATH_SECONDS)
            return f"{death.call}, {death.moment}" if came else UNDER_LOAD
        if self._start_seconds and self._chance.random() < SHARE_AT_START:
            first_death(self._site.processes, self._chance.uniform(0, self._start_seconds))
            return AT_START
        if self._become_ready():
            seconds = self._chance.uniform(0, LONGEST_LOAD_SECONDS)
            first_death(self._site.processes, seconds)
        return UNDER_LOAD

    def _become_ready(self) -> bool:
        """Wait until every process listens, and look at what their start has tidied up."""
        for process in self._site.processes:
            waited = not process.is_ready
            if not process.wait_ready(START_SECONDS):
                self._blame(Trouble.LISTENER, "a listener did not start")
                self.goes_on = False
                return False
            if waited:
                self._start_seconds = time.monotonic() - process.started_at
        self._look_after_start()
        return True

    def _bury(self) -> None:
        for process in bury_dead(self._site):
            self._blame(Trouble.LISTENER, f"process {process.pid} ended of itself")

    def _look(self) -> None:
        """Look at the state folder when nobody runs."""
        state = self._scene.state_folder
        if not (state / "triage.db").exists():  # killed before the first start had come so far
            return
        if self._power is not None:
            self._power.cut()
        verdict = judge(state, self.ledger.unsettled())
        self._add(verdict.faults)
        self._named |= verdict.named
        self._count_orphans()
        self._orphans = spooled(state) - self._named
        left = unfinished(state)
        self.outcome.swept += len(self._leftovers - left)
        self._leftovers = left

    def _look_after_start(self) -> None:
        """Look at what was left by the dead, once every listener has started."""
        state = self._scene.state_folder
        left = self._leftovers & unfinished(state)
        self.outcome.swept += len(self._leftovers) - len(left)
        self._add([Fault(Trouble.UNFINISHED, name) for name in sorted(left)])
        self._leftovers = set()
        self._add([Fault(Trouble.LOOSE, path) for path in still_loose(state, self._orphans)])

    def _count_orphans(self) -> None:
        """Say what became of the files that had no row when last nobody ran."""
        adopted = self._orphans & self._named
        self.outcome.adopted += len(adopted)
        gone = {path for path in self._orphans if not (self._scene.state_folder / path).exists()}
        self.outcome.spared += len(gone - adopted)

    def _add(self, faults: Iterable[Fault]) -> None:
        known = set(self.outcome.faults)
        self.outcome.faults += [fault for fault in faults if fault not in known]

    def _blame(self, trouble: Trouble, where: str) -> None:
        self._add([Fault(trouble, f"{where} (kill {self.outcome.killed})")])
