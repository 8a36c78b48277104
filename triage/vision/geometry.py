"""Windows onto the film and measures of the spine, both from the 23 landmarks.

Lengths are given in vertebral depths (the mean antero-posterior depth of the endplates on the
film), so that magnification and resolution do not count. Everything is differentiable and
runs on the device of its inputs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

LANDMARKS: Final = 23
DISCS: Final = ("C2/C3", "C3/C4", "C4/C5", "C5/C6", "C6/C7")
BODIES: Final = ("C3", "C4", "C5", "C6", "C7")
DISC_FEATURES: Final = 8
SPINE_FEATURES: Final = 15

_DISC_SHAPE: Final = (48, 64)  # rows, columns of a disc window
_DISC_HALF: Final = (0.75, 1.0)  # half its height and width, in vertebral depths
_VERTEBRA_SHAPE: Final = (48, 96)
_VERTEBRA_HALF: Final = (0.75, 1.5)
_VERTEBRA_SHIFT: Final = 0.7  # the canal and the spinolaminar line lie behind the body
_RIM_SHAPE: Final = (24, 48)  # of an endplate window
_RIM_HALF: Final = (0.45, 1.0)
_RING_SHAPE: Final = (24, 32)  # of a window on a ring apophysis: about the square's own pixels
_RING_HALF: Final = (0.30, 0.36)
_RING_SHIFT: Final = -0.35  # its centre lies before the endplate's, in vertebral depths
_SPINE_SHAPE: Final = (96, 64)
_SPINE_HALF: Final = (0.72, 0.5)  # half its height and width, in lengths C2-C7
_SPINE_SHIFT: Final = -0.12  # its centre lies before the vertebrae, in lengths C2-C7
_ANGLE_SCALE: Final = 4.0  # radians are small next to lengths; the networks like them alike


def _corners(landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Upper anterior, upper posterior, lower anterior, lower posterior (n, 5, 2) of the discs."""
    rims = landmarks[:, 1:21].reshape(-1, 5, 4, 2)
    return rims[:, :, 0], rims[:, :, 1], rims[:, :, 2], rims[:, :, 3]


def centroids(landmarks: Tensor) -> Tensor:
    """Centroids (n, 6, 2) of C2 to C7."""
    bodies = landmarks[:, 3:23].reshape(-1, 5, 4, 2).mean(dim=2)
    return torch.cat([landmarks[:, :1], bodies], dim=1)


def depth(landmarks: Tensor) -> Tensor:
    """Mean depth (n,) of the eleven endplates that the landmarks give."""
    rims = landmarks[:, 1:23].reshape(-1, 11, 2, 2)
    return _length(rims[:, :, 1] - rims[:, :, 0]).mean(dim=1).clamp_min(1.0)


def disc_windows(image: Tensor, landmarks: Tensor) -> Tensor:
    """Look at the five disc spaces, each turned level with its front to the left.

    Args:
        image: (n, 1, side, side).
        landmarks: (n, 23, 2).

    Returns:
        Windows (n, 5, 1, 48, 64).
    """
    front_above, back_above, front_below, back_below = _corners(landmarks)
    centre = (front_above + back_above + front_below + back_below) / 4
    along = _unit(back_above + back_below - front_above - front_below)
    across = _caudal(along, front_below + back_below - front_above - back_above)
    size = depth(landmarks)[:, None, None]
    half_height, half_width = _DISC_HALF
    flat = _sample(
        image, centre, along * size * half_width, across * size * half_height, _DISC_SHAPE
    )
    return flat.reshape(image.shape[0], 5, 1, *_DISC_SHAPE)


def vertebra_windows(image: Tensor, landmarks: Tensor) -> Tensor:
    """Look at C3 to C7 with the canal behind them, each turned level with its front to the left.

    Args:
        image: (n, 1, side, side).
        landmarks: (n, 23, 2).

    Returns:
        Windows (n, 5, 1, 48, 96).
    """
    bodies = landmarks[:, 3:23].reshape(-1, 5, 4, 2)
    along = _unit(bodies[:, :, 1] + bodies[:, :, 3] - bodies[:, :, 0] - bodies[:, :, 2])
    across = _caudal(along, bodies[:, :, 2:].sum(dim=2) - bodies[:, :, :2].sum(dim=2))
    size = depth(landmarks)[:, None, None]
    half_height, half_width = _VERTEBRA_HALF
    centre = bodies.mean(dim=2) + along * size * _VERTEBRA_SHIFT
    flat = _sample(
        image, centre, along * size * half_width, across * size * half_height, _VERTEBRA_SHAPE
    )
    return flat.reshape(image.shape[0], len(BODIES), 1, *_VERTEBRA_SHAPE)


