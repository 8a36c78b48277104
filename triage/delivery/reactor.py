"""A remedy for pynetdicom as SCU: no thread of its own takes the answer that we wait for.

An association of pynetdicom has a thread, its reactor, that takes what comes in unasked. Before
each request of ours the library clears a checkpoint at which the reactor waits, and sends once a
flag says that it waits there. That flag is set before the checkpoint is looked at and unset after
it was passed, so for some moments, above all right after the request before, it says so of a
reactor that goes on. Then both take the answer: the reactor drops one that nobody asked it
for, and the request ends without an answer when its time is over, and with it the association
(seen in pynetdicom 3.0.4, association.py, `_run_reactor` and every `send_*`).

Here the checkpoint itself says whether the reactor is held, and a request waits for that. Where
we are the SCP, no request is sent and no reactor polls (triage.intake.association).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pynetdicom import evt

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event

_LOOK_SECONDS: Final = 0.1  # how often a reactor that does not come is asked whether it lives
_PATIENCE_SECONDS: Final = 30.0  # then the request goes on as the library would without us


class ReactorCheckpoint(threading.Event):
    """The gate of an association's reactor, in place of the library's plain event.

    Opened, it lets the reactor make one round at least, so that a peer's release or abort is
    seen before the next request.

    Args:
        association: Whose reactor passes here.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._turn = threading.Condition()
        self._open = True
        self._held = False

    def is_set(self) -> bool:
        """Whether the reactor may pass."""
        with self._turn:
            return self._open

    def set(self) -> None:
        """Let the reactor go on."""
        with self._turn:
            self._open = True
            self._held = False
            self._turn.notify_all()

    def clear(self) -> None:
        """Stop the reactor, and return when it is held here, or has ended."""
        with self._turn:
            self._open = False
            if threading.current_thread() is self._association:
                return  # a handler sends: the reactor is busy with nothing else
            self._await_held()

    def wait(self, timeout: float | None = None) -> bool:
        """Hold the reactor, which alone calls this, while the checkpoint is cleared."""
        with self._turn:
            if not self._open:
                self._held = True
                self._turn.notify_all()
                self._turn.wait_for(lambda: not self._held, timeout)
                self._held = False
            return self._open

    def _await_held(self) -> None:
        looks = int(_PATIENCE_SECONDS / _LOOK_SECONDS)
        for _ in range(looks):
            if self._turn.wait_for(lambda: self._held, _LOOK_SECONDS):
                return
            if not self._association.is_alive():
                # It has ended, perhaps in the middle of a round: nobody else takes answers now,
                # and the library must not wait for it.
                self._association._is_paused = True  # noqa: SLF001 - what this is a remedy for
                return


def hold_reactor(event: Event) -> None:
    """Give an association that is being opened its checkpoint (EVT_CONN_OPEN)."""
    association = event.assoc
    # Another version of the library may have no such thing, and then needs no remedy.
    if hasattr(association, "_reactor_checkpoint"):
        association._reactor_checkpoint = ReactorCheckpoint(association)  # noqa: SLF001 - as above


# For `AE.associate`: evt_handlers=[HELD_REACTOR].
HELD_REACTOR: Final = (evt.EVT_CONN_OPEN, hold_reactor)
