"""A bundle with new thresholds: certified anew on fresh films, or without rule-out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.bundle.card import card_text
from training.bundle.export import BundleParts, read_parts, write_bundle
from training.errors import RefusedError
from training.spine.cases import rare_cases, scope_cases
from training.spine.films import Renderer, data_digest
from training.spine.findings import FINDINGS, parts_of
from training.spine.pipeline import decided
from training.spine.reading import CaseReader, ReadGroup, gathered
from triage.vision.bundle import Bundle, model_digest
from triage.vision.inference import Analyst

if TYPE_CHECKING:
    from pathlib import Path

    from training.certify.certificate import Aims
    from training.progress import Stages
    from training.spine.findings import Finding


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
    findings = _known(bundle)
    natural = scope_cases("calibration", count, seed)
    rare = rare_cases("calibration", rare_count, seed)
    with (
        Renderer(processes, stages.advance) as renderer,
        stages.stage("reading calibration films", count + sum(map(len, rare.values()))),
    ):
        reader = CaseReader(renderer, Analyst(bundle, "cpu"))
        group = ReadGroup(
            (natural, reader.read(natural)),
            {name: (cases, reader.read(cases)) for name, cases in rare.items()},
            frozenset(),
        )
    digest = data_digest({"calibration": group.cases})
    calibration = gathered(group, parts_of(findings), bundle.manifest.gates, digest)
    sums = bundle.sums
    weights = model_digest(sums, bundle.manifest.weight_files)
    certificate, points, scale = decided(calibration, findings, aims, weights)
    parts = read_parts(folder)
    changed = {"operating_points": points, "temperatures": scale}
    return write_bundle(out, _with(parts, changed, certificate))


def _known(bundle: Bundle) -> list[Finding]:
    """What the phantom can show of the bundle's findings: all of them, or it is refused."""
    known = {finding.name: finding for finding in FINDINGS}
    for finding in bundle.findings:
        if finding.name not in known:
            raise RefusedError(
                f"The phantom shows no {finding.name!r}, which the bundle looks for: run its "
                "recipe again on the data that it was made from."
            )
    return [known[finding.name] for finding in bundle.findings]


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
