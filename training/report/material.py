"""What a report is made from: a run's tables, a bundle, a trial."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.bundle.source import RUN, bundle_folder
from training.errors import RunError
from training.loop import read_history
from training.predictions import PREDICTIONS, Prediction, read_predictions
from training.trial.campaign import predictions as predictions_of
from triage.vision.bundle import Bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.loop import History
    from training.statistics import Flags
    from training.trial.campaign import Trial

_METRICS: Final = "metrics.json"
_TEST: Final = "test"


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What was said of one finding on films that nothing was trained, stopped or set on.

    Attributes:
        name: Of the finding.
        title: In words.
        truth: (n,) whether it is there.
        score: (n,) mean logit of the members.
        highest: (n,) highest logit of the members.
        probability: (n,) the score as it is displayed.
        flag: At or above this score a film is flagged.
        rule_out: Strictly below this for every member it is ruled out; None where it never is.
        describes: The finding that this one only describes more closely; may be empty.
        films: The lines of the table, in the same order.
    """

    name: str
    title: str
    truth: Flags
    score: NDArray[np.float64]
    highest: NDArray[np.float64]
    probability: NDArray[np.float64]
    flag: float
    rule_out: float | None
    describes: str
    films: tuple[Prediction, ...]

    @property
    def both(self) -> bool:
        """Whether there are at least two films with it and two without."""
        return min(int(self.truth.sum()), int((~self.truth).sum())) >= 2  # noqa: PLR2004 - two


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All that a report is made from.

    Attributes:
        name: Of the model.
        record: run.json; empty for a bundle alone.
        metrics: metrics.json; empty where there is none.
        logs: What was reported epoch by epoch, by network.
        findings: What was said of films past the gates.
        gated: Test films that a gate stopped.
        bundle: None for a run that makes none.
        trial: None where none was held.
    """

    name: str
    record: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    logs: Mapping[str, History] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    gated: tuple[Prediction, ...] = ()
    bundle: Bundle | None = None
    trial: Trial | None = None

    @property
    def main(self) -> Finding | None:
        """The finding that decides: "abnormal", else the first."""
        named = [finding for finding in self.findings if finding.name == "abnormal"]
        return next(iter([*named, *self.findings]), None)


def gather(folder: Path, trial: Trial | None) -> Material:
    """Read all that a folder holds.

    Args:
        folder: Of a run or of a bundle.
        trial: Of its bundle; its films as they come take the place of the run's test films.

    Raises:
        RunError: The folder is neither, or a file of it is damaged.
        DataError: The predictions are damaged.
        BundleError: The bundle does not hold.
    """
    place = bundle_folder(folder)
    bundle = None if place is None else Bundle.load(place)
    lines = _lines(folder, trial)
    record = _json(folder / RUN)
    provenance = bundle.manifest.provenance if bundle else {}
    return Material(
        name=_name(bundle, record, folder),
        record=record,
        metrics=_json(folder / _METRICS) or provenance.get("metrics", {}),
        logs={log.stem: read_history(log) for log in sorted((folder / "logs").glob("*.csv"))},
        findings=tuple(_findings([one for one in lines if not one.gate], bundle)),
        gated=tuple({one.film: one for one in lines if one.gate}.values()),
        bundle=bundle,
        trial=trial,
    )


def _lines(folder: Path, trial: Trial | None) -> list[Prediction]:
    if trial is not None and trial.films:
        return predictions_of(trial)
    if not (folder / PREDICTIONS).is_file():
        return []
    return [one for one in read_predictions(folder) if one.split == _TEST]


def _name(bundle: Bundle | None, record: Mapping[str, Any], folder: Path) -> str:
    if bundle is not None:
        return f"{bundle.manifest.name} {bundle.manifest.version}"
    plan = record.get("plan", record)
    return str(plan.get("recipe", folder.name))


def _json(path: Path) -> dict[str, Any]:
    """The content of a file, empty where there is none."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}): run the recipe again.") from error
    return content if isinstance(content, dict) else {}


def _findings(lines: Sequence[Prediction], bundle: Bundle | None) -> list[Finding]:
    """The findings in the order of the bundle, or of the table."""
    by_name: dict[str, list[Prediction]] = {}
    for one in lines:
        by_name.setdefault(one.finding, []).append(one)
    if bundle is None:
        return [_of_run(name, films) for name, films in by_name.items()]
    return [_of_bundle(bundle, name, films) for name, films in by_name.items()]


def _of_run(name: str, films: Sequence[Prediction]) -> Finding:
    score = np.array([one.score for one in films])
    probability = 1 / (1 + np.exp(-np.clip(score, -60, 60)))
    return _finding(name, name.replace("-", " "), films, probability, (0.0, None, ""))


def _of_bundle(bundle: Bundle, name: str, films: Sequence[Prediction]) -> Finding:
    definition = next((one for one in bundle.findings if one.name == name), None)
    point = next((one for one in bundle.operating_points if one.finding == name), None)
    if definition is None or point is None:
        raise RunError(f"The table names {name!r}, which the bundle does not look for.")
    probability = np.array([bundle.probability(name, one.score) for one in films])
    limits = (point.flag, point.rule_out, definition.of)
    return _finding(name, definition.title, films, probability, limits)


def _finding(
    name: str,
    title: str,
    films: Sequence[Prediction],
    probability: NDArray[np.float64],
    limits: tuple[float, float | None, str],
) -> Finding:
    return Finding(
        name,
        title,
        np.array([one.truth for one in films], np.bool_),
        np.array([one.score for one in films]),
        np.array([one.highest for one in films]),
        probability,
        *limits,
        films=tuple(films),
    )
