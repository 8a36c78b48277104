"""The reading list as the page shows it: pure, from ranked entries to rows."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.values import StudyState
from triage.web.strings import say
from triage.worklist.words import (
    age_words,
    calendar_date,
    outcome_words,
    person_name,
    reason_words,
    waiting_words,
)

if TYPE_CHECKING:
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

    @property
    def names_and_identifier(self) -> str:
        """Every form of the name, and the Patient ID: a line may cut off what is long."""
        return " · ".join(filter(None, (self.name, *self.other_names, self.identifier)))

    @property
    def facts(self) -> tuple[str, ...]:
        """What stands in small letters under the name."""
        return tuple(filter(None, (self.sex_and_age, self.birth_date, self.identifier)))


@dataclass(frozen=True, slots=True)
class Row:
    """One study on the list.

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
        opened_by: Who has opened the study, empty while nobody has.
        held_by: Who has set its priority by hand, empty when nobody has.
        feedback: "agree" or "disagree" when the reader of the page has said so, else empty.
        outside: No filter would show the line: it is there because its order is urgent.
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
    opened_by: str
    held_by: str
    feedback: str
    outside: bool

    @property
    def entry(self) -> WorklistEntry:
        """The entry itself."""
        return self.ranked.entry

    @property
    def tone(self) -> str:
        """Name of the effective class, for the style sheet."""
        return self.ranked.effective_class.name.lower().replace("_", "-")

    @property
    def marked(self) -> bool:
        """Whether people have left a mark on the line."""
        return bool(self.outside or self.opened_by or self.held_by or self.feedback)

    @property
    def every_reason(self) -> str:
        """Every reason, the most telling first."""
        return "; ".join(self.entry.reasons)

    @property
    def study_and_place(self) -> str:
        """What was examined, and where the patient is."""
        entry = self.entry
        return " · ".join(filter(None, (entry.study_description, entry.patient_location)))

    @property
    def spoken(self) -> str:
        """What a screen reader says of the line, between its number and its waiting time."""
        parts = (
            self.patient.name,
            say("spoken.priority", priority=self.ranked.effective_priority.value.lower()),
            say("spoken.order", order=self.order_badge) if self.order_badge else "",
            self.outcome,
            say("row.overdue") if self.overdue else "",
            say("spoken.opened", reader=self.opened_by) if self.opened_by else "",
            say(f"row.{self.feedback}") if self.feedback else "",
            say("row.outside") if self.outside else "",
            say("spoken.waiting"),
        )
        return ", ".join(part for part in parts if part)


def row_view(
    ranked: RankedEntry, *, show_patient: bool, feedback: str = "", outside: bool = False
) -> Row:
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
        cap_share=cap_share(ranked),
        overdue=ranked.overdue or ranked.waited_seconds >= ranked.cap_seconds,
        study_date=studied.isoformat() if studied else "",
        report=_report_words(entry),
        thumbnail_version=thumbnail_version(entry.thumbnail),
        opened_by=entry.claimed_by,
        held_by=entry.held_by,
        feedback=feedback,
        outside=outside,
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


def cap_share(ranked: RankedEntry) -> float:
    """Return the waiting time as percent of the cap, at most 100."""
    if ranked.cap_seconds <= 0:
        return _FULL_BAR
    return round(min(_FULL_BAR, _FULL_BAR * ranked.waited_seconds / ranked.cap_seconds), 1)


def _report_words(entry: WorklistEntry) -> str:
    count = len(entry.report_uids)
    # Not "reported": to a radiologist that word means that a person has read the study.
    if count:
        return say("report.written", count=count)
    return say("report.none" if entry.study_state is StudyState.DECIDED else "report.pending")
