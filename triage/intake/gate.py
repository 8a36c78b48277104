"""The gate: an association request is refused, or let in with the contexts that it may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from triage.intake.admission import TOO_MANY, TOO_MANY_OF_PEER, Call, choose_contexts, refusal
from triage.log import get_logger

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event
    from pynetdicom.pdu_primitives import A_ASSOCIATE

    from triage.intake.admission import Refusal
    from triage.intake.places import Places
    from triage.settings import ListenerSettings

_EVERYBODY = ""

_log = get_logger("listener")


class Gate:
    """Decides on association requests, and knows who is in.

    Args:
        settings: The site's rules.
        places: The places of all processes.
    """

    def __init__(self, settings: ListenerSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._taken: dict[Association, tuple[int, int]] = {}

    def decide(self, event: Event) -> None:
        """Refuse an association, or say which contexts it may use (EVT_REQUESTED)."""
        association = event.assoc
        request = cast("A_ASSOCIATE", association.requestor.primitive)
        address = association.requestor.address
        call = Call(request.called_ae_title, request.calling_ae_title, address)
        refused = refusal(call, self._settings) or self._take_place(association)
        if refused is None:
            association.acceptor.supported_contexts = choose_contexts(
                request.presentation_context_definition_list, self._settings.unknown_sop_classes
            )
            return
        _log.warning(
            "association refused",
            action="association_refused",
            reason=refused.reason,
            peer=call.calling_ae_title,
            called=call.called_ae_title,
            address=address,
        )
        association.acse.send_reject(refused.result, refused.source, refused.diagnostic)
        association.kill()

    def left(self, association: Association) -> None:
        """Give the places of an association to others; may be called more than once."""
        for place in self._taken.pop(association, ()):
            self._places.free(place)

    def _take_place(self, association: Association) -> Refusal | None:
        place = self._places.take(_EVERYBODY, self._settings.maximum_associations)
        if place is None:
            return TOO_MANY
        peer = association.requestor.address
        place_of_peer = self._places.take(peer, self._settings.maximum_associations_per_peer)
        if place_of_peer is None:
            self._places.free(place)
            return TOO_MANY_OF_PEER
        self._taken[association] = (place, place_of_peer)
        return None
