"""What lies on a cassette beside the patient: lead letters in the styles of several places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Points, ellipse

if TYPE_CHECKING:
    from training.phantom.sites import Site

Generator = np.random.Generator
Strokes = tuple[tuple[tuple[float, float], ...], ...]

# Letters of 9 mm as strokes.
_LETTERS: dict[str, Strokes] = {
    "R": (((0, 9), (0, 0), (4, 0), (5, 2.2), (4, 4.4), (0, 4.4)), ((2, 4.4), (5.2, 9))),
    "L": (((0, 0), (0, 9), (5, 9)),),
    "A": (((0, 9), (2.6, 0), (5.2, 9)), ((1, 6), (4.2, 6))),
    "E": (((5, 0), (0, 0), (0, 9), (5, 9)), ((0, 4.4), (4, 4.4))),
    "K": (((0, 0), (0, 9)), ((5, 0), (0, 5), (5, 9))),
    "M": (((0, 9), (0, 0), (3, 5), (6, 0), (6, 9)),),
    "T": (((0, 0), (5.4, 0)), ((2.7, 0), (2.7, 9))),
    "V": (((0, 0), (2.6, 9), (5.2, 0)),),
}
_INITIALS = "AEKMTV"
_LEAD = 3.0
_PLACES = ((0.86, 0.08), (0.87, 0.22), (0.06, 0.70), (0.05, 0.90), (0.84, 0.90), (0.05, 0.05))
_PLACE_SHARES = (0.42, 0.2, 0.14, 0.08, 0.08, 0.08)


def draw_marker(canvas: Canvas, letter: str, site: Site, rng: Generator) -> None:
    """Lay a lead letter beside the patient, with what the hospital puts with it.

    Args:
        canvas: Takes it on its marker sheet.
        letter: ``"R"``, ``"L"`` or empty.
        site: Some have letters with beads.
        rng: For place, size, lean, and the initials of whoever took the film.
    """
    place = _PLACES[int(rng.choice(len(_PLACES), p=_PLACE_SHARES))]
    size, lean, style = rng.uniform(0.75, 1.35), np.radians(rng.normal(0, 5)), rng.random()
    first, second = rng.choice(list(_INITIALS), 2)
    if not letter:
        return
    rows, columns = canvas.shape
    corner = np.array([columns, rows]) * canvas.spacing * place + rng.normal(0, 3, 2)
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]]) * size
    _write(canvas, letter, corner, turn, 1.5)
    if style < 0.3:  # noqa: PLR2004 - a share of the films
        for at, text in (((8.0, 4.2), first), ((12.0, 4.2), second)):
            _write(canvas, str(text), corner + np.array(at) @ turn, turn * 0.5, 0.9)
    elif style < 0.45:  # noqa: PLR2004 - as above
        ring = ellipse(np.array([2.6, 4.5]), (7.2, 7.2)) @ turn + corner
        canvas.stroke("marker", ring, 1.0, _LEAD, closed=True)
    if site.beads:
        for number in range(3):
            bead = ellipse(np.array([-1.2 + 3.6 * number, 13.0]), (1.0, 1.0)) @ turn + corner
            canvas.fill("marker", bead, _LEAD)


def _write(canvas: Canvas, letter: str, corner: Points, turn: Points, width_mm: float) -> None:
    for stroke in _LETTERS[letter]:
        line = np.array(stroke, dtype=np.float64) @ turn + corner
        canvas.stroke("marker", line, width_mm, _LEAD)
