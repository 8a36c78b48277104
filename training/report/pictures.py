"""Films in pictures: what the members look at, what went wrong, what the shifts look like."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import torch
from PIL import Image

from training.certify.chain import analyst_of
from training.phantom import render
from training.trial.shifts import IN_SCOPE, Shift
from triage.values import Outcome
from triage.vision.pixels import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.report.material import Material
    from training.trial.films import TrialFilm
    from triage.vision.bundle import Bundle
    from triage.vision.inference import Analyst

_SIDE: Final = 232  # pixels of a picture
_EACH: Final = 6  # pictures of a kind
_BLUR: Final = 9  # pixels of the square over which a gradient is averaged
_STRONGEST: Final = 99.7  # percentile of a gradient that is drawn fully

Image8: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class Shown:
    """A film that is drawn again for the page.

    Attributes:
        shift: Its kind.
        film: What the trial kept of it.
        caption: What is written below it.
    """

    shift: Shift
    film: TrialFilm
    caption: str


def saliency(material: Material) -> str:
    """Where a change of grey would change the score most, on a few films as they come."""
    bundle, trial, main = material.bundle, material.trial, material.main
    if bundle is None or trial is None or main is None:
        return ""
    analyst = analyst_of(bundle.folder)
    column = [finding.name for finding in bundle.findings].index(main.name)
    read = [film for film in trial.films if not film.stopped]
    kinds: tuple[tuple[str, Callable[[TrialFilm], bool]], ...] = (
        ("abnormal, flagged", lambda film: film.abnormal and film.outcome is Outcome.ABNORMAL),
        ("normal, lowered", lambda film: not film.abnormal and film.lowered),
        ("abnormal, missed", lambda film: film.abnormal and film.lowered),
    )
    shown = [
        Shown(IN_SCOPE, film, f"{name}{_findings(film, bundle)}")
        for name, belongs in kinds
        for film in [one for one in read if belongs(one)][:4]
    ]
    return _pictures([_salient(analyst, one, column) for one in shown])


def failures(material: Material) -> str:
    """Missed films, false alarms and films in scope that a gate stopped."""
    bundle, trial = material.bundle, material.trial
    if bundle is None or trial is None:
        return ""
    missed = [
        Shown(shift, film, f"{shift.name}{_findings(film, bundle)}")
        for shift, films in trial.cells
        for film in films
        if film.abnormal and film.lowered
    ]
    alarms = [
        Shown(IN_SCOPE, film, _loudest(film, bundle))
        for film in trial.films
        if not film.abnormal and film.outcome is Outcome.ABNORMAL
    ]
    gated = [Shown(IN_SCOPE, film, film.failed[0]) for film in trial.films if film.stopped]
    return "".join(
        f"<h3>{name}: {len(films)}</h3>{_gallery(bundle, _seeded(films[:_EACH])) or '<p>None.</p>'}"
        for name, films in (
            ("Abnormal, and would have been lowered (any kind of film)", missed),
            ("Normal, and flagged", alarms),
            ("As they come, and stopped by a gate", gated),
        )
    )


def examples(material: Material) -> str:
    """One film of each shift, with what became of it."""
    bundle, trial = material.bundle, material.trial
    if bundle is None or trial is None:
        return ""
    shown = [
        Shown(
            shift, films[1], f"{shift.name}: {films[1].failed[0] if films[1].failed else 'passed'}"
        )
        for shift, films in trial.cells
        if len(films) > 1
    ]
    return _gallery(bundle, shown)


def _findings(film: TrialFilm, bundle: Bundle) -> str:
    """The findings of a film that decide and that say more than that it is abnormal."""
    names = [
        finding.title.lower()
        for finding, there in zip(bundle.findings, film.truth, strict=True)
        if there and not finding.of and finding.name != "abnormal"
    ]
    return f": {', '.join(names)}" if names else ""


def _loudest(film: TrialFilm, bundle: Bundle) -> str:
    """The findings that were flagged."""
    means = np.array(film.raw).mean(axis=0)
    names = [
        finding.title.lower()
        for finding, point, mean in zip(
            bundle.findings, bundle.operating_points, means, strict=True
        )
        if mean >= point.flag and not finding.of
    ]
    return f"flagged: {', '.join(names)}"


def _seeded(shown: Sequence[Shown]) -> list[Shown]:
    """The same films, each with the number by which it can be drawn again."""
    return [replace(one, caption=f"{one.caption}; seed {one.film.seed}") for one in shown]


def _gallery(bundle: Bundle, shown: Sequence[Shown]) -> str:
    analyst = analyst_of(bundle.folder)
    return _pictures([(_grey(_square(analyst, one)), one.caption) for one in shown])


def _square(analyst: Analyst, shown: Shown) -> NDArray[np.float32]:
    """The film as the networks see it."""
    case = shown.shift.case(shown.film.seed, shown.film.number)
    return prepare(render(case).pixels, analyst.bundle.manifest.path).image


def _salient(analyst: Analyst, shown: Shown, column: int) -> tuple[Image8, str]:
    """The film with the smoothed gradient of the members' mean logit laid over it."""
    square = _square(analyst, shown)
    image = torch.from_numpy(square)[None, None].requires_grad_()
    with torch.no_grad():
        landmarks = analyst.locator(image).landmarks
    logits = [reader(image, landmarks)[0, column] for reader in analyst.readers]
    (gradient,) = torch.autograd.grad(torch.stack(logits).mean(), image)
    pooled = torch.nn.functional.avg_pool2d(gradient.abs(), _BLUR, 1, _BLUR // 2)[0, 0].numpy()
    strong = np.clip(pooled / max(float(np.percentile(pooled, _STRONGEST)), 1e-12), 0, 1)
    grey = np.repeat(square[:, :, None], 3, axis=2)
    heat = np.stack([np.ones_like(strong), 0.75 * strong, np.zeros_like(strong)], axis=2)
    share = (0.75 * strong)[:, :, None]
    mixed = (grey * (1 - share) + heat * share) * 255
    return np.asarray(mixed.clip(0, 255), np.uint8), shown.caption


def _grey(square: NDArray[np.float32]) -> Image8:
    return np.asarray((square * 255).clip(0, 255), np.uint8)


def _pictures(items: Sequence[tuple[Image8, str]]) -> str:
    if not items:
        return ""
    shown = (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{_png(image)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for image, caption in items
    )
    return f'<div class="pictures">{"".join(shown)}</div>'


def _png(image: Image8) -> str:
    """A picture in few grey values, as text."""
    small = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    few = small.quantize(48)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
