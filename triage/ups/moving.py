"""Work items are claimed, ended, given back and cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.store import StepChange
from triage.uids import is_uid
from triage.ups import statuses
from triage.ups.answers import Answer, crowded, refused
from triage.ups.attributes import PROGRESS, merged, unmet
from triage.ups.items import as_ended, as_new, from_json, is_own, to_json
from triage.ups.machine import Action, after, change_of_state
from triage.ups.reports import cancel_requested, reports_of_change, state_report
from triage.ups.steps import TRIES, Steps, events_of
from triage.ups.subscriptions import GLOBAL_UIDS
from triage.values import StepState
from triage.worklist.ups import date_time

if TYPE_CHECKING:
    from triage.store import StepLine
    from triage.ups.machine import Transition
    from triage.ups.reports import EventReport

_DISCONTINUED: Final = ("110513", "DCM", "Discontinued for unspecified reason")  # CID 9300
_GIVEN_ON_CANCEL: Final = (
    "ReasonForCancellation",
    "ProcedureStepDiscontinuationReasonCodeSequence",
)


class StepMoving(Steps):
    """N-ACTION 1 and 2, ChangeWorkitemState and RequestCancellation."""

    def change_state(self, work_item_uid: str, state: str, transaction_uid: str, by: str) -> Answer:
        """Change the state of a work item (N-ACTION 1, CC.2.1; PUT /workitems/{uid}/state).

        Args:
            work_item_uid: Its SOP Instance UID.
            state: IN PROGRESS to claim it, COMPLETED, or CANCELED.
            transaction_uid: A new one to claim it, which is recorded; the same one afterwards.
            by: AE title or user name of who asks.

        A study of ours whose step is cancelled is still to be read: a new step takes the place
        of the old one on the list, in the same transaction.

        Returns:
            SUCCESS, ALREADY_CANCELED, ALREADY_COMPLETED, or UNKNOWN_WORK_ITEM,
            WRONG_TRANSACTION_UID, ALREADY_IN_PROGRESS, ONLY_CREATED_SCHEDULED,
            NOT_IN_PROGRESS, NO_LONGER_UPDATED, FINAL_STATE_UNMET (its comment names what is
            missing), INVALID_ARGUMENT_VALUE for a state that is none, WRONG_ACTION for the
            well-known UIDs.
        """
        if work_item_uid in GLOBAL_UIDS:
            return Answer(statuses.WRONG_ACTION, work_item_uid=work_item_uid)
        try:
            target = StepState(state.strip())  # spaces around a CS say nothing (PS3.5 6.2)
        except ValueError:
            return Answer(statuses.INVALID_ARGUMENT_VALUE, comment="ProcedureStepState")
        if transaction_uid and not is_uid(transaction_uid):
            return Answer(statuses.INVALID_ARGUMENT_VALUE, comment="TransactionUID")
        for _ in range(TRIES):
            line = self._line(work_item_uid)
            standing = None if line is None else line.step.state
            recorded = "" if line is None else line.step.transaction_uid
            transition = after(standing, change_of_state(target, transaction_uid, recorded))
            if line is None or transition.state is None:
                return Answer(transition.status, work_item_uid=work_item_uid)
            answered = self._move(line, transition.state, transaction_uid, by)
            if answered is not None:
                return answered
        return crowded(work_item_uid)

    def give_back(self, work_item_uid: str, by: str) -> Answer:
        """Take a claim back, so that others can read the study; for our own page alone.

        DICOM knows no way back from IN PROGRESS: a reading workstation completes or cancels.
        On the page a reader opens a study by mistake, or is called away, and a study that stays
        claimed for ever would be read by nobody. Subscribers are told of the state.

        Args:
            work_item_uid: Its SOP Instance UID.
            by: The reader, who must be the one that claimed it.

        Returns:
            SUCCESS, UNKNOWN_WORK_ITEM, NOT_IN_PROGRESS, or WRONG_TRANSACTION_UID for the claim
            of somebody else.
        """
        for _ in range(TRIES):
            line = self._line(work_item_uid)
            if line is None:
                return Answer(statuses.UNKNOWN_WORK_ITEM, work_item_uid=work_item_uid)
            step, standing = line.step, self._whole(line)
            if step.state is not StepState.IN_PROGRESS:
                return Answer(statuses.NOT_IN_PROGRESS, work_item_uid=work_item_uid)
            if step.claimed_by != by:
                return Answer(statuses.WRONG_TRANSACTION_UID, work_item_uid=work_item_uid)
            change = StepChange(
                by=by,
                state=StepState.SCHEDULED,
                reason="claim given back",
                placing=self._placing if is_own(step) else None,
            )
            reports = reports_of_change(standing, standing, [StepState.SCHEDULED])
            if self._change(step, change, reports):
                return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)
        return crowded(work_item_uid)

    def request_cancel(self, work_item_uid: str, information: Dataset, by: str) -> Answer:
        """Ask that a work item be cancelled (N-ACTION 2, CC.2.2; POST …/cancelrequest).

        What another system has pushed and nobody has claimed is cancelled. A study of ours that
        nobody has claimed is not: no request of a machine takes it off the list unread. Whoever
        has claimed one is told, if they or anybody has subscribed to it.

        Args:
            work_item_uid: Its SOP Instance UID.
            information: Reason For Cancellation, Procedure Step Discontinuation Reason Code
                Sequence, Contact URI, Contact Display Name; each may be missing.
            by: AE title or user name of who asks.

        Returns:
            SUCCESS, ALREADY_CANCELED, or UNKNOWN_WORK_ITEM, COMPLETED_ALREADY,
            PERFORMER_UNREACHABLE, PERFORMER_DECLINES for an unclaimed study of ours,
            WRONG_ACTION for the well-known UIDs.
        """
        if work_item_uid in GLOBAL_UIDS:
            return Answer(statuses.WRONG_ACTION, work_item_uid=work_item_uid)
        asked = cancel_requested(by, information)
        for _ in range(TRIES):
            line = self._line(work_item_uid)
            transition = after(None if line is None else line.step.state, Action.REQUEST_CANCEL)
            if line is None or transition.status != statuses.SUCCESS:
                return Answer(transition.status, work_item_uid=work_item_uid)
            if not transition.states:
                told = self._store.tell_subscribers(work_item_uid, events_of([asked]))
                status = statuses.SUCCESS if told else statuses.PERFORMER_UNREACHABLE
                return Answer(status, work_item_uid=work_item_uid)
            if is_own(line.step):
                # A study is there to be read: whoever watches hears of the wish, and it stays.
                self._store.tell_subscribers(work_item_uid, events_of([asked]))
                return Answer(statuses.PERFORMER_DECLINES, work_item_uid=work_item_uid)
            if self._cancel(line, transition, information, asked, by):
                return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)
        return crowded(work_item_uid)

    def _move(
        self, line: StepLine, target: StepState, transaction_uid: str, by: str
    ) -> Answer | None:
        """Change the state; None when the item has changed meanwhile."""
        step, standing = line.step, self._whole(line)
        lacking = unmet(standing, target) if target.final else ()
        if lacking:
            return refused(statuses.FINAL_STATE_UNMET, lacking, step.work_item_uid)
        claims = target is StepState.IN_PROGRESS
        change = StepChange(
            by=by, state=target, transaction_uid=transaction_uid if claims else None
        )
        if target is StepState.CANCELED and is_own(step):
            # The step ends, and keeps what it was about; the study is still to be read.
            change = replace(
                change,
                attributes=to_json(as_ended(standing)),
                successor=to_json(as_new(from_json(step.attributes))),
                placing=self._placing,
            )
        if not self._change(step, change, reports_of_change(standing, standing, [target])):
            return None
        return Answer(statuses.SUCCESS, work_item_uid=step.work_item_uid)

    def _cancel(
        self,
        line: StepLine,
        transition: Transition,
        information: Dataset,
        asked: EventReport,
        by: str,
    ) -> bool:
        """Cancel an item that nobody has claimed; False when it has changed meanwhile."""
        step, standing = line.step, self._plain(line)
        progress = Dataset()
        setattr(progress, PROGRESS, Sequence([self._cancellation(information)]))
        change = StepChange(
            by=by,
            state=transition.state,
            attributes=to_json(merged(from_json(step.attributes), progress)),
            reason="cancellation was asked for before anybody had claimed it",
        )
        cancelled = merged(standing, progress)
        reports = [asked, *(state_report(cancelled, state) for state in transition.states)]
        return self._change(step, change, reports)

    def _cancellation(self, information: Dataset) -> Dataset:
        """Return what the final state CANCELED asks for (CC.2.2.3)."""
        found = Dataset()
        found.ProcedureStepCancellationDateTime = date_time(self._store.clock())
        for keyword in _GIVEN_ON_CANCEL:
            if information.get(keyword):
                found.add(information[keyword])
        if "ProcedureStepDiscontinuationReasonCodeSequence" not in found:
            code = Dataset()
            code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = _DISCONTINUED
            found.ProcedureStepDiscontinuationReasonCodeSequence = Sequence([code])
        return found
