"""Where the networks look: which parts of a film would change a finding's score most.

The gradient of the members' mean logit over the film, averaged over small squares (Simonyan et
al., arXiv:1312.6034): one pass forward and one back for each member, about a tenth of a
second for two members on two cores. It is there to be looked at, never to decide: nothing else
depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from PIL import Image

from triage.vision.thumbnail import FOLDER, LONGER_SIDE, file_stem, picture_size, write_picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from triage.vision.inference import Analyst
    from triage.vision.pixels import Placement, PreparedFilm

_BLUR: Final = 9  # pixels of the square over which a gradient is averaged
_STRONGEST: Final = 99.7  # percentile of a gradient that is drawn fully
_COLOUR: Final = (255, 190, 60)  # stands out from grey, and is neither of the page's alarms
_DENSEST: Final = 190  # of 255: the film stays visible below


def saliency_of(analyst: Analyst, film: PreparedFilm, finding: str) -> NDArray[np.float32]:
    """Say where a finding's score comes from.

    Args:
        analyst: The bundle on its device.
        film: A prepared film.
        finding: Name of one of the bundle's findings.

    Returns:
        Strength from 0 to 1 of shape (side, side), in the film's square.
    """
    column = [known.name for known in analyst.bundle.findings].index(finding)
    image = torch.from_numpy(film.image)[None, None].to(analyst.device)
    with torch.no_grad():
        landmarks = analyst.locator(image).landmarks
    with torch.enable_grad():
        image.requires_grad_()
        logits = [reader(image, landmarks)[0, column] for reader in analyst.readers]
        (gradient,) = torch.autograd.grad(torch.stack(logits).mean(), image)
    pooled = torch.nn.functional.avg_pool2d(gradient.abs(), _BLUR, 1, _BLUR // 2)
    strength: NDArray[np.float32] = pooled[0, 0].cpu().numpy()
    fully = max(float(np.percentile(strength, _STRONGEST)), 1e-12)
    shares: NDArray[np.float32] = np.clip(np.nan_to_num(strength) / fully, 0, 1)
    return shares


def write_saliency(
    state_folder: Path,
    sop_instance_uid: str,
    strength: NDArray[np.float32],
    placement: Placement,
    shape: tuple[int, int],
) -> str:
    """Write a saliency as a picture to lay over the thumbnail, or over anything of its shape.

    Args:
        state_folder: Where the folder of thumbnails is.
        sop_instance_uid: Names the file, through a hash.
        strength: From `saliency_of`.
        placement: Where the film lies in the square.
        shape: Rows and columns of the film.

    Returns:
        The file's path relative to the state folder.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    name = f"{FOLDER}/{file_stem(sop_instance_uid)}.saliency.png"
    write_picture(state_folder / name, _overlay(strength, placement, shape))
    return name


def _overlay(
    strength: NDArray[np.float32], placement: Placement, shape: tuple[int, int]
) -> Image.Image:
    """Draw a strength in the square as colour over the whole film."""
    rows, columns = shape
    width, height = picture_size(rows, columns, LONGER_SIDE)
    (left, top), (across, down) = placement.origin, placement.scale
    before, above = placement.offset
    square = Image.fromarray((strength * _DENSEST).astype(np.uint8))
    # From a pixel of the picture to the film, and from there to the square.
    over = (across * columns / width, 0.0, before - left * across)
    under = (0.0, down * rows / height, above - top * down)
    alpha = square.transform(
        (width, height), Image.Transform.AFFINE, (*over, *under), Image.Resampling.BILINEAR
    )
    picture = Image.new("RGBA", (width, height), (*_COLOUR, 0))
    picture.putalpha(alpha)
    return picture
