"""cspine: our own recipe, and the bundle that comes along.

Paper      none; what this does otherwise than the papers stands in the README.
Data       the phantom (``--data phantom``), drawn by seed, nothing to download; or a folder of
           films (CSXA's own layout, or a table with one line a film).
Hardware   2 CPU cores, 4 GB of memory; no GPU.
Minutes    under 15 on 2 free cores for the phantom, rendering and certificate included (measured
           figures: the bundle's card).
Expected   AUC of "abnormal" at least .99 on fresh phantom films; rule-out certified at
           alpha = .01, delta = .05 for each finding that decides. The figures say nothing about
           patients.
Command    training run cspine --data phantom --out RUN

A locator finds the 23 landmarks of C2 to C7 and says what kind of film it sees; three readers,
alike but for their seed, look at discs, vertebrae with the canal behind them, the spine and the
film as a whole, at landmarks that are moved about while they learn. The certificate is made with
the whole chain: the locator's landmarks, the highest logit of the three.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from training.bundle.plots import loss_plot, roc_plot, score_plot
from training.certify.certificate import Aims
from training.certify.limits import fitted_limits
from training.spine.cases import rare_cases, scope_cases, shifted_cases, training_cases
from training.spine.evaluation import (
    baseline_figures,
    finding_figures,
    gate_figures,
    study_figures,
    subgroup_figures,
)
from training.spine.films import Films, Renderer, data_digest
from training.spine.findings import COMPONENTS, FINDINGS, parts_of
from training.spine.fitting import Fitter, Sizes
from training.spine.pipeline import Draft, Networks, machine
from training.spine.reading import DETECTOR_SPACING_MM, CaseReader, ReadCases, ReadGroup, gathered
from triage.vision.path import PixelPath

if TYPE_CHECKING:
    from pathlib import Path

    from training.progress import Stages
    from triage.vision.bundle import Bundle
    from triage.vision.inference import Reading

NAME = "cspine"
PATH = PixelPath()
COUNTED = ("train", "tuning", "limits", "calibration", "rare", "test", "detector", "shifted")
WORDS = {
    "name": "cspine",
    "manufacturer": "cspine-triage",
    "version": "2.0.0",
    "intended_use": "Demonstration only: trained on a phantom, not for patients or diagnosis.",
    "licence": "Apache-2.0",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything; `scaled` gives a quick run for trying things out.

    Attributes:
        train: Films to train on.
        tuning: Films that decide which epoch is kept.
        limits: Films that the gates' limits are set on.
        calibration: Films that the thresholds are set on, and as many of each rare finding
            as `rare` says on top.
        rare: Of each rare finding, for calibration.
        test: Fresh films that the card's figures come from; rare ones on top likewise.
        test_rare: Of each rare finding, for the test.
        detector: How many of the limits', calibration and test films each are rendered at the
            resolution of a detector, which takes six times as long.
        shifted: Films of each kind that a gate should keep out or that must be read all the same.
        sizes: Of the networks.
        aims: What thresholds are set for.
    """

    train: int = 1400
    tuning: int = 100
    limits: int = 240
    calibration: int = 980
    rare: int = 320
    test: int = 400
    test_rare: int = 60
    detector: int = 40
    shifted: int = 20
    sizes: Sizes = field(default_factory=Sizes)
    aims: Aims = field(default_factory=lambda: Aims(alpha=0.01, ruled_out_share=0.95))

    def scaled(self, share: float) -> Plan:
        """The same with fewer films; where they no longer suffice, nothing is certified."""
        sizes = replace(
            self.sizes,
            corner_epochs=max(int(self.sizes.corner_epochs * share**0.5), 2),
            locator_epochs=max(int(self.sizes.locator_epochs * share**0.5), 2),
            reader_epochs=max(int(self.sizes.reader_epochs * share**0.5), 2),
        )
        return replace(
            self,
            train=max(int(self.train * share), 60),
            tuning=max(int(self.tuning * share), 16),
            limits=max(int(self.limits * share), 24),
            calibration=max(int(self.calibration * share), 40),
            rare=max(int(self.rare * share), 10),
            test=max(int(self.test * share), 30),
            test_rare=max(int(self.test_rare * share), 6),
            detector=max(int(self.detector * share), 1),
            shifted=max(int(self.shifted * share), 1),
            sizes=sizes,
        )


