"""Where received messages are understood, kept, and answered.

AA after what a message says is durable; AE when this program cannot do its part now, and the same
message again will be welcome; AR when the message itself is at fault.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from triage.conclude import place_standing
from triage.errors import MessageError, TransientError, TriageError
from triage.hl7.messages import acknowledge
from triage.hl7.orders import understand
from triage.hl7.parsing import read_message
from triage.hl7.values import Acknowledgement, AcknowledgementCode
from triage.log import get_logger

if TYPE_CHECKING:
    from triage.hl7.parsing import Received
    from triage.settings import Settings
    from triage.store import Store

log = get_logger("hl7")

DONE = Acknowledgement(AcknowledgementCode.AA)
NOT_NOW = Acknowledgement(AcknowledgementCode.AE, "not now; send the message again")


class Desk:
    """Where messages are understood, kept, and answered.

    Args:
        store: Where what they say is kept.
        settings: The site's settings.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def answer(self, content: bytes) -> bytes:
        """Return the acknowledgement of a message: what it says is durable when that is AA."""
        return acknowledge(content, self._take(content), self._store.clock())

    def forget(self) -> None:
        """Forget what is too old to be of use."""
        try:
            count = self._store.forget_messages(self._settings.hl7.keep_days)
        except TransientError as error:
            log.warning("nothing forgotten", action="hl7_forget", problem=error)
            return
        log.info("old messages forgotten", action="hl7_forget", count=count)

    def _take(self, content: bytes) -> Acknowledgement:
        try:
            received = self._read(content)
            count = self._store.receive_notices(
                received.identity, understand(received), partial(place_standing, self._settings)
            )
        except MessageError as error:
            log.warning("message refused", action="hl7_refused", problem=error)
            return Acknowledgement(AcknowledgementCode.AR, str(error), error.code, error.at)
        except TriageError as error:
            log.warning("message not taken now", action="hl7_not_now", problem=error)
            return NOT_NOW
        except Exception:
            # What nobody foresaw is this program's fault, not the message's: it comes again.
            log.exception("message not taken", action="hl7_failed")
            return NOT_NOW
        if count is None:
            log.info("message repeated", action="hl7_repeated")
        else:
            kind = received.kind.replace("^", "_")
            log.info("message taken", action="hl7_taken", kind=kind, studies=count)
        return DONE

    def _read(self, content: bytes) -> Received:
        received = read_message(content, self._settings.hl7.character_set.value)
        meant_for = received.value(received.header, 11)
        if meant_for not in ("", self._settings.hl7.processing_id):
            raise MessageError(
                "MSH-11 says that the message is not meant for this system",
                code="202",
                at="MSH^1^11",
            )
        return received
