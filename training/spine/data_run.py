"""Our own recipe on a data set: the locator on its landmarks and the phantom's, readers on labels.

What a data set does not carry is not made up: a finding without films that have it and films
that have it not is left out, and a finding with too few positives is not ruled out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from training.certify.anew import refuse_shortfall
from training.certify.certificate import Calibration
from training.certify.limits import failures, fitted_limits
from training.certify.seen import KEY, MadeWith
from training.errors import DataError, RefusedError
from training.files import write_whole
from training.predictions import PREDICTIONS, Prediction, write_predictions
from training.sources.splits import SPLIT_FILE, split, write_splits
from training.spine.cases import training_cases
from training.spine.evaluation import finding_figures, landmark_figures
from training.spine.films import Films, joined, rendered_films
from training.spine.pipeline import Draft, Networks, machine
from training.spine.plots import loss_plot
from training.spine.records import (
    components_of,
    known_truth,
    labelled_findings,
    placed_landmarks,
    prepared_record,
    record_digest,
    record_films,
)
from triage.vision.inference import Analyst
from triage.vision.path import PixelPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.processes import Crew
    from training.progress import Stages
    from training.spine.findings import Finding
    from training.spine.fitting import Fitter
    from training.spine.plan import Plan
    from training.values import FilmRecord, FilmSet
    from triage.vision.bundle import Bundle
    from triage.vision.gates import GateLimits
    from triage.vision.inference import Reading
    from triage.vision.networks import Locator

PATH: Final = PixelPath()
SHARES: Final = {"train": 0.6, "tuning": 0.1, "calibration": 0.15, "test": 0.15}
_MOST_REPEATS: Final = 20  # of a film with landmarks, beside as many of the phantom's
_READ_BATCH: Final = 16
_SPLITS_TRIED: Final = 20

Parts = dict[str, tuple["FilmRecord", ...]]


@dataclass(frozen=True, slots=True, eq=False)
class DataRun:
    """A run on a data set; see `PhantomRun`.

    Attributes:
        folder: Of the run.
        words: Names, version, licence, intended use, date.
        films: The data set.
        seed: Everything random follows from it.
        plan: How many phantom films stand beside the real ones, and how long is trained.
        crew: Who reads and renders.
        fitter: Who trains.
        stages: Shows what goes on.
    """

    folder: Path
    words: Mapping[str, str]
    films: FilmSet
    seed: int
    plan: Plan
    crew: Crew
    fitter: Fitter
    stages: Stages

    def bundle(self) -> Bundle:
        """Do all of it.

        Raises:
            DataError: Nothing can be learnt from the films.
        """
        parts = self._parts()
        write_splits(self.folder / SPLIT_FILE, parts)
        findings, left_out = labelled_findings(parts["train"])
        for name, why in left_out.items():
            self.stages.say(f"{name} is left out: among the training films {why}")
        if not findings:
            raise DataError(
                f"{self.films.name}: no finding has both training films that show it and training "
                "films that do not: give more films, or another table with --table."
            )
        readable, networks = self._trained(parts, findings)
        draft = Draft(
            words=self.words,
            findings=findings,
            networks=networks,
            tensors=networks.tensors(readable),
            path=PATH,
            folder=self.folder / "bundle",
        )
        return self._decided(draft, parts, findings)

    def _parts(self) -> Parts:
        """Share the films out, with alike shares of the first finding that bears it."""
        laterals = [film for film in self.films.films if film.view == "lateral"]
        names = dict.fromkeys(name for film in laterals for name in film.labels)
        for name in names:
            try:
                return split(laterals, SHARES, self.seed, finding=name)
            except DataError:
                continue  # one of its classes has too few films to be in every part
        return self._few(laterals)

    def _few(self, films: Sequence[FilmRecord]) -> Parts:
        """Share out very few films: the first of some splits in which something can be learnt."""
        for attempt in range(_SPLITS_TRIED):
            parts = split(films, SHARES, self.seed + attempt, finding=None)
            if labelled_findings(parts["train"])[0]:
                break
        return parts

    def _trained(self, parts: Parts, findings: Sequence[Finding]) -> tuple[Films, Networks]:
        components = components_of(findings)
        with self.stages.stage("reading films", len(parts["train"]) + len(parts["tuning"])):
            films, tuning = (
                record_films(self.crew, parts[name], PATH, components.columns)
                for name in ("train", "tuning")
            )
        locator = self._locator(films, tuning)
        films, tuning = (_with_landmarks(locator, part) for part in (films, tuning))
        truth = [known_truth(parts[name], findings) for name in ("train", "tuning")]
        rows = np.flatnonzero(films.in_scope)
        readers = {}
        for number in range(1, self.plan.sizes.members + 1):
            with self.stages.stage(f"training reader-{number}"):
                readers[f"reader-{number}"] = self.fitter.reader(
                    number,
                    films.chosen(rows),
                    tuning,
                    {finding.name: finding.parts for finding in findings},
                    components,
                    self.plan.sizes,
                    (truth[0][rows], truth[1]),
                )
        return films.chosen(rows), Networks(locator, readers, self.plan.sizes)

    def _locator(self, films: Films, tuning: Films) -> Locator:
        """Train the locator on films with landmarks and the phantom's, which show more views."""
        cases = training_cases(self.plan.train, self.seed)
        with self.stages.stage("rendering phantom films for the locator", len(cases)):
            drawn = rendered_films(self.crew, cases, PATH)
        drawn = replace(drawn, components=_unknown(drawn, films.columns), columns=films.columns)
        known = np.flatnonzero(np.isfinite(films.landmarks).all(axis=(1, 2)))
        self.stages.say(f"{len(known)} of {len(films)} training films come with all landmarks")
        repeats = min(-(-len(drawn) // max(len(known), 1)), _MOST_REPEATS)
        mixed = joined([drawn, films.chosen(np.tile(known, repeats))])
        located = tuning.chosen(np.asarray(np.isfinite(tuning.landmarks).all(axis=(1, 2))))
        held_out = located if len(located) else drawn.chosen(drawn.in_scope)
        with self.stages.stage("training the locator"):
            locator = self.fitter.locator(mixed, held_out, self.plan.sizes)
        with self.stages.stage("training the corners"):
            upright = mixed.chosen(mixed.in_scope)
            self.fitter.corners(locator, upright, held_out, self.plan.sizes)
        with self.stages.stage("training the look for ring apophyses"):
            self.fitter.rings(locator, (mixed.chosen(mixed.of_any_age),), self.plan.sizes)
        return locator

    def _decided(self, draft: Draft, parts: Parts, findings: Sequence[Finding]) -> Bundle:
        """Read what was not trained on, set limits and thresholds, measure, write the bundle."""
        analyst = Analyst(draft.undecided(), "cpu")
        names = ("tuning", "calibration", "test")
        with self.stages.stage("reading films not trained on", sum(len(parts[n]) for n in names)):
            readings = {name: self._read(analyst, parts[name]) for name in names}
        limits = fitted_limits([one for one in readings["tuning"] if one.finite])
        write_predictions(
            self.folder / PREDICTIONS, _predictions(parts, readings, findings, limits)
        )
        seen = {
            name: _calibration(parts[name], readings[name], findings, limits, self.films.digest())
            for name in ("calibration", "test")
        }
        certificate, points, scale = draft.decided(seen["calibration"], self.plan.aims)
        try:
            deciding = [finding.name for finding in findings if not finding.of]
            refuse_shortfall(seen["calibration"], deciding, self.plan.aims)
        except RefusedError as why:
            self.stages.say(f"{why}")
        metrics = {
            "findings": finding_figures(seen["test"], points),
            "landmarks": self._landmark_figures(parts, readings),
        }
        write_whole(self.folder / "metrics.json", json.dumps(metrics, indent=2).encode())
        learnt_from = (*parts["train"], *parts["tuning"])
        digests = frozenset(record_digest(film) for film in learnt_from)
        provenance = {
            "recipe": "cspine",
            "seed": self.seed,
            "data": self.films.name,
            "data_digest": self.films.digest(),
            "films": {name: len(part) for name, part in parts.items()},
            "metrics": metrics,
            "hardware": machine(),
            "seconds": self.stages.seconds,
            KEY: dict(MadeWith(films=digests).content()),
        }
        pages = {"training.png": loss_plot(self.fitter.histories)}
        return draft.write(limits, points, scale, provenance, certificate, pages)

    def _read(self, analyst: Analyst, records: Sequence[FilmRecord]) -> list[Reading]:
        found = []
        for record in records:
            found += analyst.read([prepared_record(record, PATH)])
            self.stages.advance()
        return found

    def _landmark_figures(
        self, parts: Parts, readings: Mapping[str, Sequence[Reading]]
    ) -> dict[str, Any]:
        """How far found landmarks lie from annotated ones, where there are any."""
        pairs = [
            (reading.measures.landmarks, placed_landmarks(record, prepared_record(record, PATH)))
            for record, reading in zip(parts["test"], readings["test"], strict=True)
            if record.landmarks is not None
        ]
        return landmark_figures(pairs)


def _unknown(films: Films, columns: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.full((len(films), len(columns)), np.nan, np.float32)


def _with_landmarks(locator: Locator, films: Films) -> Films:
    """The films with the locator's landmarks where the data give none."""
    landmarks = films.landmarks.copy()
    missing = np.flatnonzero(~np.isfinite(landmarks).all(axis=(1, 2)))
    locator.eval()
    with torch.inference_mode():
        for start in range(0, len(missing), _READ_BATCH):
            rows = missing[start : start + _READ_BATCH]
            images = torch.from_numpy(films.images[rows].astype(np.float32))[:, None]
            landmarks[rows] = locator(images).landmarks.numpy()
    return replace(films, landmarks=landmarks)


def _calibration(
    records: Sequence[FilmRecord],
    readings: Sequence[Reading],
    findings: Sequence[Finding],
    limits: GateLimits,
    digest: str,
) -> Calibration:
    """Put readings and labels together for the films that pass every gate."""
    kept = np.array([one.finite and not failures(one, limits) for one in readings], np.bool_)
    truth = known_truth(records, findings)[kept]
    chosen = [record for record, keep in zip(records, kept, strict=True) if keep]
    raw = np.stack([one.raw for one in readings])[kept]
    return Calibration(
        raw=raw,
        truth=truth == 1,
        counted=np.isfinite(truth),
        findings=tuple(finding.name for finding in findings),
        strata={
            "women": np.array([film.sex == "F" for film in chosen], np.bool_),
            "men": np.array([film.sex == "M" for film in chosen], np.bool_),
        },
        data_digest=digest,
    )


def _predictions(
    parts: Parts,
    readings: Mapping[str, Sequence[Reading]],
    findings: Sequence[Finding],
    limits: GateLimits,
) -> list[Prediction]:
    rows = []
    for name, read in readings.items():
        for record, reading in zip(parts[name], read, strict=True):
            failed = failures(reading, limits) if reading.finite else ("model.finite",)
            for column, finding in enumerate(findings):
                label = record.labels.get(finding.name)
                if label is not None and reading.finite:
                    scores = reading.raw[:, column]
                    rows.append(
                        Prediction(
                            record.film,
                            record.patient,
                            name,
                            finding.name,
                            label,
                            float(scores.mean()),
                            float(scores.max()),
                            failed[0] if failed else "",
                            record.sex,
                            record.age_years,
                            record.site,
                            record.manufacturer,
                        )
                    )
    return rows
