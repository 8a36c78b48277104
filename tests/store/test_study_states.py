"""The state table of studies, states times events."""

from __future__ import annotations

import itertools

import pytest

from triage.store.states import TRANSITIONS, StudyEvent, after
from triage.values import StudyState

A, C, D = StudyState.ARRIVING, StudyState.COMPLETE, StudyState.DECIDED


@pytest.mark.parametrize(
    ("event", "from_arriving", "from_complete", "from_decided"),
    [
        (StudyEvent.IMAGE_STORED, A, A, A),
        (StudyEvent.QUIET, C, C, D),
        (StudyEvent.RELEASED, C, C, D),
        (StudyEvent.CONCLUDED, A, D, D),
    ],
)
def test_each_event_leads_where_the_design_says(event, from_arriving, from_complete, from_decided):
    assert [after(state, event) for state in (A, C, D)] == [
        from_arriving,
        from_complete,
        from_decided,
    ]


def test_the_table_answers_every_event_in_every_state():
    assert set(TRANSITIONS) == set(itertools.product(StudyState, StudyEvent))
