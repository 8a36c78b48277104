"""The life of a study as one literal table."""

from __future__ import annotations

from enum import Enum

from triage.values import StudyState


class StudyEvent(Enum):
    """What can happen to a study."""

    IMAGE_STORED = "image-stored"  # a new image, or other bytes under a known UID
    QUIET = "quiet"  # no image came for the quiet time
    RELEASED = "released"  # the association that brought it ended, and the site trusts that
    CONCLUDED = "concluded"  # a decision was written for all of its images


# Where each event leads from each state. A study's own state means: nothing changes.
# CONCLUDED is only taken from COMPLETE: a decision that was computed while another image
# came in is thrown away, and made anew when the study is complete again.
TRANSITIONS: dict[tuple[StudyState, StudyEvent], StudyState] = {
    (StudyState.ARRIVING, StudyEvent.IMAGE_STORED): StudyState.ARRIVING,
    (StudyState.ARRIVING, StudyEvent.QUIET): StudyState.COMPLETE,
    (StudyState.ARRIVING, StudyEvent.RELEASED): StudyState.COMPLETE,
    (StudyState.ARRIVING, StudyEvent.CONCLUDED): StudyState.ARRIVING,
    (StudyState.COMPLETE, StudyEvent.IMAGE_STORED): StudyState.ARRIVING,
    (StudyState.COMPLETE, StudyEvent.QUIET): StudyState.COMPLETE,
    (StudyState.COMPLETE, StudyEvent.RELEASED): StudyState.COMPLETE,
    (StudyState.COMPLETE, StudyEvent.CONCLUDED): StudyState.DECIDED,
    (StudyState.DECIDED, StudyEvent.IMAGE_STORED): StudyState.ARRIVING,
    (StudyState.DECIDED, StudyEvent.QUIET): StudyState.DECIDED,
    (StudyState.DECIDED, StudyEvent.RELEASED): StudyState.DECIDED,
    (StudyState.DECIDED, StudyEvent.CONCLUDED): StudyState.DECIDED,
}


def after(state: StudyState, event: StudyEvent) -> StudyState:
    """Return the state that `event` leads to from `state`."""
    return TRANSITIONS[state, event]
