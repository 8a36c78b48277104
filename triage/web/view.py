"""The reading list as the page shows it: pure, from ranked entries to rows and groups."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from triage.values import StudyState
from triage.worklist.words import (
    age_words,
    calendar_date,
    group_title,
    outcome_words,
    person_name,
    reason_words,
    waiting_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.values import OrderPriority, RankedEntry, WorklistEntry

_FULL_BAR = 100.0


@dataclass(frozen=True, slots=True)
class PatientView:
    """Who the patient is, as far as the site lets the page tell.

    Attributes:
        name: Name as people write it; empty when the site hides identities or there is none.
        other_names: Ideographic and phonetic forms.
        identifier: Patient ID; empty when hidden.
        birth_date: ISO date; empty when hidden or unknown.
        sex_and_age: "F 54 y"; does not identify, so it is always told.
        hidden: The site hides identities.
    """

    name: str
    other_names: tuple[str, ...]
    identifier: str
    birth_date: str
    sex_and_age: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page.

    Attributes:
        ranked: The entry at its place.
        patient: The patient.
        outcome: The outcome in words, or how far the study is.
        reason: The most telling reason, and how many more there are.
        order_badge: "STAT" or "HIGH" when the order itself is urgent, else empty.
        waiting: The waiting time in words.
        cap_share: Waiting time as percent of the cap, at most 100.
        overdue: The waiting time has reached the cap, whatever the class.
        study_date: ISO date; empty when unknown.
        report: State of the program's own report in words.
        thumbnail_version: Changes with the thumbnail; empty while there is none.
    """

    ranked: RankedEntry
    patient: PatientView
    outcome: str
    reason: str
    order_badge: str
    waiting: str
    cap_share: float
    overdue: bool
    study_date: str
    report: str
    thumbnail_version: str

    @property
    def entry(self) -> WorklistEntry:
        """The entry itself."""
        return self.ranked.entry

    @property
    def tone(self) -> str:
        """Name of the effective class, for the style sheet."""
        return self.ranked.effective_class.name.lower().replace("_", "-")

    @property
    def spoken(self) -> str:
        """The line as a screen reader says it."""
        parts = (
            f"{self.ranked.position}",
            self.patient.name,
            f"{self.ranked.effective_priority.value.lower()} priority",
            f"{self.order_badge} order" if self.order_badge else "",
            self.outcome,
            f"waiting {self.waiting}",
            "overdue" if self.overdue else "",
        )
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring lines of one effective class, under their heading."""

    title: str
    tone: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class ListView:
    """The whole list, in reading order."""

    groups: tuple[Group, ...]
    total: int
    overdue: int


def list_view(ranked: Sequence[RankedEntry], *, show_patient: bool) -> ListView:
    """Lay out a reading order; every entry stands in it once, in the order given."""
    groups = tuple(
        _group(tuple(members), show_patient=show_patient)
        for _, members in groupby(ranked, key=lambda item: item.effective_class)
    )
    overdue = sum(row.overdue for group in groups for row in group.rows)
    return ListView(groups, total=len(ranked), overdue=overdue)


def _group(members: tuple[RankedEntry, ...], *, show_patient: bool) -> Group:
    rows = tuple(row_view(item, show_patient=show_patient) for item in members)
    return Group(group_title(members), rows[0].tone, rows)


def row_view(ranked: RankedEntry, *, show_patient: bool) -> Row:
    """Put one ranked entry into words."""
    entry = ranked.entry
    studied = calendar_date(entry.study_date)
    return Row(
        ranked=ranked,
        patient=patient_view(entry, show_patient=show_patient),
        outcome=outcome_words(entry),
        reason=reason_words(entry.reasons),
        order_badge=_order_badge(entry.order_priority),
        waiting=waiting_words(ranked.waited_seconds),
        cap_share=_cap_share(ranked),
        overdue=ranked.overdue or ranked.waited_seconds >= ranked.cap_seconds,
        study_date=studied.isoformat() if studied else "",
        report=_report_words(entry),
        thumbnail_version=thumbnail_version(entry.thumbnail),
    )


def patient_view(entry: WorklistEntry, *, show_patient: bool) -> PatientView:
    """Return what may be told of the patient."""
    on = calendar_date(entry.study_date) or entry.arrived_at.date()
    sex_and_age = f"{entry.patient_sex} {age_words(entry.patient_birth_date, on)}".strip()
    if not show_patient:
        return PatientView("", (), "", "", sex_and_age, hidden=True)
    name = person_name(entry.patient_name)
    born = calendar_date(entry.patient_birth_date)
    return PatientView(
        name=name.main,
        other_names=name.others,
        identifier=entry.patient_id,
        birth_date=born.isoformat() if born else "",
        sex_and_age=sex_and_age,
        hidden=False,
    )


def thumbnail_version(name: str) -> str:
    """Return a short mark that changes with the file name, so that browsers fetch anew."""
    return f"{zlib.crc32(name.encode()):08x}" if name else ""


def _order_badge(order: OrderPriority) -> str:
    return order.value if order.urgent else ""


def _cap_share(ranked: RankedEntry) -> float:
    if ranked.cap_seconds <= 0:
        return _FULL_BAR
    return round(min(_FULL_BAR, _FULL_BAR * ranked.waited_seconds / ranked.cap_seconds), 1)


def _report_words(entry: WorklistEntry) -> str:
    count = len(entry.report_uids)
    # Not "reported": to a radiologist that word means that a person has read the study.
    if count:
        return "Written" if count == 1 else f"{count} written"
    return "None" if entry.study_state is StudyState.DECIDED else "Pending"
