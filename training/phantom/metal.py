"""Metal on and in the patient: what surgeons fix a spine with, and what is no part of it.

Hardware of the spine keeps a film out of scope. Fillings, a necklace, an earring or a clip
from another operation do not.
"""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Points, ellipse, open_curve

if TYPE_CHECKING:
    from training.phantom.skeleton import Vertebra

Generator = np.random.Generator
Chain = tuple["Vertebra", ...]

_ORNAMENT_SHARE = 0.10  # of all films


def draw_hardware(canvas: Canvas, chain: Chain, rng: Generator) -> None:
    """Put one kind of hardware into a spine: a plate, often with a cage; screws and rods; wires.

    Args:
        canvas: Takes it on its metal sheet.
        chain: C2 to C7 in place.
        rng: For kind, level and size.
    """
    kinds = (_draw_plate, _draw_plate_and_cage, _draw_cages, _draw_rods, _draw_wires, _draw_discs)
    kind = kinds[int(rng.choice(len(kinds), p=(0.32, 0.2, 0.14, 0.2, 0.07, 0.07)))]
    first = int(rng.integers(1, 4))
    kind(canvas, chain[first : first + int(rng.integers(2, 4))], rng)


def _draw_plate(canvas: Canvas, fixed: Chain, rng: Generator) -> None:
    """An anterior plate, two screws in each vertebra."""
    slant = rng.normal(0, 0.08)
    for vertebra in fixed:
        half = vertebra.depth / 2
        for height in (-0.24, 0.24):
            reach = half * rng.uniform(0.3, 0.6)
            ends = [(-half - 2.0, height), (reach, height * 0.8 + slant)]
            _draw_screw(canvas, vertebra.place([(p, d * vertebra.height) for p, d in ends]), 3.0)
    edge = [
        vertebra.place([(-vertebra.depth / 2 - 1.6, d * vertebra.height) for d in (-0.34, 0.34)])
        for vertebra in fixed
    ]
    canvas.stroke("metal", np.concatenate(edge), 2.3, 3.2)


def _draw_screw(canvas: Canvas, ends: Points, width_mm: float) -> None:
    """A screw with its head at the first end, and a thread that shows at its rim."""
    head, tip = ends
    way = (tip - head) / np.hypot(*(tip - head))
    across = np.array([-way[1], way[0]])
    canvas.stroke("metal", ends, width_mm * 0.8, 2.4)
    canvas.stroke("metal", np.stack([head, head + (tip - head) * 0.12]), width_mm * 1.7, 3.2)
    for part in np.arange(0.25, 0.98, 0.12):
        middle = head + (tip - head) * part
        thread = np.stack([middle - across * width_mm * 0.6, middle + across * width_mm * 0.6])
        canvas.stroke("metal", thread + way * 0.3, 0.6, 2.6)


def _draw_plate_and_cage(canvas: Canvas, fixed: Chain, rng: Generator) -> None:
    _draw_plate(canvas, fixed, rng)
    _draw_cages(canvas, fixed, rng)


def _draw_cages(canvas: Canvas, fixed: Chain, rng: Generator) -> None:
    """A cage in each disc: a frame of titanium, or beads in a plastic that is not seen."""
    titanium = rng.random() < 0.6  # noqa: PLR2004 - the more common one
    for upper, lower in pairwise(fixed):
        floor, roof = upper.place(upper.corners)[2:], lower.place(lower.corners)[:2]
        front = 0.82 * np.array([floor[0], roof[0]]) + 0.18 * np.array([floor[1], roof[1]])
        rear = 0.22 * np.array([floor[0], roof[0]]) + 0.78 * np.array([floor[1], roof[1]])
        frame = np.concatenate([front, rear[::-1]])
        if titanium:
            canvas.fill("metal", frame, 0.9)
            canvas.stroke("metal", frame, 1.4, 2.6, closed=True)
            continue
        for corner in frame:
            canvas.fill("metal", ellipse(corner, (0.9, 0.9)), 2.8)


