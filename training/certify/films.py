"""Calibration films: drawn on the phantom, read from a data set, or taken from a run's table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from training.certify.certificate import Calibration
from training.certify.chain import analyst_of, judged
from training.certify.seen import MadeWith, film_digest
from training.errors import DataError, RefusedError
from training.phantom import PhantomCase, View, draw_case, render
from training.phantom.truth import has_finding
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from training.processes import Crew
    from training.values import FilmRecord, FilmSet

# Seeds of calibration films lie far beyond those that recipes and trials draw from.
_FIRST_SEED: Final = 2 * 10**12
_SEEDS_SPAN: Final = 10**9
_RARE_SPAN: Final = 10**8
_MOST_DRAWS: Final = 10_000  # a finding of less than one in 10,000 is not drawn by waiting for it

_FACING_RIGHT_EVERY: Final = 5
_FINE_EVERY: Final = 16  # films at the resolution of a detector, which take six times as long
_FINE_MM, _USUAL_MM = 0.2, 0.5

_AGES: Final = ((45, "under 45 years"), (65, "45 to 64 years"), (1000, "65 years and over"))
_SEXES: Final = {"F": "women", "M": "men"}
_UNKNOWN: Final = "not known"
_NOMINAL_YEARS: Final = 40.0  # for the header's gate where a data set does not know the age


@dataclass(frozen=True, slots=True)
class CalibrationFilm:
    """One film that nothing was trained on, as a bundle's own chain sees it.

    Attributes:
        truth: For each finding whether it is there.
        counted: For each finding whether the film counts: a film that was looked for because
            of one finding counts for that one only.
        natural: Whether it came as films come.
        failed: Names of the gates that stopped it.
        raw: Logits (members, findings).
        strata: What groups it belongs to, by kind of group: ``{"sex": "women"}``.
    """

    truth: tuple[bool, ...]
    counted: tuple[bool, ...]
    natural: bool
    failed: tuple[str, ...]
    raw: tuple[tuple[float, ...], ...]
    strata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One phantom film to be drawn.

    Attributes:
        case: What is drawn.
        wanted: Which finding it was drawn for; empty for a film as they come.
        spacing_mm: Its resolution.
    """

    case: PhantomCase
    wanted: str
    spacing_mm: float


def phantom_cases(findings: Sequence[str], films: int, rare: int, seed: int) -> list[Drawn]:
    """Draw cases to calibrate on.

    For each finding that films as they come show too rarely, cases are drawn until they have
    it: its films are then those among which it occurs by nature, only more of them.

    Args:
        findings: What is to be certified.
        films: Films as they come.
        rare: Positives of each finding but "abnormal", on top of those.
        seed: The same number draws the same cases.

    Raises:
        DataError: The phantom knows no such finding, or hardly ever draws it.
    """
    first = _FIRST_SEED + seed * _SEEDS_SPAN
    drawn = [Drawn(_case(first + number), "", _spacing(number)) for number in range(films)]
    for place, finding in enumerate(findings, start=1):
        if finding != "abnormal":
            cases = _cases_with(finding, first + place * _RARE_SPAN, rare)
            drawn += [Drawn(case, finding, _USUAL_MM) for case in cases]
    return drawn


def _case(seed: int) -> PhantomCase:
    return draw_case(seed, facing="right" if seed % _FACING_RIGHT_EVERY == 0 else "left")


def _spacing(number: int) -> float:
    return _FINE_MM if number % _FINE_EVERY == 0 else _USUAL_MM


def _cases_with(finding: str, first: int, count: int) -> Iterator[PhantomCase]:
    """The first cases from a seed on that have a finding."""
    seed = first
    for _ in range(count):
        begin = seed
        while not has_finding(case := _case(seed), finding):
            seed += 1
            if seed - begin > _MOST_DRAWS:
                raise DataError(
                    f"{_MOST_DRAWS} phantom cases show no {finding!r}: certify it on a data set "
                    "that has it, with --data."
                )
        seed += 1
        yield case


def read_phantom(
    bundle: Path, cases: Sequence[Drawn], crew: Crew
) -> tuple[list[CalibrationFilm], str]:
    """Draw and read phantom films.

    Args:
        bundle: Folder of the bundle.
        cases: From `phantom_cases`.
        crew: Who works.

    Returns:
        The films, and the digest of what was drawn.

    Raises:
        RefusedError: The bundle was made with one of them.
    """
    known = MadeWith.of(analyst_of(bundle).bundle).among_seeds(one.case.seed for one in cases)
    if known:
        raise RefusedError(
            f"{len(known)} of the calibration films were used to make the bundle (the first has "
            f"the seed {known[0]}): choose another --seed."
        )
    films = list(crew.each(partial(_read_drawn, bundle=bundle), cases))
    return films, _digest(repr(one) for one in cases)


