"""A morning's films for the demonstration: about forty studies in the order they are sent.

Most studies are one lateral film, normal or abnormal in several ways. Eight are there to show
what the daemon does with the unusual, one of each: an order marked STAT, an AP view alone, a
chest that strayed in, hardware, pixel data cut off, a file sent twice, and a study whose
second film comes after its report.

What a model says of a film is probable, not certain. ``expected`` therefore lists every
outcome that is no fault of the system: for a plain film all four. ``hoped_for`` is the best of
them. Only for films that a gate must keep from the models is there one expected outcome.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from training.phantom.cases import draw_case
from training.phantom.people import draw_patient
from training.phantom.studies import StudyPlan, Syntax, instance_uid, study_uid, write_study
from training.phantom.values import Degradation, PhantomCase, View
from triage.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEWEST_STUDIES = 12
PLAN_FILE = "morning.json"
FIRST_FILM_AT = datetime(2026, 3, 2, 7, 30)  # noqa: DTZ001 - DICOM times are local to the hospital

_CERTAIN = ("spondylosis:C4/C5", "spondylosis:C5/C6", "spondylosis:C6/C7")
_DUPLICATE_AFTER = 4  # the repeated file is sent that many items after the first time
_SPACING_MM = 0.25  # 1024 by 840 pixels

Generator = np.random.Generator


class Label(Enum):
    """What part an item plays in the morning."""

    NORMAL = "normal"  # one normal lateral film
    ABNORMAL = "abnormal"  # one abnormal lateral film
    STAT = "stat"  # an abnormal film whose order says STAT: first, whatever the models say
    AP = "ap"  # no lateral film at all
    CHEST = "chest"  # another region
    HARDWARE = "hardware"  # plate and screws
    TRUNCATED = "truncated"  # pixel data shorter than rows times columns
    DUPLICATE = "duplicate"  # a file that was sent before
    LATE = "late"  # a study of two films, of which the second comes after the report


_ANY = ("abnormal", "likely-normal", "indeterminate", "not-assessable")
_EXPECTED = {
    Label.NORMAL: _ANY,
    Label.ABNORMAL: _ANY,
    Label.STAT: _ANY,
    Label.AP: ("not-assessable",),
    Label.CHEST: ("not-assessable",),
    Label.HARDWARE: ("not-assessable",),
    Label.TRUNCATED: ("not-assessable",),
    Label.LATE: ("abnormal", "indeterminate", "not-assessable"),
}
_HOPED_FOR = {Label.NORMAL: "likely-normal", Label.ABNORMAL: "abnormal", Label.STAT: "abnormal"}
_UNUSUAL = (Label.STAT, Label.AP, Label.CHEST, Label.HARDWARE, Label.TRUNCATED, Label.LATE)


@dataclass(frozen=True, slots=True)
class MorningItem:
    """One file to send.

    Attributes:
        file: Name of the file in the morning's folder.
        study: Study Instance UID.
        instance: SOP Instance UID.
        association: Items with the same number go over one association.
        wait_for: ``"report"`` when the study's report must be out before this is sent.
        label: The part that it plays.
        findings: The truth.
        expected: Outcomes of the whole study, after its last item, that are no fault.
        hoped_for: The best of them.
    """

    file: str
    study: str
    instance: str
    association: int
    wait_for: str | None
    label: str
    findings: tuple[str, ...]
    expected: tuple[str, ...]
    hoped_for: str


@dataclass(frozen=True, slots=True)
class MorningPlan:
    """A morning in the order of sending.

    Attributes:
        folder: Where the files and ``morning.json`` are.
        seed: Everything follows from it.
        studies: Number of studies.
        items: What to send.
    """

    folder: Path
    seed: int
    studies: int
    items: tuple[MorningItem, ...]


@dataclass(frozen=True, slots=True)
class _Work:
    """One study to write."""

    label: Label
    cases: tuple[PhantomCase, ...]
    study: StudyPlan


def write_morning(
    folder: Path,
    *,
    seed: int,
    studies: int = 40,
    advance: Callable[[], None] = lambda: None,
) -> MorningPlan:
    """Draw a morning and write it, with ``morning.json`` beside the films.

    Args:
        folder: Made when it is missing.
        seed: The same seed gives the same morning, byte for byte.
        studies: At least 12, so that every part is there.
        advance: Called after each study.

    Returns:
        What to send, in order.

    Raises:
        PermanentError: Too few studies were asked for.
    """
    if studies < FEWEST_STUDIES:
        raise PermanentError(
            f"A morning needs at least {FEWEST_STUDIES} studies, not {studies}: ask for more."
        )
    folder.mkdir(parents=True, exist_ok=True)
    work = _planned(seed, studies)
    files = []
    for one in work:
        files.append(write_study(folder, one.cases, study=one.study))
        advance()
    items = _in_order(work, files)
    plan = MorningPlan(folder, seed, studies, items)
    (folder / PLAN_FILE).write_text(_as_json(plan), encoding="utf-8")
    return plan


def _as_json(plan: MorningPlan) -> str:
    content = {
        "schema": "cspine-triage-morning/1",
        "seed": plan.seed,
        "studies": plan.studies,
        "items": [asdict(item) for item in plan.items],
    }
    return json.dumps(content, indent=1) + "\n"


def _planned(seed: int, studies: int) -> tuple[_Work, ...]:
    """Decide on every study: its part, its films, its header."""
    rng = np.random.default_rng((seed, 100))
    plain = studies - len(_UNUSUAL)
    abnormal = round(plain * 0.45)
    labels = [Label.ABNORMAL] * abnormal + [Label.NORMAL] * (plain - abnormal)
    rng.shuffle(labels)
    for label in _UNUSUAL:  # not among the first or last few: a list must be there to move in
        labels.insert(int(rng.integers(3, len(labels) - 2)), label)
    return tuple(
        _planned_study(seed, number, label, np.random.default_rng((seed, 101, number)))
        for number, label in enumerate(labels)
    )


def _planned_study(seed: int, number: int, label: Label, rng: Generator) -> _Work:
    cases = _cases(label, int(rng.integers(2**31)), rng)
    at = FIRST_FILM_AT + timedelta(seconds=240 * number + int(rng.integers(0, 200)))
    computed = label is not Label.TRUNCATED and rng.random() < 0.25  # noqa: PLR2004 - a quarter
    study = StudyPlan(
        seed=seed * 10_000 + number,
        patient=draw_patient(seed, number, cases[0], at.date()),
        taken_at=at,
        accession_number=f"PX{at:%y%m%d}{number:04d}",
        modality="CR" if computed else "DX",
        monochrome1=bool(rng.random() < (0.4 if computed else 0.1)),
        syntax=Syntax.EXPLICIT if label is Label.TRUNCATED else _draw_syntax(rng),
        order_priority="STAT" if label is Label.STAT else str(rng.choice(["", "ROUTINE"])),
        truncated=label is Label.TRUNCATED,
        pixel_spacing_mm=_SPACING_MM,
    )
    return _Work(label, cases, study)


def _draw_syntax(rng: Generator) -> Syntax:
    syntaxes = (Syntax.EXPLICIT, Syntax.JPEG_LS, Syntax.RLE)
    return syntaxes[int(rng.choice(3, p=[0.55, 0.37, 0.08]))]


def _cases(label: Label, seed: int, rng: Generator) -> tuple[PhantomCase, ...]:
    """Draw the films of a study."""
    facing = "right" if rng.random() < 0.12 else "left"  # noqa: PLR2004 - about one in eight
    if label is Label.LATE:  # taken again, because the first film left out C6 and C7
        again = draw_case(seed, findings=_CERTAIN, facing=facing)
        first = replace(again, seed=seed + 1, degradations=(Degradation.CROPPED,))
        return first, again
    if label is Label.AP:
        return (draw_case(seed, view=View.AP),)
    if label is Label.CHEST:
        return (draw_case(seed, abnormal=False, view=View.CHEST),)
    if label is Label.STAT:
        return (draw_case(seed, findings=_CERTAIN, facing=facing),)
    abnormal = label is Label.ABNORMAL
    hardware = label is Label.HARDWARE
    return (draw_case(seed, abnormal=abnormal, hardware=hardware, facing=facing),)


def _in_order(work: tuple[_Work, ...], files: list[tuple[Path, ...]]) -> tuple[MorningItem, ...]:
    """Put the files into the order of sending, two studies to every third association."""
    items: list[MorningItem] = []
    association = 0
    for number, (one, paths) in enumerate(zip(work, files, strict=True)):
        association += number % 3 != 1
        items.append(_item(one, paths[0], 0, association))
    repeated = next(index for index, item in enumerate(items) if item.label == Label.NORMAL.value)
    again = replace(items[repeated], label=Label.DUPLICATE.value, association=-1)
    items.insert(repeated + 1 + _DUPLICATE_AFTER, again)
    for one, paths in zip(work, files, strict=True):
        if one.label is Label.LATE:
            late = _item(one, paths[1], 1, -1)
            items.append(replace(late, wait_for="report"))
    return _numbered(items)


def _numbered(items: list[MorningItem]) -> tuple[MorningItem, ...]:
    """Number the associations anew, from 1 in the order of sending."""
    numbered: list[MorningItem] = []
    number, previous = 0, None
    for item in items:
        number += item.association != previous
        previous = item.association
        numbered.append(replace(item, association=number))
    return tuple(numbered)


def _item(work: _Work, path: Path, index: int, association: int) -> MorningItem:
    return MorningItem(
        file=path.name,
        study=study_uid(work.study.seed),
        instance=instance_uid(work.study.seed, index + 1),
        association=association,
        wait_for=None,
        label=work.label.value,
        findings=work.cases[index].findings,
        expected=_EXPECTED[work.label],
        hoped_for=_HOPED_FOR.get(work.label, _EXPECTED[work.label][0]),
    )
