"""`triage replay`: what would become of files, with nothing stored and nothing sent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from triage.commands.console import open_console
from triage.decision import decide, is_spared, ladder_of
from triage.errors import HeaderError, PermanentError, PixelError
from triage.filing import build_study_report
from triage.intake.eligibility import judge
from triage.intake.header import read_header
from triage.intake.spool import write_durably
from triage.report import write_part10
from triage.store import utc_now
from triage.values import ImageEvidence, ImageState, OrderPriority, StudyEvidence
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.decode import DecodeLimits
from triage.vision.inference import Analyst, examine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from triage.settings import Settings
    from triage.values import HeaderFacts


@dataclass(frozen=True, slots=True)
class Film:
    """One file that could be read at least as far as its header."""

    path: Path
    facts: HeaderFacts
    evidence: ImageEvidence


def replay(settings: Settings, files: Sequence[Path], report_folder: Path | None) -> int:
    """Say what would become of files, each study taken as complete.

    Args:
        settings: The site's settings.
        files: DICOM files, or folders of them.
        report_folder: Where the reports are written; None writes none.

    Returns:
        0 when every file could be read, else 1.
    """
    console = open_console()
    bundle = Bundle.load(settings.worker.bundle or default_bundle_folder())
    analyst = Analyst(bundle, settings.worker.device)
    studies: defaultdict[str, list[Film]] = defaultdict(list)
    unread = 0
    paths = _expanded(files)
    for path in track(paths, description="examining", console=Console(stderr=True), transient=True):
        try:
            film = _film(path, settings, analyst)
        except HeaderError as error:
            unread += 1
            console.print(f"[red]refused[/] {path}: C000, {error}")
        else:
            studies[film.facts.study_instance_uid].append(film)
    for uid, films in studies.items():
        _tell_study(console, settings, bundle, uid, films, report_folder)
    return 1 if unread else 0


def _expanded(files: Sequence[Path]) -> list[Path]:
    missing = [str(path) for path in files if not path.exists()]
    if missing:
        raise PermanentError(f"there is no {', '.join(missing)}")
    found: list[Path] = []
    for path in files:
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def _film(path: Path, settings: Settings, analyst: Analyst) -> Film:
    facts = read_header(path)
    verdict = judge(facts, settings.eligibility)
    uid = facts.sop_instance_uid
    if verdict.state is not ImageState.QUEUED:
        return Film(path, facts, ImageEvidence(uid, verdict.state, problem=verdict.reason))
    limits = DecodeLimits(megapixels=settings.worker.maximum_megapixels)
    try:
        body_parts = settings.eligibility.body_parts
        analysis = examine(path, facts, analyst, limits, body_parts).analysis
    except PixelError as error:
        return Film(path, facts, ImageEvidence(uid, ImageState.SET_ASIDE, problem=str(error)))
    return Film(path, facts, ImageEvidence(uid, ImageState.ANALYSED, analysis))


def _tell_study(
    console: Console,
    settings: Settings,
    bundle: Bundle,
    study_instance_uid: str,
    films: Sequence[Film],
    report_folder: Path | None,
) -> None:
    orders = [film.facts.order_priority for film in films]
    evidence = StudyEvidence(
        study_instance_uid,
        complete=True,
        images=tuple(film.evidence for film in films),
        order_priority=min(orders, key=list(OrderPriority).index),
    )
    # Who sends a film is not in the file: sites are known by their institution alone here.
    names = [(film.facts.institution_name,) for film in films]
    modes = ladder_of(settings.decision).at(names)
    decision = decide(
        evidence,
        bundle.operating_points,
        bundle.members,
        bundle.identity.digest,
        modes.general,
        spared=is_spared(study_instance_uid, settings.decision.undemoted_share),
        finding_modes=modes.findings,
    )
    governing = modes.governing(decision.flagged)
    console.print(f"\n[bold]study {study_instance_uid}[/]")
    for film in films:
        console.print(f"  {film.path}: {film.evidence.state.value} {film.evidence.problem}")
        if film.evidence.analysis is not None:
            _tell_analysis(console, film)
    place = f"{decision.priority.value}, class {decision.reading_class.name}"
    place = f"{place} in mode {governing.value}"
    console.print(f"  → [bold]{decision.outcome.value}[/]: {place}")
    for reason in decision.reasons:
        console.print(f"    {reason}", markup=False)
    if report_folder is not None:
        sources = {film.facts.sop_instance_uid: (film.path, film.facts) for film in films}
        report = build_study_report(bundle, evidence, decision, governing, sources, utc_now())
        report_folder.mkdir(parents=True, exist_ok=True)
        path = report_folder / f"{report.SOPInstanceUID}.dcm"
        write_durably(path, write_part10(report))
        console.print(f"    report: {path}", markup=False)


def _tell_analysis(console: Console, film: Film) -> None:
    analysis = film.evidence.analysis
    if analysis is None:
        return
    for gate in analysis.gates:
        mark = "[green]passed[/]" if gate.passed else "[red]failed[/]"
        measured = "" if gate.value is None else f" {gate.value:.3g} (limit {gate.limit:.3g})"
        console.print(f"    {mark} {gate.gate}{measured} {gate.reason}")
    for score in analysis.scores:
        console.print(
            f"    {score.finding} by {score.member}: {score.probability:.3f} (raw {score.raw:.2f})"
        )
