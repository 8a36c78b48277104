"""The page itself: one file that needs nothing else, in light, in dark and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.statistics import Interval

DASH: Final = "–"  # noqa: RUF001 - a dash where there is no number


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        name: For links to it.
        title: Its heading.
        body: HTML.
    """

    name: str
    title: str
    body: str


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Put the page together.

    Args:
        title: Of the page.
        subtitle: A line below it.
        sections: In their order; those with an empty body are left out.
    """
    shown = [section for section in sections if section.body]
    links = "".join(
        f'<li><a href="#{section.name}">{escape(section.title)}</a></li>' for section in shown
    )
    bodies = "".join(
        f'<section id="{section.name}"><h2>{escape(section.title)}</h2>{section.body}</section>'
        for section in shown
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"
        f'<nav aria-label="Contents"><ol>{links}</ol></nav><main>{bodies}</main></body></html>\n'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table; the first column names its rows, cells are HTML."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption or head[0])}">'
        f"<table>{words}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def figure(content: str, caption: str) -> str:
    """A figure with its caption."""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def figures(items: Sequence[str]) -> str:
    """Figures side by side."""
    return f'<div class="figures">{"".join(items)}</div>' if items else ""


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def note(text: str, kind: str = "") -> str:
    """A paragraph that stands out: ``"good"``, ``"doubt"`` or ``"bad"``."""
    return f'<p class="note {kind}">{escape(text)}</p>'


def per_cent(share: float, digits: int = 0) -> str:
    """A share in per cent."""
    return f"{share * 100:.{digits}f} %"


def badge(text: str, kind: str) -> str:
    """A word in a colour: ``"good"``, ``"doubt"`` or ``"bad"``."""
    return f'<span class="badge {kind}">{escape(text)}</span>'


def number(interval: Interval | None, digits: int = 3) -> str:
    """An estimate with its interval, the interval smaller."""
    if interval is None:
        return DASH
    low, high = max(interval.low, 0.0), min(interval.high, 1.0)
    return f"{interval.estimate:.{digits}f} <small>{low:.{digits}f}{DASH}{high:.{digits}f}</small>"


def share(interval: Interval | None) -> str:
    """A share in per cent with its interval, the interval smaller."""
    if interval is None:
        return DASH
    low, high = f"{interval.low * 100:.1f}", f"{interval.high * 100:.1f}"
    return f"{interval.estimate * 100:.1f}&nbsp;% <small>{low}{DASH}{high}</small>"


_STYLE: Final = """
:root{--paper:#fff;--ink:#1c2430;--soft:#5a6675;--rule:#d9dfe6;--panel:#f5f7f9;--link:#125a96;
--good:#1b7045;--good-bg:#e5f4ec;--doubt:#875a00;--doubt-bg:#fbf1d9;--bad:#b3211c;--bad-bg:#fde8e6;
--t0:#1769aa;--t1:#c0492b;--t2:#2b8a5c;--t3:#8250b5;--t4:#a97a00;--t5:#0f8b95;--t6:#b83a79;
--t7:#69737f}
@media (prefers-color-scheme:dark){:root{--paper:#12161b;--ink:#e4e9ef;--soft:#9ca8b6;
--rule:#2f3842;--panel:#1a2027;--link:#82bdf0;--good:#74d3a2;--good-bg:#15301f;--doubt:#eec15f;
--doubt-bg:#33290f;--bad:#ff938b;--bad-bg:#3c1917;--t0:#6bb0ee;--t1:#f08a6b;--t2:#6ccb97;
--t3:#c09bea;--t4:#e0b84d;--t5:#5ec9d2;--t6:#ee86b7;--t7:#a3adb8}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0 auto;max-width:76rem;padding:0 1.25rem 4rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
header{padding:2.2rem 0 .4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0;letter-spacing:-.01em}
header p{margin:.35rem 0 0;color:var(--soft)}
h2{font-size:1.32rem;margin:3rem 0 .7rem;padding-top:.6rem;border-top:1px solid var(--rule)}
h3{font-size:1.04rem;margin:1.8rem 0 .5rem}
p,main ul{max-width:44rem}
a{color:var(--link)}
nav ol{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;padding:.7rem 0;margin:0;
font-size:.92rem}
small{color:var(--soft);font-size:.86em;white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11.5rem,1fr));gap:.8rem;
margin:1.2rem 0}
.tile{background:var(--panel);border-radius:.5rem;padding:.8rem 1rem}
.tile b{display:block;font-size:1.5rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile b small{display:block;font-size:.9rem;font-weight:400}
.tile>span{display:block;color:var(--soft);font-size:.88rem}
.note{border-left:.25rem solid var(--t0);background:var(--panel);padding:.65rem .95rem;
border-radius:0 .4rem .4rem 0}
.note.good{border-color:var(--good);background:var(--good-bg)}
.note.doubt{border-color:var(--doubt);background:var(--doubt-bg)}
.note.bad{border-color:var(--bad);background:var(--bad-bg)}
.badge{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-weight:600;
font-size:.85em;white-space:nowrap}
.badge.good{color:var(--good);background:var(--good-bg)}
.badge.doubt{color:var(--doubt);background:var(--doubt-bg)}
.badge.bad{color:var(--bad);background:var(--bad-bg)}
/* as wide as its table, to the right beyond the text where the window has room */
.wide{overflow-x:auto;margin:1rem 0;width:max-content;
max-width:calc(100vw - max(0px,(100vw - 76rem)/2) - 3.5rem)}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:0 0 .4rem}
th,td{padding:.34rem .6rem .34rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--rule)}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:500;white-space:nowrap}
td{white-space:nowrap}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(16rem,100%),1fr));gap:1rem;
margin:1rem 0}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.9rem;
margin:.8rem 0}
figure{margin:0;background:var(--panel);border-radius:.5rem;padding:.7rem}
figure img{width:100%;height:auto;display:block;border-radius:.25rem;background:#000}
figcaption{color:var(--soft);font-size:.86rem;line-height:1.4;margin-top:.45rem}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font-size:11px}
svg .name{fill:var(--ink);font-size:11.5px}
svg .end{text-anchor:end}svg .mid{text-anchor:middle}
svg .grid{stroke:var(--rule);stroke-width:.7;fill:none}
svg .axis{stroke:var(--soft);stroke-width:1;fill:none}
svg .guide{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3;fill:none}
svg .line{fill:none!important;stroke-width:1.8;stroke-linejoin:round}
svg rect{fill-opacity:.6}
.legend{display:flex;flex-wrap:wrap;gap:.15rem .9rem;list-style:none;margin:.3rem 0 0;padding:0;
font-size:.84rem}
.legend i{display:inline-block;width:.75rem;height:.75rem;border-radius:.2rem;margin-right:.35rem;
vertical-align:-.08rem}
.t0{fill:var(--t0);stroke:var(--t0);background:var(--t0)}
.t1{fill:var(--t1);stroke:var(--t1);background:var(--t1)}
.t2{fill:var(--t2);stroke:var(--t2);background:var(--t2)}
.t3{fill:var(--t3);stroke:var(--t3);background:var(--t3)}
.t4{fill:var(--t4);stroke:var(--t4);background:var(--t4)}
.t5{fill:var(--t5);stroke:var(--t5);background:var(--t5)}
.t6{fill:var(--t6);stroke:var(--t6);background:var(--t6)}
.t7{fill:var(--t7);stroke:var(--t7);background:var(--t7)}
svg rect[class],svg circle[class]{stroke:none}
code{overflow-wrap:anywhere;font-size:.9em}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;font-size:.92rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:34rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}h1{font-size:1.5rem}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb;--panel:#fff}
body{max-width:none;font-size:10pt;padding:0}nav{display:none}
section,figure,tr{break-inside:avoid-page}section{break-inside:auto}h2,h3{break-after:avoid}
.wide{overflow:visible;width:auto;max-width:none}td,tbody th{white-space:normal}
table{font-size:8.5pt}
*{print-color-adjust:exact}}
""".replace("\n", "")
