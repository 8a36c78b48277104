"""The certificate with its meaning in words, and the table of shifts with its verdicts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from training.certify.anew import needed_in_words
from training.report.page import DASH, badge, note, number, paragraph, per_cent, share, table
from training.statistics import Interval
from training.trial.verdicts import Line, Verdict

if TYPE_CHECKING:
    from training.report.material import Material
    from training.trial.campaign import Trial
    from triage.vision.bundle import Bundle
    from triage.vision.manifest import Certificate

KINDS: Final = {
    Verdict.HOLDS: "good",
    Verdict.STOPPED: "good",
    Verdict.NOT_SHOWN: "doubt",
    Verdict.NOTHING_LOWERED: "doubt",
    Verdict.NEITHER: "bad",
}
_MEANINGS: Final = {
    Verdict.HOLDS: "among such films past the gates, so few abnormal ones were ruled out that the "
    "certificate's miss rate is shown with its confidence",
    Verdict.STOPPED: "the gates stop at least 95 % of such films; they stay where they are",
    Verdict.NOT_SHOWN: "too few films to tell",
    Verdict.NOTHING_LOWERED: "the bundle has no certificate and rules nothing out",
    Verdict.NEITHER: "more is missed than the certificate allows, and the gates do not stop it: "
    "the model must not be used on such films",
}


def certificate(material: Material) -> str:
    """What the certificate says, and on which films it was shown."""
    bundle = material.bundle
    if bundle is None:
        return note(
            "None. This run makes no bundle: it reproduces a paper, has no gates, and nothing "
            "may be lowered by it.",
            "doubt",
        )
    shown = bundle.certificate
    if shown is None:
        return note("None: this bundle can raise studies, and rules nothing out.", "doubt")
    return paragraph(_meaning(shown)) + _thresholds(shown, bundle) + _needed(shown) + _strata(shown)


def _meaning(shown: Certificate) -> str:
    delta = per_cent(shown.delta)
    return (
        "Take films like those that the certificate was made on, which pass every gate and have a "
        "finding. At most alpha of them are ruled out for that finding; the risk that this "
        f"statement is wrong is {delta}, for each finding. The threshold is the (k+1)-th smallest "
        "score of n positives that nothing was trained on, where k misses among n are the most "
        "that alpha and delta allow. A film is lowered only when every finding is ruled out by "
        "every member. Of films of another kind it says nothing: those are what the gates are for."
    )


def _thresholds(shown: Certificate, bundle: Bundle) -> str:
    points = {point.finding: point.rule_out for point in bundle.operating_points}
    titles = {finding.name: finding.title for finding in bundle.findings}
    rows = [
        (
            escape(titles[name]),
            per_cent(one.alpha, 1),
            str(one.positives),
            str(one.misses_allowed),
            per_cent(one.prevalence, 1),
            f"{one.threshold:.3f}",
            DASH if points[name] is None else f"{points[name]:.3f}",
        )
        for name, one in shown.findings.items()
    ]
    head = ("finding", "alpha", "positives n", "misses allowed k", "prevalence", "certified below",
            "used below")  # fmt: skip
    return table(head, rows)


def _needed(shown: Certificate) -> str:
    rates = dict.fromkeys(one.alpha for one in shown.findings.values())
    words = "; ".join(needed_in_words(alpha, shown.delta) for alpha in rates)
    return paragraph(f"{words[:1].upper()}{words[1:]}. With fewer, rule-out is refused.")


def _strata(shown: Certificate) -> str:
    rows = [
        (
            escape(str(row["stratum"])),
            escape(str(row["finding"])),
            str(row["n"]),
            str(row["misses"]),
            share(Interval(row["misses"] / row["n"], *row["interval"])),
        )
        for row in shown.strata
        if row["n"]
    ]
    if not rows:
        return ""
    head = ("group", "finding", "positives", "missed", "miss rate")
    listed = table(head, rows)
    return (
        "<details><summary>Calibration positives in groups: the certificate holds for the "
        f"mixture, not for each of them</summary>{listed}</details>"
    )


def tiles(material: Material) -> str:
    """What a reader wants to know first."""
    trial = material.trial
    if trial is None or not trial.lines:
        return ""
    first = trial.lines[0]
    missed = first.missed_share
    kept = (
        None if missed is None else Interval(1 - missed.estimate, 1 - missed.high, 1 - missed.low)
    )
    failed = [line for line in trial.lines[1:] if line.verdict.failed]
    unshown = [line for line in trial.lines[1:] if KINDS[line.verdict] == "doubt"]
    total = len(trial.lines) - 1
    good = total - len(failed) - len(unshown)
    items = (
        ("AUC of “abnormal” on fresh films", _area(first.area)),
        ("sensitivity at rule-out", share(kept)),
        ("of normal films are lowered", share(first.normals_share)),
        ("certificate on fresh films", badge(first.verdict.value, KINDS[first.verdict])),
        ("shifts held or stopped", f"{good} of {total}"),
    )
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile"><b>{value}</b><span>{escape(name)}</span></div>'
            for name, value in items
        )
        + "</div>"
    )


def _area(area: Interval | None) -> str:
    if area is None:
        return DASH
    low, high = f"{area.low:.4f}", f"{min(area.high, 1.0):.4f}"
    return f"{area.estimate:.4f} <small>{low}{DASH}{high}</small>"


def shifts(trial: Trial | None) -> str:
    """The table of shifts; no cell is left out."""
    if trial is None:
        return note(
            "No trial was held: hold one with `training trial`, or make the report without "
            "--no-trial.",
            "doubt",
        )
    failed = [line for line in trial.lines if line.verdict.failed]
    first = paragraph(
        "Phantom films with seeds that nothing was trained on, spoilt or different in one way at "
        "a time, through the bundle's own gates, networks and decision. “Missed” are abnormal "
        "films (of other views: all films) that passed every gate and would be lowered; "
        "“allowed” is how many the certificate allows among so many."
    )
    if failed:
        names = "; ".join(_name(line) for line in failed)
        first += note(f"Neither held nor stopped: {names}.", "bad")
    present = [
        verdict for verdict in Verdict if any(line.verdict is verdict for line in trial.lines)
    ]
    legend = "".join(
        f"<dt>{badge(verdict.value, KINDS[verdict])}</dt><dd>{escape(_MEANINGS[verdict])}</dd>"
        for verdict in present
    )
    head = ("films", "verdict", "stopped of those drawn", "mostly by", "missed of those passed",
            "miss rate", "normals lowered", "AUC of those passed")  # fmt: skip
    return f"{first}{table(head, [_row(line) for line in trial.lines])}<dl>{legend}</dl>"


def _name(line: Line) -> str:
    return f"{line.kind}, {line.level}" if line.level else line.kind


def _row(line: Line) -> tuple[str, ...]:
    return (
        escape(_name(line)),
        badge(line.verdict.value, KINDS[line.verdict]),
        f"{share(line.stopped_share)} <small>of {line.films}</small>",
        escape(line.gate),
        f"{line.missed} of {line.passed} <small>{_allowed(line)}</small>",
        share(line.missed_share),
        share(line.normals_share),
        number(line.area),
    )


def _allowed(line: Line) -> str:
    return "too few" if line.allowed is None else f"{line.allowed} allowed"
