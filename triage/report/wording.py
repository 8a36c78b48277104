"""What a report says in words: disclaimer, result, reasons, and what kept images out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from triage.values import ImageState, Mode, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triage.report.request import ReportRequest
    from triage.values import ImageEvidence

_OUTCOMES: Final = {
    Outcome.ABNORMAL: "suspected abnormal",
    Outcome.LIKELY_NORMAL: "likely normal",
    Outcome.INDETERMINATE: "indeterminate",
    Outcome.NOT_ASSESSABLE: "not assessable",
}


def comments(request: ReportRequest, order: Sequence[str]) -> Iterator[str]:
    """The comments of a report, the most important first.

    Args:
        request: What the report says.
        order: SOP Instance UIDs of the images, in the order in which they are counted.
    """
    yield f"NOT FOR DIAGNOSIS. {request.algorithm.intended_use}".strip()
    yield f"Triage result: {_OUTCOMES[request.decision.outcome]}. {_effect(request)}"
    yield from (f"Reason: {reason}" for reason in request.decision.reasons)
    for image in request.images:
        yield from (f"{_name(image, order)}: {problem}" for problem in _problems(image))


def _effect(request: ReportRequest) -> str:
    if request.mode is Mode.SHADOW:
        return "Shadow mode: the reading list was not changed."
    return f"Reading priority {request.decision.priority.value} (mode {request.mode.value})."


def _name(image: ImageEvidence, order: Sequence[str]) -> str:
    if image.sop_instance_uid not in order:
        return f"Instance {image.sop_instance_uid}"
    position = order.index(image.sop_instance_uid) + 1
    return f"Image {position} of {len(order)} ({image.sop_instance_uid})"


def _problems(image: ImageEvidence) -> Iterator[str]:
    if image.state is ImageState.SET_ASIDE:
        yield f"set aside. {image.problem}".strip()
    if image.state is ImageState.NOT_ELIGIBLE:
        yield f"not eligible. {image.problem}".strip()
    for gate in image.analysis.failed_gates if image.analysis else ():
        yield f"gate {gate.gate} failed. {gate.reason}".strip()
