"""The report from beginning to end: what it is made from, its sections, the file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from training.files import write_whole
from training.report.certificate import certificate, shifts, tiles
from training.report.findings import (
    baselines,
    curves,
    figures_table,
    no_films,
    strata_table,
    training_curves,
)
from training.report.material import Material, gather
from training.report.outlines import outlines
from training.report.page import Section, note, page, paragraph
from training.report.pictures import examples, failures, saliency
from training.report.queue import waiting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from training.trial.campaign import Trial

_SALIENCY = (
    "How strongly the score of “abnormal” would change with the grey values there: the gradient "
    "of the members' mean logit, smoothed. It shows where the networks look, not why."
)
_FAILURES = "Every film below can be drawn again from its seed; the number is of all there were."
_EXAMPLES = "One film of each kind as the networks see it, and the first gate that stopped it."


def write_report(
    folder: Path, out: Path, trial: Trial | None, real: NDArray[np.float64] | None
) -> None:
    """Write the report.

    Args:
        folder: Of a run or a bundle.
        out: The file.
        trial: Of the bundle; None leaves its sections empty.
        real: Outlines to compare the phantom with, from `real_outlines`; None leaves the section
            out.

    Raises:
        RunError: The folder is neither a run nor a bundle, or damaged.
        DataError: Predictions cannot be read.
        DiskError: The file could not be written.
    """
    material = gather(folder, trial)
    sections = [
        Section("about", "What this is, and what it is not for", about(material)),
        Section("figures", "How well each finding is found", _figures(material)),
        Section("curves", "Curves", curves(material)),
        Section("groups", "Groups of patients", strata_table(material)),
        Section("certificate", "Certificate", certificate(material)),
        Section("shifts", "When films are different", _shifts(material)),
        Section("waiting", "What it does to waiting", waiting(material)),
        Section("baselines", "Baselines", baselines(material)),
        Section("looks", "Where the networks look", _worded(_SALIENCY, saliency(material))),
        Section("failures", "What went wrong", _worded(_FAILURES, failures(material))),
        Section("training", "Training", training_curves(material)),
        Section("phantom", "The phantom beside real films", outlines(real)),
        Section("made", "How it was made", made(material)),
    ]
    write_whole(out, page(material.name, _subtitle(material), sections).encode())


def _subtitle(material: Material) -> str:
    if material.bundle is None:
        return "Training report of a run that reproduces a paper"
    return f"Report on the model bundle {material.bundle.identity.digest[:12]}"


def about(material: Material) -> str:
    """What the model is for, and the caution that goes with it."""
    bundle = material.bundle
    if bundle is None:
        return note(
            "This run reproduces a published recipe, so that its figures can be checked. It "
            "makes no bundle: there are no gates that keep out films it was not made for, and "
            "no landmarks. It must not be used on patients.",
            "doubt",
        ) + paragraph(_contract(material))
    provenance = bundle.manifest.provenance
    caution = ""
    if provenance.get("data", "phantom") == "phantom":
        caution = note(
            "Trained and measured on films that a program drew. The figures show that the system "
            "works from end to end, and that its safeguards hold on such films. They say nothing "
            "about patients.",
            "doubt",
        )
    words = (
        "It orders a reading list: an abnormal study may be read earlier, a likely normal one "
        "later. It makes no diagnosis, replaces no reading, and whatever it cannot assess stays "
        "where it was."
    )
    return (
        f"<p><strong>{escape(bundle.manifest.intended_use)}</strong></p>"
        + caution
        + paragraph(words)
        + tiles(material)
    )


def _contract(material: Material) -> str:
    plan = material.record.get("plan", material.record)
    return str(plan.get("contract", "")).strip().split("\n\n")[0]


def _figures(material: Material) -> str:
    return no_films(material) + figures_table(material)


def _shifts(material: Material) -> str:
    if material.bundle is None:
        return ""
    sheet = examples(material)
    listed = f"<h3>What such films look like</h3>{paragraph(_EXAMPLES)}{sheet}" if sheet else ""
    return shifts(material.trial) + listed


def _worded(words: str, body: str) -> str:
    return paragraph(words) + body if body else ""


def made(material: Material) -> str:
    """Recipe, data, seeds, versions and digests."""
    facts: dict[str, Any] = {}
    if material.bundle is not None:
        bundle = material.bundle
        provenance = bundle.manifest.provenance
        facts |= {
            "bundle digest": bundle.identity.digest,
            "made": bundle.manifest.created,
            "licence": bundle.manifest.licence,
            **{
                name.replace("_", " "): provenance[name]
                for name in ("recipe", "seed", "data", "data_digest", "films", "hardware",
                             "certified_on")
                if name in provenance
            },
        }  # fmt: skip
        if bundle.certificate is not None:
            facts["calibration data digest"] = bundle.certificate.data_digest
            facts["model digest"] = bundle.certificate.model_digest
    if material.trial is not None:
        plan = material.trial.plan
        facts["trial"] = f"{plan.films} films, up to {plan.cell_films} a shift, seed {plan.seed}"
    plan = material.record.get("plan", material.record)
    facts |= {name: plan[name] for name in ("recipe", "seed", "data") if plan.get(name)}
    facts |= {
        name: material.record[name]
        for name in ("status", "versions", "device", "begun")
        if material.record.get(name)
    }
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(_plain(value))}</dd>" for name, value in facts.items()
    )
    return f"<dl>{items}</dl>" if items else ""


def _plain(value: Mapping[str, Any] | Any) -> str:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(part)}" for name, part in value.items())
    return str(value)
