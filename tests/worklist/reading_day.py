"""A day in a reading room, simulated: studies arrive, results come, readers take the first line.

Pure but for its random numbers, which come from a seed. Times are seconds since the day began.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from triage.values import ReadingClass, class_after_cap

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Arrival:
    """A study of the day.

    Attributes:
        at: When it arrives.
        ordered: The class that its order alone gives it.
        becomes: What its result makes of it, and when; an urgent order stays one.
    """

    number: int
    at: float
    ordered: ReadingClass = ReadingClass.ROUTINE
    becomes: tuple[tuple[float, ReadingClass], ...] = ()

    def class_at(self, time: float, *, with_results: bool) -> ReadingClass:
        """Return the class of the study at a time, before the cap."""
        if not with_results or self.ordered is ReadingClass.URGENT_ORDER:
            return self.ordered
        known = [(when, one) for when, one in self.becomes if when <= time]
        return max(known, key=lambda each: each[0])[1] if known else self.ordered


def first_line(waiting: list[Arrival], time: float, cap: float, *, with_results: bool) -> Arrival:
    """Return the study that the order puts first."""

    def place(one: Arrival) -> tuple[ReadingClass, float, int]:
        effective = class_after_cap(
            one.class_at(time, with_results=with_results),
            moment(one.at),
            None,
            "",
            moment(time),
            cap,
        )
        return effective, one.at, one.number

    return min(waiting, key=place)


def moment(time: float) -> datetime:
    """Return a time of the simulation as the rule takes it."""
    return MIDNIGHT + timedelta(seconds=time)


def read_at(
    arrivals: list[Arrival], times: list[float], cap: float, *, with_results: bool
) -> dict[int, float]:
    """Return when each study is taken up, by its number, when readers are free at given times.

    A reader who is free while nothing waits takes nothing, and is free again at the next time.
    """
    coming = sorted(arrivals, key=lambda one: (one.at, one.number), reverse=True)
    waiting: list[Arrival] = []
    taken: dict[int, float] = {}
    for time in sorted(times):
        while coming and coming[-1].at <= time:
            waiting.append(coming.pop())
        if waiting:
            chosen = first_line(waiting, time, cap, with_results=with_results)
            waiting.remove(chosen)
            taken[chosen.number] = time
    return taken


@dataclass(frozen=True)
class Room:
    """A reading room.

    Attributes:
        studies_per_hour: Mean of the Poisson arrivals.
        hours: How long studies arrive.
        readers: How many read.
        reading_seconds: Mean time that a reader spends on a study (exponential).
        abnormal_share: Of all studies; what the program flags of them is `sensitivity`.
        ruled_out_share: Of the normal studies, how many are lowered.
        urgent_share: Of all studies, how many are ordered as urgent.
        result_seconds: From arrival to result.
    """

    studies_per_hour: float = 30.0
    hours: float = 24.0
    readers: int = 2
    reading_seconds: float = 230.0
    abnormal_share: float = 0.25
    sensitivity: float = 0.9
    false_alarms: float = 0.1
    ruled_out_share: float = 0.5
    urgent_share: float = 0.05
    result_seconds: float = 60.0


def a_day(room: Room, seed: int) -> tuple[list[Arrival], set[int]]:
    """Return a day's studies, and the numbers of the abnormal ones."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    arrivals, abnormal = [], set()
    time = chance.expovariate(room.studies_per_hour / 3600)
    while time < room.hours * 3600:
        number = len(arrivals)
        sick = chance.random() < room.abnormal_share
        if sick:
            abnormal.add(number)
        arrivals.append(_study(room, chance, number, time, sick=sick))
        time += chance.expovariate(room.studies_per_hour / 3600)
    return arrivals, abnormal


def _study(room: Room, chance: random.Random, number: int, time: float, *, sick: bool) -> Arrival:
    urgent = chance.random() < room.urgent_share
    flagged = chance.random() < (room.sensitivity if sick else room.false_alarms)
    lowered = not flagged and not sick and chance.random() < room.ruled_out_share
    found = ReadingClass.ROUTINE
    if flagged:
        found = ReadingClass.SUSPECTED_ABNORMAL
    elif lowered:
        found = ReadingClass.LIKELY_NORMAL
    return Arrival(
        number,
        time,
        ReadingClass.URGENT_ORDER if urgent else ReadingClass.ROUTINE,
        ((time + room.result_seconds, found),),
    )


def readings(room: Room, seed: int) -> list[float]:
    """Return the times at which some reader is free, enough of them for the whole day."""
    chance = random.Random(seed + 1_000_000)  # noqa: S311 - a simulation
    free = [0.0] * room.readers
    times = []
    needed = int(room.studies_per_hour * room.hours * 3)
    while len(times) < needed:
        time = heapq.heappop(free)
        times.append(time)
        heapq.heappush(free, time + chance.expovariate(1 / room.reading_seconds))
    return times


def waits(arrivals: list[Arrival], taken: dict[int, float]) -> dict[int, float]:
    """Return how long each study has waited, by its number."""
    return {one.number: taken[one.number] - one.at for one in arrivals if one.number in taken}
