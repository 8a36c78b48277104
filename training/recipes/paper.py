"""A run of a paper's recipe, from films to figures beside those that the paper prints."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from training.errors import RunError
from training.files import write_whole
from training.films.channels import Channels
from training.films.moments import IMAGENET, Moments, moments_of
from training.loop import History, LoopSettings, fit, leads
from training.loop.run_folder import RunFolder, RunPlan
from training.networks.classifiers import Classifier, build
from training.networks.weights import Start
from training.predictions import PREDICTIONS, Prediction, write_predictions
from training.recipes import contract
from training.recipes.paper_films import ChosenFilms, balanced_part, choose_films, read_parts
from training.recipes.paper_results import (
    Figures,
    baseline_figures,
    figures,
    of_matrix,
    results_table,
)
from training.recipes.paper_task import PaperTask, Part, scores
from training.sources.splits import SPLIT_FILE, write_splits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from training.progress import Stages
    from training.recipes.options import RunOptions
    from training.recipes.recipe import PaperRecipe, Step

_TRAIN: Final = "train"
_TUNING: Final = "tuning"
_TEST: Final = "test"
_METRICS: Final = "metrics.json"


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a network learns from.

    Attributes:
        train: Training films, those that SMOTE made included.
        watched: Films whose AUC is the figure after each epoch.
        moments: What pictures are normalised by.
        tuned: Whether the watched films are tuning films, which decide what epoch is kept.
    """

    train: Part
    watched: Part
    moments: Moments
    tuned: bool


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network after its last step.

    Attributes:
        network: In eval mode.
        moments: What its pictures are normalised by.
        histories: Of each step.
        learned_from: Training films, those that SMOTE made included.
    """

    network: Classifier
    moments: Moments
    histories: tuple[History, ...]
    learned_from: int


def runner(recipe: PaperRecipe) -> Callable[[RunOptions, Stages], None]:
    """The function that runs a recipe."""
    return partial(run_paper, recipe)


def run_paper(recipe: PaperRecipe, options: RunOptions, stages: Stages) -> None:
    """Train as a paper did, and measure as it should have.

    Args:
        recipe: The paper's.
        options: What the command line asks for.
        stages: Shows what goes on.

    Raises:
        DataError: The films cannot be trained on as they are.
        RunError: The settings or the run's folder are wrong.
        WeightsError: The weights to begin with are not to be had.
        DiskError: Something could not be written.
    """
    _refuse_taken(options)
    recipe = adapted(recipe, options, stages.say)
    chosen = choose_films(recipe, options, stages)
    start = Start(options.weights)
    network = build(recipe.network, recipe.picture.side, start, options.seed, stages.say)
    parts = read_parts(recipe, chosen, options, stages)
    lesson = _lesson(recipe, parts, options, stages)
    plan = _plan(recipe, chosen, start, options)
    with RunFolder.opened(options.out, plan, resume=options.resume, report=stages.say):
        trained = _trained(recipe, network, lesson, options, stages)
        if leads():
            _measured(recipe, chosen, parts, trained, options, stages)


def _refuse_taken(options: RunOptions) -> None:
    """Look at the folder of the run before hours are spent on what it is for.

    Of the processes that train together only the leading one looks: the others may come when it
    has begun to write.
    """
    if leads() and not options.resume and options.out.is_dir() and any(options.out.iterdir()):
        raise RunError(
            f"{options.out} is not empty: go on with its run by --resume, or choose another "
            "folder with --out."
        )


def _plan(recipe: PaperRecipe, chosen: ChosenFilms, start: Start, options: RunOptions) -> RunPlan:
    """Everything that the result of a run follows from, in plain values."""
    values = asdict(recipe)
    del values["paper"]  # what it should come to decides nothing
    settings = json.loads(json.dumps(values, default=lambda choice: choice.value))
    settings["finding"] = chosen.finding
    settings["weights"] = str(start)
    settings["films"] = {name: len(films) for name, films in chosen.parts.items()}
    return RunPlan(recipe.name, settings, options.seed, chosen.digest, contract(recipe.name))


def adapted(
    recipe: PaperRecipe, options: RunOptions, say: Callable[[str], None] = lambda _: None
) -> PaperRecipe:
    """The recipe as it was asked for; what then differs from the paper is said aloud."""
    picture = recipe.picture
    if options.image_side is not None:
        picture = replace(picture, side=options.image_side)
    if options.reversed_channels:
        if picture.channels is not Channels.COLOUR:
            raise RunError(f"{recipe.name} has one grey channel: leave --reversed-channels out.")
        picture = replace(picture, channels=Channels.COLOUR_REVERSED)
    asked = replace(
        recipe,
        picture=picture,
        batch=recipe.batch if options.batch is None else options.batch,
        steps=_shortened(recipe.steps, options.epochs),
    )
    for what, paper, here in (
        ("epochs", recipe.epochs, asked.epochs),
        ("films a step", recipe.batch, asked.batch),
        ("pixels a side", recipe.picture.side, asked.picture.side),
    ):
        if paper != here:
            say(f"{recipe.name} has {paper} {what}; this run has {here}")
    return asked


def _shortened(steps: tuple[Step, ...], epochs: int | None) -> tuple[Step, ...]:
    """The steps with so many epochs in all, shared out in proportion, at least one for each."""
    if epochs is None:
        return steps
    if epochs < 1:
        raise RunError(f"--epochs is {epochs}: at least 1 is needed.")
    usual = sum(step.epochs for step in steps)
    return tuple(replace(step, epochs=max(step.epochs * epochs // usual, 1)) for step in steps)


def _lesson(
    recipe: PaperRecipe, parts: Mapping[str, Part], options: RunOptions, stages: Stages
) -> Lesson:
    """Balance the training part where the paper does, and measure its moments before that."""
    train = parts[_TRAIN]
    moments = moments_of(train.pictures) if recipe.own_moments else IMAGENET
    watched = parts.get(_TUNING) or train.watched()
    if recipe.smote:
        train = balanced_part(train, options.seed, stages)
    return Lesson(train, watched, moments, tuned=_TUNING in parts)


def _trained(
    recipe: PaperRecipe, network: Classifier, lesson: Lesson, options: RunOptions, stages: Stages
) -> Trained:
    """Let the network learn step by step."""
    histories: list[History] = []
    digest = lesson.train.digest()
    for number, step in enumerate(recipe.steps, start=1):
        name = "network" if len(recipe.steps) == 1 else f"step-{number}"
        stages.say(f"{name} learns from {len(lesson.train)} films")
        settings = LoopSettings(
            epochs=step.epochs,
            batch=recipe.batch,
            seed=options.seed,
            keep="best" if lesson.tuned else "last",
            device=options.device,
        )
        history = fit(
            PaperTask(recipe, step, network, lesson.train, lesson.watched, lesson.moments),
            settings,
            folder=options.out,
            name=name,
            data=digest,
            report=stages.say,
            console=stages.console,
            resume=options.resume,
        )
        histories.append(history)
    return Trained(network, lesson.moments, tuple(histories), len(lesson.train))


def _measured(
    recipe: PaperRecipe,
    chosen: ChosenFilms,
    parts: Mapping[str, Part],
    trained: Trained,
    options: RunOptions,
    stages: Stages,
) -> None:
    """Score every film that was not learned from, and write and show what came out."""
    found = {
        name: scores(trained.network, part.pictures, trained.moments)
        for name, part in parts.items()
        if name != _TRAIN
    }
    run = figures(found[_TEST], parts[_TEST].present)
    fitting = [*chosen.parts[_TRAIN], *chosen.parts.get(_TUNING, ())]
    baselines = baseline_figures(fitting, chosen.parts[_TEST], chosen.finding)
    write_splits(options.out / SPLIT_FILE, chosen.parts)
    write_predictions(options.out / PREDICTIONS, _predictions(chosen, found))
    metrics = _metrics(recipe, chosen, trained, run, baselines)
    write_whole(options.out / _METRICS, json.dumps(metrics, indent=2).encode())
    stages.show(results_table(recipe.name, recipe.paper, run, baselines))
    for name, one in baselines.items():
        if isinstance(one, str):
            stages.say(f"no baseline {name!r}: {one}")
    stages.say(recipe.paper.remark)


def _predictions(chosen: ChosenFilms, found: Mapping[str, NDArray[np.float64]]) -> list[Prediction]:
    return [
        Prediction(
            film=film.film,
            patient=film.patient,
            split=part,
            finding=chosen.finding,
            truth=film.labels[chosen.finding] is True,
            score=float(score),
            highest=float(score),
            sex=film.sex,
            age_years=film.age_years,
            site=film.site,
            manufacturer=film.manufacturer,
        )
        for part, values in found.items()
        for film, score in zip(chosen.parts[part], values, strict=True)
    ]


def _metrics(
    recipe: PaperRecipe,
    chosen: ChosenFilms,
    trained: Trained,
    run: Figures,
    baselines: Mapping[str, Figures | str],
) -> dict[str, Any]:
    epochs = [epoch for history in trained.histories for epoch in history.epochs]
    paper = recipe.paper
    return {
        "recipe": recipe.name,
        "finding": chosen.finding,
        "stands_in_for": recipe.findings[0] if chosen.stand_in else None,
        "films": {
            **{name: len(films) for name, films in chosen.parts.items()},
            "learned_from": trained.learned_from,
        },
        "left_out": dict(chosen.left_out),
        "test": run,
        "baselines": dict(baselines),
        "paper": {
            "citation": paper.citation,
            "printed": dict(paper.printed),
            "what_it_is": None if paper.matrix is None else of_matrix(paper.matrix),
            "remark": paper.remark,
        },
        "films_per_second": round(
            sum(epoch.films_per_second for epoch in epochs) / max(len(epochs), 1), 2
        ),
    }
