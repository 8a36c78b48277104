"""Lines that are kept: a page shows the same whether a line was written now or before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from triage.values import Outcome
from triage.web.listing import markup
from triage.web.listing.lines import Heading, StudyLine
from triage.web.listing.markup import LineTexts
from triage.web.render import make_templates
from triage.worklist.order import rank

CAP_SECONDS = 240 * 60


def new_texts() -> LineTexts:
    return LineTexts(make_templates(), show_patient=True)


def written_anew(lines) -> str:
    return new_texts().html(lines)


@pytest.fixture
def lines(morning):
    """A heading over three studies, one with a name that looks like a part of the template."""
    morning.study_with(Outcome.LIKELY_NORMAL, patient_name="<room>^<end>")
    morning.later(75)
    morning.study_with(Outcome.ABNORMAL, "spondylosis suspected", accession_number="ACC-9")
    morning.stat_order(patient_name="Doe^Jane")
    ranked = rank(morning.store.worklist_entries(), morning.now, CAP_SECONDS)
    heading = Heading("g-1", "Suspected abnormal", "suspected-abnormal", 3)
    return (heading, *(StudyLine(one, late=False, feedback="", outside=False) for one in ranked))


def run_on(line: StudyLine, **later: float) -> StudyLine:
    """The same line at another place, or after a longer time."""
    return replace(line, ranked=replace(line.ranked, **later))


def test_lines_that_were_kept_are_those_that_would_be_written(lines):
    texts = new_texts()

    first = texts.html(lines)
    again = texts.html(tuple(reversed(lines)))

    assert first == written_anew(lines)
    assert sorted(again) == sorted(first)
    assert texts.html(lines) == first


def test_number_and_waiting_time_of_a_kept_line_run_on(lines):
    texts = new_texts()
    heading, *studies = lines
    texts.html(lines)

    moved = run_on(studies[0], position=17, waited_seconds=studies[0].ranked.waited_seconds + 3600)
    shown = texts.html((heading, moved))

    assert ">17</td>" in shown
    assert shown == written_anew((heading, moved))
    assert shown != written_anew((heading, studies[0]))


def test_a_line_that_shows_something_else_is_written_anew(lines):
    texts = new_texts()
    _, study, *_ = lines
    texts.html(lines)

    agreed = replace(study, feedback="agree")
    opened = replace(
        study, ranked=replace(study.ranked, entry=replace(study.ranked.entry, claimed_by="anna"))
    )

    for other in (agreed, opened, replace(study, late=True), replace(study, outside=True)):
        assert texts.html((other,)) == written_anew((other,))


def test_a_name_cannot_make_room_in_the_text_of_its_line(lines):
    texts = new_texts()

    shown = texts.html(lines)

    assert "&lt;room&gt;" in shown
    assert "<room>" not in shown
    assert "<end>" not in shown
    assert [shown.count(f'id="w-{line.ranked.entry.work_item_uid}"') for line in lines[1:]] == [
        1,
        1,
        1,
    ]


def test_lines_beyond_what_is_kept_are_shown_all_the_same(lines, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(markup, "_MOST_KEPT", 2)
    texts = new_texts()

    for _ in range(3):
        assert texts.html(lines) == written_anew(lines)
        assert texts.html(lines[:1]) == written_anew(lines[:1])