class Frames(NamedTuple):
    """Where endplate windows lie: a window's point (u, v) is centre + u right + v below.

    Attributes:
        centre: (n, 11, 2).
        right: (n, 11, 2), half the window's width, from the front to the back.
        below: (n, 11, 2), half its height, from the bone into the disc.
    """

    centre: Tensor
    right: Tensor
    below: Tensor


def endplate_frames(landmarks: Tensor) -> Frames:
    """Lay a window over each of the eleven endplates of landmarks (n, 23, 2).

    Every window has the bone above and the front to the left: windows of upper endplates are
    mirrored, so that one network can look at all of them.
    """
    rims = landmarks[:, 1:23].reshape(-1, 11, 2, 2)
    bodies = centroids(landmarks)
    down = (bodies[:, -1] - bodies[:, 0])[:, None].expand(-1, 11, -1)
    along = _unit(rims[:, :, 1] - rims[:, :, 0])
    away = _caudal(along, down)
    upper = torch.arange(11, device=landmarks.device) % 2 == 1  # C2 lower, C3 upper, C3 lower ...
    away = torch.where(upper[None, :, None], -away, away)
    size = depth(landmarks)[:, None, None]
    half_height, half_width = _RIM_HALF
    return Frames(rims.mean(dim=2), along * size * half_width, away * size * half_height)


def endplate_windows(image: Tensor, frames: Frames) -> Tensor:
    """Look at the eleven endplates of films (n, 1, side, side): (n * 11, 1, 24, 48)."""
    return _sample(image, *frames, _RIM_SHAPE)


def ring_windows(image: Tensor, landmarks: Tensor) -> Tensor:
    """Look at the front corner of each endplate, where a ring apophysis lies in those who grow.

    Args:
        image: (n, 1, side, side).
        landmarks: (n, 23, 2).

    Returns:
        Windows (n * 11, 1, 24, 32), with the bone above and the front to the left.
    """
    frames = endplate_frames(landmarks)
    along = frames.right / _RIM_HALF[1]
    away = frames.below / _RIM_HALF[0]
    half_height, half_width = _RING_HALF
    centre = frames.centre + along * _RING_SHIFT
    return _sample(image, centre, along * half_width, away * half_height, _RING_SHAPE)


def corner_offsets(frames: Frames, landmarks: Tensor, wanted: Tensor) -> Tensor:
    """How far corners lie from where they should be, in the windows' units (n, 11, 2, 2)."""
    apart = (wanted - landmarks)[:, 1:23].reshape(-1, 11, 2, 2)
    axes = torch.stack([frames.right, frames.below], dim=2)
    scale = (axes * axes).sum(dim=3)
    return torch.einsum("nkcx,nkax->nkca", apart, axes) / scale[:, :, None]


def shifted(frames: Frames, landmarks: Tensor, offsets: Tensor) -> Tensor:
    """Move the corners of landmarks (n, 23, 2) by offsets (n, 11, 2, 2); C2's centroid follows."""
    axes = torch.stack([frames.right, frames.below], dim=2)
    moves = torch.einsum("nkca,nkax->nkcx", offsets, axes).flatten(1, 2)
    return landmarks + torch.cat([moves[:, :2].mean(dim=1, keepdim=True), moves], dim=1)


def spine_window(image: Tensor, landmarks: Tensor) -> Tensor:
    """Look at C2 to C7 as a whole, upright, with the front to the left.

    Args:
        image: (n, 1, side, side).
        landmarks: (n, 23, 2).

    Returns:
        Windows (n, 1, 96, 64).
    """
    bodies = centroids(landmarks)
    down = bodies[:, -1] - bodies[:, 0]
    length = _length(down).unsqueeze(-1).clamp_min(1.0)
    down = down / length
    back = torch.stack([-down[:, 1], down[:, 0]], dim=1)
    front_to_back = (landmarks[:, 2::2] - landmarks[:, 1::2]).mean(dim=1)
    back = back * _sign((back * front_to_back).sum(dim=1, keepdim=True))
    half_height, half_width = _SPINE_HALF
    centre = bodies.mean(dim=1) + back * length * _SPINE_SHIFT
    return _sample(
        image,
        centre[:, None],
        (back * length * half_width)[:, None],
        (down * length * half_height)[:, None],
        _SPINE_SHAPE,
    )


