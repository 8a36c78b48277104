"""A bundle with new thresholds: certified anew on fresh films, or without rule-out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from training.bundle.card import card_text
from training.certify.certificate import certify, operating_points
from training.errors import RefusedError
from training.statistics import misses_allowed, positives_needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.bundle.export import BundleParts
    from training.certify.certificate import Aims, Calibration

_LEAST_NEGATIVES: Final = 50  # below that a flag is not set anew


def refuse_shortfall(calibration: Calibration, findings: Sequence[str], aims: Aims) -> None:
    """Refuse to certify where positives do not suffice.

    Args:
        calibration: The films.
        findings: What must be certified: a film is lowered only when all of it is ruled out.
        aims: What the certificate shall say.

    Raises:
        RefusedError: Too few positives of some finding; says how many there are and how many
            are needed for no miss, one and two.
    """
    counts = {name: _positives(calibration, name) for name in findings}
    short = {
        name: count
        for name, count in counts.items()
        if misses_allowed(count, aims.alpha_of(name, findings), aims.delta) is None
    }
    if not short:
        return
    rates = dict.fromkeys(aims.alpha_of(name, findings) for name in short)
    needed = "; ".join(needed_in_words(alpha, aims.delta) for alpha in rates)
    have = ", ".join(f"{name} {count}" for name, count in short.items())
    raise RefusedError(
        f"Rule-out is refused: {needed}; there are too few of: {have}. Add films that nothing "
        "was trained on, ask for less with --alpha or --finding-alpha, or export the bundle "
        "without a certificate."
    )


def needed_in_words(alpha: float, delta: float) -> str:
    """How many positives a miss rate takes, for none, one and two that are missed."""
    none, one, two = (positives_needed(alpha, delta, misses) for misses in range(3))
    return (
        f"a miss rate of at most {alpha:g} with risk {delta:g} takes {none} positives past the "
        f"gates when none is missed, {one} when one is, {two} when two are"
    )


def _positives(calibration: Calibration, finding: str) -> int:
    return int(calibration.positives(calibration.findings.index(finding)).sum())


def certified_anew(
    parts: BundleParts,
    calibration: Calibration,
    findings: Sequence[str],
    aims: Aims,
    source: Mapping[str, Any],
) -> BundleParts:
    """The same bundle with thresholds and certificate from other films.

    No threshold is raised: where the films would allow more than the bundle had, it keeps what
    it had. To raise one, export the bundle without its certificate first.

    Args:
        parts: The bundle.
        calibration: Films that nothing was trained on.
        findings: What must be certified.
        aims: What the certificate shall say.
        source: The films in words, for the provenance.

    Raises:
        RefusedError: See `refuse_shortfall`.
    """
    refuse_shortfall(calibration, findings, aims)
    before = parts.manifest["operating_points"]
    digest = parts.weights_digest
    certificate = certify(calibration.of(findings), aims, digest)
    points = operating_points(calibration.of(findings), certificate, aims)
    merged = {
        name: _lower(point, points.get(name), _negatives(calibration, name))
        for name, point in before.items()
    }
    provenance = {**parts.manifest["provenance"], "certified_on": dict(source)}
    return _with(parts, {"operating_points": merged, "provenance": provenance}, certificate)


def _negatives(calibration: Calibration, finding: str) -> int:
    return int(calibration.negatives(calibration.findings.index(finding)).sum())


def _lower(
    before: Mapping[str, float | None], new: Mapping[str, float | None] | None, negatives: int
) -> dict[str, float | None]:
    """The lower of two thresholds each; the flag stays where too few negatives set it."""
    if new is None:
        return dict(before)
    rule_out = new["rule_out"]
    if before["rule_out"] is not None and rule_out is not None:
        rule_out = min(rule_out, before["rule_out"])
    flags = [before["flag"], new["flag"]] if negatives >= _LEAST_NEGATIVES else [before["flag"]]
    flag = min(value for value in flags if value is not None)
    return {"flag": flag if rule_out is None else max(flag, rule_out), "rule_out": rule_out}


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
    if "metrics" in manifest["provenance"]:
        pages["card.md"] = card_text(manifest, certificate).encode()
    return replace(parts, manifest=manifest, certificate=certificate, pages=pages)
