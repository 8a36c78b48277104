"""Where the vertebrae of a case lie on the film: the chain built upwards from C7.

Each vertebra has a frame of its own: ``p`` runs backwards along its plates, ``d`` downwards
along its walls, both in mm from the centre of the body. The frame is oblique, as the bodies
are: the plates slope down to the front against the walls, most of all at C2. The patient faces
left; films of patients who face right are mirrored at the very end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.values import KEYPOINT_COUNT, Spine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.phantom.canvas import Points

_C2_CENTROID = (0.0, -0.80)  # CSXA: above the inferior endplate, as a share of the body's depth


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One vertebra in place.

    Attributes:
        name: ``"C2"`` to ``"C7"``.
        centre: Centre of the body, mm on the film; of C2, half way up its short body.
        tilt_degrees: Inclination of the plates; positive lifts their front.
        lean_degrees: How far the walls run forwards of the normal of the plates, downwards.
        depth: Mid-body depth, mm.
        anterior_height: mm.
        posterior_height: mm.
    """

    name: str
    centre: NDArray[np.float64]
    tilt_degrees: float
    lean_degrees: float
    depth: float
    anterior_height: float
    posterior_height: float

    def place(self, local: Points | list[tuple[float, float]]) -> Points:
        """Carry points (p, d) in mm of this vertebra's frame onto the film."""
        points = np.asarray(local, dtype=np.float64)
        angle, lean = np.radians((self.tilt_degrees, self.lean_degrees))
        back = np.array([np.cos(angle), -np.sin(angle)])
        down = np.array([np.sin(angle - lean), np.cos(angle - lean)])
        return np.asarray(self.centre + points[:, :1] * back + points[:, 1:] * down)

    @property
    def height(self) -> float:
        """Mean height of the body."""
        return (self.anterior_height + self.posterior_height) / 2

    @property
    def corners(self) -> Points:
        """Top anterior, top posterior, bottom anterior, bottom posterior, mm in the frame."""
        half, front, rear = self.depth / 2, self.anterior_height / 2, self.posterior_height / 2
        return np.array(
            [(-half * 0.96, -front), (half * 0.96, -rear), (-half, front), (half, rear)]
        )


def plate_degrees(vertebra: Vertebra) -> tuple[float, float]:
    """Return the inclination of the upper and of the lower endplate on the film."""
    placed = vertebra.place(vertebra.corners)
    rises = placed[1::2] - placed[::2]
    upper, lower = np.degrees(np.arctan2(-rises[:, 1], rises[:, 0]))
    return float(upper), float(lower)


def wedge_degrees(spine: Spine) -> float:
    """Return by how much the bodies of C3 to C7 together add to the lordosis; mostly negative."""
    plates = [plate_degrees(_body(spine, index, 0.0)) for index in range(1, 6)]
    return sum(lower - upper for upper, lower in plates)


def build_chain(spine: Spine) -> tuple[Vertebra, ...]:
    """Stack C7, then each vertebra above, by disc height, disc wedge and slip.

    Returns:
        C2 to C7; the centre of C5 is the origin.
    """
    chain = [_body(spine, 5, spine.c7_tilt_degrees)]
    for index in range(4, -1, -1):
        chain.insert(0, _stack(chain[0], spine, index))
    return move_chain(tuple(chain), (-chain[3].centre[0], -chain[3].centre[1]))


def _body(spine: Spine, index: int, tilt: float) -> Vertebra:
    """Return C2 (index 0) to C7 (5) at the origin."""
    heights = (0.62 * spine.depth_mm[0], *spine.anterior_height_mm)
    rears = (0.62 * spine.depth_mm[0], *spine.posterior_height_mm)
    return Vertebra(
        name=f"C{index + 2}",
        centre=np.zeros(2),
        tilt_degrees=tilt,
        lean_degrees=spine.lean_degrees[index],
        depth=spine.depth_mm[index],
        anterior_height=heights[index],
        posterior_height=rears[index],
    )


def _stack(below: Vertebra, spine: Spine, index: int) -> Vertebra:
    """Put a vertebra on the one below; the posterior walls are in line but for the slip."""
    roof = plate_degrees(below)[0]
    turned = spine.disc_angle_degrees[index]
    upright = _body(spine, index, 0.0)
    above = replace(upright, tilt_degrees=roof - turned - plate_degrees(upright)[1])
    floor = below.place(below.corners)[:2].mean(axis=0)
    middle = np.radians(roof - turned / 2)
    wall = middle - np.radians((above.lean_degrees + below.lean_degrees) / 2)
    back = np.array([np.cos(middle), -np.sin(middle)])
    up = -np.array([np.sin(wall), np.cos(wall)])
    offset = (below.depth * 0.96 - above.depth) / 2 + spine.slip_mm[index]
    wanted = floor + up * spine.disc_height_mm[index] + back * offset
    found = above.place(above.corners)[2:].mean(axis=0)
    return replace(above, centre=wanted - found)


def move_chain(chain: tuple[Vertebra, ...], by: tuple[float, float]) -> tuple[Vertebra, ...]:
    """Carry a whole chain to another place of the film, mm."""
    return tuple(replace(vertebra, centre=vertebra.centre + by) for vertebra in chain)


def keypoints_mm(chain: tuple[Vertebra, ...]) -> Points:
    """Return the 23 points of the CSXA order in mm on the film."""
    c2 = chain[0]
    centroid = c2.place([(_C2_CENTROID[0] * c2.depth, c2.height / 2 + _C2_CENTROID[1] * c2.depth)])
    bottom = c2.place(c2.corners)[2:]
    rest = [vertebra.place(vertebra.corners) for vertebra in chain[1:]]
    points = np.concatenate([centroid, bottom, *rest])
    if len(points) != KEYPOINT_COUNT:
        raise AssertionError
    return points
