"""What the command line asks of a recipe: one frozen value for every kind of recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PHANTOM: Final = "phantom"
IMAGENET: Final = "imagenet"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A run as it was asked for; None leaves a number to the recipe.

    Attributes:
        out: Folder of the run.
        data: Folder of the films, or ``"phantom"`` for those that the recipe draws itself.
        table: A table of labels, where the films' folder has none of its own.
        seed: Everything random follows from it.
        epochs: Passes over the training films.
        batch: Films a step.
        image_side: Pixels of the pictures' side.
        weights: ``"imagenet"``, the path of a file, or empty for weights by chance.
        device: ``"auto"``, or as PyTorch names it.
        processes: How many films are read or drawn at the same time.
        resume: Whether to go on with a run that was stopped.
        limit_films: Most films to use.
        target: Another finding than the recipe's own.
        landmarks_from: Folder of the bundle that finds landmarks where films have none.
        reversed_channels: Whether a three-channel picture has its channels the other way round.
        share: Share of the films that a recipe draws itself.
        created: The date on a bundle.
    """

    out: Path
    data: str = PHANTOM
    table: Path | None = None
    seed: int = 1
    epochs: int | None = None
    batch: int | None = None
    image_side: int | None = None
    weights: str = IMAGENET
    device: str = "auto"
    processes: int = 2
    resume: bool = False
    limit_films: int | None = None
    target: str | None = None
    landmarks_from: Path | None = None
    reversed_channels: bool = False
    share: float = 1.0
    created: str = ""
