"""C1 and C2 from the side, and the first thoracic vertebrae that the shoulders all but hide."""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Points, closed_curve, ellipse, open_curve
from training.phantom.skeleton import Vertebra
from training.phantom.vertebrae import (
    ARCH,
    BODY,
    ENDPLATE_LINE,
    FINE_LINE,
    PILLAR,
    WALL_LINE,
    draw_body,
    draw_growth,
    draw_pillars,
    draw_spinous,
    draw_wear,
)

if TYPE_CHECKING:
    from training.phantom.values import Spine

_DENS_FUSED_YEARS = 7.0  # until then cartilage parts the dens from the body

Generator = np.random.Generator

# Shares of the depth of C2, from the middle of its inferior endplate; p backwards along it, d
# downwards at right angles to it.
_AXIS = np.array(
    [(-0.50, 0.00), (-0.45, 0.02), (-0.15, -0.075), (0.22, -0.075), (0.44, -0.01), (0.50, 0.00)]
    + [(0.49, -0.40), (0.51, -0.80), (0.54, -1.16), (0.45, -1.46), (0.22, -1.56), (0.00, -1.44)]
    + [(-0.13, -1.08), (-0.29, -0.72), (-0.43, -0.30)]
)
_RING = np.array([(-0.08, -1.14), (-0.08, -0.80), (0.06, -0.52), (0.26, -0.44), (0.46, -0.62)])
_SHOULDER = np.array([(-0.10, -0.95), (0.16, -0.86), (0.40, -0.90), (0.62, -0.78), (0.92, -0.56)])
_PARS = np.array(
    [(0.50, -0.95), (0.80, -0.70), (1.15, -0.52), (1.34, -0.30), (1.22, 0.16), (1.02, 0.30)]
    + [(0.82, 0.00), (0.66, -0.28), (0.48, -0.48)]
)
_MASS = np.array([(0.02, -1.10), (0.00, -1.75), (0.50, -1.95), (0.84, -1.50), (0.62, -1.06)])
_BAR = np.array(
    [(0.62, -1.66), (1.05, -1.38), (1.42, -1.40), (1.86, -1.52), (2.06, -1.38), (1.92, -1.04)]
    + [(1.66, -0.98), (1.10, -1.14), (0.66, -1.36)]
)


def draw_cervical_spine(
    canvas: Canvas, chain: tuple[Vertebra, ...], spine: Spine, age: float, rng: Generator
) -> None:
    """Draw C1 to T2, with whatever the spine has wrong with its discs.

    Args:
        canvas: Takes the bones on its sheets.
        chain: C2 to C7 in place.
        spine: Canal, processes, spurs, density.
        age: Years; what is not yet bone in a child is left dark.
        rng: For what differs from one person to the next.
    """
    turn_mm = float(rng.normal(0, 1.7))
    _draw_thoracic(canvas, chain[5], spine, rng)
    for index in range(5, 0, -1):
        draw_spinous(canvas, chain[index], spine, index, rng)
        pitch = chain[index].height + spine.disc_height_mm[min(index, 4)]
        draw_pillars(canvas, chain[index], pitch, turn_mm, rng)
    for vertebra in chain[1:]:
        draw_body(canvas, vertebra, spine.endplate_depth_mm, rng)
        draw_growth(canvas, vertebra, age, rng)
    _draw_c2(canvas, chain[0], spine, turn_mm)
    if age < _DENS_FUSED_YEARS:
        synchondrosis = np.array([(-0.34, -0.62), (0.10, -0.66), (0.50, -0.60)])
        canvas.stroke("air", _on_axis(chain[0], synchondrosis), 1.6, 0.22)
    _draw_c1(canvas, chain[0], turn_mm, rng)
    for index in range(5):
        draw_wear(canvas, chain[index], chain[index + 1], spine, index)


def _on_axis(axis: Vertebra, shape: Points) -> Points:
    upright = np.asarray(shape) @ ((1.0, 0.0), (np.tan(np.radians(axis.lean_degrees)), 1.0))
    return axis.place(upright * axis.depth + (0.0, axis.height / 2))


