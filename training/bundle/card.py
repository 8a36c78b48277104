"""card.md: what a model bundle is, what was measured, and what it must not be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WARNING = (
    "Everything below was measured on films that a program drew. The figures show that the "
    "system works from end to end; they say nothing about patients. The phantom leaves a gap "
    "between what it calls normal and abnormal, and it knows a few findings; real films have "
    "neither such a gap nor such a limit."
)
_ONE_SET = (
    "Everything below was measured on films of one data set. Other hospitals, machines and "
    "patients are other films: certify on your own before anything is lowered."
)
_INTERVALS = (
    "Intervals are 95 %: DeLong for AUC, Clopper and Pearson for shares. All films counted "
    "passed every gate; nothing was trained, stopped or set on them."
)
_KEPT_OUT = (
    "Films of each kind that the gates kept out, and the gate that most often was the first "
    "to do so. Films in scope should pass.\n\n"
)


def card_text(manifest: Mapping[str, Any], certificate: Mapping[str, Any] | None) -> str:
    """Write the card of a bundle from what stands in it.

    Args:
        manifest: Content of bundle.json; its provenance holds the figures.
        certificate: Content of certificate.json.

    Returns:
        Markdown.
    """
    provenance = manifest["provenance"]
    parts = [
        f"# {manifest['name']} {manifest['version']}",
        f"**{manifest['intended_use']}**",
        _WARNING if provenance["data"] == "phantom" else _ONE_SET,
        _made(manifest, provenance),
        *_measured(provenance["metrics"]),
        "## Certificate\n\n" + _certificate(certificate, manifest["operating_points"]),
        *_anew(provenance.get("certified_on"), certificate),
        "## Time\n\n" + _times(provenance),
    ]
    return "\n\n".join(parts) + "\n"


def _measured(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The parts of the card for which there are figures."""
    if metrics.get("findings"):
        yield "## On fresh films\n\n" + _findings(metrics["findings"])
        yield _INTERVALS
    if "study" in metrics:
        yield "![ROC](roc.png)\n\n![Scores](scores.png)\n\n![Training](training.png)"
        yield "## Whole films\n\n" + _shares(metrics["study"])
        yield '## Baselines for "abnormal"\n\n' + _shares(metrics["baselines"])
        yield "## Groups of films\n\n" + _groups(metrics["subgroups"])
    if metrics.get("landmarks"):
        yield "## Landmarks\n\n" + _shares(metrics["landmarks"])
    if "gates" in metrics:
        yield "## Gates\n\n" + _KEPT_OUT + _gates(metrics["gates"])


def _made(manifest: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    films = ", ".join(f"{name} {count}" for name, count in provenance["films"].items())
    return "\n".join(
        (
            f"- recipe: {provenance['recipe']}, seed {provenance['seed']}",
            f"- made: {manifest['created']}",
            f"- films drawn: {films}",
            f"- data digest: {provenance['data_digest']}",
            f"- licence: {manifest['licence']}",
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _interval(values: Sequence[float]) -> str:
    return f"{values[0]:.3f} [{values[1]:.3f}, {values[2]:.3f}]"


def _findings(findings: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("finding", "with / without", "AUC", "sensitivity at flag", "specificity at flag",
            "missed at rule-out", "ruled out without it")  # fmt: skip
    rows = [
        (
            name,
            f"{figures['positives']} / {figures['negatives']}",
            _interval(figures["auc"]) if "auc" in figures else "too few",
            _interval(figures["sensitivity_at_flag"]),
            _interval(figures["specificity_at_flag"]),
            *(
                _interval(figures[key]) if key in figures else "refused"
                for key in ("miss_rate_at_rule_out", "ruled_out_without_finding")
            ),
        )
        for name, figures in findings.items()
    ]
    return _table(head, rows)


def _shares(figures: Mapping[str, Any]) -> str:
    return "\n".join(
        f"- {name.replace('_', ' ')}: {_interval(value) if isinstance(value, list) else value}"
        for name, value in figures.items()
    )


def _groups(groups: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [(name, str(row["films"]), f"{row['auc']:.3f}") for name, row in groups.items()]
    return _table(("group", "films", 'AUC of "abnormal"'), rows)


def _certificate(certificate: Mapping[str, Any] | None, points: Mapping[str, Any]) -> str:
    if certificate is None:
        return "None: this bundle rules nothing out."
    delta = certificate["delta"]
    rows = [
        (
            name,
            f"{shown['alpha']:.3g}",
            str(shown["n"]),
            str(shown["k"]),
            f"{shown['threshold']:.4f}",
            f"{points[name]['rule_out']:.4f}",
        )
        for name, shown in certificate["findings"].items()
    ]
    return (
        "For films like these that pass every gate, the miss rate at rule-out is at most alpha "
        f"with confidence {1 - delta:.3g}, for each finding. A film is lowered only when every "
        'one of them is ruled out, so that at most the alpha of "abnormal" holds for films '
        "with any finding; the others see to it that none of them hides its misses among the "
        "common ones. Thresholds are logits; the one used lies below the certified one where that "
        "rules out normal films enough.\n\n"
        + _table(("finding", "alpha", "positives n", "misses allowed k", "certified", "used"), rows)
    )


def _anew(source: Mapping[str, Any] | None, certificate: Mapping[str, Any] | None) -> Iterator[str]:
    """What the bundle was certified on since it was made."""
    if source is None or certificate is None:
        return
    yield (
        f"Certified anew on {source['films']} films of {source['data']}, of which "
        f"{source['passed_every_gate']} passed every gate. No threshold was raised; the figures "
        "above were measured with the thresholds that the bundle had before."
    )


def _gates(gates: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (name, f"{row['kept_out']} of {row['films']}", row["most_often_by"])
        for name, row in gates.items()
    ]
    return _table(("films", "kept out", "first gate"), rows)


def _times(provenance: Mapping[str, Any]) -> str:
    lines = [f"- {name}: {seconds:.0f} s" for name, seconds in provenance["seconds"].items()]
    return "\n".join([f"Measured on {provenance['hardware']}.\n", *lines])
