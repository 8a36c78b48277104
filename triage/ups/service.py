"""The UPS service itself: what DIMSE (triage.ups.dimse) and UPS-RS (triage.web.dicomweb) views do.

Each operation answers with the DIMSE status of triage.ups.statuses; a view puts it into words of
its own. A change is one transaction with the events that follow from it. Errors of the store
(TriageError) are let through: a view answers that it cannot at the moment.
"""

from __future__ import annotations

from triage.ups.moving import StepMoving
from triage.ups.watching import StepWatching
from triage.ups.writing import StepWriting


class StepService(StepWriting, StepMoving, StepWatching):
    """Every operation on work items; safe to use from several threads.

    Args:
        store: The site's store.
        settings: The site's settings.
    """
