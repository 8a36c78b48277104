"""A bundle with new thresholds: certified anew on fresh films, or without rule-out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.bundle.card import card_text
from training.bundle.export import BundleParts, read_parts, write_bundle
from training.recipes.cspine_first import FINDINGS, rare_cases, scope_cases
from training.spine.films import Renderer, data_digest
from training.spine.pipeline import CaseReader, decided, gathered
from triage.vision.bundle import Bundle, model_digest
from triage.vision.inference import Analyst

if TYPE_CHECKING:
    from pathlib import Path

    from training.certify.certificate import Aims
    from training.progress import Stages


def recertify(
    folder: Path,
    out: Path,
    aims: Aims,
    drawn: tuple[int, int, int],
    stages: Stages,
    *,
    processes: int,
) -> Bundle:
    """Set and certify the thresholds of a bundle on fresh phantom films.

    Args:
        folder: The bundle.
        out: Folder of the new bundle.
        aims: What the thresholds are set for.
        drawn: Films as they come, films of each rare finding, and their seed.
        stages: Shows what goes on.
        processes: Processes that render.

    Returns:
        The new bundle; weights and gates are those of the old one.

    Raises:
        BundleError: The bundle does not hold.
    """
    bundle = Bundle.load(folder)
    count, rare_count, seed = drawn
    natural = scope_cases("calibration", count, seed)
    rare = rare_cases("calibration", rare_count, seed)
    with (
        Renderer(processes, stages.advance) as renderer,
        stages.stage("reading calibration films", len(natural) + len(rare)),
    ):
        reader = CaseReader(renderer, Analyst(bundle, "cpu"))
        groups = ((natural, reader.read(natural)), (rare, reader.read(rare)))
    digest = data_digest({"calibration": [*natural, *rare]})
    findings = {finding.name: FINDINGS[finding.name] for finding in bundle.findings}
    calibration, _ = gathered(groups, findings, bundle.manifest.gates, digest)
    sums = bundle.sums
    weights = model_digest(sums, bundle.manifest.weight_files)
    certificate, points, scale = decided(calibration, aims, weights)
    parts = read_parts(folder)
    changed = {"operating_points": points, "temperatures": scale}
    return write_bundle(out, _with(parts, changed, certificate))


def without_certificate(parts: BundleParts) -> BundleParts:
    """The same bundle without rule-out: it can raise studies, not lower them."""
    points = {
        name: {**point, "rule_out": None}
        for name, point in parts.manifest["operating_points"].items()
    }
    return _with(parts, {"operating_points": points}, None)


def _with(
    parts: BundleParts, changed: dict[str, Any], certificate: dict[str, Any] | None
) -> BundleParts:
    """Change the manifest and the certificate, and write the card that goes with them."""
    manifest = {**parts.manifest, **changed}
    pages = dict(parts.pages)
    if manifest["provenance"]:
        pages["card.md"] = card_text(manifest, certificate).encode()
    return replace(parts, manifest=manifest, certificate=certificate, pages=pages)
