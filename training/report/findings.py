"""How well each finding is found: figures, curves, scores, calibration, groups of patients."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from training.certify.films import age_band
from training.report.chart import Axes, Guide, Series, chart
from training.report.page import DASH, figure, figures, note, number, paragraph, share, table
from training.statistics import (
    ConfusionMatrix,
    Interval,
    area_under_curve,
    average_precision,
    brier,
    clopper_pearson,
    delong_logit_interval,
    expected_calibration_error,
    measure,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from training.loop import History
    from training.predictions import Prediction
    from training.report.material import Finding, Material
    from training.statistics import Flags

_BINS: Final = 36
_TONES: Final = 8
_UNIT: Final = (0.0, 1.0)
_FEWEST: Final = 20  # films of a group, below which its figures say nothing


def figures_table(material: Material) -> str:
    """The table of all findings."""
    if not material.findings:
        return ""
    head = ("finding", "with / without", "AUC", "sensitivity at the flag", "specificity", "PPV",
            "NPV", "balanced accuracy", "missed at rule-out", "ruled out without it")  # fmt: skip
    rows = [_row(finding) for finding in material.findings]
    words = (
        "Films past every gate that nothing was trained, stopped or set on. Intervals are 95 %: "
        "DeLong on the logit scale for AUC, Clopper and Pearson for shares. Findings that are "
        "indented only describe the one above: nothing is raised or lowered by them."
    )
    return paragraph(words) + table(head, rows)


def _row(finding: Finding) -> tuple[str, ...]:
    positives = int(finding.truth.sum())
    counts = f"{positives} / {len(finding.truth) - positives}"
    title = escape(finding.title)
    name = f"&emsp;{title}" if finding.describes else title
    if not finding.both:
        return (name, counts, *[DASH] * 8)
    matrix = ConfusionMatrix.count(finding.score >= finding.flag, finding.truth)
    below = None if finding.rule_out is None else finding.highest < finding.rule_out
    return (
        name,
        counts,
        number(delong_logit_interval(finding.score, finding.truth)),
        number(matrix.sensitivity()),
        number(matrix.specificity()),
        *(_plain(measure(matrix, what)) for what in ("ppv", "npv", "balanced_accuracy")),
        "never" if below is None else share(_part(below, finding.truth)),
        "never" if below is None else share(_part(below, ~finding.truth)),
    )


def _part(flags: Flags, among: Flags) -> Interval:
    return clopper_pearson(int(flags[among].sum()), int(among.sum()))


def _plain(value: float) -> str:
    return DASH if np.isnan(value) else f"{value:.3f}"


def curves(material: Material) -> str:
    """ROC, PR, scores, calibration and confusion of each finding that decides."""
    shown = [one for one in material.findings if one.both and not one.describes]
    parts = []
    for finding in shown:
        items = [
            figure(*_roc(finding)),
            figure(*_precision_recall(finding)),
            figure(*_scores(finding)),
            figure(*_calibration(finding)),
        ]
        parts.append(f"<h3>{escape(finding.title)}</h3>{figures(items)}{_confusion(finding)}")
    return "".join(parts)


def _roc(finding: Finding) -> tuple[str, str]:
    curve = roc_curve(finding.score, finding.truth)
    axes = Axes("ROC curve", "1 - specificity", "sensitivity", _UNIT, _UNIT, diagonal=True)
    area = area_under_curve(finding.score, finding.truth)
    return chart(axes, [Series("", list(curve.x), list(curve.y))]), f"ROC: area {area:.4f}."


def _precision_recall(finding: Finding) -> tuple[str, str]:
    curve = precision_recall_curve(finding.score, finding.truth)
    prevalence = float(finding.truth.mean())
    guide = Guide(prevalence, "prevalence", upright=False)
    axes = Axes("Precision-recall curve", "recall", "precision", _UNIT, _UNIT, (guide,))
    average = average_precision(finding.score, finding.truth)
    words = f"Precision and recall: average precision {average:.4f}."
    return chart(axes, [Series("", list(curve.x), list(curve.y))]), words


def _scores(finding: Finding) -> tuple[str, str]:
    edges = np.linspace(finding.score.min(), finding.score.max() + 1e-6, _BINS + 1)
    series = []
    for name, among, tone in (("without", ~finding.truth, 0), ("with", finding.truth, 1)):
        counts, _ = np.histogram(finding.score[among], edges)
        series.append(Series(name, list(edges), list(counts / among.sum()), tone, "bars"))
    guides = [Guide(finding.flag, "flag")]
    if finding.rule_out is not None:
        guides.insert(0, Guide(finding.rule_out, "rule-out"))
    low, high = float(edges[0]), float(edges[-1])
    seen = tuple(guide for guide in guides if low <= guide.at <= high)
    axes = Axes("Distribution of scores", "mean logit", "share of films", (low, high), None, seen)
    words = "Scores. Rule-out looks at the highest member, the flag at the mean that is shown."
    return chart(axes, series), words


def _calibration(finding: Finding) -> tuple[str, str]:
    curve = reliability_curve(finding.probability, finding.truth)
    axes = Axes("Calibration", "probability shown", "share with it", _UNIT, _UNIT, diagonal=True)
    error = expected_calibration_error(finding.probability, finding.truth)
    score = brier(finding.probability, finding.truth).score
    said, came = list(curve.said), list(curve.came)
    series = [Series("", said, came), Series("", said, came, 0, "dots")]
    return chart(axes, series), f"Calibration: ECE {error:.3f}, Brier score {score:.4f}."


def _confusion(finding: Finding) -> str:
    matrix = ConfusionMatrix.count(finding.score >= finding.flag, finding.truth)
    rows = [
        ("with it", str(matrix.true_positive), str(matrix.false_negative)),
        ("without it", str(matrix.false_positive), str(matrix.true_negative)),
    ]
    return table(("truth", "flagged", "not flagged"), rows)


def strata_table(material: Material) -> str:
    """How the finding that decides does in groups of patients."""
    main = material.main
    if main is None or not main.both:
        return ""
    rows = [
        _stratum(main, kind, name, members)
        for kind, of in _GROUPS.items()
        for name, members in _members(main.films, of)
    ]
    head = ("group", "films", "with", "AUC", "sensitivity at the flag", "specificity",
            "missed at rule-out", "ruled out without it")  # fmt: skip
    words = paragraph(
        f"“{main.title}” in groups of films: a group that suffers must be seen, and one with "
        f"fewer than {_FEWEST} films shows nothing either way."
    )
    return words + table(head, rows) if rows else ""


_GROUPS: Final[dict[str, Callable[[Prediction], str]]] = {
    "sex": lambda one: {"F": "women", "M": "men"}.get(one.sex, ""),
    "age": lambda one: "" if one.age_years is None else age_band(one.age_years),
    "site": lambda one: one.site,
    "manufacturer": lambda one: one.manufacturer,
}


def _members(
    films: Sequence[Prediction], of: Callable[[Prediction], str]
) -> Iterator[tuple[str, Flags]]:
    names = np.array([of(one) for one in films])
    known = sorted(set(names.tolist()) - {""})
    for name in known if len(set(names.tolist())) > 1 else ():  # a group of all is no group
        yield name, names == name


def _stratum(main: Finding, kind: str, name: str, members: Flags) -> tuple[str, ...]:
    truth, score = main.truth[members], main.score[members]
    shown = f"{kind}: {name}"
    positives = int(truth.sum())
    head = (escape(shown), str(len(truth)), str(positives))
    if min(positives, len(truth) - positives) < 2 or len(truth) < _FEWEST:  # noqa: PLR2004 - two
        return (*head, *[DASH] * 5)
    matrix = ConfusionMatrix.count(score >= main.flag, truth)
    below = None if main.rule_out is None else main.highest[members] < main.rule_out
    return (
        *head,
        number(delong_logit_interval(score, truth)),
        number(matrix.sensitivity()),
        number(matrix.specificity()),
        "never" if below is None else share(_part(below, truth)),
        "never" if below is None else share(_part(below, ~truth)),
    )


def training_curves(material: Material) -> str:
    """Loss and tuning figure, epoch by epoch."""
    logs = {name: log for name, log in material.logs.items() if log.epochs}
    if not logs:
        return ""
    return figures(
        [
            _over_epochs("loss", "Loss on training films.", logs, lambda log: log.losses),
            _over_epochs("figure", "Tuning films.", logs, lambda log: log.figures),
        ]
    )


def _over_epochs(
    column: str,
    words: str,
    logs: Mapping[str, History],
    values: Callable[[History], list[float]],
) -> str:
    series = [
        Series(name, [float(one.epoch) for one in log.epochs], values(log), tone % _TONES)
        for tone, (name, log) in enumerate(logs.items())
    ]
    return figure(chart(Axes(words, "epoch", column), series), words)


def baselines(material: Material) -> str:
    """What can be had without a look at the image."""
    found = material.metrics.get("baselines")
    if not isinstance(found, dict) or not found:
        return ""
    rows = [(_baseline_name(name), *_baseline(value)) for name, value in found.items()]
    words = (
        "What needs no look at the pixels. A model must beat these; accuracy alone is never "
        "reported, because whoever always names the larger class has a high one."
    )
    return paragraph(words) + table(("baseline", "figure", "balanced accuracy"), rows)


def _baseline_name(name: str) -> str:
    return escape(
        name.replace("_", " ").replace(" auc", ": AUC").replace(" accuracy", ": accuracy")
    )


def _baseline(value: object) -> tuple[str, str]:
    """A baseline's figure (an interval, a number, or a reason) and its balanced accuracy."""
    if isinstance(value, dict):
        balanced = value.get("balanced_accuracy")
        area = _figure(value.get("auc"))
        return f"AUC {area}", _figure(balanced)
    return _figure(value), DASH


def _figure(value: object) -> str:
    if isinstance(value, (int, float)):
        return f"{value:.3f}"
    if isinstance(value, (list, tuple)) and len(value) == 3:  # noqa: PLR2004 - and its interval
        return number(Interval(*map(float, value)))
    return DASH if value is None else escape(str(value))


def no_films(material: Material) -> str:
    """A word where there are no figures."""
    if material.findings:
        return ""
    return note("No test films: the run wrote no predictions, and no trial was held.", "doubt")
