"""Where the vertebrae of a case lie on the film: the chain built upwards from C7.

Each vertebra has a frame of its own: ``p`` runs backwards along its middle, ``d`` downwards,
both in mm from the centre of the body. The patient faces left; films of patients who face
right are mirrored at the very end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.values import KEYPOINT_COUNT, Spine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.phantom.canvas import Points

_C2_CENTROID = (-0.05, -0.76)  # CSXA: above the inferior endplate, as a share of the body's depth


@dataclass(frozen=True, slots=True, eq=False)
class Vertebra:
    """One vertebra in place.

    Attributes:
        name: ``"C2"`` to ``"C7"``.
        centre: Centre of the body, mm on the film; of C2, half way up its short body.
        tilt_degrees: Inclination; positive carries the lower end backwards.
        depth: Mid-body depth, mm.
        anterior_height: mm.
        posterior_height: mm.
    """

    name: str
    centre: NDArray[np.float64]
    tilt_degrees: float
    depth: float
    anterior_height: float
    posterior_height: float

    def place(self, local: Points | list[tuple[float, float]]) -> Points:
        """Carry points (p, d) in mm of this vertebra's frame onto the film."""
        points = np.asarray(local, dtype=np.float64)
        angle = np.radians(self.tilt_degrees)
        back = np.array([np.cos(angle), -np.sin(angle)])
        down = np.array([np.sin(angle), np.cos(angle)])
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

    @property
    def wedge_degrees(self) -> float:
        """Angle from the lower to the upper endplate; negative when taller behind."""
        return float(np.degrees((self.anterior_height - self.posterior_height) / self.depth))


def build_chain(spine: Spine) -> tuple[Vertebra, ...]:
    """Stack C7, then each vertebra above, by disc height, disc wedge and slip.

    Returns:
        C2 to C7; the centre of C5 is the origin.
    """
    heights = (0.62 * spine.depth_mm[0], *spine.anterior_height_mm)
    rears = (0.62 * spine.depth_mm[0], *spine.posterior_height_mm)
    below = Vertebra(
        "C7", np.zeros(2), spine.c7_tilt_degrees, spine.depth_mm[5], heights[5], rears[5]
    )
    chain = [below]
    for index in range(4, -1, -1):
        below = _stack(below, spine, index, heights[index], rears[index])
        chain.insert(0, below)
    return tuple(_moved(vertebra, -chain[3].centre) for vertebra in chain)


def _stack(
    below: Vertebra, spine: Spine, index: int, anterior: float, posterior: float
) -> Vertebra:
    """Put a vertebra on the one below; the posterior walls are in line but for the slip."""
    bare = Vertebra(f"C{index + 2}", np.zeros(2), 0.0, spine.depth_mm[index], anterior, posterior)
    turned = spine.disc_angle_degrees[index]
    tilt = below.tilt_degrees - below.wedge_degrees / 2 - turned - bare.wedge_degrees / 2
    tilted = Vertebra(bare.name, bare.centre, tilt, bare.depth, anterior, posterior)
    floor = below.place(below.corners)[:2].mean(axis=0)
    offset = (below.depth * 0.96 - bare.depth) / 2 + spine.slip_mm[index]
    middle = np.radians(below.tilt_degrees - below.wedge_degrees / 2 - turned / 2)
    back = np.array([np.cos(middle), -np.sin(middle)])
    up = -np.array([np.sin(middle), np.cos(middle)])
    wanted = floor + up * spine.disc_height_mm[index] + back * offset
    found = tilted.place(tilted.corners)[2:].mean(axis=0)
    return _moved(tilted, wanted - found)


def _moved(vertebra: Vertebra, by: NDArray[np.float64]) -> Vertebra:
    return Vertebra(
        vertebra.name,
        vertebra.centre + by,
        vertebra.tilt_degrees,
        vertebra.depth,
        vertebra.anterior_height,
        vertebra.posterior_height,
    )


def move_chain(chain: tuple[Vertebra, ...], by: tuple[float, float]) -> tuple[Vertebra, ...]:
    """Carry a whole chain to another place of the film, mm."""
    return tuple(_moved(vertebra, np.array(by)) for vertebra in chain)


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
