"""When a cell of a trial ends: looks that are planned beforehand and share the risk.

A cell whose films are hardly ever missed shows its claim with few of them, and one that needs
more may have more: at each look the misses are counted, with an equal share of the risk, so that
the risk of saying "holds" wrongly at any of them stays within the claim's delta (Bonferroni).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from training.statistics import clopper_pearson, misses_allowed, positives_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.trial.films import TrialFilm

STOPPED_SHARE: Final = 0.95  # of a kind of film: so many must be stopped to say that it is
MANY_FILMS: Final = 1500  # tell a share to half a per cent
_BORNE: Final = (0, 1, 2, 4, 7, 11)  # misses, look by look


@dataclass(frozen=True, slots=True)
class Claim:
    """What a certificate says: a miss rate of at most alpha with confidence 1 - delta."""

    alpha: float
    delta: float

    def holds(self, missed: int, positives: int) -> bool:
        """Whether so few misses among so many positives show it."""
        allowed = misses_allowed(positives, self.alpha, self.delta)
        return allowed is not None and missed <= allowed


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks at a cell.

    Attributes:
        positives: Abnormal films past the gates at each look, ascending.
        claim: What each look must show: the certificate's, with its share of the risk. A cell
            that ends at its greatest number of films has one look more.
    """

    positives: tuple[int, ...]
    claim: Claim

    @classmethod
    def planned(cls, claim: Claim) -> Self:
        """Plan the looks for what a certificate says."""
        share = Claim(claim.alpha, claim.delta / (len(_BORNE) + 1))
        return cls(
            tuple(positives_needed(share.alpha, share.delta, misses) for misses in _BORNE), share
        )

    def due(self, before: int, now: int) -> bool:
        """Whether there is a look between two numbers of abnormal films past the gates."""
        return any(before < planned <= now for planned in self.positives)


def settled(films: Sequence[TrialFilm], known: int, looks: Looks) -> bool:
    """Whether a cell needs no more films.

    Args:
        films: Those read so far.
        known: How many of them had been read when this was asked before.
        looks: When misses are counted.
    """
    if clearly_stopped(films):
        return True
    passed = _passed(films)
    if not looks.due(len(_passed(films[:known])), len(passed)):
        return False
    missed = sum(film.lowered for film in passed)
    hopeless = clopper_pearson(missed, len(passed)).low > looks.claim.alpha
    last = len(passed) >= looks.positives[-1]
    return last or hopeless or looks.claim.holds(missed, len(passed))


def clearly_stopped(films: Sequence[TrialFilm]) -> bool:
    """Whether the gates stop such films, beyond the doubt that few films leave."""
    stopped = sum(film.stopped for film in films)
    enough = STOPPED_SHARE if len(films) >= MANY_FILMS else (1 + STOPPED_SHARE) / 2
    return stopped >= enough * len(films)


def _passed(films: Sequence[TrialFilm]) -> list[TrialFilm]:
    """The abnormal ones that no gate stopped."""
    return [film for film in films if film.abnormal and not film.stopped]
