"""What a paper's recipe is: one frozen value. `training.recipes.paper` runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from training.films.augmentation import Augmentation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.films.pictures import PicturePlan
    from training.networks.classifiers import NetworkPlan
    from training.statistics import ConfusionMatrix


@dataclass(frozen=True, slots=True)
class OptimiserPlan:
    """How weights are moved.

    Attributes:
        method: Adam, or stochastic gradient descent with momentum.
        learning_rate: In the first epoch.
        drop_factor: What the rate is multiplied by ...
        drop_every: ... after each so many epochs; 0 for never.
        momentum: Of gradient descent.
        weight_decay: L2 penalty on weights; biases bear none.
    """

    method: Literal["adam", "sgdm"]
    learning_rate: float
    drop_factor: float = 1.0
    drop_every: int = 0
    momentum: float = 0.9
    weight_decay: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """Epochs in which the same parts of a network learn.

    Attributes:
        epochs: How many.
        learns: Beginnings of the names of what learns; None for all of it.
        learning_rate: Where it differs from the optimiser's.
    """

    epochs: int
    learns: tuple[str, ...] | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """What a paper says that came out.

    Attributes:
        citation: Which paper.
        printed: Figures in its table, each under the name of the measure that it is called.
        matrix: The films behind them, where the table fits one matrix only.
        remark: What those figures really are, in a sentence.
    """

    citation: str
    printed: Mapping[str, float]
    matrix: ConfusionMatrix | None
    remark: str


@dataclass(frozen=True, slots=True)
class PaperRecipe:
    """All that a paper's training consists of.

    Attributes:
        name: Of the recipe.
        paper: What it should come to.
        findings: What is looked for; after the first, stand-ins for data that do not know it.
        split: For each part its share or number of films.
        picture: How films become pictures.
        network: Which network.
        optimiser: How its weights are moved.
        steps: What learns, and how long, one step after the other.
        batch: Films a step of the optimiser.
        augmentation: What chance does to a picture.
        own_moments: Whether pictures are normalised by the training part's own mean and
            deviation, not by ImageNet's.
        smote: Whether the training part is balanced by SMOTE.
    """

    name: str
    paper: Paper
    findings: tuple[str, ...]
    split: Mapping[str, float]
    picture: PicturePlan
    network: NetworkPlan
    optimiser: OptimiserPlan
    steps: tuple[Step, ...]
    batch: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    own_moments: bool = False
    smote: bool = False

    @property
    def epochs(self) -> int:
        """Passes over the films, all steps together."""
        return sum(step.epochs for step in self.steps)
