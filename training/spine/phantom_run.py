"""Our own recipe on the phantom: draw, train, set limits, certify, measure, write the bundle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from training.certify.limits import fitted_limits
from training.certify.seen import KEY, MadeWith
from training.files import write_whole
from training.predictions import PREDICTIONS, write_predictions
from training.spine.cases import (
    ABNORMAL,
    abnormal_cases,
    rare_cases,
    reading_cases,
    scope_cases,
    shifted_cases,
    training_cases,
)
from training.spine.evaluation import (
    baseline_figures,
    finding_figures,
    gate_figures,
    study_figures,
    subgroup_figures,
)
from training.spine.films import Films, data_digest, joined, rendered_films
from training.spine.findings import COMPONENTS, FINDINGS, parts_of
from training.spine.pipeline import Draft, Networks, machine
from training.spine.plan import COUNTED
from training.spine.plots import loss_plot, roc_plot, score_plot
from training.spine.reading import (
    DETECTOR_SPACING_MM,
    CaseReader,
    ReadCases,
    ReadGroup,
    gathered,
    predictions,
)
from training.spine.together import Lessons, trained
from triage.vision.path import PixelPath

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from training.certify.certificate import Calibration
    from training.phantom import PhantomCase
    from training.processes import Crew
    from training.progress import Stages
    from training.spine.fitting import Fitter
    from training.spine.plan import Plan
    from triage.vision.bundle import Bundle
    from triage.vision.gates import GateLimits
    from triage.vision.inference import Reading

PATH: Final = PixelPath()
_TRAINING: Final = "training locator and readers"


@dataclass(frozen=True, slots=True, eq=False)
class PhantomRun:
    """A run on the phantom.

    Attributes:
        folder: Of the run.
        words: Names, version, licence, intended use, date.
        seed: Everything random follows from it; the weights too, on one kind of machine.
        plan: How much of everything.
        crew: Who renders.
        fitter: Who trains.
        stages: Shows what goes on.
        processes: From 2 on, networks are trained side by side.
    """

    folder: Path
    words: Mapping[str, str]
    seed: int
    plan: Plan
    crew: Crew
    fitter: Fitter
    stages: Stages
    processes: int = 1

    def bundle(self) -> Bundle:
        """Do all of it."""
        films, networks = self._trained()
        draft = Draft(
            words=self.words,
            findings=FINDINGS,
            networks=networks,
            tensors=networks.tensors(films),
            path=PATH,
            folder=self.folder / "bundle",
        )
        reader = CaseReader.of(self.crew, draft.undecided())
        with self.stages.stage("setting the gates' limits", self.plan.limits):
            tuning = ReadGroup(self._as_they_come(reader, "limits", self.plan.limits), {})
            limits = fitted_limits(tuning.readings)
        groups = {
            "tuning": tuning,
            "calibration": self._group(
                reader, "calibration", self.plan.calibration, self.plan.rare, self.plan.positives
            ),
            "test": self._group(reader, "test", self.plan.test, self.plan.test_rare),
        }
        self._write_predictions(groups, limits)
        return self._decided(draft, reader, groups, limits)

    def _trained(self) -> tuple[Films, Networks]:
        """Render the training films and train locator and readers."""
        plan = self.plan
        drawn = plan.train + plan.reading + plan.tuning
        with self.stages.stage("rendering films to train on", drawn):
            films = rendered_films(self.crew, training_cases(plan.train, self.seed), PATH)
            read = rendered_films(self.crew, reading_cases(plan.reading, self.seed), PATH)
            tuning = rendered_films(self.crew, scope_cases("tuning", plan.tuning, self.seed), PATH)
        lessons = Lessons(
            locating=films,
            upright=films.chosen(films.in_scope),
            reading=joined([films.chosen(films.in_scope), read]),
            children=films.chosen(films.of_any_age & ~films.in_scope),
            tuning=tuning,
            findings=parts_of(FINDINGS),
            components=COMPONENTS,
            sizes=plan.sizes,
        )
        with self.stages.stage(_TRAINING):
            networks = trained(lessons, self.fitter, self.processes)
        return lessons.upright, networks

    def _as_they_come(self, reader: CaseReader, name: str, count: int) -> ReadCases:
        """Read films in scope, the first few at the resolution of a detector."""
        cases = scope_cases(name, count, self.seed)
        fine, usual = cases[: self.plan.detector], cases[self.plan.detector :]
        return cases, [*reader.read(fine, DETECTOR_SPACING_MM), *reader.read(usual)]

    def _seconds(self) -> dict[str, float]:
        """Seconds of each stage; networks that an earlier part of the run trained count theirs."""
        took = {
            name: round(sum(epoch.seconds for epoch in history.epochs), 1)
            for name, history in self.fitter.histories.items()
        }
        seconds = dict(self.stages.seconds)
        # Side by side, or one after the other: at least as long as the longest of them.
        locating = sum(took.pop(name, 0.0) for name in ("locator", "corners", "rings"))
        longest = max((locating, *took.values()))
        seconds[_TRAINING] = max(seconds[_TRAINING], longest)
        return seconds

    def _group(
        self, reader: CaseReader, name: str, count: int, rare_count: int, positives: int = 0
    ) -> ReadGroup:
        """Read the films of calibration or test: as they come, abnormal, and of rare findings."""
        rare = rare_cases(name, rare_count, self.seed)
        if positives:
            rare[ABNORMAL] = abnormal_cases(name, positives, self.seed)
        with self.stages.stage(f"reading {name} films", count + sum(map(len, rare.values()))):
            natural = self._as_they_come(reader, name, count)
            return ReadGroup(
                natural,
                {kind: (cases, reader.read(cases)) for kind, cases in rare.items()},
                frozenset(case.seed for case in natural[0][: self.plan.detector]),
            )

    def _write_predictions(self, groups: Mapping[str, ReadGroup], limits: GateLimits) -> None:
        parts = parts_of(FINDINGS)
        rows = [
            row for name, group in groups.items() for row in predictions(name, group, parts, limits)
        ]
        write_predictions(self.folder / PREDICTIONS, rows)

    def _decided(
        self,
        draft: Draft,
        reader: CaseReader,
        groups: Mapping[str, ReadGroup],
        limits: GateLimits,
    ) -> Bundle:
        """Set the thresholds, measure on fresh films, and write the bundle."""
        parts, digest = (
            parts_of(FINDINGS),
            data_digest({"calibration": groups["calibration"].cases}),
        )
        calibration = gathered(groups["calibration"], parts, limits, digest)
        certificate, points, scale = draft.decided(calibration, self.plan.aims)
        test = gathered(groups["test"], parts, limits, digest)
        metrics = self._metrics(reader, groups, test, points, limits)
        write_whole(self.folder / "metrics.json", json.dumps(metrics, indent=2).encode())
        pages = {
            "roc.png": roc_plot(test),
            "scores.png": score_plot(test, points),
            "training.png": loss_plot(self.fitter.histories),
        }
        provenance = {
            "recipe": "cspine",
            "seed": self.seed,
            "data": "phantom",
            "data_digest": digest,
            "films": {name: getattr(self.plan, name) for name in COUNTED},
            "metrics": metrics,
            "hardware": machine(),
            "seconds": self._seconds(),
            KEY: dict(made_with(self.plan, self.seed).content()),
        }
        return draft.write(limits, points, scale, provenance, certificate, pages)

    def _metrics(
        self,
        reader: CaseReader,
        groups: Mapping[str, ReadGroup],
        test: Calibration,
        points: Mapping[str, Mapping[str, float | None]],
        limits: GateLimits,
    ) -> dict[str, Any]:
        """Every figure of the card."""
        fresh = groups["test"].natural
        shifted = self._shifted(reader)
        kept_out: dict[str, list[Reading]] = {
            "in scope": list(fresh[1]),
            "in scope, detector resolution": list(fresh[1][: self.plan.detector]),
            **shifted,
        }
        return {
            "findings": finding_figures(test, points),
            "study": study_figures(test, points, _deciding()),
            "baselines": baseline_figures(groups["calibration"].natural, fresh),
            "subgroups": subgroup_figures(test),
            "gates": gate_figures(kept_out, limits),
        }

    def _shifted(self, reader: CaseReader) -> dict[str, list[Reading]]:
        """Read films of every shift."""
        cells = shifted_cases(self.plan.shifted, self.seed)
        with self.stages.stage("reading films under shifts", sum(len(c.cases) for c in cells)):
            return {cell.name: reader.read(cell.cases) for cell in cells}


def _deciding() -> list[str]:
    return [finding.name for finding in FINDINGS if not finding.of]


def made_with(plan: Plan, seed: int) -> MadeWith:
    """The seeds of every film that training, tuning and limits see: no calibration film is one."""
    runs = (
        training_cases(plan.train, seed),
        reading_cases(plan.reading, seed),
        scope_cases("tuning", plan.tuning, seed),
        scope_cases("limits", plan.limits, seed),
    )
    return MadeWith(tuple((cases[0].seed, cases[-1].seed) for cases in runs))


def training_digest(plan: Plan, seed: int) -> str:
    """SHA-256 of what is drawn to train on."""
    cases: list[PhantomCase] = training_cases(plan.train, seed)
    cases += reading_cases(plan.reading, seed)
    cases += scope_cases("tuning", plan.tuning, seed)
    return hashlib.sha256(data_digest({"train": cases}).encode()).hexdigest()
