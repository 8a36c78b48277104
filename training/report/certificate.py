"""The certificate with its meaning in words, and the table of shifts with its verdicts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from training.report.page import DASH, badge, note, paragraph, share, table
from training.statistics import Interval, positives_needed
from training.trial.verdicts import Line, Verdict

if TYPE_CHECKING:
    from training.report.material import Material
    from training.trial.campaign import Trial
    from triage.vision.bundle import Bundle
    from triage.vision.manifest import Certificate

KINDS: Final = {
    Verdict.HOLDS: "good",
    Verdict.STOPPED: "good",
    Verdict.HELD_BY_GATES: "good",
    Verdict.NOT_SHOWN: "doubt",
    Verdict.NOTHING_LOWERED: "doubt",
    Verdict.NEITHER: "bad",
}
_MEANINGS: Final = {
    Verdict.HOLDS: "among such films past the gates, so few abnormal ones were ruled out that the "
    "certificate's miss rate is shown with its confidence",
    Verdict.STOPPED: "the gates stop at least 95 % of such films; they stay where they are",
    Verdict.HELD_BY_GATES: "of all abnormal films of this kind, gates and scores together lower no "
    "more than the certificate allows; too few pass the gates to show it for those alone",
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
    return (
        f"Take films like those that the certificate was made on, which pass every gate and have "
        f"a finding. At most {shown.alpha:.1%} of them are ruled out for that finding; the risk "
        f"that this statement is wrong is {shown.delta:.0%}, for each finding. The threshold is "
        "the (k+1)-th smallest score of n positives that nothing was trained on, where k misses "
        "among n are the most that alpha and delta allow. A film is lowered only when every "
        "finding is ruled out by every member. Of films of another kind it says nothing: those "
        "are what the gates are for."
    )


def _thresholds(shown: Certificate, bundle: Bundle) -> str:
    points = {point.finding: point.rule_out for point in bundle.operating_points}
    rows = [
        (
            escape(name),
            str(one.positives),
            str(one.misses_allowed),
            f"{one.prevalence:.1%}",
            f"{one.threshold:.3f}",
            DASH if points[name] is None else f"{points[name]:.3f}",
        )
        for name, one in shown.findings.items()
    ]
    head = ("finding", "positives n", "misses allowed k", "prevalence", "certified below",
            "used below")  # fmt: skip
    return table(head, rows)


def _needed(shown: Certificate) -> str:
    none, one, two = (positives_needed(shown.alpha, shown.delta, misses) for misses in range(3))
    return paragraph(
        f"At this miss rate and risk, {none} positives are needed when none of them is missed, "
        f"{one} when one is, {two} when two are; with fewer, rule-out is refused."
    )


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
    head = ("films", "verdict", "drawn", "stopped", "mostly by", "missed of those passed",
            "allowed", "miss rate", "normals lowered", "AUC of those passed")  # fmt: skip
    return f"{first}{table(head, [_row(line) for line in trial.lines])}<dl>{legend}</dl>"


def _name(line: Line) -> str:
    return f"{line.kind}, {line.level}" if line.level else line.kind


def _row(line: Line) -> tuple[str, ...]:
    return (
        escape(_name(line)),
        badge(line.verdict.value, KINDS[line.verdict]),
        str(line.films),
        share(line.stopped_share),
        escape(line.gate),
        f"{line.missed} of {line.passed}",
        "too few" if line.allowed is None else str(line.allowed),
        share(line.missed_share),
        share(line.normals_share),
        _area(line.area),
    )