def _sample(
    image: Tensor, centre: Tensor, right: Tensor, below: Tensor, shape: tuple[int, int]
) -> Tensor:
    """Sample (n, 1, side, side) at k windows (n, k, 2) each: (n * k, 1, rows, columns)."""
    rows, columns = shape
    u = _steps(columns, image)[None, None, None, :, None]
    v = _steps(rows, image)[None, None, :, None, None]
    points = centre[:, :, None, None] + u * right[:, :, None, None] + v * below[:, :, None, None]
    grid = (points + 0.5) / image.shape[-1] * 2 - 1
    count = centre.shape[1]
    seen = grid_sample(image, grid.flatten(1, 2), align_corners=False, padding_mode="border")
    return seen.reshape(-1, 1, count, rows, columns).transpose(1, 2).flatten(0, 1)


def _steps(count: int, like: Tensor) -> Tensor:
    """Centres of `count` equal parts of -1..1."""
    return (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count * 2 - 1


def _length(vector: Tensor) -> Tensor:
    """Length (...) of vectors (..., 2)."""
    return (vector * vector).sum(dim=-1).sqrt()


def _unit(vector: Tensor) -> Tensor:
    return vector / _length(vector).unsqueeze(-1).clamp_min(1e-6)


def _sign(value: Tensor) -> Tensor:
    return torch.where(value < 0, -1.0, 1.0)


def _caudal(along: Tensor, downwards: Tensor) -> Tensor:
    """The unit vector square to `along` that points to the feet."""
    normal = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    return normal * _sign((normal * downwards).sum(dim=-1, keepdim=True))


def _turn(first: Tensor, second: Tensor) -> Tensor:
    """Angle in radians from one vector to another, positive clockwise on the film."""
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return torch.atan2(cross, (first * second).sum(dim=-1))


def _facing(landmarks: Tensor) -> Tensor:
    """1 (n,) where the patient faces left, -1 where right: makes angles anatomical."""
    bodies = centroids(landmarks)
    down = bodies[:, -1] - bodies[:, 0]
    front_to_back = (landmarks[:, 2::2] - landmarks[:, 1::2]).mean(dim=1)
    return _sign(_turn(front_to_back, down))


def disc_features(landmarks: Tensor) -> Tensor:
    """Measure each disc space (n, 5, 8).

    Heights before, behind and in the middle; the step of the upper vertebra on the lower one
    at the front and at the back; the angle between the endplates; the depths of both
    endplates. Lengths in vertebral depths.
    """
    front_above, back_above, front_below, back_below = _corners(landmarks)
    size = depth(landmarks)[:, None]
    along = _unit(back_above + back_below - front_above - front_below)
    across = _caudal(along, front_below + back_below - front_above - back_above)
    front, back = front_below - front_above, back_below - back_above
    upper, lower = back_above - front_above, back_below - front_below
    lengths = [
        (front * across).sum(dim=2),
        (back * across).sum(dim=2),
        ((front + back) * across).sum(dim=2) / 2,
        (front * along).sum(dim=2),
        (back * along).sum(dim=2),
        _length(upper) - size,
        _length(lower) - size,
    ]
    angle = _turn(upper, lower) * _facing(landmarks)[:, None]
    scaled = [length / size * _ANGLE_SCALE for length in lengths]
    return torch.stack([*scaled, angle * _ANGLE_SCALE], dim=2)


def spine_features(landmarks: Tensor) -> Tensor:
    """Measure the spine (n, 15): five segment and five disc angles, Cobb C2-C7, four offsets.

    The offsets say how far C3 to C6 lie behind the line from C2 to C7, in vertebral depths.
    """
    facing = _facing(landmarks)[:, None]
    endplates = landmarks[:, 2::2] - landmarks[:, 1::2]  # C2 lower, C3 upper, C3 lower ... C7 lower
    lower = endplates[:, 0::2]
    segments = _turn(lower[:, :-1], lower[:, 1:]) * facing
    discs = _turn(endplates[:, 0:-1:2], endplates[:, 1::2]) * facing
    cobb = _turn(lower[:, :1], lower[:, -1:])[:, 0:1] * facing
    bodies = centroids(landmarks)
    line = _unit(bodies[:, -1:] - bodies[:, :1])
    inner = bodies[:, 1:-1] - bodies[:, :1]
    aside = inner[..., 0] * line[..., 1] - inner[..., 1] * line[..., 0]
    offsets = aside / depth(landmarks)[:, None] * facing
    return torch.cat(
        [segments * _ANGLE_SCALE, discs * _ANGLE_SCALE, cobb * _ANGLE_SCALE, offsets], dim=1
    )
