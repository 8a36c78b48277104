"""Which films a paper's recipe learns from: the finding, who is left out, and the split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError, RunError
from training.films.balance import balanced
from training.films.located import has_landmarks, with_landmarks
from training.films.pictures import pictures
from training.recipes.options import PHANTOM
from training.recipes.paper_task import Part
from training.sources import open_set
from training.sources.splits import split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.progress import Stages
    from training.recipes.options import RunOptions
    from training.recipes.recipe import PaperRecipe
    from training.values import FilmRecord, FilmSet

_LATERAL: Final = "lateral"


@dataclass(frozen=True, slots=True, eq=False)
class ChosenFilms:
    """The films of a run.

    Attributes:
        data: Name of the data set.
        digest: Of the data set.
        finding: What is looked for.
        stand_in: Whether that is another finding than the recipe's own.
        parts: For each part of the split its films.
        left_out: How many films of the set are not used, by reason.
    """

    data: str
    digest: str
    finding: str
    stand_in: bool
    parts: Mapping[str, tuple[FilmRecord, ...]]
    left_out: Mapping[str, int]

    def present(self, part: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether the finding is there, for each film of a part."""
        return np.array([film.labels[self.finding] is True for film in self.parts[part]], np.bool_)


def choose_films(recipe: PaperRecipe, options: RunOptions, stages: Stages) -> ChosenFilms:
    """Read a data set and share its films out.

    Args:
        recipe: Says what is looked for and how films are shared out.
        options: Say where the films are.
        stages: Shows what goes on.

    Raises:
        DataError: The data set cannot be trained on as it is.
        RunError: No folder of films was given.
    """
    if options.data == PHANTOM:
        raise RunError(
            f"{recipe.name} draws no films of its own: draw some with `training phantom --out "
            "DIR`, or take your own, and give the folder with --data DIR."
        )
    with stages.stage("reading the data set"):
        found = open_set(Path(options.data), table=options.table)
    finding = chosen_finding(found.films, recipe, options.target)
    stand_in = finding != recipe.findings[0]
    if stand_in:
        stages.say(
            f"{recipe.name} is about {recipe.findings[0]!r}; here it learns {finding!r} in its "
            "place: the paper's figures answer another question."
        )
    usable, left_out = _usable(found, finding, set(recipe.split))
    if options.limit_films is not None and options.limit_films < len(usable):
        left_out["over --limit-films"] = len(usable) - options.limit_films
        usable = _limited(usable, options.limit_films, options.seed, finding)
    parts = split(usable, recipe.split, options.seed, finding=finding)
    if recipe.picture.crop.needs_landmarks and options.landmarks_from is not None:
        parts = _located(parts, options, stages)
    return ChosenFilms(found.name, found.digest(), finding, stand_in, parts, left_out)


def chosen_finding(films: Sequence[FilmRecord], recipe: PaperRecipe, target: str | None) -> str:
    """The finding to learn: the one asked for, or else the first that the films tell of.

    Raises:
        DataError: The films tell of none, or show one class of it only.
    """
    for finding in (target,) if target else recipe.findings:
        labels = {film.labels.get(finding) for film in films} - {None}
        if len(labels) > 1:
            return finding
        if labels:
            word = "without" if True in labels else "with"
            raise DataError(
                f"No film {word} {finding!r} is among these {len(films)}: both classes are "
                f"needed. {_others(films)}"
            )
    wanted = repr(target) if target else " or ".join(map(repr, recipe.findings))
    raise DataError(f"No film of these {len(films)} is labelled for {wanted}. {_others(films)}")


def _others(films: Sequence[FilmRecord]) -> str:
    """Which findings could be learned from the films instead."""
    names = {name for film in films for name in film.labels if ":" not in name}
    both = [
        name for name in sorted(names) if {True, False} <= {film.labels.get(name) for film in films}
    ]
    if not both:
        return "They show both classes of no finding: add films or labels."
    return f"They show both classes of {', '.join(both)}: choose one with --target."


def _usable(
    found: FilmSet, finding: str, parts: set[str]
) -> tuple[list[FilmRecord], dict[str, int]]:
    """Lateral films that somebody labelled; a part that the recipe does not have is forgotten."""
    lateral = [film for film in found.films if film.view == _LATERAL]
    labelled = [film for film in lateral if film.labels.get(finding) is not None]
    left_out = {
        "another view": len(found.films) - len(lateral),
        f"{finding} unknown or disputed": len(lateral) - len(labelled),
    }
    films = [film if film.split in parts else replace(film, split="") for film in labelled]
    return films, {reason: count for reason, count in left_out.items() if count}


def _limited(films: list[FilmRecord], most: int, seed: int, finding: str) -> list[FilmRecord]:
    """Some films by chance, with the finding as often as in all."""
    free = [replace(film, split="") for film in films]
    shares = {"kept": most, "left": len(films) - most}
    kept = {film.film for film in split(free, shares, seed, finding=finding)["kept"]}
    return [film for film in films if film.film in kept]


def _located(
    parts: Mapping[str, tuple[FilmRecord, ...]], options: RunOptions, stages: Stages
) -> dict[str, tuple[FilmRecord, ...]]:
    films = [film for members in parts.values() for film in members]
    lacking = sum(not has_landmarks(film) for film in films)
    if not lacking or options.landmarks_from is None:
        return dict(parts)
    with stages.stage(f"finding landmarks of {lacking} films", len(films)):
        found = with_landmarks(films, options.landmarks_from, options.device, stages.advance)
    still = sum(not has_landmarks(film) for film in found)
    stages.say(f"landmarks found by the bundle in {lacking - still} films, not in {still}")
    by_name = {film.film: film for film in found}
    return {name: tuple(by_name[film.film] for film in films) for name, films in parts.items()}


def read_parts(
    recipe: PaperRecipe, chosen: ChosenFilms, options: RunOptions, stages: Stages
) -> dict[str, Part]:
    """Read every film of a run before anything is learned.

    Raises:
        DataError: Some cannot be used; the message names them.
    """
    everything = [film for films in chosen.parts.values() for film in films]
    with stages.stage(f"reading {len(everything)} films", len(everything)):
        images = pictures(everything, recipe.picture, options.processes, stages.advance)
    parts, begin = {}, 0
    for name, films in chosen.parts.items():
        parts[name] = Part(images[begin : begin + len(films)], chosen.present(name))
        begin += len(films)
    return parts


def balanced_part(part: Part, seed: int, stages: Stages) -> Part:
    """A training part with as many films of either class, made up by SMOTE.

    Raises:
        DataError: The rarer class has too few films.
    """
    with stages.stage("making films by SMOTE"):
        grown = balanced(part.pictures, part.present, seed, stages.say)
    half = len(grown.present) // 2
    stages.say(f"SMOTE made {grown.made} films: {half} of either class")
    return Part(grown.pictures, grown.present)
