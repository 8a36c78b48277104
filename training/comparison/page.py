"""A comparison as one HTML file that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jinja2 import Environment

from training.comparison.show import COLUMNS, heading, lines
from training.comparison.words import sentences
from training.statistics import roc_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.comparison.figures import Aims, FindingComparison
    from training.comparison.pairs import FindingPair, Pairing, Side
    from training.statistics import Flags

_SIDE: Final = 220  # pixels of a plot

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Comparison of two runs</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 86rem; margin: 2rem auto;
  padding: 0 1rem; }
h2 { margin: 2.2rem 0 .2rem; border-top: 1px solid #ccc; padding-top: 1rem; }
table { border-collapse: collapse; margin: .8rem 0; }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #e4e4e4;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
.finding { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }
.finding > div { max-width: 66rem; }
.quiet { color: #666; }
svg { background: #fafafa; }
.a { stroke: #2c7fb8; } .b { stroke: #c0392b; stroke-dasharray: 5 3; }
polyline { fill: none; stroke-width: 1.8; }
</style>
</head>
<body>
<h1>Comparison of two runs</h1>
<p>A (blue): {{ names[0] }}<br>B (red, dashed): {{ names[1] }}</p>
<p class="quiet">Films of split “{{ split }}”, the same in both. Thresholds are each run's own, from
its tuning films ({{ at }}). Intervals: {{ confidence }}; AUC by DeLong on the logit scale,
differences by DeLong, by BCa over {{ aims.resamples }} resamples of patients, and by Newcombe for
pairs; shares by Clopper and Pearson. Rule-out: miss rate at most {{ aims.alpha }} at risk
{{ aims.delta }}. p in brackets is Holm's over the findings.</p>
{% if unshared %}<p class="quiet">In one run only: {{ unshared | join(", ") }}</p>{% endif %}
{% for one in findings %}
<h2>{{ one.name }}</h2>
<p class="quiet">{{ one.heading }}</p>
<div class="finding">
<div>
<table>
<tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for line in one.lines %}
<tr>{% for cell in line %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table>
<ul>{% for sentence in one.sentences %}<li>{{ sentence }}</li>{% endfor %}</ul>
</div>
{% if one.curves %}
<svg role="img" aria-label="ROC curves" width="{{ side + 40 }}" height="{{ side + 40 }}"
  viewBox="-30 -10 {{ side + 40 }} {{ side + 40 }}">
<rect width="{{ side }}" height="{{ side }}" fill="none" stroke="#999"/>
<line x1="0" y1="{{ side }}" x2="{{ side }}" y2="0" stroke="#bbb" stroke-dasharray="2 3"/>
<polyline class="a" points="{{ one.curves[0] }}"/>
<polyline class="b" points="{{ one.curves[1] }}"/>
<text x="{{ side / 2 }}" y="{{ side + 18 }}" font-size="11" text-anchor="middle">1 - specificity
</text>
<text transform="translate(-10 {{ side / 2 }}) rotate(-90)" font-size="11"
  text-anchor="middle">sensitivity</text>
</svg>
{% endif %}
</div>
{% endfor %}
</body>
</html>
"""


def page(pairing: Pairing, done: Sequence[FindingComparison], aims: Aims) -> str:
    """Write the page; every name in it is escaped."""
    at = "Youden" if aims.sensitivity is None else f"sensitivity {aims.sensitivity:.0%}"
    findings = [
        {
            "name": one.finding,
            "heading": heading(one),
            "lines": lines(one),
            "sentences": sentences(one),
            "curves": _curves(pair) if one.ranking else None,
        }
        for pair, one in zip(pairing.findings, done, strict=True)
    ]
    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(
        names=pairing.names,
        split=pairing.split,
        unshared=pairing.unshared,
        aims=aims,
        at=at,
        confidence=f"{aims.confidence:.0%}",
        columns=COLUMNS,
        findings=findings,
        side=_SIDE,
    )


def _curves(pair: FindingPair) -> tuple[str, str]:
    passed = pair.first.films.passed & pair.second.films.passed
    return _points(pair.first, passed), _points(pair.second, passed)


def _points(side: Side, passed: Flags) -> str:
    films = side.films.where(passed)
    curve = roc_curve(films.score, films.positive)
    return " ".join(
        f"{x * _SIDE:.1f},{(1 - y) * _SIDE:.1f}" for x, y in zip(curve.x, curve.y, strict=True)
    )
