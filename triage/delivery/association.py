"""Associations as SCU: every wait is bounded, and what is wrong with a peer is told apart."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING

from pydicom.uid import UID
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time

from triage.delivery.reactor import HELD_REACTOR
from triage.errors import DeliveryError
from triage.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import Dataset
    from pynetdicom.association import Association
    from pynetdicom.events import Event
    from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
    from pynetdicom.presentation import PresentationContext

    from triage.settings import DicomPeer


class Trouble(Enum):
    """What is wrong with a peer, whatever the object."""

    AWAY = "away"  # no connection, or no answer to the association request
    CROWDED = "crowded"  # rejected-transient: not now
    UNWELCOME = "unwelcome"  # rejected-permanent: AE titles do not match
    BROKEN = "broken"  # associations are accepted, then aborted or left without an answer


class PeerError(DeliveryError):
    """A peer takes nothing at present, whatever the object.

    Attributes:
        kind: What is wrong with it.
    """

    def __init__(self, kind: Trouble, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind


# Source and reason of a rejection, PS3.8 Table 9-21; those that a person must mend say how.
REJECTIONS: dict[tuple[int, int], str] = {
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognised; register {calling} with the peer",
    (1, 7): "called AE title not recognised; correct ae_title of this destination, now {called}",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit of associations exceeded",
}
REJECTED_TRANSIENT = 2
_PENDING = (0xFF00, 0xFF01)
_MOST_UNHEARD = 1_000  # answers that may still come after a C-CANCEL
_MESSAGE_ID = 1  # what pynetdicom gives to a request by itself


@dataclass(frozen=True, slots=True)
class Line:
    """How a peer is reached.

    Attributes:
        destination: The peer.
        calling_ae_title: Our own AE title.
        timeout_seconds: Bound on each wait: connection, association, answer, release.
    """

    destination: DicomPeer
    calling_ae_title: str
    timeout_seconds: float

    @property
    def peer(self) -> str:
        """The peer's name and address, for messages."""
        return f"{self.destination.name} ({self.destination.address}:{self.destination.port})"

    def broken(self) -> PeerError:
        """Return the error of a peer that hangs up on us, or leaves us without an answer."""
        return PeerError(
            Trouble.BROKEN,
            f"{self.peer} accepts associations, but aborts them or leaves them without an answer"
            f" for {self.timeout_seconds:g} s; look at the peer's own log",
        )


@contextmanager
def opened(
    line: Line,
    contexts: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
) -> Iterator[Association]:
    """Open an association; release it at the end, or abort it when the block raised.

    Args:
        line: How the peer is reached.
        contexts: What is proposed.
        roles: What we want to be other than a user of a service (PS3.7 D.3.3.4).

    Yields:
        The association. It is not established when the peer accepted none of `contexts`:
        then its `accepted_contexts` are empty, and that is no fault of the line.

    Raises:
        PeerError: The peer is away, or rejected the association.
    """
    connections: list[socket.socket] = []
    try:
        association = _request(line, contexts, roles, connections)
        try:
            yield association
            if association.is_established:
                association.release()
        finally:
            if association.is_established:
                association.abort()
            if association.is_alive():
                association.join(line.timeout_seconds)
    finally:
        # pynetdicom forgets to close the socket of a connection that the peer has reset.
        for connection in connections:
            connection.close()


def answers_echo(line: Line) -> bool:
    """Ask for a second opinion on a peer: whether it still answers a C-ECHO (PS3.4 Annex A)."""
    try:
        with opened(line, [build_context(Verification)]) as association:
            # A peer that accepts associations without Verification is at least alive.
            return not association.is_established or "Status" in association.send_c_echo()
    except PeerError:
        return False


def stop_find(
    association: Association,
    answers: Iterator[tuple[Dataset, Dataset | None]],
    query_model: str,
) -> None:
    """End a C-FIND before its last answer: C-CANCEL (PS3.7 9.3.2.3), and hear it out.

    What was on its way before the cancel is let pass; a peer that goes on all the same is left
    to be aborted.

    Args:
        association: Where it runs, under the library's own Message ID.
        answers: Its answers, as far as they have not been read.
        query_model: What it asks of.
    """
    association.send_c_cancel(_MESSAGE_ID, query_model=query_model)
    for status, _ in islice(answers, _MOST_UNHEARD):
        if status.get("Status") not in _PENDING:
            return


def _request(
    line: Line,
    contexts: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    connections: list[socket.socket],
) -> Association:
    """Request an association; `connections` is given its socket as soon as there is one."""

    def on_connection(event: Event) -> None:
        wrapped = event.assoc.dul.socket
        if wrapped is not None and wrapped.socket is not None:
            # pynetdicom leaves the socket without a timeout: a peer that stops reading would
            # hold its thread, and ours, for ever.
            wrapped.socket.settimeout(line.timeout_seconds)
            connections.append(wrapped.socket)

    try:
        association = _application_entity(line).associate(
            line.destination.address,
            line.destination.port,
            contexts=list(contexts),
            ae_title=line.destination.ae_title,
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_CONN_OPEN, on_connection), HELD_REACTOR],
        )
    except OSError as error:  # the name does not resolve, or no socket is left
        problem = f"{line.peer} cannot be reached: {error.strerror}; check its address"
        raise PeerError(Trouble.AWAY, problem) from error
    if not association.is_established and not _declined_contexts(association):
        raise _trouble(line, association, connected=bool(connections))
    return association


def _application_entity(line: Line) -> AE:
    entity = AE(ae_title=line.calling_ae_title)
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.acse_timeout = line.timeout_seconds
    entity.connection_timeout = line.timeout_seconds
    entity.dimse_timeout = line.timeout_seconds
    entity.network_timeout = line.timeout_seconds
    return entity


def _declined_contexts(association: Association) -> bool:
    """Whether the peer accepted the association, but none of its contexts."""
    return bool(association.rejected_contexts) and not association.accepted_contexts


def _trouble(line: Line, association: Association, *, connected: bool) -> PeerError:
    if association.is_rejected:
        return _rejection(line, association)
    if connected:
        return PeerError(
            Trouble.AWAY,
            f"{line.peer} took the connection, but no association: it closed it, or was silent"
            f" for {line.timeout_seconds:g} s; check that a DICOM service listens there",
        )
    return PeerError(
        Trouble.AWAY,
        f"{line.peer} takes no connection; check that it runs, its address and port, and the"
        " firewall between",
    )


def _rejection(line: Line, association: Association) -> PeerError:
    primitive = association.acceptor.primitive
    if primitive is None:
        return PeerError(Trouble.CROWDED, f"{line.peer} rejected the association")
    key = (int(primitive.result_source or 0), int(primitive.diagnostic or 0))
    reason = REJECTIONS.get(key, "no reason given").format(
        calling=line.calling_ae_title, called=line.destination.ae_title
    )
    kind = Trouble.CROWDED if primitive.result == REJECTED_TRANSIENT else Trouble.UNWELCOME
    return PeerError(kind, f"{line.peer} rejected the association: {reason}")