def _draw_rods(canvas: Canvas, fixed: Chain, rng: Generator) -> None:
    """Screws in the lateral masses of both sides, joined by rods behind."""
    for turn in (0.0, float(rng.uniform(1.5, 4.0))):
        heads = []
        for vertebra in fixed:
            ends = np.array([(1.42, 0.10), (0.86, -0.32)]) * (vertebra.depth, vertebra.height)
            screw = vertebra.place(ends) + (turn, turn * 0.3)
            _draw_screw(canvas, screw, 3.4)
            heads.append(screw[0])
        rod = np.array(heads)
        way = (rod[-1] - rod[0]) / np.hypot(*(rod[-1] - rod[0]))
        rod = np.concatenate([rod[:1] - way * 6, rod, rod[-1:] + way * 6])
        canvas.stroke("metal", open_curve(rod), 3.4, 3.0)


def _draw_wires(canvas: Canvas, fixed: Chain, rng: Generator) -> None:
    """Loops of wire around neighbouring spinous processes, with a twisted end."""
    for upper, lower in pairwise(fixed):
        ends = [v.place([(1.75 * v.depth, 0.35 * v.height)])[0] for v in (upper, lower)]
        wave = rng.normal(0, 1.2, (4, 2))
        loop = np.array([ends[0] - (6, 3), ends[0] + (6, -2), ends[1] + (7, 4), ends[1] - (5, -2)])
        canvas.stroke("metal", open_curve(np.concatenate([loop + wave, loop[:1]])), 1.2, 2.6)
        twist = ends[1] + np.cumsum(rng.normal(0.8, 0.9, (6, 2)), axis=0)
        canvas.stroke("metal", open_curve(twist), 1.6, 2.8)


def _draw_discs(canvas: Canvas, fixed: Chain, rng: Generator) -> None:
    """An artificial disc: two endplates with keels, a ball between them that is not seen."""
    upper, lower = fixed[0], fixed[1]
    thick = rng.uniform(1.6, 2.4)
    for vertebra, edge, keel in ((upper, 2, -0.28), (lower, 0, 0.28)):
        line = vertebra.place(vertebra.corners)[edge : edge + 2]
        plate = np.stack([line[0] * 0.92 + line[1] * 0.08, line[0] * 0.08 + line[1] * 0.92])
        canvas.stroke("metal", plate, thick, 3.2)
        middle = plate.mean(axis=0)
        up = vertebra.place([(0.0, 0.0)])[0] - middle
        spike = np.stack([middle, middle + up * abs(keel) * 1.4])
        canvas.stroke("metal", spike, 3.0, 2.8)


def draw_ornaments(canvas: Canvas, chain: Chain, rng: Generator) -> None:
    """Leave metal on one film in ten that has nothing to do with the spine.

    Args:
        canvas: Takes it on its metal sheet.
        chain: C2 to C7 in place.
        rng: For whether there is any, what it is and where.
    """
    any_at_all, kind = rng.random() < _ORNAMENT_SHARE, rng.random()
    c2, c7 = chain[0].centre, chain[5].centre
    if not any_at_all:
        return
    if kind < 0.25:  # noqa: PLR2004 - shares of the kinds
        _draw_necklace(canvas, c7, rng)
    elif kind < 0.65:  # noqa: PLR2004 - as above
        centre = c2 + (rng.normal(8, 5), rng.normal(-44, 5))
        for shift in (0.0, float(rng.normal(5, 3))):
            ring = ellipse(
                centre + (shift, shift * 0.4), (rng.uniform(1.2, 5), rng.uniform(1.5, 6))
            )
            canvas.stroke("metal", ring, 1.1, 2.0, closed=True)
    else:
        for _ in range(int(rng.integers(2, 8))):
            start = (c2 + c7) / 2 + (rng.normal(-46, 6), rng.normal(24, 16))
            end = start + rng.normal(0, 2.6, 2)
            canvas.stroke("metal", np.stack([start, end]), 0.9, 2.2)


def _draw_necklace(canvas: Canvas, c7: Points, rng: Generator) -> None:
    """A chain of small links around the root of the neck."""
    drop, size = rng.normal(16, 5), rng.uniform(0.5, 1.1)
    along = open_curve(
        np.array([(-62, 34), (-40, 24), (-6, 6), (30, -10), (58, -18), (74, -14)], dtype=np.float64)
        + c7 + (0, drop),
        steps=9,
    )  # fmt: skip
    for link in along:
        canvas.fill("metal", ellipse(link + rng.normal(0, 0.3, 2), (size, size)), 1.3)
