"""The bones of the neck from the side: bodies, articular pillars, laminae, spinous processes.

Outlines are shares of body depth and height, measured on real lateral films; amounts are the
optical path (attenuation times thickness) that bone adds to the soft tissue in its place.
Sheets: ``bodies``, ``left`` and ``right`` (pillars), ``arches`` hold cancellous bone;
``cortex`` holds cortical lines, ``wear`` what age and disease add.
"""

# ruff: noqa: RUF005 - a plus between points is a sum, not a join

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.canvas import Canvas, Points, closed_curve, open_curve

if TYPE_CHECKING:
    from training.phantom.skeleton import Vertebra
    from training.phantom.values import Spine

BODY = 0.34
PILLAR = 0.18
ARCH = 0.17
ENDPLATE_LINE = 0.34
WALL_LINE = 0.24
FINE_LINE = 0.22

_RING_AGES = (8.0, 17.0)
_RING_SEEN = 0.7

Generator = np.random.Generator

# Shares of body depth (p) and body height (d), from the centre of the body.
_PILLAR_SHAPE = np.array(  # d as a share of the pitch from one vertebra to the next
    [(0.42, -0.44), (0.58, -0.62), (0.82, -0.45), (1.02, -0.20), (1.10, 0.05), (1.15, 0.34)]
    + [(1.16, 0.62), (1.03, 0.68), (0.82, 0.48), (0.58, 0.25), (0.40, -0.03)]
)
_TRANSVERSE = np.array(
    [(0.02, -0.42), (0.00, -0.12), (0.08, 0.12), (0.24, 0.16), (0.40, 0.04), (0.50, -0.12)]
)
_UNCINATE = np.array([(-0.10, 0.00), (0.06, -0.09), (0.28, -0.14), (0.44, -0.06), (0.40, 0.06)])
_WORST = 4  # index in C2 to C7 from which the spinous processes point straight backwards


def body_outline(vertebra: Vertebra, hollow: float) -> Points:
    """Return the outline of a body on the film, mm.

    Args:
        vertebra: Where it lies.
        hollow: Depth of the hollow of its endplates, mm.

    Returns:
        (84, 2): walls waisted, endplates hollow, a lip at the lower front. The corners are
        points 0 (top anterior), 30 (top posterior), 42 (bottom posterior), 72 (bottom
        anterior).
    """
    depth = vertebra.depth
    top_front, top_rear, low_front, low_rear = vertebra.corners
    outline = [
        top_front,
        top_front + (0.035 * depth, -0.01 * depth),
        top_front * 0.72 + top_rear * 0.28 + (0, hollow * 0.25),
        top_front * 0.38 + top_rear * 0.62 + (0, hollow * 0.30),
        top_rear + (-0.05 * depth, 0.0),
        top_rear,
        (top_rear + low_rear) / 2 - (0.018 * depth, 0),
        low_rear,
        low_rear + (-0.06 * depth, -0.3 * hollow),
        low_rear * 0.6 + low_front * 0.4 - (0, hollow * 1.75),
        low_rear * 0.25 + low_front * 0.75 - (0, hollow * 1.15),
        low_front + (0.05 * depth, 0.025 * depth),
        low_front,
        (low_front + top_front) / 2 + (0.042 * depth, 0),
    ]
    return vertebra.place(closed_curve(np.array(outline)))


def draw_body(canvas: Canvas, vertebra: Vertebra, hollow: float, rng: Generator) -> None:
    """Draw a body of C3 or below: bright endplates, thinner walls, the processes over it."""
    outline = body_outline(vertebra, hollow)
    canvas.fill("bodies", outline, BODY * rng.uniform(0.92, 1.08))
    rim = body_outline(vertebra, -0.15 * hollow)
    canvas.stroke("cortex", rim[6:28], 0.5, 0.09)
    canvas.stroke("cortex", rim[48:68], 0.5, 0.09)
    canvas.stroke("cortex", np.concatenate([outline[72:], outline[:1]]), 0.5, WALL_LINE)
    canvas.stroke("cortex", outline[30:43], 0.55, WALL_LINE * 1.15)
    canvas.stroke("cortex", outline[:31], 0.65, ENDPLATE_LINE)
    canvas.stroke("cortex", outline[42:73], 0.65, ENDPLATE_LINE)
    _draw_processes(canvas, vertebra, rng)