def _draw_c2(canvas: Canvas, axis: Vertebra, spine: Spine, turn_mm: float) -> None:
    outline = _on_axis(axis, closed_curve(_AXIS))
    canvas.fill("bodies", outline, BODY)
    canvas.stroke("cortex", outline[30:], 0.55, WALL_LINE)
    canvas.stroke("cortex", outline[:31], 0.65, ENDPLATE_LINE)
    canvas.stroke("cortex", _on_axis(axis, open_curve(_RING)), 0.7, 0.16)
    canvas.stroke("cortex", _on_axis(axis, open_curve(_SHOULDER)), 0.6, 0.12)
    for sheet, side in (("left", -0.5), ("right", 0.5)):
        pars = _on_axis(axis, closed_curve(_PARS)) + np.array([1.0, 0.5]) * turn_mm * side
        canvas.fill(sheet, pars, PILLAR)
        canvas.stroke("cortex", pars, 0.5, FINE_LINE * 0.8, closed=True)
    _draw_c2_process(canvas, axis, spine)


def _draw_c2_process(canvas: Canvas, axis: Vertebra, spine: Spine) -> None:
    start = 0.5 + (spine.canal_mm[0] - 2) / axis.depth
    length = spine.spinous_mm[0] / axis.depth
    shape = np.array(
        [
            (start - 0.50, -0.10),
            (start - 0.50, -0.50),
            (start + 0.08, -0.62),
            (start + 0.55 * length, -0.72),
            (start + 0.95 * length, -0.46),
            (start + 1.14 * length, 0.10),
            (start + 1.00 * length, 0.30),
            (start + 0.50 * length, 0.22),
            (start + 0.02, 0.20),
        ]
    )
    plate = _on_axis(axis, closed_curve(shape))
    canvas.fill("arches", plate, ARCH * 1.15)
    canvas.stroke("cortex", plate, 0.5, FINE_LINE, closed=True)
    inner = np.array([(start + 0.34, -0.50), (start + 0.14, -0.24), (start + 0.20, 0.06)])
    canvas.stroke("cortex", _on_axis(axis, open_curve(inner)), 0.6, 0.16)


def _draw_c1(canvas: Canvas, axis: Vertebra, turn_mm: float, rng: Generator) -> None:
    """Draw anterior arch before the dens, lateral masses, posterior arch with its ring."""
    nod = np.array([0.0, rng.normal(0, 0.06)])
    centre = _on_axis(axis, np.array([[-0.16 + rng.normal(0, 0.02), -1.66]]))[0]
    arch = ellipse(centre, (0.16 * axis.depth, 0.27 * axis.depth), 14 - axis.tilt_degrees)
    canvas.fill("wear", arch, 0.30)
    canvas.stroke("cortex", arch, 0.6, 0.16, closed=True)
    for sheet, side in (("left", -0.5), ("right", 0.5)):
        mass = _on_axis(axis, closed_curve(_MASS)) + np.array([1.0, 0.7]) * turn_mm * side
        canvas.fill(sheet, mass, 0.20)
    bar = _on_axis(axis, closed_curve(_BAR + nod))
    canvas.fill("arches", bar, ARCH * 1.3)
    canvas.stroke("cortex", bar, 0.55, FINE_LINE, closed=True)
    tip = _on_axis(axis, np.array([[1.80, -1.25]]) + nod)[0]
    ring = ellipse(tip, (0.17 * axis.depth, 0.29 * axis.depth), -28 - axis.tilt_degrees)
    canvas.stroke("cortex", ring, 0.6, 0.22, closed=True)


def _draw_thoracic(canvas: Canvas, c7: Vertebra, spine: Spine, rng: Generator) -> None:
    above = c7
    for step in (1, 2):
        tilt = above.tilt_degrees + 7.0
        floor = above.place(above.corners)[2:].mean(axis=0)
        down = np.array([np.sin(np.radians(tilt - 6.0)), np.cos(np.radians(tilt - 6.0))])
        centre = floor + down * (4.5 + 0.53 * above.height)
        below = Vertebra(
            f"T{step}", centre, tilt, 6.0, above.depth * 1.02, above.height, above.height * 1.06
        )
        draw_spinous(canvas, below, spine, 5, rng)
        draw_pillars(canvas, below, below.height + 4.5, 1.0, rng)
        draw_body(canvas, below, spine.endplate_depth_mm, rng)
        above = below
