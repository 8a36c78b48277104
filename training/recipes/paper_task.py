"""What the training loop learns for a paper's recipe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from training.errors import RunError
from training.films.augmentation import augmented
from training.loop import Schedule, device_of
from training.networks.classifiers import Classifier, positive_scores
from training.statistics import area_under_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from training.films.moments import Moments
    from training.recipes.recipe import PaperRecipe, Step

_AT_ONCE: Final = 32  # films that are scored together
_WATCHED: Final = 100  # training films of each class that are watched where there are none to tune


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Films of one part of a split, as pictures.

    Attributes:
        pictures: (n, 1 or 3, side, side).
        present: (n,), whether the finding is there.
    """

    pictures: NDArray[np.uint8]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.present)

    def digest(self) -> str:
        """SHA-256 over pictures and labels."""
        digest = hashlib.sha256(self.pictures.data)
        digest.update(self.present.tobytes())
        return digest.hexdigest()

    def watched(self) -> Part:
        """The first films of each class, so many that they can be scored after each epoch."""
        rows = [np.flatnonzero(self.present == one)[:_WATCHED] for one in (False, True)]
        chosen = np.sort(np.concatenate(rows))
        return Part(self.pictures[chosen], self.present[chosen])


class PaperTask:
    """A step of a recipe: what learns, how, from which films.

    Args:
        recipe: The recipe.
        step: Which of its steps.
        network: The network as it was left before that step.
        train: Films to learn from.
        watched: Films whose AUC is the figure.
        moments: What pictures are normalised by.
    """

    def __init__(
        self,
        recipe: PaperRecipe,
        step: Step,
        network: Classifier,
        train: Part,
        watched: Part,
        moments: Moments,
    ) -> None:
        self.network = network
        self._recipe, self._step = recipe, step
        self._train, self._watched, self._moments = train, watched, moments
        network.learn_only(step.learns)

    def __len__(self) -> int:
        return len(self._train)

    def loss(self, rows: NDArray[np.int64], chance: torch.Generator) -> Tensor:
        """The mean cross-entropy over some films, augmented."""
        device = device_of(self.network)
        pictures = torch.from_numpy(self._train.pictures[rows]).to(device).float() / 255
        pictures = augmented(pictures, self._recipe.augmentation, chance)
        outputs = self.network(normalised(pictures, self._moments))
        present = torch.from_numpy(self._train.present[rows]).to(device)
        if outputs.shape[1] == 1:
            return binary_cross_entropy_with_logits(outputs[:, 0], present.float())
        return cross_entropy(outputs, present.long())

    def figure(self) -> float:
        """AUC on the watched films."""
        found = scores(self.network, self._watched.pictures, self._moments)
        return area_under_curve(found, self._watched.present)

    def optimiser(self) -> torch.optim.Optimizer:
        """The paper's, over what learns in this step; biases bear no penalty."""
        plan = self._recipe.optimiser
        rate = self._step.learning_rate or plan.learning_rate
        learning = [pair for pair in self.network.named_parameters() if pair[1].requires_grad]
        weights = [one for name, one in learning if not name.endswith("bias")]
        biases = [one for name, one in learning if name.endswith("bias")]
        groups = [
            {"params": weights, "weight_decay": plan.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]
        if plan.method == "adam":
            return torch.optim.Adam(groups, rate)
        return torch.optim.SGD(groups, rate, momentum=plan.momentum)

    def schedule(
        self, optimiser: torch.optim.Optimizer, steps_per_epoch: int, epochs: int
    ) -> Schedule | None:
        """The paper's drop factor and period."""
        del steps_per_epoch, epochs  # the paper's schedule depends on neither
        plan = self._recipe.optimiser
        if not plan.drop_every:
            return None
        scheduler = torch.optim.lr_scheduler.StepLR(optimiser, plan.drop_every, plan.drop_factor)
        return Schedule(scheduler, every="epoch")


def normalised(pictures: Tensor, moments: Moments) -> Tensor:
    """Pictures (n, 1 or 3, side, side), 0 to 1, as three channels in units of deviations."""
    mean, deviation = (
        torch.tensor(values, device=pictures.device).reshape(1, -1, 1, 1)
        for values in (moments.mean, moments.deviation)
    )
    three = ((pictures - mean) / deviation).expand(-1, 3, -1, -1)
    return three.contiguous(memory_format=torch.channels_last)


def scores(
    network: Classifier, pictures: NDArray[np.uint8], moments: Moments
) -> NDArray[np.float64]:
    """Logits (n,) of the finding, the network in eval mode.

    Args:
        network: On any device.
        pictures: (n, 1 or 3, side, side).
        moments: What they are normalised by.

    Raises:
        RunError: A score is not finite.
    """
    device, found = device_of(network), []
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(pictures), _AT_ONCE):
            batch = torch.from_numpy(pictures[start : start + _AT_ONCE]).to(device).float() / 255
            outputs = network(normalised(batch, moments))
            found.append(positive_scores(outputs).float().cpu().numpy())
    logits = np.concatenate(found).astype(np.float64)
    wrong = int((~np.isfinite(logits)).sum())
    if wrong:
        raise RunError(
            f"The scores of {wrong} of {len(logits)} films are not finite: train for more "
            "epochs, or begin with pre-trained weights."
        )
    return logits
