"""cspine-first: the bundle that comes along.

Data       the phantom only (training/phantom), drawn by seed; nothing to download.
Hardware   2 CPU cores, 4 GB of memory; no GPU.
Minutes    under 10 on 2 free cores, rendering included (measured figures: the bundle's card).
Expected   AUC of "abnormal" at least .95 on fresh phantom films; rule-out certified at
           alpha = .05, delta = .05 for each finding. The figures say nothing about patients.
Command    training run cspine-first --out DIR

A locator finds the 23 landmarks of C2 to C7; three readers, alike but for their seed, look at
the five disc spaces and at the spine as a whole, at those landmarks. The certificate is made
with the whole chain: the locator's landmarks, the highest logit of the three.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from training.bundle.plots import loss_plot, roc_plot, score_plot
from training.certify.certificate import Aims
from training.certify.limits import fitted_limits
from training.phantom import Degradation, PhantomCase, View, draw_case
from training.spine.evaluation import (
    baseline_figures,
    finding_figures,
    gate_figures,
    study_figures,
    subgroup_figures,
)
from training.spine.films import Films, Renderer, data_digest
from training.spine.fitting import (
    History,
    LoopSettings,
    landmark_error,
    train_corners,
    train_locator,
    train_reader,
)
from training.spine.pipeline import (
    CaseReader,
    Draft,
    Networks,
    ReadCases,
    ReadGroups,
    decided,
    gathered,
    machine,
)
from triage.vision.path import PixelPath

if TYPE_CHECKING:
    from pathlib import Path

    from training.progress import Stages
    from triage.vision.bundle import Bundle
    from triage.vision.inference import Reading

NAME = "cspine-first"
PATH = PixelPath()
DETECTOR_SPACING_MM = 0.2
COUNTED = ("train", "tuning", "limits", "calibration", "rare", "test", "detector", "behaviour")
WORDS = {
    "name": "cspine-first",
    "manufacturer": "cspine-triage",
    "version": "1.0.0",
    "intended_use": "Demonstration only: trained on a phantom, not for patients or diagnosis.",
    "licence": "Apache-2.0",
}
FINDINGS = {
    "abnormal": ("spondylosis", "listhesis", "kyphosis", "swelling"),
    "spondylosis": ("spondylosis",),
    "malalignment": ("listhesis", "kyphosis"),
    "swelling": ("swelling",),
}
FINDING_ENTRIES: list[dict[str, Any]] = [
    {
        "name": "abnormal",
        "title": "Any abnormality",
        "code": {"value": "263654008", "scheme": "SCT", "meaning": "Abnormal"},
    },
    {
        "name": "spondylosis",
        "title": "Spondylosis",
        "code": {"value": "8847002", "scheme": "SCT", "meaning": "Spondylosis"},
    },
    {
        "name": "malalignment",
        "title": "Malalignment (kyphosis or slip)",
        "code": {
            "value": "malalignment",
            "scheme": "99CSPTRIAGE",
            "meaning": "Malalignment of cervical spine",
        },
    },
    {
        "name": "swelling",
        "title": "Prevertebral soft-tissue swelling",
        "code": {
            "value": "swelling",
            "scheme": "99CSPTRIAGE",
            "meaning": "Prevertebral soft tissue swelling",
        },
    },
]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything; `scaled` gives a quick run for trying things out.

    Attributes:
        train: Films to train on.
        tuning: Films that decide when to stop.
        limits: Films that the gates' limits are set on.
        calibration: Films that the thresholds are set on, and as many of each rare finding
            as `rare` says on top.
        test: Fresh films that the card's figures come from; rare ones on top likewise.
        detector: How many of the limits', calibration and test films each are rendered at the
            resolution of a detector, which takes six times as long.
        behaviour: Films of each kind that a gate should keep out.
        members: Readers.
    """

    train: int = 960
    tuning: int = 100
    limits: int = 200
    calibration: int = 320
    rare: int = 100
    test: int = 400
    detector: int = 40
    behaviour: int = 16
    members: int = 3
    locator_width: int = 12
    reader_width: int = 12
    locator_epochs: int = 9
    corner_epochs: int = 10
    reader_epochs: int = 10
    aims: Aims = field(default_factory=Aims)

    def scaled(self, share: float) -> Plan:
        """The same with fewer films, never fewer than a certificate needs."""
        return Plan(
            train=max(int(self.train * share), 60),
            tuning=max(int(self.tuning * share), 40),
            limits=max(int(self.limits * share), 60),
            calibration=max(int(self.calibration * share), 140),
            rare=max(int(self.rare * share), 60),
            test=max(int(self.test * share), 100),
            detector=max(int(self.detector * share), 6),
            behaviour=max(int(self.behaviour * share), 6),
            corner_epochs=max(int(self.corner_epochs * share**0.5), 3),
            locator_epochs=max(int(self.locator_epochs * share**0.5), 4),
            reader_epochs=max(int(self.reader_epochs * share**0.5), 4),
        )


