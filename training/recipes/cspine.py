"""cspine: our own recipe, and the bundle that comes along.

Paper      none; what this does otherwise than the papers stands in the README.
Data       the phantom (``--data phantom``), drawn by seed, nothing to download; or a folder of
           films (CSXA's own layout, or a table with one line a film).
Hardware   2 CPU cores, 4 GB of memory; no GPU.
Minutes    about 15 on 2 free cores for the phantom, rendering and certificate included (measured
           figures: the bundle's card).
Expected   AUC of "abnormal" at least .99 on fresh phantom films; rule-out certified at
           alpha = .01, delta = .05 for films with any finding, and at alpha = .05 for each
           finding that decides. The figures say nothing about patients.
Command    training run cspine --data phantom --out RUN

A locator finds the 23 landmarks of C2 to C7 and says what kind of film it sees; two readers,
alike but for their seed, look at discs, vertebrae with the canal behind them, the spine and the
film as a whole, at landmarks that are moved about while they learn. The certificate is made with
the whole chain: the locator's landmarks, the higher logit of the two.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from training.loop import compute_alike
from training.loop.run_folder import RunFolder, RunPlan
from training.processes import Crew
from training.recipes.options import PHANTOM
from training.sources import open_set
from training.spine.data_run import DataRun
from training.spine.fitting import Fitter
from training.spine.phantom_run import PhantomRun, training_digest
from training.spine.plan import Plan

if TYPE_CHECKING:
    from training.progress import Stages
    from training.recipes.options import RunOptions
    from training.values import FilmSet

NAME: Final = "cspine"
_THREADS: Final = 2  # the figures of the recipe are for two cores
_WORDS: Final = {
    "name": "cspine",
    "manufacturer": "cspine-triage",
    "version": "2.0.0",
    "licence": "Apache-2.0",
}
_FOR_PHANTOMS: Final = "Demonstration only: trained on a phantom, not for patients or diagnosis."
_FOR_RESEARCH: Final = "Research only: trained on one data set, not for patients or diagnosis."


def run(options: RunOptions, stages: Stages, plan: Plan | None = None) -> None:
    """Train, certify, measure and export.

    Args:
        options: What the command line asks for.
        stages: Shows what goes on.
        plan: How much of everything; None takes the recipe's own.

    Raises:
        DataError: The films cannot be trained on as they are.
        RunError: The settings or the run's folder are wrong.
        DiskError: Something could not be written.
    """
    compute_alike()
    torch.set_num_threads(_THREADS)
    asked = _asked(options, (plan or Plan()).scaled(options.share))
    films = None if options.data == PHANTOM else _opened(options)
    digest = training_digest(asked, options.seed) if films is None else films.digest()
    begun = RunPlan(NAME, asdict(asked), options.seed, digest, __doc__ or "")
    with (
        RunFolder.opened(options.out, begun, resume=options.resume, report=stages.say) as folder,
        Crew(options.processes, stages.advance) as crew,
    ):
        fitter = Fitter(folder.path, options.seed, stages.say, digest, resume=folder.resumed)
        words = {**_WORDS, "created": options.created}
        common = (options.seed, asked, crew, fitter, stages)
        if films is None:
            words["intended_use"] = _FOR_PHANTOMS
            bundle = PhantomRun(folder.path, words, *common, options.processes).bundle()
        else:
            words["intended_use"] = _FOR_RESEARCH
            bundle = DataRun(folder.path, words, films, *common).bundle()
    stages.say(f"bundle {bundle.identity.digest[:12]} in {bundle.folder}, card in card.md")


def _opened(options: RunOptions) -> FilmSet:
    """The data set, with no more films than were asked for."""
    films = open_set(Path(options.data), table=options.table)
    if options.limit_films is not None:
        films = replace(films, films=films.films[: options.limit_films])
    return films


def _asked(options: RunOptions, plan: Plan) -> Plan:
    """The plan with what the command line changes."""
    if options.epochs is None:
        return plan
    parts = ("locator_epochs", "corner_epochs", "ring_epochs", "reader_epochs")
    epochs = dict.fromkeys(parts, options.epochs)
    return replace(plan, sizes=replace(plan.sizes, **epochs))