def run(
    out: Path, seed: int, plan: Plan, stages: Stages, *, processes: int, created: str
) -> Bundle:
    """Train, certify, measure and export.

    Args:
        out: Folder of the run.
        seed: Everything random follows from it; the weights too, on one kind of machine.
        plan: How much of everything.
        stages: Shows what goes on.
        processes: Processes that render.
        created: The date on the bundle.

    Returns:
        The bundle.
    """
    with Renderer(processes, stages.advance) as renderer:
        fitter = Fitter(out, seed, stages.say)
        films, networks = _trained(renderer, fitter, seed, plan, stages)
        draft = Draft(
            words={**WORDS, "created": created},
            findings=FINDINGS,
            networks=networks,
            tensors=networks.tensors(films),
            path=PATH,
            folder=out / "bundle",
        )
        return _measured(draft, renderer, seed, plan, stages, fitter)


def _trained(
    renderer: Renderer, fitter: Fitter, seed: int, plan: Plan, stages: Stages
) -> tuple[Films, Networks]:
    """Render the training films and train locator and readers."""
    with stages.stage("rendering films to train on", plan.train + plan.tuning):
        films = renderer.films(training_cases(plan.train, seed), PATH)
        tuning = renderer.films(scope_cases("tuning", plan.tuning, seed), PATH)
    with stages.stage("training the locator"):
        locator = fitter.locator(films, tuning, plan.sizes)
    readable = films.chosen(films.in_scope)
    with stages.stage("training the corners"):
        fitter.corners(locator, readable, tuning, plan.sizes)
    readers = {}
    for number in range(1, plan.sizes.members + 1):
        with stages.stage(f"training reader-{number}"):
            readers[f"reader-{number}"] = fitter.reader(
                number, readable, tuning, parts_of(FINDINGS), COMPONENTS, plan.sizes
            )
    return readable, Networks(locator, readers, plan.sizes)


def _measured(
    draft: Draft,
    renderer: Renderer,
    seed: int,
    plan: Plan,
    stages: Stages,
    fitter: Fitter,
) -> Bundle:
    """Set limits and thresholds, measure on fresh films, and write the bundle."""
    reader = CaseReader(renderer, draft.analyst())
    with stages.stage("setting the gates' limits", plan.limits):
        limits = fitted_limits(_as_they_come(reader, "limits", plan.limits, seed, plan)[1])
    calibrating = _group(reader, "calibration", (plan.calibration, plan.rare), seed, plan, stages)
    testing = _group(reader, "test", (plan.test, plan.test_rare), seed, plan, stages)
    digest = data_digest({"calibration": calibrating.cases})
    parts = parts_of(draft.findings)
    certificate, points, scale = draft.decided(
        gathered(calibrating, parts, limits, digest), plan.aims
    )
    test = gathered(testing, parts, limits, digest)
    kept_out = {
        "in scope": testing.natural[1],
        "in scope, detector resolution": testing.natural[1][: plan.detector],
        **_shifted(reader, seed, plan, stages),
    }
    metrics = {
        "findings": finding_figures(test, points),
        "study": study_figures(test, points),
        "baselines": baseline_figures(calibrating.natural, testing.natural),
        "subgroups": subgroup_figures(test),
        "gates": gate_figures(kept_out, limits),
    }
    pages = {
        "roc.png": roc_plot(test),
        "scores.png": score_plot(test, points),
        "training.png": loss_plot(fitter.histories),
    }
    provenance = {
        "recipe": NAME,
        "seed": seed,
        "data": "phantom",
        "data_digest": digest,
        "films": {name: getattr(plan, name) for name in COUNTED},
        "metrics": metrics,
        "hardware": machine(),
        "seconds": stages.seconds,
    }
    return draft.write(limits, points, scale, provenance, certificate, pages)


def _as_they_come(reader: CaseReader, name: str, count: int, seed: int, plan: Plan) -> ReadCases:
    """Read films in scope as they come, the first few at the resolution of a detector."""
    cases = scope_cases(name, count, seed)
    fine, usual = cases[: plan.detector], cases[plan.detector :]
    return cases, [*reader.read(fine, DETECTOR_SPACING_MM), *reader.read(usual)]


def _group(
    reader: CaseReader, name: str, counts: tuple[int, int], seed: int, plan: Plan, stages: Stages
) -> ReadGroup:
    """Read the films of calibration or test: as they come, and of rare findings."""
    rare = rare_cases(name, counts[1], seed)
    with stages.stage(f"reading {name} films", counts[0] + sum(map(len, rare.values()))):
        natural = _as_they_come(reader, name, counts[0], seed, plan)
        return ReadGroup(
            natural,
            {kind: (cases, reader.read(cases)) for kind, cases in rare.items()},
            frozenset(case.seed for case in natural[0][: plan.detector]),
        )


def _shifted(reader: CaseReader, seed: int, plan: Plan, stages: Stages) -> dict[str, list[Reading]]:
    """Read films of every shift."""
    cells = shifted_cases(plan.shifted, seed)
    with stages.stage("reading films under shifts", sum(len(cell.cases) for cell in cells)):
        return {cell.name: reader.read(cell.cases) for cell in cells}
