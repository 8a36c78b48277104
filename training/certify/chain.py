"""A bundle's own chain, film by film: pixel path, networks, gates, as the daemon runs them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from triage.values import HeaderFacts
from triage.vision.bundle import Bundle
from triage.vision.gates import header_gates
from triage.vision.inference import Analyst, with_header

if TYPE_CHECKING:
    from pathlib import Path

    from triage.values import Analysis
    from triage.vision.pixels import PreparedFilm

_LATERAL: Final = "LL"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the chain makes of a film.

    Attributes:
        analysis: Gates and scores, the header's gates first.
        raw: Logits (members, findings); empty where a number was not finite.
    """

    analysis: Analysis
    raw: tuple[tuple[float, ...], ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the gates that stop the film, in order."""
        return tuple(gate.gate for gate in self.analysis.failed_gates)


@cache
def analyst_of(folder: Path) -> Analyst:
    """The bundle of a folder, loaded once in each process."""
    return Analyst(Bundle.load(folder), "cpu")


def judged(analyst: Analyst, film: PreparedFilm, age_years: float, view: str = _LATERAL) -> Judged:
    """Take a film through the chain.

    Args:
        analyst: The bundle.
        film: From the bundle's pixel path.
        age_years: What the header says of the patient.
        view: What the header says of the projection: View Position (0018,5101).
    """
    (analysis,) = analyst.analyse([film])
    whole = with_header(analysis, header_gates(_facts(age_years, view)))
    raw = {(score.member, score.finding): score.raw for score in analysis.scores}
    findings = [finding.name for finding in analyst.bundle.findings]
    members = analyst.bundle.members if raw else ()
    rows = tuple(tuple(raw[member, name] for name in findings) for member in members)
    return Judged(whole, rows)


def _facts(age_years: float, view: str) -> HeaderFacts:
    """A header in which nothing else is wrong."""
    return HeaderFacts(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray Image, For Presentation
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.4",
        series_instance_uid="1.2.5",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="DX",
        body_part_examined="CSPINE",
        view_position=view,
        presentation_intent_type="FOR PRESENTATION",
        photometric_interpretation="MONOCHROME2",
        patient_age_years=age_years,
        has_pixel_data=True,
    )
