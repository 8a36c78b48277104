"""What a bundle said of one film of a trial, as it is kept on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from training.errors import RunError
from triage.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TrialFilm:
    """One film of a trial.

    Attributes:
        seed: Its case can be drawn again from it.
        number: Which film of its cell.
        sex: ``"M"`` or ``"F"``.
        age_years: Of the patient.
        abnormal: Whether it must not be lowered.
        truth: For each finding of the bundle whether it is there.
        failed: Names of the gates that stopped it, in order.
        raw: Logits (members, findings); empty where a number was not finite.
        outcome: What the decision makes of a study of this film alone.
    """

    seed: int
    number: int
    sex: str
    age_years: float
    abnormal: bool
    truth: tuple[bool, ...]
    failed: tuple[str, ...]
    raw: tuple[tuple[float, ...], ...]
    outcome: Outcome

    @property
    def stopped(self) -> bool:
        """Whether a gate stopped it."""
        return bool(self.failed)

    @property
    def lowered(self) -> bool:
        """Whether it may be lowered: every gate passed, every finding ruled out."""
        return self.outcome is Outcome.LIKELY_NORMAL


def written(film: TrialFilm) -> dict[str, Any]:
    """A film as JSON holds it."""
    return asdict(film) | {"outcome": film.outcome.value}


def read_back(content: Mapping[str, Any], where: str) -> TrialFilm:
    """A film from what JSON holds.

    Raises:
        RunError: Something is missing or of another kind; `where` names the file.
    """
    try:
        return TrialFilm(
            seed=int(content["seed"]),
            number=int(content["number"]),
            sex=str(content["sex"]),
            age_years=float(content["age_years"]),
            abnormal=bool(content["abnormal"]),
            truth=tuple(map(bool, content["truth"])),
            failed=tuple(map(str, content["failed"])),
            raw=tuple(tuple(map(float, row)) for row in content["raw"]),
            outcome=Outcome(content["outcome"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{where} is damaged ({error}): delete it and try again.") from error
