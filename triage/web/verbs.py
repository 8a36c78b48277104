"""What a reader can do with a study, as a page offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.values import StepState, UserRole, Verdict

if TYPE_CHECKING:
    from triage.store import StudyRecord
    from triage.web.access import AccessFacts


def verbs_for(access: AccessFacts, record: StudyRecord, verdict: str) -> tuple[str, ...]:
    """Return what the reader of a page can do with a study, in the order of the buttons.

    Args:
        access: Who reads the page.
        record: The study.
        verdict: What the reader has said of its result; empty for nothing.
    """
    if access.read_only or UserRole.READER.value not in access.roles:
        return ()
    entry = record.entry
    verbs = []
    if record.decisions:
        verbs += [one.value for one in (Verdict.AGREE, Verdict.DISAGREE) if one.value != verdict]
    if verdict:
        verbs.append(Verdict.UNDO.value)
    if entry.step_state is StepState.SCHEDULED:
        verbs.append("claim")
    elif entry.step_state is StepState.IN_PROGRESS and entry.claimed_by == access.user:
        verbs.append("release")
    return tuple(verbs)
