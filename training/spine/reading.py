"""Phantom films through the whole chain of the daemon, and what is known of those that pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from training.certify.certificate import Calibration
from training.certify.limits import failures
from training.phantom import render
from training.phantom.cases import DESCRIBING
from training.predictions import Prediction
from training.spine.cases import ABNORMAL
from training.spine.films import finding_labels
from triage.vision.bundle import Bundle
from triage.vision.inference import Analyst
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.phantom import PhantomCase
    from training.processes import Crew
    from triage.vision.gates import GateLimits
    from triage.vision.inference import Reading

_KINDS: Final = ("spondylosis", "kyphosis", "listhesis", "canal-narrowing", "swelling")
FILM_SPACING_MM = 0.5  # resolution at which phantom films are rendered
DETECTOR_SPACING_MM = 0.2


@dataclass(frozen=True, slots=True)
class CaseReader:
    """Renders cases and takes them through the whole chain of the daemon, case by case.

    Attributes:
        crew: Who does it; each of its processes loads the bundle once.
        bundle: Folder of the bundle; it must not change meanwhile.
        digest: Of the bundle.
    """

    crew: Crew
    bundle: Path
    digest: str

    @classmethod
    def of(cls, crew: Crew, bundle: Bundle) -> CaseReader:
        """A reader with a bundle."""
        return cls(crew, bundle.folder, bundle.identity.digest)

    def read(
        self, cases: Sequence[PhantomCase], pixel_spacing_mm: float = FILM_SPACING_MM
    ) -> list[Reading]:
        """What the networks say of each case, in their order."""
        work = partial(_read, bundle=(self.bundle, self.digest), spacing=pixel_spacing_mm)
        return list(self.crew.each(work, cases))


def _read(case: PhantomCase, bundle: tuple[Path, str], spacing: float) -> Reading:
    analyst = _analyst(*bundle)
    film = prepare(render(case, spacing).pixels, analyst.bundle.manifest.path)
    (reading,) = analyst.read([film])
    return reading


@lru_cache(maxsize=1)
def _analyst(folder: Path, digest: str) -> Analyst:  # noqa: ARG001 - another bundle, another analyst
    return Analyst(Bundle.load(folder), "cpu")


# Cases with what was read.
ReadCases: TypeAlias = "tuple[Sequence[PhantomCase], Sequence[Reading]]"


@dataclass(frozen=True, slots=True, eq=False)
class ReadGroup:
    """Films of calibration or test.

    Attributes:
        natural: Films as they come.
        rare: Films drawn for the sake of one finding, by its name. They count for that finding
            alone: any other one's mixture they would change.
        detector_seeds: Of the films as they come that were rendered at a detector's resolution.
    """

    natural: ReadCases
    rare: Mapping[str, ReadCases]
    detector_seeds: frozenset[int] = frozenset()

    @property
    def cases(self) -> list[PhantomCase]:
        """All cases."""
        return [*self.natural[0], *(case for cases, _ in self.rare.values() for case in cases)]

    @property
    def readings(self) -> list[Reading]:
        """What was read of them."""
        return [*self.natural[1], *(one for _, found in self.rare.values() for one in found)]

    def drawn_for(self) -> list[str]:
        """For each film the finding that it was drawn for; empty where it came as they come."""
        rare = [name for name, (cases, _) in self.rare.items() for _ in cases]
        return [""] * len(self.natural[0]) + rare


def gathered(
    group: ReadGroup,
    findings: Mapping[str, tuple[str, ...]],
    limits: GateLimits,
    data_digest: str,
) -> Calibration:
    """Put readings and truth together for the films that pass every gate.

    A film drawn for the sake of one finding counts for that one. One drawn because it is
    abnormal counts for every finding that it has, too: a finding that makes a film abnormal is
    as often and as grave among abnormal films as among films as they come that have it.

    Args:
        group: The films.
        findings: For each finding its components.
        limits: Of the gates.
        data_digest: Of the cases.
    """
    cases, readings = group.cases, group.readings
    kept = np.array([one.finite and not failures(one, limits) for one in readings])
    drawn = np.array(group.drawn_for())[:, None]
    truth = finding_labels(cases, findings)
    counted = counting(drawn, truth, findings)
    chosen = [case for case, keep in zip(cases, kept, strict=True) if keep]
    return Calibration(
        raw=np.stack([reading.raw for reading in readings])[kept],
        truth=truth[kept],
        counted=counted[kept],
        findings=tuple(findings),
        strata=strata(chosen, group.detector_seeds),
        data_digest=data_digest,
        natural=(drawn[:, 0] == "")[kept],
    )


def counting(
    drawn: NDArray[np.str_], truth: NDArray[np.bool_], findings: Mapping[str, tuple[str, ...]]
) -> NDArray[np.bool_]:
    """Which films count for which finding (films, findings); see `gathered`.

    Args:
        drawn: (films, 1); what each was drawn for, empty where it came as they come.
        truth: (films, findings).
        findings: For each finding its components.
    """
    grave = np.array([not set(parts) & DESCRIBING for parts in findings.values()])
    own = (drawn == "") | (drawn == np.array(list(findings)))
    return np.asarray(own | ((drawn == ABNORMAL) & truth & grave))


def strata(
    cases: Sequence[PhantomCase], detector_seeds: frozenset[int]
) -> dict[str, NDArray[np.bool_]]:
    """Groups of films in which a miss rate must not hide: of people, and of findings."""
    groups: dict[str, Callable[[PhantomCase], bool]] = {
        "women": lambda case: case.sex == "F",
        "men": lambda case: case.sex == "M",
        "under 45 years": lambda case: case.age_years < 45,  # noqa: PLR2004 - stated in the name
        "45 to 64 years": lambda case: 45 <= case.age_years < 65,  # noqa: PLR2004
        "65 years and over": lambda case: case.age_years >= 65,  # noqa: PLR2004
        "facing left": lambda case: case.facing == "left",
        "facing right": lambda case: case.facing == "right",
        "detector resolution": lambda case: case.seed in detector_seeds,
        **{f"with {kind}": partial(_shows, kind=kind) for kind in _KINDS},
    }
    return {name: np.array([belongs(case) for case in cases]) for name, belongs in groups.items()}


def _shows(case: PhantomCase, kind: str) -> bool:
    return any(finding.partition(":")[0] == kind for finding in case.findings)


def predictions(
    split: str,
    group: ReadGroup,
    findings: Mapping[str, tuple[str, ...]],
    limits: GateLimits,
) -> Iterator[Prediction]:
    """What was said of every film of a group, one line for each finding that it counts for."""
    truth = finding_labels(group.cases, findings)
    counted = counting(np.array(group.drawn_for())[:, None], truth, findings)
    rows = zip(group.cases, group.readings, counted, truth, strict=True)
    for case, reading, counts, known in rows:
        if not reading.finite:
            continue
        failed = failures(reading, limits)
        for column, name in enumerate(findings):
            if counts[column]:
                yield Prediction(
                    film=f"phantom-{case.seed}",
                    patient=f"phantom-{case.seed}",
                    split=split,
                    finding=name,
                    truth=bool(known[column]),
                    score=float(reading.raw[:, column].mean()),
                    highest=float(reading.raw[:, column].max()),
                    gate=failed[0] if failed else "",
                    sex=case.sex,
                    age_years=case.age_years,
                    manufacturer="phantom",
                )