def _draw_processes(canvas: Canvas, vertebra: Vertebra, rng: Generator) -> None:
    """Draw uncinate process and transverse process, seen through and above the body."""
    size = np.array([vertebra.depth, vertebra.height])
    top = np.array([0.0, -0.5 * vertebra.height])
    bump = vertebra.place(_UNCINATE * size * rng.uniform(0.8, 1.2) + top)
    canvas.fill("wear", closed_curve(bump), 0.12)
    canvas.stroke("cortex", open_curve(bump[:4]), 0.6, 0.10)
    jitter = rng.normal(0, 0.035, _TRANSVERSE.shape) + rng.normal(0, 0.02, 2)
    for side, amount in ((0.0, 0.15), (rng.uniform(0.03, 0.09), 0.10)):
        loop = vertebra.place((_TRANSVERSE + jitter + (side, side * 0.4)) * size)
        canvas.stroke("cortex", open_curve(loop), 0.7, amount)
    inside = vertebra.place(closed_curve((_TRANSVERSE + jitter) * size))
    canvas.fill("arches", inside, 0.06)


def draw_pillars(
    canvas: Canvas, vertebra: Vertebra, pitch: float, turn_mm: float, rng: Generator
) -> None:
    """Draw left and right articular pillar, out of line by how far the patient was turned.

    Args:
        canvas: Takes each side on a sheet of its own.
        vertebra: Whose pillars they are.
        pitch: Height of the body and the disc below it, mm: the joints meet the next vertebra's.
        turn_mm: How far the right side lies behind the left one.
        rng: No two sides are quite alike.
    """
    size = np.array([vertebra.depth, pitch])
    for sheet, side in (("left", -0.5), ("right", 0.5)):
        shift = np.array([turn_mm, 0.6 * turn_mm]) * side + rng.normal(0, 0.25, 2)
        shape = _PILLAR_SHAPE + rng.normal(0, 0.018, _PILLAR_SHAPE.shape)
        outline = vertebra.place(closed_curve(shape * size + shift))
        canvas.fill(sheet, outline, PILLAR * rng.uniform(0.85, 1.15))
        canvas.stroke("cortex", outline[5:20], 0.4, 0.32)  # the upper joint surface
        canvas.stroke("cortex", outline[20:37], 0.4, 0.20)  # the rear border
        canvas.stroke("cortex", outline[40:56], 0.4, 0.32)  # the lower joint surface


def draw_spinous(
    canvas: Canvas, vertebra: Vertebra, spine: Spine, index: int, rng: Generator
) -> None:
    """Draw lamina, spinolaminar line and spinous process of C3 (index 1) to C7 (5) or below."""
    height = vertebra.height
    start = vertebra.depth / 2 + spine.canal_mm[index]
    length = spine.spinous_mm[index]
    long = index >= _WORST
    drop = -0.12 if long else 0.22
    thick = 1.0 if long else 0.85
    root = min(start - 3.0, 1.02 * vertebra.depth)
    lamina = np.array(
        [(root, -0.10), (start - 2.0, -0.40), (start, -0.40), (start, 0.36), (start - 3.0, 0.44)]
        + [(root, 0.34)]
    ) * (1.0, height)
    shape = np.array(
        [
            (start - 1.0, -0.44 * height),
            (start + 0.5, -0.52 * height * thick),
            (start + 0.35 * length, (-0.36 + 0.4 * drop) * height),
            (start + 0.80 * length, (-0.22 + drop) * height),
            (start + length, (-0.10 + drop) * height),
            (start + 1.04 * length, (0.10 + drop) * height),
            (start + 0.92 * length, (0.26 + drop) * height),
            (start + 0.45 * length, (0.26 + 0.7 * drop) * height),
            (start + 0.5, 0.40 * height),
            (start - 1.5, 0.44 * height),
        ]
    )
    canvas.fill("arches", vertebra.place(lamina), ARCH * 0.4)
    outline = vertebra.place(closed_curve(shape + rng.normal(0, 0.45, shape.shape)))
    canvas.fill("arches", outline, ARCH * rng.uniform(0.85, 1.1) * (0.85 if long else 1.0))
    canvas.stroke("cortex", outline[4:50], 0.45, FINE_LINE * 0.6)
    front = [
        (start + 1.6, -0.47 * height),
        (start + 0.1, -0.12 * height),
        (start + 1.4, 0.30 * height),
    ]
    line = vertebra.place(open_curve(np.array(front)))
    canvas.stroke("cortex", line, 0.7, rng.uniform(0.20, 0.28))
    if spine.ossified_ligament_mm[index]:
        _draw_ossified_ligament(canvas, vertebra, spine.ossified_ligament_mm[index], rng)


