"""The lateral film: where the spine lies on it, what is drawn, and how the sheets add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.phantom.axis import draw_cervical_spine
from training.phantom.canvas import Canvas, Map, Points, soften, texture
from training.phantom.degrade import amount_of
from training.phantom.head import draw_head, draw_throat, skull_base, skull_floor
from training.phantom.metal import draw_hardware, draw_ornaments
from training.phantom.skeleton import build_chain, keypoints_mm, move_chain
from training.phantom.softtissue import draw_airway, soft_tissue
from training.phantom.values import Degradation

if TYPE_CHECKING:
    from training.phantom.values import PhantomCase

HEIGHT_MM = 256.0
WIDTH_MM = 210.0

_C5_PLACE = (0.42, 0.54)  # where C5 lies on 3567 CSXA films, as a share of width and height

# Bones that lie side by side on one sheet, and the sheets whose bones lie behind each other.
_VOLUMES = (("bodies",), ("left",), ("right",), ("arches", "wear"))
_THICKEST_RIM = np.float32(0.09)

Generator = np.random.Generator


def draw_lateral(canvas: Canvas, case: PhantomCase, rng: Generator) -> tuple[Map, Points]:
    """Draw a lateral film of a patient who faces left.

    Args:
        canvas: Takes the bones, the air and the metal on its sheets.
        case: From ``draw_case``.
        rng: For position and what differs from one person to the next.

    Returns:
        The optical path through soft tissue, and the 23 keypoints in mm on the film.
    """
    chain = build_chain(case.spine)
    place = [
        _C5_PLACE[0] * WIDTH_MM + rng.normal(0, 7),
        _C5_PLACE[1] * HEIGHT_MM + rng.normal(0, 6),
    ]
    if (cut_off := amount_of(case, Degradation.CROPPED)) is not None:
        lowest = chain[5].place(chain[5].corners)[:, 1].max()
        place[1] = HEIGHT_MM - lowest + cut_off
    chain = move_chain(chain, (place[0], place[1]))
    size = 0.68 + 0.32 * min(1.0, case.age_years / 18)
    floor = skull_floor(chain[0].centre, size, rng)
    path = soft_tissue(canvas, chain, floor, size, rng)
    path += skull_base(canvas, chain[0].centre, size, rng)
    draw_airway(canvas, chain, case, rng)
    draw_head(canvas, chain[0].centre, floor, size, rng)
    draw_throat(canvas, chain, case.age_years, rng)
    draw_cervical_spine(canvas, chain, case.spine, case.age_years, rng)
    if case.hardware:
        draw_hardware(canvas, chain, rng)
    else:
        draw_ornaments(canvas, chain, rng)
    return path, keypoints_mm(chain)


def gathered(canvas: Canvas, path: Map, rng: Generator) -> Map:
    """Sum up the sheets: textured cancellous bone, uneven cortex, air, metal.

    Args:
        canvas: All views draw on the same sheets.
        path: Optical path through soft tissue.
        rng: For the textures.

    Returns:
        The optical path through everything.
    """
    spacing = canvas.spacing
    bone = sum(
        (_as_volume(canvas.read(*sheets), spacing) for sheets in _VOLUMES),
        np.zeros(canvas.shape, np.float32),
    )
    uneven = texture(canvas, 1.6, 6.0, rng)
    strands = texture(canvas, 0.22, 0.9, rng)
    bone *= 1 + np.float32(0.14) * strands + np.float32(0.10) * uneven
    cortex = canvas.read("cortex")
    cortex *= np.clip(1 + np.float32(0.30) * uneven, np.float32(0.3), np.float32(1.9))
    path = path + bone + cortex
    path += soften(canvas.read("face"), 4.0, spacing) * 2 - soften(canvas.read("air"), 1.0, spacing)
    path += canvas.read("metal")
    return np.asarray(np.maximum(path, 0))


def _as_volume(filled: Map, spacing: float) -> Map:
    """Turn filled outlines into the path through rounded bones with a shell.

    A ray through the border runs along the shell, so that the rim is bright and fades inwards;
    a ray through the middle crosses most of the cancellous bone.
    """
    near, wide = soften(filled, 0.25, spacing), soften(filled, 1.6, spacing)
    rim = np.clip(near - wide, 0, _THICKEST_RIM)
    return np.asarray(np.float32(0.55) * near + np.float32(0.35) * wide + np.float32(1.3) * rim)
