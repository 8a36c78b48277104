"""The load: senders that store studies, and store again whatever was not acknowledged."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.crash.films import chance_of, changed, draw_study
from tests.crash.wire import Association

if TYPE_CHECKING:
    from types import TracebackType

    from tests.crash.films import Film
    from tests.crash.ledger import Ledger

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700

RETRY_SECONDS = 0.01
LONGEST_ASSOCIATION = 20  # objects
# Shares of objects, or of transfers, with which the senders do something out of the ordinary.
SENT_TWICE = 0.10  # the same bytes once more after their acknowledgement
SENT_CHANGED = 0.08  # other bytes under the same UID after the acknowledgement
SENT_BY_TWO = 0.06  # the same bytes over two associations at the same time
BROKEN_OFF = 0.02  # the sender goes away in the middle of the object


@dataclass
class Load:
    """Senders under way.

    Args:
        port: Port of the listener.
        associations: How many senders there are; each has one association at a time.
        seed: Decides what they send.
        ledger: Where they note it.

    Attributes:
        troubles: What no sender should ever see: refusals, silence, broken answers.
    """

    port: int
    associations: int
    seed: int
    ledger: Ledger
    troubles: list[str] = field(default_factory=list)
    finishing: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    # Objects that one sender is about to send and another is to send as well.
    shared: deque[Film] = field(default_factory=deque)
    _senders: list[Sender] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._senders = [Sender(self, number) for number in range(self.associations)]
        for sender in self._senders:
            sender.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended.set()
        for sender in self._senders:
            sender.join()

    def finish(self, seconds: float) -> bool:
        """Let the senders finish what they have begun; return whether all of them did."""
        self.finishing.set()
        for sender in self._senders:
            sender.join(seconds)
        return not any(sender.is_alive() for sender in self._senders)


class Sender(threading.Thread):
    """One PACS with a queue: nothing leaves it before it was acknowledged."""

    def __init__(self, load: Load, number: int) -> None:
        super().__init__(name=f"sender {number}", daemon=True)
        self._load = load
        self._chance = chance_of(f"{load.seed}/{number}")
        self._queue: deque[Film] = deque()

    def run(self) -> None:
        """Associate, send, and begin anew when the association breaks."""
        try:
            while self._wanted():
                self._associate()
        except Exception as error:  # noqa: BLE001 - top of the loop: the campaign is told
            self._load.troubles.append(f"{self.name}: {type(error).__name__}: {error}")

    def _wanted(self) -> bool:
        if self._load.ended.is_set():
            return False
        return bool(self._queue or not self._load.finishing.is_set() or self._load.shared)

    def _associate(self) -> None:
        try:
            with Association(self._load.port, self._chance) as association:
                self._send_some(association)
        except TimeoutError:
            self._load.troubles.append(f"{self.name}: the listener was silent")
        except OSError:
            self._load.ended.wait(RETRY_SECONDS)

    def _send_some(self, association: Association) -> None:
        for _ in range(self._chance.randint(1, LONGEST_ASSOCIATION)):
            film = self._next()
            if film is None or self._load.ended.is_set():
                break
            if not self._send(association, film):
                return
        if self._chance.random() < 0.8:
            association.release()

    def _next(self) -> Film | None:
        """Return the next film to send; it stays in its queue until it is acknowledged."""
        if self._load.shared and self._chance.random() < 0.5:
            with suppress(IndexError):  # another sender was quicker
                self._queue.appendleft(self._load.shared.popleft())
        if not self._queue and not self._load.finishing.is_set():
            self._plan_study()
        return self._queue[0] if self._queue else None

    def _plan_study(self) -> None:
        for film in draw_study(self._chance):
            self._queue.append(film)
            lot = self._chance.random()
            if lot < SENT_TWICE:
                self._queue.append(film)
            elif lot < SENT_TWICE + SENT_CHANGED:
                for _ in range(self._chance.randint(1, 2)):
                    self._queue.append(changed(film, self._chance))
            elif lot < SENT_TWICE + SENT_CHANGED + SENT_BY_TWO:
                self._load.shared.append(film)

    def _send(self, association: Association, film: Film) -> bool:
        """Send one film; return whether the association goes on."""
        data_set = film.data_set()
        digest = hashlib.sha256(data_set).hexdigest()
        self._load.ledger.begin(film.study, film.instance, digest, len(data_set))
        if self._chance.random() < BROKEN_OFF:
            association.store_half(film, data_set)
            self._load.ledger.break_off()
            return False
        status = association.store(film, data_set)
        if status == SUCCESS:
            self._load.ledger.acknowledge(film.instance, digest)
            self._queue.popleft()
        elif status != OUT_OF_RESOURCES:
            self._load.troubles.append(f"{self.name}: a good object was answered {status:04X}")
            self._queue.popleft()
        return True
