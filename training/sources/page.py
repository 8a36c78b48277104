"""The data report as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.sources.summary import Summary
    from training.values import FilmSet

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:1240px;margin:2em auto;
padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ccc}
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.2em .8em;text-align:left;
border-bottom:1px solid #e4e4e4}td.n{text-align:right;font-variant-numeric:tabular-nums}
.warn{background:#fff3d6;border-left:4px solid #d99000;padding:.4em .8em;margin:.5em 0}
.side{display:flex;flex-wrap:wrap;gap:0 3em}img{max-width:100%}details{margin:.5em 0}
"""
_MOST_FILMS: Final = 500  # films listed under one kind of fault


def report_page(data: FilmSet, summary: Summary, sheet: bytes, shown: Sequence[str]) -> str:
    """Write the report.

    Args:
        data: The data set.
        summary: Of it.
        sheet: The contact sheet, JPEG.
        shown: Names of the films on it.

    Returns:
        HTML.
    """
    title = f"Data report: {data.name}"
    head = (
        f"{summary.films} films of {summary.patients} patients in {summary.groups} groups that a "
        f"split keeps together. Data digest <code>{data.digest()[:12]}</code>."
    )
    about = (
        "Landmarks: anterior green, posterior orange, centre of C2 blue. Masked parts are hatched."
    )
    picture = f"data:image/jpeg;base64,{base64.b64encode(sheet).decode()}"
    parts = [
        f"<h1>{escape(title)}</h1><p>{head}</p>",
        *(f'<p class="warn">{escape(line)}</p>' for line in warnings(summary)),
        "<h2>Findings</h2>",
        _findings(summary),
        "<h2>Who and what</h2>",
        _strata(summary),
        "<h2>Splits as a recipe would make them</h2>",
        _splits(summary),
        "<h2>Films that repeat each other</h2>",
        _leaks(summary),
        "<h2>What is wrong, and what was done</h2>",
        _faults(data, summary),
        f"<h2>Contact sheet</h2><p>{about}</p>",
        f'<img alt="contact sheet" src="{picture}">',
        f"<details><summary>Names, row by row</summary><p>{escape(', '.join(shown))}</p></details>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def warnings(summary: Summary) -> list[str]:
    """What a reader must know before training on the set."""
    found = []
    if summary.split_problem:
        found.append(f"No split can be made: {summary.split_problem}")
    if summary.problems:
        found.append(f"{len(summary.problems)} films cannot be read.")
    apart = sum(leak.apart for leak in summary.leaks)
    if apart:
        found.append(
            f"{apart} pairs of films repeat each other though they are of different groups: a "
            "split may tear them apart. Put each pair into one group or leave one film out."
        )
    found += [
        f"Age and sex alone predict {one.finding!r} with an area under the curve of "
        f"{one.by_age_and_sex:.2f}: compare every model with that baseline."
        for one in summary.findings
        if one.given_away
    ]
    found += [
        f"{one.finding!r} has {one.present} films with it and {one.absent} without: accuracy says "
        "nothing here, one answer for all is nearly always right."
        for one in summary.findings
        if ":" not in one.finding and _lopsided(one.present, one.absent)
    ]
    return found


def _lopsided(present: int, absent: int) -> bool:
    return 0 < min(present, absent) < 0.1 * (present + absent)


def _findings(summary: Summary) -> str:
    return _table(
        ("finding", "with", "without", "not labelled", "by age and sex alone (AUC)"),
        (
            (
                one.finding,
                one.present,
                one.absent,
                one.unknown,
                "too few films" if one.by_age_and_sex is None else f"{one.by_age_and_sex:.2f}",
            )
            for one in summary.findings
        ),
    )


def _strata(summary: Summary) -> str:
    kinds = {**summary.strata, "landmarks": summary.landmarks}
    tables = (_table((kind, "films"), values.items()) for kind, values in kinds.items())
    return f'<div class="side">{"".join(tables)}</div>'


def _splits(summary: Summary) -> str:
    if summary.split_problem:
        return f"<p>{escape(summary.split_problem)}</p>"
    by = f" stratified by <b>{escape(summary.finding)}</b>," if summary.finding else ""
    return f"<p>Grouped,{by} films without its label left out.</p>" + _table(
        ("split", "films", "groups", "with", "without"),
        ((s.name, s.films, s.groups, s.present, s.absent) for s in summary.splits),
    )


def _leaks(summary: Summary) -> str:
    if not summary.leaks:
        return "<p>None found.</p>"
    more = f"<p>And {summary.more_leaks} pairs more.</p>" if summary.more_leaks else ""
    rows = (
        (leak.one, leak.other, leak.why, "DIFFERENT GROUPS" if leak.apart else "one group")
        for leak in summary.leaks
    )
    return _table(("film", "film", "why", "where"), rows) + more


def _faults(data: FilmSet, summary: Summary) -> str:
    if not data.faults and not summary.problems:
        return "<p>Nothing.</p>"
    parts = []
    for kind, count in summary.faults.items():
        of_kind = [fault for fault in data.faults if fault.kind == kind]
        rows = [(fault.film, fault.what, fault.done) for fault in of_kind[:_MOST_FILMS]]
        parts.append(
            f"<details><summary>{escape(kind)}: {count}</summary>"
            f"{_table(('film', 'what', 'done'), rows)}</details>"
        )
    if summary.problems:
        parts.append("<h3>Films that cannot be read</h3>")
        parts.append(_table(("film", "why"), summary.problems.items()))
    return "".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if isinstance(cell, int) else ''}>{escape(str(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    )
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><tr>{heads}</tr>{lines}</table>"
