"""The colours of the pages have the contrast of WCAG 2.2 at level AA, in light and in dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import triage.web
from tests.web.pages import contrast

STYLE = (Path(triage.web.__file__).parent / "static" / "triage.css").read_text(encoding="utf-8")
GROUNDS = ("ground", "panel", "raised", "select", "amber-wash")
TEXTS = ("ink", "quiet", "accent", "red", "amber")
# Seen without words: edges of fields and buttons, bars, the focus.
SIGNS = (("edge", "panel"), ("bar", "panel"), ("bar", "line"), ("amber-fill", "line"))


def scheme(name):
    """Return the colours of a scheme by their names; the dark one changes those of the light."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert len(blocks) == 2
    told = blocks[0] if name == "light" else "".join(blocks)
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", told)
    return {
        key: f"rgb({int(value[:2], 16)}, {int(value[2:4], 16)}, {int(value[4:], 16)})"
        for key, value in found
    }


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_text_is_readable_on_every_ground(name):
    colours = scheme(name)
    faint = [
        (text, ground)
        for text in TEXTS
        for ground in GROUNDS
        if contrast(colours[text], colours[ground]) < 4.5
    ]
    assert faint == []


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_is_seen_without_words_stands_out(name):
    colours = scheme(name)
    faint = [pair for pair in SIGNS if contrast(*(colours[one] for one in pair)) < 3]
    assert faint == []
    assert all(contrast(colours["accent"], colours[ground]) >= 3 for ground in GROUNDS)