def _draw_ossified_ligament(
    canvas: Canvas, vertebra: Vertebra, thickness: float, rng: Generator
) -> None:
    """Draw bone in the posterior longitudinal ligament: a dense strip behind the body."""
    half, wall = 0.62 * vertebra.height, vertebra.depth / 2 + 0.7
    bulge = wall + thickness * np.array([0.35, 0.9, 1.0, 0.9, 0.35]) * rng.uniform(0.9, 1.1, 5)
    rear = np.stack([bulge, np.linspace(-half, half, 5)], axis=1)
    strip = np.concatenate([[(wall, -half)], rear, [(wall, half)]])
    canvas.fill("wear", vertebra.place(closed_curve(strip)), 0.55)


def draw_growth(canvas: Canvas, vertebra: Vertebra, age: float, rng: Generator) -> None:
    """Draw what a growing body has: rings of bone that are not yet fused to its plates.

    Args:
        canvas: Takes them.
        vertebra: C3 or below.
        age: Years; the rings are bone from about eight to seventeen.
        rng: Not every ring is to be seen.
    """
    first, last = _RING_AGES
    if not first < age < last:
        return
    gap = 0.05 * vertebra.height
    for corner, away in ((0, -1.0), (2, 1.0)):
        if rng.random() < _RING_SEEN:
            front = vertebra.corners[corner] + (0.03 * vertebra.depth, away * gap)
            ring = np.array([front, front + (0.2 * vertebra.depth, 0.0)])
            canvas.stroke("wear", vertebra.place(ring), 1.1, 0.24)


def draw_wear(canvas: Canvas, upper: Vertebra, lower: Vertebra, spine: Spine, index: int) -> None:
    """Draw hardened endplates and spurs on both sides of a disc."""
    density, spur = spine.sclerosis[index], spine.osteophyte_mm[index]
    floor, roof = upper.corners[2:], lower.corners[:2]
    for vertebra, plate, inward in ((upper, floor, -1.4), (lower, roof, 1.4)):
        band = vertebra.place(plate * (0.84, 1.0) + (0.0, inward))
        canvas.stroke("wear", band, 2.8, 0.30 * density)
    if spur > 0:
        _draw_spur(canvas, upper, floor[0], (-1.0, 0.40), spur)
        _draw_spur(canvas, lower, roof[0], (-1.0, -0.30), spur * 0.9)
        _draw_spur(canvas, upper, floor[1], (1.0, 0.25), spur * 0.5)
        _draw_spur(canvas, lower, roof[1], (1.0, -0.25), spur * 0.5)


def _draw_spur(
    canvas: Canvas, vertebra: Vertebra, corner: Points, towards: tuple[float, float], length: float
) -> None:
    """Draw a beak that grows out of a corner, with its base along the wall."""
    outwards, along = towards[0] * length, towards[1] * length
    away = -1.0 if along > 0 else 1.0
    beak = np.array(
        [
            (-1.5 * towards[0], 0.0),
            (0.4 * outwards, 0.1 * along),
            (0.85 * outwards, 0.7 * along),
            (outwards, along),
            (0.75 * outwards, 0.5 * along + away * 0.25 * length),
            (0.3 * outwards, away * 0.6 * length),
            (0.0, away * (1.2 + 1.1 * length)),
            (-1.2 * towards[0], away * (0.8 + 0.8 * length)),
        ]
    )
    outline = vertebra.place(closed_curve(corner + beak, steps=4))
    canvas.fill("wear", outline, BODY * 0.8)
    canvas.stroke("cortex", outline[:28], 0.7, 0.36)
