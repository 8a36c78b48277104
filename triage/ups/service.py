"""The UPS service itself: what DIMSE (triage.ups.dimse) and UPS-RS (triage.web.dicomweb) views do.

Each operation answers with the DIMSE status of triage.ups.statuses; a view puts it into words of
its own. A change is one transaction with the events that follow from it. Errors of the store
(TriageError) are let through: a view answers that it cannot at the moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from triage.store import Channel, NewStep, StepChange, StepEvent, StepReferences, StepSubject
from triage.uids import is_uid, new_uid
from triage.ups import statuses
from triage.ups.attributes import PROGRESS, merged, priority_of, to_create, to_set, unmet
from triage.ups.items import (
    CLASS_OF_ORDER,
    CLASS_OF_WORD,
    from_json,
    is_own,
    present,
    present_object,
    subject_texts,
    to_json,
)
from triage.ups.machine import Action, after, change_of_attributes, change_of_state
from triage.ups.reports import (
    cancel_requested,
    first_reports,
    reports_of_change,
    restarted,
    state_report,
)
from triage.ups.selection import selection_of
from triage.ups.subscriptions import FILTERED_SUBSCRIPTION, GLOBAL_SUBSCRIPTION, GLOBAL_UIDS
from triage.values import Priority, ReadingClass, StepState
from triage.worklist.query import (
    answer,
    check_query,
    constrains,
    has_unsupported_keys,
    matches,
    named_in,
    select,
)
from triage.worklist.ups import date_time

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping
    from datetime import datetime

    from pydicom.tag import BaseTag

    from triage.settings import Settings
    from triage.store import Selection, StepLine, StepRecord, Store
    from triage.ups.machine import Transition
    from triage.ups.reports import EventReport

Item = TypeVar("Item")

# How often a change is looked at anew because another one came between.
_TRIES: Final = 20
_LINES_AT_ONCE: Final = 100
_MOST_AT_ONCE: Final = 500
_LONGEST_ATTRIBUTES: Final = 1_000_000  # characters of JSON that readers may leave with one item
_DISCONTINUED: Final = ("110513", "DCM", "Discontinued for unspecified reason")  # CID 9300
_INPUTS: Final = "InputInformationSequence"
_PRIORITY: Final = "ScheduledProcedureStepPriority"
_GIVEN_ON_CANCEL: Final = (
    "ReasonForCancellation",
    "ProcedureStepDiscontinuationReasonCodeSequence",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation came to.

    Attributes:
        status: The DIMSE status (triage.ups.statuses); `was_done` tells whether it had effect.
        dataset: What was asked for, or kept; None when there is nothing to return.
        comment: What is at fault, for the sender's log, without patient data.
        work_item_uid: The work item, also one that was just given its UID.
    """

    status: int
    dataset: Dataset | None = None
    comment: str = ""
    work_item_uid: str = ""


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """What a search came to.

    Attributes:
        status: PENDING, or PENDING_WITH_UNSUPPORTED_KEYS.
        items: What matches, in reading order, the ended ones behind. It reads the database as it
            goes.
    """

    status: int
    items: Iterator[Item]


