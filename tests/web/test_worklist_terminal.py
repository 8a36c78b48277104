"""The reading list in the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from triage.values import Outcome
from triage.worklist.order import rank
from triage.worklist.terminal import render_worklist

CAP_SECONDS = 240 * 60


def printed(ranked, *, width=100, colour=False, terminal=False) -> str:
    """Print a list to a console and return what it wrote."""
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=terminal, color_system="standard")
    console.print(render_worklist(ranked, width=width, colour=colour))
    return output.getvalue()


@pytest.fixture
def ranked(morning):
    """A list with one study of each kind, the first of them overdue."""
    morning.study_with(Outcome.LIKELY_NORMAL, patient_name="Early^Ed")
    morning.later(230)
    morning.study_with(Outcome.LIKELY_NORMAL, patient_name="Yamada^Tarou=山田^太郎")
    morning.study_with(Outcome.ABNORMAL, "spondylosis suspected", accession_number="ACC-9")
    morning.stat_order(patient_name="[bold]Doe[/bold]\x1b[31m^Jane", accession_number="\x1b[2J")
    morning.later(11)
    return rank(morning.store.worklist_entries(), morning.now, CAP_SECONDS)


def test_every_study_stands_in_the_table_in_reading_order(ranked):
    text = printed(ranked)
    places = [text.index(words) for words in ("STAT", "Early, Ed", "ACC-9", "Yamada, Tarou")]
    assert places == sorted(places)
    flat = " ".join(text.split())
    for words in (
        "Urgent orders (1)",
        "or waiting too long (2)",
        "Likely normal (1)",
        "4 h 01 min !",
    ):
        assert words in flat


def test_reasons_stand_beside_the_outcome_where_there_is_room(ranked):
    assert "Suspected abnormal: spondylosis suspected" in " ".join(
        printed(ranked, width=140).split()
    )
    narrow = printed(ranked, width=80)
    assert "spondylosis" not in narrow
    assert "Suspected abnormal" in narrow


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_wider_than_the_terminal(ranked, width):
    assert max(len(line) for line in printed(ranked, width=width).splitlines()) <= width


def test_names_can_neither_steer_the_terminal_nor_style_the_table(ranked):
    text = printed(ranked, terminal=True)
    assert "\x1b" not in text
    assert "[bold]Doe" in text


def test_colour_is_used_only_when_asked_for(ranked):
    assert "\x1b[" in printed(ranked, colour=True, terminal=True)
    assert "\x1b[" not in printed(ranked, colour=False, terminal=True)


def test_an_empty_list_is_said_in_words():
    assert printed(()) == "No study is waiting to be read.\n"
