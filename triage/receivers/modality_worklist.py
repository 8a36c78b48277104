"""How urgent an order is, as a Modality Worklist knows it (C-FIND, PS3.4 Annex K).

Requested Procedure Priority (0040,1003) and Reporting Priority (0040,1009) are read; nothing is
ever re-ordered through this service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import time
    ModalityWorklistInformationFind,
)

from triage.delivery.association import PeerError, Trouble, opened, stop_find
from triage.receivers.receiver import NotTakenError
from triage.receivers.ups import line_to
from triage.values import OrderPriority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pynetdicom.association import Association

    from triage.settings import ModalityWorklist
    from triage.store import OrderQuestion

_PENDING = (0xFF00, 0xFF01)
_MOST_ANSWERS = 64
_WILDCARDS = frozenset("*?\\")  # PS3.4 C.2.2.2.4; a backslash would make two values of one
_URGENCY: Final = tuple(OrderPriority)  # declared from the most urgent, with UNKNOWN last


def ask(
    worklist: ModalityWorklist,
    calling_ae_title: str,
    question: OrderQuestion,
    timeout_seconds: float,
) -> OrderPriority:
    """Ask a worklist how urgent the order of a study is.

    Args:
        worklist: Whom to ask.
        calling_ae_title: Our own AE title.
        question: The study: by its accession number, else by its Study Instance UID.
        timeout_seconds: Bound on each wait for it.

    Returns:
        The most urgent of what it says of this order; UNKNOWN when it knows of none.

    Raises:
        PeerError: It is away, or leaves us without an answer.
        NotTakenError: It answers that it cannot say.
    """
    line = line_to(worklist, calling_ae_title, timeout_seconds)
    try:
        with opened(line, [build_context(ModalityWorklistInformationFind)]) as association:
            if not association.accepted_contexts:
                raise PeerError(
                    Trouble.UNWELCOME,
                    f"{line.peer} serves no Modality Worklist; check its configuration",
                )
            for keys in _keys(question):
                found = list(_answers(association, worklist.name, keys))
                if found:
                    return most_urgent(found)
    except RuntimeError as error:  # the library's word for: it has hung up meanwhile
        raise line.broken() from error
    return OrderPriority.UNKNOWN


def most_urgent(orders: list[Dataset]) -> OrderPriority:
    """Return the most urgent of all that some orders say of themselves."""
    said = [
        _priority(order.get(keyword))
        for order in orders
        for keyword in ("RequestedProcedurePriority", "ReportingPriority")
    ]
    return min(said, key=_URGENCY.index, default=OrderPriority.UNKNOWN)


def _keys(question: OrderQuestion) -> Iterator[Mapping[str, str]]:
    """Yield what to ask by, one after the other, until something is found."""
    accession = question.accession_number
    if accession and not _WILDCARDS & set(accession):
        yield {"AccessionNumber": accession}
    yield {"StudyInstanceUID": question.study_instance_uid}


def _answers(association: Association, name: str, keys: Mapping[str, str]) -> Iterator[Dataset]:
    """Yield the orders that a worklist names and that are the one asked for.

    A worklist may ignore a key and answer with its whole list: what is not meant is dropped.
    """
    answers = association.send_c_find(_query(keys), ModalityWorklistInformationFind)
    for number, (status, identifier) in enumerate(answers):
        if "Status" not in status:
            raise PeerError(Trouble.BROKEN, f"{name} left us without an answer")
        code = int(status.Status)
        if code not in (*_PENDING, 0):
            raise NotTakenError(f"{name} answered C-FIND with status {code:04X}", refused=False)
        if number >= _MOST_ANSWERS and code in _PENDING:
            stop_find(association, answers, ModalityWorklistInformationFind)
            raise NotTakenError(
                f"{name} answers with more than {_MOST_ANSWERS} orders", refused=False
            )
        if identifier is not None and all(
            str(identifier.get(keyword, "")).strip() == value for keyword, value in keys.items()
        ):
            yield identifier


def _query(keys: Mapping[str, str]) -> Dataset:
    query = Dataset()
    query.AccessionNumber = ""
    query.StudyInstanceUID = ""
    query.RequestedProcedurePriority = ""
    query.ReportingPriority = ""
    step = Dataset()
    step.Modality = ""
    query.ScheduledProcedureStepSequence = Sequence([step])
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    return query


def _priority(said: object) -> OrderPriority:
    try:
        return OrderPriority(str(said or "").strip().upper())
    except ValueError:
        return OrderPriority.UNKNOWN