class StepService:
    """Every operation on work items; safe to use from several threads.

    Args:
        store: The site's store.
        settings: The site's settings.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._label = settings.worklist.label
        self._cap_seconds = settings.worklist.waiting_cap_minutes * 60
        self._peers = frozenset(peer.ae_title for peer in settings.peers)

    def create(self, work_item_uid: str, attributes: Dataset, by: str) -> Answer:
        """Put a work item on the list (N-CREATE, PS3.4 CC.2.5; POST /workitems).

        Args:
            work_item_uid: Its SOP Instance UID; empty to be given one.
            attributes: All of it; `ProcedureStepState` must be SCHEDULED.
            by: AE title or user name of who pushes it.

        Returns:
            SUCCESS, CREATED_MODIFIED with the item as it is kept, DUPLICATE_SOP_INSTANCE,
            NOT_CREATED_SCHEDULED, MISSING_ATTRIBUTE, MISSING_ATTRIBUTE_VALUE,
            INVALID_ATTRIBUTE_VALUE or INVALID_SOP_INSTANCE.
        """
        uid = work_item_uid or new_uid()
        if not is_uid(uid) or uid in GLOBAL_UIDS:
            return Answer(statuses.INVALID_SOP_INSTANCE, comment="SOPInstanceUID")
        judged = to_create(attributes, self._label)
        if not statuses.was_done(judged.status):
            return _refused(judged.status, judged.keywords, uid)
        kept = judged.attributes
        priority = priority_of(kept)
        reading_class = CLASS_OF_ORDER[priority] if priority else ReadingClass.ROUTINE
        del kept.ScheduledProcedureStepPriority
        new = NewStep(
            work_item_uid=uid,
            reading_class=reading_class,
            attributes=to_json(kept),
            subject=StepSubject(**subject_texts(kept)),
            by=by,
            reasons=(f"pushed by {by}",),
        )
        shown = merged(kept, Dataset())
        shown.ProcedureStepState = StepState.SCHEDULED.value
        if not self._store.create_step_telling(new, _events(first_reports(shown))):
            return Answer(statuses.DUPLICATE_SOP_INSTANCE, work_item_uid=uid)
        if judged.status == statuses.SUCCESS:
            return Answer(statuses.SUCCESS, work_item_uid=uid)
        return replace(self.retrieve(uid), status=judged.status, comment=_comment(judged.keywords))

    def retrieve(self, work_item_uid: str, tags: Iterable[BaseTag] = ()) -> Answer:
        """Return a work item (N-GET, CC.2.7; GET /workitems/{uid}); never its Transaction UID.

        Args:
            work_item_uid: Its SOP Instance UID.
            tags: Of these attributes only; of all when there is none.

        Returns:
            SUCCESS with the item, or UNKNOWN_WORK_ITEM.
        """
        line = self._line(work_item_uid)
        if line is None:
            return Answer(statuses.UNKNOWN_WORK_ITEM, work_item_uid=work_item_uid)
        item = self._whole(line)
        wanted = tuple(tags)
        return Answer(statuses.SUCCESS, select(item, wanted) if wanted else item, "", work_item_uid)

    def search(self, query: Dataset) -> Found[Dataset]:
        """Look for work items (C-FIND, CC.2.8), each reduced to what the query names.

        Args:
            query: Matching and return keys. No key at all asks for everything, but Input
                Information.

        Raises:
            PermanentError: The query cannot be understood; raised at once or, of a value that
                only shows against an item, while the items are read.
        """
        found = self._search(query, None if len(query) == 0 else named_in(query))
        return Found(found.status, (answer(query, item) for _, item in found.items))

    def search_objects(
        self, query: Dataset, *, limit: int, offset: int = 0
    ) -> Found[Mapping[str, Any]]:
        """Look for work items (GET /workitems), each whole, in the DICOM JSON model.

        Args:
            query: Matching keys. Input Information is answered with where it is named.
            limit: At most so many.
            offset: So many matches are left out first.

        Raises:
            PermanentError: As `search` does.
        """
        # Where everything matches, what is left out need not be read.
        skipped = 0 if constrains(query) else offset
        found = self._search(query, named_in(query), most=offset + limit, skipped=skipped)
        some = islice(found.items, offset - skipped, offset - skipped + limit)
        return Found(found.status, self._objects(some, referring=_INPUTS in query))

    def update(
        self, work_item_uid: str, modifications: Dataset, transaction_uid: str, by: str
    ) -> Answer:
        """Set attributes of a work item (N-SET, CC.2.6; POST /workitems/{uid}).

        A priority that is set counts as a person's word: nothing moves the item any more. Only
        the urgency of an order stays as it was ordered.

        Args:
            work_item_uid: Its SOP Instance UID.
            modifications: What to set; each replaces the whole attribute.
            transaction_uid: Of the claim while the item is IN PROGRESS, empty while it is
                SCHEDULED.
            by: AE title or user name of who asks.

        Returns:
            SUCCESS, UNSUPPORTED_ATTRIBUTES or COERCED (done, but for some attributes), or
            UNKNOWN_WORK_ITEM, WRONG_TRANSACTION_UID, NOT_IN_PROGRESS, NO_LONGER_UPDATED,
            ONLY_CREATED_SCHEDULED, INVALID_ATTRIBUTE_VALUE, MISSING_ATTRIBUTE_VALUE.
        """
        for _ in range(_TRIES):
            line = self._line(work_item_uid)
            state = None if line is None else line.step.state
            recorded = "" if line is None else line.step.transaction_uid
            transition = after(state, change_of_attributes(transaction_uid, recorded))
            if line is None or transition.status != statuses.SUCCESS:
                return Answer(transition.status, work_item_uid=work_item_uid)
            answered = self._update(line, modifications, by)
            if answered is not None:
                return answered
        return _crowded(work_item_uid)

    def change_state(self, work_item_uid: str, state: str, transaction_uid: str, by: str) -> Answer:
        """Change the state of a work item (N-ACTION 1, CC.2.1; PUT /workitems/{uid}/state).

        Args:
            work_item_uid: Its SOP Instance UID.
            state: IN PROGRESS to claim it, COMPLETED, or CANCELED.
            transaction_uid: A new one to claim it, which is recorded; the same one afterwards.
            by: AE title or user name of who asks.

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
            target = StepState(state)
        except ValueError:
            return Answer(statuses.INVALID_ARGUMENT_VALUE, comment="ProcedureStepState")
        if transaction_uid and not is_uid(transaction_uid):
            return Answer(statuses.INVALID_ARGUMENT_VALUE, comment="TransactionUID")
        for _ in range(_TRIES):
            line = self._line(work_item_uid)
            standing = None if line is None else line.step.state
            recorded = "" if line is None else line.step.transaction_uid
            transition = after(standing, change_of_state(target, transaction_uid, recorded))
            if line is None or transition.state is None:
                return Answer(transition.status, work_item_uid=work_item_uid)
            answered = self._move(line, transition.state, transaction_uid, by)
            if answered is not None:
                return answered
        return _crowded(work_item_uid)

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
        for _ in range(_TRIES):
            line = self._line(work_item_uid)
            if line is None:
                return Answer(statuses.UNKNOWN_WORK_ITEM, work_item_uid=work_item_uid)
            step, standing = line.step, self._whole(line)
            if step.state is not StepState.IN_PROGRESS:
                return Answer(statuses.NOT_IN_PROGRESS, work_item_uid=work_item_uid)
            if step.claimed_by != by:
                return Answer(statuses.WRONG_TRANSACTION_UID, work_item_uid=work_item_uid)
            change = StepChange(by=by, state=StepState.SCHEDULED, reason="claim given back")
            reports = reports_of_change(standing, standing, [StepState.SCHEDULED])
            if self._change(step, change, reports):
                return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)
        return _crowded(work_item_uid)

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
        for _ in range(_TRIES):
            line = self._line(work_item_uid)
            transition = after(None if line is None else line.step.state, Action.REQUEST_CANCEL)
            if line is None or transition.status != statuses.SUCCESS:
                return Answer(transition.status, work_item_uid=work_item_uid)
            if not transition.states:
                told = self._store.tell_subscribers(work_item_uid, _events([asked]))
                status = statuses.SUCCESS if told else statuses.PERFORMER_UNREACHABLE
                return Answer(status, work_item_uid=work_item_uid)
            if is_own(line.step):
                # A study is there to be read: whoever watches hears of the wish, and it stays.
                self._store.tell_subscribers(work_item_uid, _events([asked]))
                return Answer(statuses.PERFORMER_DECLINES, work_item_uid=work_item_uid)
            if self._cancel(line, transition, information, asked, by):
                return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)
        return _crowded(work_item_uid)

    def subscribe(
        self,
        work_item_uid: str,
        receiving_ae: str,
        *,
        deletion_lock: bool,
        matching_keys: Dataset | None = None,
        channel: Channel = Channel.DIMSE,
    ) -> Answer:
        """Subscribe an application entity to events (N-ACTION 3, CC.2.3; POST …/subscribers/…).

        Args:
            work_item_uid: One work item, or a well-known UID: GLOBAL_SUBSCRIPTION,
                FILTERED_SUBSCRIPTION.
            receiving_ae: Who is to be told.
            deletion_lock: Whether the items are to be kept after their final state. They are
                anyway; with lock a global subscription tells the state of every item first.
            matching_keys: Of a filtered subscription.
            channel: How they are told; over DIMSE only those of `[[peers]]` can be reached.

        Returns:
            SUCCESS, or UNKNOWN_WORK_ITEM, UNKNOWN_RECEIVING_AE, INVALID_ARGUMENT_VALUE.

        Raises:
            PermanentError: The matching keys cannot be understood.
        """
        if channel is Channel.DIMSE and receiving_ae not in self._peers:
            return Answer(statuses.UNKNOWN_RECEIVING_AE, work_item_uid=work_item_uid)
        if work_item_uid == FILTERED_SUBSCRIPTION:
            keys = Dataset() if matching_keys is None else matching_keys
            return self._subscribe_matching(receiving_ae, keys, channel, deletion_lock)
        if work_item_uid == GLOBAL_SUBSCRIPTION:
            self._store.subscribe_all(receiving_ae, channel, deletion_lock=deletion_lock)
            return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)
        line = self._line(work_item_uid)
        if line is None:
            return Answer(statuses.UNKNOWN_WORK_ITEM, work_item_uid=work_item_uid)
        self._store.subscribe_step(
            work_item_uid,
            receiving_ae,
            channel,
            deletion_lock=deletion_lock,
            events=_events([state_report(self._plain(line))]),
        )
        return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)

    def unsubscribe(
        self, work_item_uid: str, receiving_ae: str, *, channel: Channel = Channel.DIMSE
    ) -> Answer:
        """Unsubscribe an application entity (N-ACTION 4, CC.2.3; DELETE …/subscribers/…).

        Args:
            work_item_uid: One work item; a well-known UID takes back every subscription.
            receiving_ae: Who is not to be told any more.
            channel: How they were told.

        Returns:
            SUCCESS, also where there was no subscription, or UNKNOWN_WORK_ITEM,
            UNKNOWN_RECEIVING_AE.
        """
        if not self._knows(receiving_ae, channel):
            return Answer(statuses.UNKNOWN_RECEIVING_AE, work_item_uid=work_item_uid)
        if work_item_uid in GLOBAL_UIDS:
            self._store.unsubscribe_all(receiving_ae)
            return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)
        if self._store.step(work_item_uid) is None:
            return Answer(statuses.UNKNOWN_WORK_ITEM, work_item_uid=work_item_uid)
        self._store.unsubscribe_step(work_item_uid, receiving_ae)
        return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)

    def suspend(
        self, work_item_uid: str, receiving_ae: str, *, channel: Channel = Channel.DIMSE
    ) -> Answer:
        """Suspend a global subscription (N-ACTION 5, CC.2.3; POST …/subscribers/…/suspend).

        Items to come are not told any more; subscriptions to those that there are stay.

        Args:
            work_item_uid: A well-known UID.
            receiving_ae: Whose subscription.
            channel: How they are told.

        Returns:
            SUCCESS, or WRONG_ACTION for a single work item, UNKNOWN_RECEIVING_AE.
        """
        if work_item_uid not in GLOBAL_UIDS:
            return Answer(statuses.WRONG_ACTION, work_item_uid=work_item_uid)
        if not self._knows(receiving_ae, channel):
            return Answer(statuses.UNKNOWN_RECEIVING_AE, work_item_uid=work_item_uid)
        self._store.suspend_global(receiving_ae)
        return Answer(statuses.SUCCESS, work_item_uid=work_item_uid)

    def judge_candidates(self, limit: int = _LINES_AT_ONCE) -> int:
        """Hold new items against the filtered global subscriptions; to be called often.

        Returns:
            How many were judged; 0 when none waits.
        """
        waiting = self._store.candidates(limit)
        for candidate in waiting:
            line = self._line(candidate.work_item_uid)
            if line is None or not matches(from_json(candidate.matching_keys), self._whole(line)):
                self._store.judge_candidate(candidate, ())
            else:
                events = _events(first_reports(self._plain(line)))
                self._store.judge_candidate(candidate, events)
        return len(waiting)

    def tell_of_restart(self) -> int:
        """Let everybody who has subscribed be told that we have been restarted (CC.2.4.3).

        Returns:
            How many they are.
        """
        (event,) = _events([restarted()])
        return self._store.tell_every_watcher(GLOBAL_SUBSCRIPTION, event)

    def _knows(self, ae_title: str, channel: Channel) -> bool:
        """Whether an application entity can be, or has been, subscribed."""
        if channel is Channel.WEBSOCKET or ae_title in self._peers:
            return True
        # A peer that the site has taken out of its configuration may still leave.
        return any(known.ae_title == ae_title for known in self._store.watchers())

    def _subscribe_matching(
        self, receiving_ae: str, keys: Dataset, channel: Channel, deletion_lock: bool
    ) -> Answer:
        check_query(keys)
        # Before anything is written down: keys that nothing can be held against are refused.
        found = [item.SOPInstanceUID for _, item in self._matching(keys, named_in(keys))]
        self._store.subscribe_all(
            receiving_ae, channel, deletion_lock=deletion_lock, matching_keys=to_json(keys)
        )
        for start in range(0, len(found), _LINES_AT_ONCE):
            some = found[start : start + _LINES_AT_ONCE]
            self._store.subscribe_matching(receiving_ae, channel, some, deletion_lock=deletion_lock)
        return Answer(statuses.SUCCESS, work_item_uid=FILTERED_SUBSCRIPTION)

    def _search(
        self,
        query: Dataset,
        wanted: Container[BaseTag] | None,
        *,
        most: int = _LINES_AT_ONCE,
        skipped: int = 0,
    ) -> Found[tuple[StepLine, Dataset]]:
        check_query(query)
        items = self._matching(query, wanted, most, skipped)
        # The status of every answer depends on what items have: on the first of them.
        first = next(items, None)
        if first is None:
            return Found(statuses.PENDING, items)
        unsupported = has_unsupported_keys(query, first[1])
        status = statuses.PENDING_WITH_UNSUPPORTED_KEYS if unsupported else statuses.PENDING
        return Found(status, chain([first], items))

    def _matching(
        self,
        query: Dataset,
        wanted: Container[BaseTag] | None,
        most: int = _LINES_AT_ONCE,
        skipped: int = 0,
    ) -> Iterator[tuple[StepLine, Dataset]]:
        """Yield the items that match a query, as they stand when it is their turn.

        Args:
            query: Its keys.
            wanted: The attributes to present, those of the query among them; all when None.
            most: So many will do, as a rule: the database is asked for these first.
            skipped: So many of the items that the database finds are left out.
        """
        now = self._store.clock()
        uids = self._selected(selection_of(query, self._label), now, max(1, most))
        for _ in islice(uids, skipped):
            pass
        first = min(max(1, most - skipped), _MOST_AT_ONCE)
        for some in iter(lambda: list(islice(uids, first)), []):
            lines = self._store.step_lines(some, now, self._cap_seconds)
            references = self._references(lines) if _INPUTS in query else {}
            for line in lines:
                own = references.get(line.step.study_instance_uid)
                item = present(line, self._label, own, wanted)
                if matches(query, item):
                    yield line, item

    def _objects(
        self, items: Iterator[tuple[StepLine, Dataset]], *, referring: bool
    ) -> Iterator[Mapping[str, Any]]:
        """Yield matching items whole, in the DICOM JSON model."""
        while some := [line for line, _ in islice(items, _LINES_AT_ONCE)]:
            references = self._references(some) if referring else {}
            for line in some:
                own = references.get(line.step.study_instance_uid)
                yield present_object(line, self._label, own)

    def _references(self, lines: Collection[StepLine]) -> Mapping[str, StepReferences]:
        """Return images and reports of the studies of ours among some lines."""
        studies = [line.step.study_instance_uid for line in lines if is_own(line.step)]
        found = self._store.step_references(studies)
        return {study: found.get(study, StepReferences()) for study in studies}

    def _selected(self, selection: Selection, now: datetime, most: int) -> Iterator[str]:
        """Yield the items that the database finds: the first of them at once, then the rest.

        An item that moves up meanwhile comes late, but it comes: the rest is all that there
        is, without what has been seen.
        """
        first = self._store.search_uids(selection, now, self._cap_seconds, limit=most)
        yield from first
        if len(first) == most:
            seen = set(first)
            every = self._store.search_uids(selection, now, self._cap_seconds)
            yield from (uid for uid in every if uid not in seen)

    def _line(self, work_item_uid: str) -> StepLine | None:
        found = self._store.step_lines([work_item_uid], self._store.clock(), self._cap_seconds)
        return found[0] if found else None

    def _plain(self, line: StepLine) -> Dataset:
        return present(line, self._label)

    def _whole(self, line: StepLine) -> Dataset:
        """Return an item with the images and reports of its study."""
        references = self._references([line]).get(line.step.study_instance_uid)
        return present(line, self._label, references)

    def _update(self, line: StepLine, modifications: Dataset, by: str) -> Answer | None:
        """Set attributes; None when the item has changed meanwhile."""
        step, standing = line.step, self._whole(line)
        judged = to_set(standing, modifications, is_own=is_own(step))
        if not statuses.was_done(judged.status):
            return _refused(judged.status, judged.keywords, step.work_item_uid)
        changes = judged.attributes
        wanted = priority_of(changes)
        if wanted is not None:
            del changes.ScheduledProcedureStepPriority
        if wanted is not None and _is_ordered_urgently(line) and wanted is not Priority.HIGH:
            # The urgency of an order is taken back where it was ordered.
            judged = replace(judged, status=statuses.COERCED, keywords=(_PRIORITY,))
            wanted = None
        moved = wanted is not None and wanted is not line.ranked.effective_priority
        attributes = to_json(merged(from_json(step.attributes), changes))
        if len(str(attributes)) > _LONGEST_ATTRIBUTES:
            return Answer(statuses.RESOURCE_LIMITATION, work_item_uid=step.work_item_uid)
        change = StepChange(
            by=by,
            attributes=attributes,
            subject=_subject(step, changes),
            reading_class=CLASS_OF_WORD[wanted] if wanted and moved else None,
        )
        reports = reports_of_change(standing, merged(standing, changes), ())
        if not self._change(step, change, reports):
            return None
        return Answer(judged.status, None, _comment(judged.keywords), step.work_item_uid)

    def _move(
        self, line: StepLine, target: StepState, transaction_uid: str, by: str
    ) -> Answer | None:
        """Change the state; None when the item has changed meanwhile."""
        step, standing = line.step, self._whole(line)
        lacking = unmet(standing, target) if target.final else ()
        if lacking:
            return _refused(statuses.FINAL_STATE_UNMET, lacking, step.work_item_uid)
        claims = target is StepState.IN_PROGRESS
        change = StepChange(
            by=by, state=target, transaction_uid=transaction_uid if claims else None
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

    def _change(self, step: StepRecord, change: StepChange, reports: Iterable[EventReport]) -> bool:
        return self._store.change_step_telling(
            step.work_item_uid, step.version, change, _events(reports)
        )


def _is_ordered_urgently(line: StepLine) -> bool:
    """Whether the order of a study of ours is urgent."""
    return is_own(line.step) and line.ranked.entry.order_priority.urgent


def _subject(step: StepRecord, changes: Dataset) -> StepSubject | None:
    """Return what queries ask for after a change, None when it stays as it is."""
    texts = subject_texts(changes)
    label = texts["label"] or step.subject.label
    study = step.subject.study_instance_uid
    if not is_own(step) and "StudyInstanceUID" in changes:
        study = texts["study_instance_uid"]
    found = replace(step.subject, label=label, study_instance_uid=study)
    return None if found == step.subject else found


def _events(reports: Iterable[EventReport]) -> tuple[StepEvent, ...]:
    return tuple(StepEvent(int(report.kind), to_json(report.information)) for report in reports)


def _refused(status: int, keywords: tuple[str, ...], work_item_uid: str) -> Answer:
    return Answer(status, None, _comment(keywords), work_item_uid)


def _comment(keywords: tuple[str, ...]) -> str:
    return ", ".join(keywords)


def _crowded(work_item_uid: str) -> Answer:
    comment = "the work item changes too fast; try again"
    return Answer(statuses.RESOURCE_LIMITATION, None, comment, work_item_uid)
