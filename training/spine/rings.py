"""Whether a spine still grows: what a locator learns to see at the endplates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from training.loop import batch_to
from training.spine.augment import drawn_exposures, exposed, jittered, uniform
from training.spine.tasks import PacedTask, batch_of, known_loss
from training.statistics import area_under_curve
from triage.vision.geometry import ring_windows
from triage.vision.networks import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from training.spine.films import Films
    from training.spine.tasks import Pace, Rows
    from triage.vision.networks import Locator

_JITTER: Final = 3.5  # pixels; the refined corners' own imprecision is less
_HELD_OUT: Final = 10  # one film in so many decides which epoch is kept
_READ_BATCH: Final = 64


class RingTask(PacedTask):
    """Telling spines that grow from others by their ring apophyses; all else stays as it is.

    The locator's landmarks are trained by then; a film's logit is the mean of its endplates',
    so that rings that are not to be seen are made up for by the others.

    Args:
        network: A locator.
        parts: Upright laterals of adults and children, with all landmarks. Several of them,
            since films joined to one would take their memory twice.
        pace: How fast.
    """

    def __init__(self, network: Locator, parts: Sequence[Films], pace: Pace) -> None:
        network.requires_grad_(requires_grad=False)
        network.rings.requires_grad_(requires_grad=True)
        super().__init__(network, pace)
        self.network = network
        self._parts = parts
        self._first = np.cumsum([0, *map(len, parts)])  # row of the first film of each part
        order = np.random.default_rng(0).permutation(self._first[-1])
        count = len(order) // _HELD_OUT
        self._held_out, self._learnt = order[:count], order[count:]

    def __len__(self) -> int:
        return len(self._learnt)

    def loss(self, rows: Rows, chance: torch.Generator) -> Tensor:
        """Cross-entropy of whether it is a child's spine."""
        images, landmarks, child = self._batch(self._learnt[rows])
        reach = float(uniform(1, 0.0, _JITTER, chance))
        windows = ring_windows(images, jittered(landmarks, reach, chance))
        windows = windows.view(len(rows), -1, *windows.shape[1:])
        windows = exposed(windows, drawn_exposures(len(rows), chance), chance).flatten(0, 1)
        windows, child = batch_to(self.network, windows, child)
        return known_loss(self.network.ring_logits(windows), child)

    def figure(self) -> float:
        """AUC on films held out; 0 where they are all of one kind."""
        chance = torch.Generator().manual_seed(0)
        seen = []
        with torch.inference_mode():
            for start in range(0, len(self._held_out), _READ_BATCH):
                rows = self._held_out[start : start + _READ_BATCH]
                images, landmarks, child = self._batch(rows)
                placed = batch_to(self.network, images, jittered(landmarks, _JITTER / 2, chance))
                seen.append(torch.stack([self.network.growth(*placed).cpu(), child]))
        logits, truth = torch.cat(seen, dim=1).numpy() if seen else np.empty((2, 0))
        known = np.isfinite(truth)
        if len(set(truth[known])) < 2:  # noqa: PLR2004 - children and adults
            return 0.0
        return area_under_curve(logits[known], truth[known] > 0)

    def _batch(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Images, landmarks and whether it is a child (n,), part by part and not in order."""
        found = []
        for films, first in zip(self._parts, self._first, strict=False):
            own = rows[(rows >= first) & (rows < first + len(films))] - first
            child = films.attributes[own, ATTRIBUTES.index("child")]
            found.append((*batch_of(films, own), torch.from_numpy(child)))
        images, landmarks, children = map(torch.cat, zip(*found, strict=True))
        return images, landmarks, children