# First seed of each group, far enough apart that no two groups share a case.
_SEEDS = {
    "train": 1_000_000,
    "tuning": 2_000_000,
    "limits": 3_000_000,
    "calibration": 4_000_000,
    "test": 5_000_000,
    "behaviour": 6_000_000,
}
_GROUP_SPAN = 1_000_000
_OTHER_VIEWS = (View.AP, View.ODONTOID, View.CHEST)


def training_cases(count: int, seed: int) -> list[PhantomCase]:
    """Films to train on: mostly lateral ones, and some of what the locator must recognise.

    Of each twelve, one shows another view, one has hardware, every second one of a third is
    inverted; swelling, which is rare, is drawn on purpose in one of them.
    """
    return [_training_case(index, _first("train", seed) + index) for index in range(count)]


def _training_case(index: int, seed: int) -> PhantomCase:
    facing = "right" if index % 5 == 0 else "left"
    kind = index % 12
    if kind == 9:  # noqa: PLR2004 - the twelfths are explained above
        return draw_case(seed, hardware=True, facing=facing)
    if kind == 10:  # noqa: PLR2004
        return draw_case(seed, view=_OTHER_VIEWS[index // 12 % 3], facing=facing)
    if kind == 11:  # noqa: PLR2004
        inverted = (Degradation.INVERSION,) if index % 24 == 11 else ()  # noqa: PLR2004
        return draw_case(seed, degradations=inverted, facing=facing)
    return draw_case(seed, findings=("swelling",) if kind == 0 else None, facing=facing)


def scope_cases(group: str, count: int, seed: int) -> list[PhantomCase]:
    """Films in scope as they come: one in two abnormal, one in five facing right."""
    first = _first(group, seed)
    return [
        draw_case(first + index, facing="right" if index % 5 == 0 else "left")
        for index in range(count)
    ]


def rare_cases(group: str, count: int, seed: int) -> list[PhantomCase]:
    """Films of the findings that are rare as films come: swelling, kyphosis, slips."""
    first = _first(group, seed) + _GROUP_SPAN // 2
    slips = ("listhesis:C3/C4", "listhesis:C4/C5", "listhesis:C5/C6", "listhesis:C6/C7")
    kinds = (
        ("swelling",),
        ("kyphosis",),
        ("swelling",),
        (slips[0],),
        ("swelling",),
        (slips[1],),
        ("swelling",),
        ("kyphosis",),
        ("swelling",),
        (slips[2],),
        ("swelling",),
        (slips[3],),
    )
    return [
        draw_case(first + index, findings=kinds[index % len(kinds)]) for index in range(2 * count)
    ]


def behaviour_cases(count: int, seed: int) -> dict[str, list[PhantomCase]]:
    """Films that the gates should keep out, by kind."""
    first = _first("behaviour", seed)
    groups: dict[str, list[PhantomCase]] = {}
    for offset, degradation in enumerate(Degradation):
        start = first + offset * count
        groups[degradation.value] = [
            draw_case(start + index, degradations=(degradation,)) for index in range(count)
        ]
    for offset, view in enumerate(_OTHER_VIEWS, start=len(Degradation)):
        start = first + offset * count
        groups[f"{view.value} view"] = [
            draw_case(start + index, view=view) for index in range(count)
        ]
    start = first + (len(Degradation) + len(_OTHER_VIEWS)) * count
    groups["hardware"] = [draw_case(start + index, hardware=True) for index in range(count)]
    return groups


def _first(group: str, seed: int) -> int:
    return _SEEDS[group] + seed * 10_000_000


def run(
    out: Path, seed: int, plan: Plan, stages: Stages, *, processes: int, created: str
) -> Bundle:
    """Train, certify, measure and export.

    Args:
        out: Folder of the bundle.
        seed: Everything random follows from it; the weights too, on one kind of machine.
        plan: How much of everything.
        stages: Shows what goes on.
        processes: Processes that render.
        created: The date on the bundle.

    Returns:
        The bundle.
    """
    with Renderer(processes, stages.advance) as renderer:
        films, networks, histories = _trained(renderer, seed, plan, stages)
        draft = Draft(
            words={**WORDS, "created": created},
            finding_entries=FINDING_ENTRIES,
            networks=networks,
            tensors=networks.tensors(films),
            path=PATH,
            folder=out,
        )
        return _measured(draft, renderer, seed, plan, stages, histories)


def _trained(
    renderer: Renderer, seed: int, plan: Plan, stages: Stages
) -> tuple[Films, Networks, dict[str, History]]:
    """Render the training films and train locator and readers."""
    cases = training_cases(plan.train, seed)
    with stages.stage("rendering films to train on", plan.train + plan.tuning):
        films = renderer.films(cases, PATH)
        tuning = renderer.films(scope_cases("tuning", plan.tuning, seed), PATH)
    histories: dict[str, History] = {}
    with stages.stage("training the locator"):
        settings = LoopSettings(plan.locator_epochs, patience=plan.locator_epochs)
        locator, histories["locator"] = train_locator(
            films, tuning, plan.locator_width, settings, seed, stages.say
        )
    readable = films.chosen(films.readable)
    with stages.stage("training the corners"):
        settings = LoopSettings(plan.corner_epochs, batch=32)
        histories["corners"] = train_corners(locator, readable, tuning, settings, seed, stages.say)
    jitter = landmark_error(locator, tuning) / 2**0.5  # a distance has two coordinates
    readers = {}
    for number in range(1, plan.members + 1):
        name = f"reader-{number}"
        with stages.stage(f"training {name}"):
            settings = LoopSettings(plan.reader_epochs, batch=32)
            readers[name], histories[name] = train_reader(
                readable,
                tuning,
                FINDINGS,
                plan.reader_width,
                jitter,
                settings,
                seed + number,
                stages.say,
            )
    networks = Networks(locator, readers, plan.locator_width, plan.reader_width, FINDINGS)
    return readable, networks, histories


def _measured(
    draft: Draft,
    renderer: Renderer,
    seed: int,
    plan: Plan,
    stages: Stages,
    histories: dict[str, History],
) -> Bundle:
    """Set limits and thresholds, measure on fresh films, and write the bundle."""
    reader = CaseReader(renderer, draft.analyst())
    with stages.stage("setting the gates' limits", plan.limits):
        limits = fitted_limits(_as_they_come(reader, "limits", seed, plan)[1])
    calibrating = _groups(reader, "calibration", seed, plan, stages)
    testing = _groups(reader, "test", seed, plan, stages)
    digest = data_digest({"calibration": [*calibrating[0][0], *calibrating[1][0]]})
    fine = frozenset(
        case.seed for group in (calibrating, testing) for case in group[0][0][: plan.detector]
    )
    calibration, _ = gathered(calibrating, FINDINGS, limits, digest, fine)
    certificate, points, scale = decided(calibration, plan.aims, draft.weights_digest)
    test, _ = gathered(testing, FINDINGS, limits, digest, fine)
    kept_out = {
        "in scope": testing[0][1],
        "in scope, detector resolution": testing[0][1][: plan.detector],
        **_kept_out(reader, seed, plan, stages),
    }
    metrics = {
        "findings": finding_figures(test, points),
        "study": study_figures(test, points),
        "baselines": baseline_figures(calibrating[0], testing[0]),
        "subgroups": subgroup_figures(test),
        "gates": gate_figures(kept_out, limits),
    }
    pages = {
        "roc.png": roc_plot(test),
        "scores.png": score_plot(test, points),
        "training.png": loss_plot(histories),
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


def _as_they_come(reader: CaseReader, name: str, seed: int, plan: Plan) -> ReadCases:
    """Read films in scope as they come, the first few at the resolution of a detector."""
    cases = scope_cases(name, getattr(plan, name), seed)
    fine, usual = cases[: plan.detector], cases[plan.detector :]
    return cases, [*reader.read(fine, DETECTOR_SPACING_MM), *reader.read(usual)]


def _groups(reader: CaseReader, name: str, seed: int, plan: Plan, stages: Stages) -> ReadGroups:
    """Read the films of calibration or test: as they come, and of rare findings."""
    rare = rare_cases(name, plan.rare, seed)
    with stages.stage(f"reading {name} films", getattr(plan, name) + len(rare)):
        return _as_they_come(reader, name, seed, plan), (rare, reader.read(rare))


def _kept_out(
    reader: CaseReader, seed: int, plan: Plan, stages: Stages
) -> dict[str, list[Reading]]:
    """Read films that the gates should keep out."""
    groups = behaviour_cases(plan.behaviour, seed)
    with stages.stage("reading films to be kept out", sum(map(len, groups.values()))):
        return {name: reader.read(cases) for name, cases in groups.items()}
