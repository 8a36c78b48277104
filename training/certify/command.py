"""Certifying from end to end: films, thresholds, the new bundle; or a run's table in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.bundle.export import read_parts, write_bundle
from training.certify.anew import certified_anew, needed_in_words
from training.certify.chain import analyst_of
from training.certify.films import calibration_of, deciding, phantom_cases, read_phantom, read_set
from training.errors import RefusedError
from training.predictions import of_finding, read_predictions
from training.processes import Crew
from training.statistics import rule_out_threshold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.certify.certificate import Aims
    from training.certify.films import CalibrationFilm
    from training.predictions import Prediction
    from training.progress import Stages
    from triage.vision.bundle import Bundle

PHANTOM: Final = "phantom"
_CALIBRATION: Final = "calibration"


@dataclass(frozen=True, slots=True)
class CalibrationSource:
    """Where calibration films come from.

    Attributes:
        data: ``"phantom"``, or the folder of a data set.
        table: CSV with the labels of the data set's films.
        films: Phantom films as they come.
        rare: Positives of each rarer finding on top.
        seed: Of the phantom films.
    """

    data: str = PHANTOM
    table: Path | None = None
    films: int = 900
    rare: int = 400
    seed: int = 1


def certify_bundle(
    folder: Path,
    out: Path,
    source: CalibrationSource,
    aims: Aims,
    stages: Stages,
    *,
    processes: int,
) -> Bundle:
    """Set and certify the thresholds of a bundle on films that nothing was trained on.

    Args:
        folder: The bundle.
        out: Folder of the new bundle; weights and gates are those of the old one.
        source: Where the films come from.
        aims: What the certificate shall say.
        stages: Shows what goes on.
        processes: Processes at work.

    Returns:
        The new bundle.

    Raises:
        RefusedError: The films do not show what is asked for, or may not be used.
        DataError: The data set cannot be read.
        BundleError: The bundle does not hold.
    """
    films, digest, words = _films(folder, source, stages, processes)
    findings = [finding.name for finding in analyst_of(folder).bundle.findings]
    calibration = calibration_of(films, findings, digest)
    passed = len(calibration.truth)
    words |= {
        "alpha": aims.alpha,
        "finding_alpha": aims.finding_alpha,
        "delta": aims.delta,
        "data_digest": digest,
        "films": len(films),
        "passed_every_gate": passed,
    }
    stages.say(f"{passed} of {len(films)} films passed every gate")
    parts = certified_anew(read_parts(folder), calibration, deciding(folder), aims, words)
    return write_bundle(out, parts)


def _films(
    folder: Path, source: CalibrationSource, stages: Stages, processes: int
) -> tuple[list[CalibrationFilm], str, dict[str, Any]]:
    """The films, the digest of their data, and where they come from in words."""
    if source.data == PHANTOM:
        cases = phantom_cases(deciding(folder), source.films, source.rare, source.seed)
        with (
            stages.stage("reading calibration films", len(cases)),
            Crew(processes, stages.advance) as crew,
        ):
            films, digest = read_phantom(folder, cases, crew)
        return films, digest, {"data": PHANTOM, "seed": source.seed}
    from training.sources import open_set  # noqa: PLC0415 - the phantom needs no readers

    data = open_set(Path(source.data), table=source.table)
    with (
        stages.stage("reading calibration films", len(data.films)),
        Crew(processes, stages.advance) as crew,
    ):
        films, digest = read_set(folder, data, crew)
    return films, digest, {"data": data.name}


def would_certify(run: Path, aims: Aims) -> Iterator[str]:
    """Say what the calibration films of a run without a bundle would show.

    Args:
        run: Its folder.
        aims: What the certificate would say.

    Yields:
        A line for each finding, and what the whole is good for.

    Raises:
        RefusedError: The run kept no films for calibration.
        DataError: Its predictions cannot be read.
    """
    predictions = [one for one in read_predictions(run) if one.split == _CALIBRATION]
    if not predictions:
        raise RefusedError(
            f"{run} has no films in the split {_CALIBRATION!r}: nothing that was not trained or "
            "tuned on is left to certify with; run the recipe with a calibration share."
        )
    findings = list(dict.fromkeys(one.finding for one in predictions))
    alphas = {finding: aims.alpha_of(finding, findings) for finding in findings}
    for alpha in dict.fromkeys(alphas.values()):
        yield f"{needed_in_words(alpha, aims.delta).capitalize()}."
    for finding, alpha in alphas.items():
        lines = [one for one in of_finding(predictions, finding) if not one.gate]
        yield _finding_in_words(finding, lines, alpha, aims.delta)
    yield (
        "No certificate is written: the run makes no bundle, so no gate keeps out films that "
        "its model was not made for."
    )


def _finding_in_words(finding: str, lines: list[Prediction], alpha: float, delta: float) -> str:
    positives = np.array([one.highest for one in lines if one.truth])
    negatives = np.array([one.highest for one in lines if not one.truth])
    threshold, misses = rule_out_threshold(positives, alpha, delta)
    if threshold is None:
        return f"{finding}: refused, {len(positives)} positives are too few for {alpha:g}."
    lowered = f"{(negatives < threshold).mean():.1%}" if len(negatives) else "none"
    return (
        f"{finding}: {len(positives)} positives allow {misses} misses at {alpha:g}; below "
        f"{threshold:.4f} a film would be ruled out, {lowered} of {len(negatives)} films without "
        "it."
    )