def _read_drawn(drawn: Drawn, bundle: Path) -> CalibrationFilm:
    analyst, case = analyst_of(bundle), drawn.case
    film = prepare(render(case, drawn.spacing_mm).pixels, analyst.bundle.manifest.path)
    seen = judged(analyst, film, case.age_years)
    findings = [finding.name for finding in analyst.bundle.findings]
    people = _people(case.sex, case.age_years)
    resolution = "of a detector" if drawn.spacing_mm == _FINE_MM else "of a training film"
    return CalibrationFilm(
        truth=tuple(has_finding(case, name) for name in findings),
        counted=tuple(drawn.wanted in {"", name} for name in findings),
        natural=not drawn.wanted,
        failed=seen.failed,
        raw=seen.raw,
        strata={**people, "facing": case.facing, "resolution": resolution},
    )


def read_set(bundle: Path, films: FilmSet, crew: Crew) -> tuple[list[CalibrationFilm], str]:
    """Read the films of a data set.

    Args:
        bundle: Folder of the bundle.
        films: The data set.
        crew: Who works.

    Returns:
        The films, and the digest of the data set.

    Raises:
        RefusedError: A film has no label, or the bundle was made with it.
        DataError: A film cannot be read.
    """
    shown = analyst_of(bundle).bundle
    for finding in deciding(bundle):
        without = [film.film for film in films.films if film.labels.get(finding) is None]
        if without:
            raise RefusedError(
                f"{len(without)} of {len(films.films)} films do not say whether {finding!r} is "
                f"there (the first is {without[0]}): fill in the column, or leave them out."
            )
    read = list(crew.each(partial(_read_record, bundle=bundle), films.films))
    known = MadeWith.of(shown).films
    used = [film.film for film, (_, digest) in zip(films.films, read, strict=True)
            if digest in known]  # fmt: skip
    if used:
        raise RefusedError(
            f"{len(used)} of the calibration films were used to make the bundle (the first is "
            f"{used[0]}): leave them out; only films that nothing was trained on can show "
            "anything."
        )
    return [film for film, _ in read], films.digest()


def _read_record(record: FilmRecord, bundle: Path) -> tuple[CalibrationFilm, str]:
    from training.sources.pixels import read_grey  # noqa: PLC0415 - the phantom needs no readers

    analyst = analyst_of(bundle)
    pixels = read_grey(record)
    film = prepare(pixels, analyst.bundle.manifest.path)
    age = _NOMINAL_YEARS if record.age_years is None else record.age_years
    view = "LL" if record.view == View.LATERAL.value else record.view.upper()
    seen = judged(analyst, film, age, view)
    labels = [record.labels.get(finding.name) for finding in analyst.bundle.findings]
    return (
        CalibrationFilm(
            truth=tuple(bool(label) for label in labels),
            counted=tuple(label is not None for label in labels),
            natural=True,
            failed=seen.failed,
            raw=seen.raw,
            strata={
                **_people(record.sex, record.age_years),
                "site": record.site or _UNKNOWN,
                "manufacturer": record.manufacturer or _UNKNOWN,
            },
        ),
        film_digest(pixels),
    )


def deciding(bundle: Path) -> list[str]:
    """Names of the findings that must be ruled out before a film may be lowered."""
    findings = analyst_of(bundle).bundle.findings
    return [finding.name for finding in findings if not finding.of]


def _people(sex: str, age_years: float | None) -> dict[str, str]:
    return {"sex": _SEXES.get(sex, _UNKNOWN), "age": age_band(age_years)}


def age_band(age_years: float | None) -> str:
    """The band that an age falls into."""
    if age_years is None:
        return _UNKNOWN
    return next(name for below, name in _AGES if age_years < below)


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def calibration_of(
    films: Sequence[CalibrationFilm], findings: Sequence[str], data_digest: str
) -> Calibration:
    """Put films together that passed every gate.

    Args:
        films: All that were read.
        findings: Names of the bundle's findings, in the order of truth and logits.
        data_digest: Of the data they come from.

    Raises:
        RefusedError: None of them passed.
    """
    passed = [film for film in films if film.raw and not film.failed]
    if not passed:
        raise RefusedError(
            f"None of {len(films)} calibration films passed every gate: they are not the films "
            "that this bundle is for."
        )
    kinds = {(kind, name) for film in passed for kind, name in film.strata.items()}
    return Calibration(
        raw=np.array([film.raw for film in passed], np.float32),
        truth=np.array([film.truth for film in passed], np.bool_),
        counted=np.array([film.counted for film in passed], np.bool_),
        findings=tuple(findings),
        strata={
            f"{kind}: {name}": np.array([film.strata.get(kind) == name for film in passed])
            for kind, name in sorted(kinds)
        },
        data_digest=data_digest,
        natural=np.array([film.natural for film in passed], np.bool_),
    )
