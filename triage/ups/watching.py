"""Application entities subscribe to events of work items."""

from __future__ import annotations

from pydicom.dataset import Dataset

from triage.store import Channel
from triage.ups import statuses
from triage.ups.answers import Answer
from triage.ups.items import from_json, to_json
from triage.ups.reports import first_reports, restarted, state_report
from triage.ups.searching import StepSearch
from triage.ups.steps import LINES_AT_ONCE, events_of
from triage.ups.subscriptions import FILTERED_SUBSCRIPTION, GLOBAL_SUBSCRIPTION, GLOBAL_UIDS
from triage.worklist.query import check_query, matches, named_in


class StepWatching(StepSearch):
    """N-ACTION 3 to 5, Subscribe, Unsubscribe and Suspend; what is told unasked."""

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
            events=events_of([state_report(self._plain(line))]),
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

    def judge_candidates(self, limit: int = LINES_AT_ONCE) -> int:
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
                events = events_of(first_reports(self._plain(line)))
                self._store.judge_candidate(candidate, events)
        return len(waiting)

    def tell_of_restart(self) -> int:
        """Let everybody who has subscribed be told that we have been restarted (CC.2.4.3).

        Returns:
            How many they are.
        """
        (event,) = events_of([restarted()])
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
        found = [line.step.work_item_uid for line, _ in self._matching(keys, named_in(keys))]
        self._store.subscribe_all(
            receiving_ae, channel, deletion_lock=deletion_lock, matching_keys=to_json(keys)
        )
        for start in range(0, len(found), LINES_AT_ONCE):
            some = found[start : start + LINES_AT_ONCE]
            self._store.subscribe_matching(receiving_ae, channel, some, deletion_lock=deletion_lock)
        return Answer(statuses.SUCCESS, work_item_uid=FILTERED_SUBSCRIPTION)
