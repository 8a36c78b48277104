"""The store: every verb that the loops and the commands have for what is durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage.store.absent_watchers import AbsentWatcherVerbs
from triage.store.access import AccessVerbs
from triage.store.agreement import AgreementVerbs
from triage.store.brake import BrakeVerbs
from triage.store.database import utc_now
from triage.store.event_outbox import EventVerbs
from triage.store.feedback import FeedbackVerbs
from triage.store.film_views import FilmViewVerbs
from triage.store.history import HistoryVerbs
from triage.store.hl7 import Hl7Verbs
from triage.store.hl7_doubts import Hl7DoubtVerbs
from triage.store.hl7_outbox import Hl7OutboxVerbs
from triage.store.images import ImageVerbs
from triage.store.order_questions import OrderQuestionVerbs
from triage.store.outbox import OutboxVerbs
from triage.store.overview import OverviewVerbs
from triage.store.reading_list import ReadingListVerbs
from triage.store.receiver_views import ReceiverViewVerbs
from triage.store.receivers import ReceiverVerbs
from triage.store.studies import StudyVerbs
from triage.store.ups import StepVerbs
from triage.store.work_items import WorkItemVerbs

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class Store(
    AbsentWatcherVerbs,
    AccessVerbs,
    AgreementVerbs,
    BrakeVerbs,
    EventVerbs,
    FeedbackVerbs,
    FilmViewVerbs,
    HistoryVerbs,
    Hl7DoubtVerbs,
    Hl7OutboxVerbs,
    Hl7Verbs,
    ImageVerbs,
    OrderQuestionVerbs,
    OutboxVerbs,
    OverviewVerbs,
    ReadingListVerbs,
    StepVerbs,
    ReceiverVerbs,
    ReceiverViewVerbs,
    StudyVerbs,
    WorkItemVerbs,
):
    """Everything durable of one site; each verb is one transaction, durable when it returns.

    Safe to use from several threads and processes at once.

    Raises:
        StoreError: The state folder or its database cannot be used as it is.
        TransientError: The database is busy or its disk is full; try again.
    """

    @classmethod
    def open(cls, state_folder: Path, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open the store of a state folder, making what is missing."""
        return cls(state_folder, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
