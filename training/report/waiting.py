"""What re-ordering does to waiting: the closed form, and a simulation that knows the cap too.

One reader, studies that arrive at random, reading times that vary at random (M/M/1), and
nobody interrupts a reading for the next study (non-preemptive priority). With load rho and
W0 = lambda E[S^2] / 2, first come first served waits W0 / (1 - rho); class k of a priority
queue waits W0 / ((1 - s(k-1)) (1 - s(k))), s(k) the load of classes up to k (Cobham 1954).
Re-ordering saves no work: the mean over all studies stays what it was.

Times are in units of the mean reading time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES: Final = ("suspected abnormal", "routine", "likely normal")
_LOWERED: Final = 2  # the class of the last name
_RAISED: Final = 0

Shares = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a model sorts studies.

    Attributes:
        prevalence: Share of abnormal studies.
        abnormal: Of the abnormal ones the shares of `CLASSES`; the last is what is missed.
        normal: Of the normal ones.
    """

    prevalence: float
    abnormal: Shares
    normal: Shares

    @classmethod
    def two_classes(cls, prevalence: float, sensitivity: float, specificity: float) -> Sorting:
        """A model that lowers whatever it does not raise."""
        return cls(
            prevalence, (sensitivity, 0.0, 1 - sensitivity), (1 - specificity, 0.0, specificity)
        )


@dataclass(frozen=True, slots=True)
class Waits:
    """Mean waiting times until a study is read.

    Attributes:
        everyone: Of all studies.
        abnormal: Of abnormal studies.
        normal: Of normal studies.
        missed: Of abnormal studies that were taken for normal; None where there are none.
        longest: The longest of a simulation; None where nothing was simulated.
    """

    everyone: float
    abnormal: float
    normal: float
    missed: float | None
    longest: float | None = None


def in_turn(load: float) -> Waits:
    """Waiting when studies are read as they come.

    Args:
        load: Arrivals in the time of one reading, below 1.
    """
    wait = load / (1 - load)  # W0 = lambda E[S^2] / 2 = load, as E[S^2] = 2
    return Waits(wait, wait, wait, wait)


def by_class(sorting: Sorting, load: float) -> Waits:
    """Waiting when studies are read by class, and within a class as they come.

    Args:
        sorting: How studies fall into classes.
        load: Arrivals in the time of one reading, below 1.
    """
    shares = [
        sorting.prevalence * sick + (1 - sorting.prevalence) * well
        for sick, well in zip(sorting.abnormal, sorting.normal, strict=True)
    ]
    loads = [0.0, *accumulate(load * share for share in shares)]
    waits = [load / ((1 - before) * (1 - after)) for before, after in pairwise(loads)]
    abnormal, normal = (
        sum(share * wait for share, wait in zip(part, waits, strict=True))
        for part in (sorting.abnormal, sorting.normal)
    )
    everyone = sorting.prevalence * abnormal + (1 - sorting.prevalence) * normal
    missed = waits[_LOWERED] if sorting.abnormal[_LOWERED] > 0 else None
    return Waits(everyone, abnormal, normal, missed)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """A long run of studies, drawn once, to be read in one order or another.

    Attributes:
        at: When each came.
        reading: How long its reading takes.
        abnormal: Whether it is abnormal.
        place: Its class, a number into `CLASSES`.
    """

    at: NDArray[np.float64]
    reading: NDArray[np.float64]
    abnormal: NDArray[np.bool_]
    place: NDArray[np.int64]


def draw_arrivals(sorting: Sorting, load: float, studies: int, seed: int) -> Arrivals:
    """Draw a run of studies.

    Args:
        sorting: How they fall into classes.
        load: Arrivals in the time of one reading.
        studies: How many.
        seed: The same number gives the same run.
    """
    chance = np.random.default_rng(seed)
    at = np.cumsum(chance.exponential(1 / load, studies))
    reading = chance.exponential(1.0, studies)
    abnormal = chance.random(studies) < sorting.prevalence
    edges = np.cumsum([sorting.abnormal, sorting.normal], axis=1)[:, :_LOWERED]
    drawn = chance.random(studies)
    place = (drawn[:, None] >= edges[(~abnormal).astype(np.int64)]).sum(axis=1)
    return Arrivals(at, reading, abnormal, place)


def simulate(arrivals: Arrivals, *, reorder: bool = True, cap: float = np.inf) -> Waits:
    """Read a run of studies one after the other.

    Args:
        arrivals: The studies.
        reorder: Whether classes count; otherwise as they come.
        cap: A study that has waited so long stands among the suspected abnormal from then on,
            by its arrival, as on the reading list.
    """
    place = arrivals.place if reorder else np.zeros_like(arrivals.place)
    waits = _waits(arrivals, place, cap)
    missed = arrivals.abnormal & (arrivals.place == _LOWERED)
    return Waits(
        everyone=float(waits.mean()),
        abnormal=float(waits[arrivals.abnormal].mean()),
        normal=float(waits[~arrivals.abnormal].mean()),
        missed=float(waits[missed].mean()) if missed.any() else None,
        longest=float(waits.max()),
    )


def _waits(arrivals: Arrivals, place: NDArray[np.int64], cap: float) -> NDArray[np.float64]:
    """How long each study waits; studies stand in one line for each class."""
    at, reading, places = arrivals.at.tolist(), arrivals.reading.tolist(), place.tolist()
    lines: tuple[deque[int], ...] = tuple(deque() for _ in CLASSES)
    waits = np.zeros(len(at))
    clock, come = 0.0, 0
    for _ in range(len(at)):
        if not any(lines):
            clock = max(clock, at[come])
        while come < len(at) and at[come] <= clock:
            lines[places[come]].append(come)
            come += 1
        study = _next(lines, at, clock, cap).popleft()
        waits[study] = clock - at[study]
        clock += reading[study]
    return waits


def _next(lines: tuple[deque[int], ...], at: list[float], clock: float, cap: float) -> deque[int]:
    """The line whose first study is read next."""
    overdue = [line for line in lines if line and clock - at[line[0]] >= cap]
    if lines[_RAISED]:
        overdue.append(lines[_RAISED])
    if overdue:
        return min(overdue, key=lambda line: line[0])  # numbers are in order of arrival
    return next(line for line in lines if line)
