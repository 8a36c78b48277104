"""A campaign of hostile conversations against one listener, which is looked at after each batch."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.hostile import pdus
from tests.hostile.conversations import Conversation, Ending
from tests.hostile.pdus import COMMAND, LAST, Answer, Command, Pdu, PduType
from tests.hostile.wire import Ended, Wire
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.hostile.listening import Listening, Usage

# What the listener of a campaign is patient with.
SETTINGS = {
    "network_timeout_seconds": 1.0,
    "idle_timeout_seconds": 2.0,
    "minimum_bytes_per_second": 0,
    "maximum_object_megabytes": 4,
    "maximum_associations": 64,
    "maximum_associations_per_peer": 64,
}

# What it may hold after a batch beyond what it held before the campaign.
MORE_DESCRIPTORS = 10  # five connections that the store keeps, of two files each
MORE_THREADS = 2
MORE_MEGABYTES = 60  # what the allocator keeps for as many threads as there were at once

NOT_SERVED = "a good peer is not served"

PROMPT_SECONDS = 2.0
SETTLE_SECONDS = 10.0
_MOST_PDUS = 5000  # more than any conversation is worth
_MOST_LOGGED_BYTES = 10_000  # by conversation
_PEERS_AT_ONCE = 8
_QUIET_SECONDS = 0.2  # without a word for so long, a peer that closes has heard everything
_STAYING_SECONDS = 10.0  # a peer that stays is closed on before
_STATUSES = {0x0000, 0xFF00, 0xFF01, 0xFE00, 0xA700, 0xA900, 0xC000}
# Of operations that are not offered, and of commands that do not make sense (PS3.7 Annex C).
_FAILURES = {*range(0x0100, 0x0125), 0x0210, 0x0211, 0x0212, 0x0213, 0xC307}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the listener got wrong, with the conversations that it may come from."""

    what: str
    suspects: tuple[Conversation, ...]


@dataclass(slots=True)
class Heard:
    """What one peer heard."""

    pdus: list[Pdu] = field(default_factory=list)
    ended: bool = False
    faults: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


def converse(port: int, said: Conversation) -> Heard:
    """Hold one conversation, and return what the listener said and what was wrong with it."""
    heard = Heard()
    with Wire(port) as wire:
        wire.socket.settimeout(_QUIET_SECONDS)
        first, rest = said.pieces[:1], said.pieces[1:]
        wire.push(first)
        if said.waits:
            _listen(wire, heard, 1)
        wire.socket.settimeout(_STAYING_SECONDS)
        wire.push(rest)
        _end(wire, said, heard)
    _judge(said, heard)
    return heard


def _listen(wire: Wire, heard: Heard, most: int) -> None:
    with contextlib.suppress(TimeoutError):
        while len(heard.pdus) < most and not heard.ended:
            try:
                heard.pdus.append(wire.receive())
            except Ended:
                heard.ended = True


def _end(wire: Wire, said: Conversation, heard: Heard) -> None:
    if said.ending is Ending.RESET:
        wire.reset()
        return
    if said.ending is Ending.LEAVE:
        return
    stays = said.ending is Ending.STAY or said.good is not None
    wire.socket.settimeout(_STAYING_SECONDS if stays else _QUIET_SECONDS)
    _listen(wire, heard, _MOST_PDUS)
    if len(heard.pdus) == _MOST_PDUS:
        heard.faults.append("the listener does not stop talking")
    elif stays and not heard.ended:
        heard.faults.append("a peer that says nothing more is not ended")


def _judge(said: Conversation, heard: Heard) -> None:
    """Add what is wrong about the order and the form of the answers."""
    kinds = [one.kind for one in heard.pdus]
    while kinds[-2:] == [PduType.ABORT] * 2:  # one for each PDU after the first (AA-7)
        kinds.pop()
    last = {PduType.ASSOCIATE_RJ, PduType.ABORT}
    if any(kind not in {*last, 2, PduType.DATA, PduType.RELEASE_RP} for kind in kinds):
        heard.faults.append(f"PDUs that an acceptor does not send: {kinds}")
    if PduType.ASSOCIATE_AC in kinds[1:] or (kinds and kinds[0] in {4, PduType.RELEASE_RP}):
        heard.faults.append(f"PDUs in an order that the standard does not have: {kinds}")
    if last & set(kinds[:-1]):
        heard.faults.append(f"PDUs after the end of the association: {kinds}")
    try:
        heard.answers = list(_answers(heard.pdus))
    except (AssertionError, LookupError, ValueError) as error:
        heard.faults.append(f"an answer that cannot be read: {error!r}")
    for answer in heard.answers:
        if answer.status not in _STATUSES | _FAILURES:
            heard.faults.append(f"the status {answer.status:#06x}")
    successes = sum(answer.status == pdus.SUCCESS for answer in heard.answers)
    if said.good is not None and successes != said.good:
        heard.faults.append(f"{successes} of {said.good} good requests were answered with success")


def _answers(received: Sequence[Pdu]) -> Iterator[Answer]:
    """Yield the messages in PDUs, of which the last may be unfinished."""
    command, data_set = bytearray(), bytearray()
    for one in received:
        if one.kind != PduType.DATA:
            continue
        for context, control, content in one.pdvs():
            (command if control & COMMAND else data_set).extend(content)
            if control & LAST:
                found = Answer(context, pdus.read_command(bytes(command)), bytes(data_set))
                if not control & COMMAND or not found.has_data_set:
                    command, data_set = bytearray(), bytearray()
                    yield found


class Campaign:
    """Many conversations with one listener.

    Args:
        running: The listener; it must have been started with SETTINGS.
    """

    def __init__(self, running: Listening) -> None:
        self.running = running
        self.slowest_seconds = 0.0
        self._acknowledged: set[str] = set()
        self._read_rows = 0
        self._read_log = 0
        with ThreadPoolExecutor(_PEERS_AT_ONCE) as peers:
            assert all(peers.map(lambda _: running.is_good(), range(5 * _PEERS_AT_ONCE)))
        self._processes = running.processes()
        self.before = running.usage()

    def batch(self, said: Sequence[Conversation]) -> list[Fault]:
        """Hold conversations, several at once, and return what was wrong then or afterwards."""
        faults = []
        with ThreadPoolExecutor(_PEERS_AT_ONCE) as peers:
            for one, heard in zip(said, peers.map(self._converse, said), strict=True):
                faults += [Fault(what, (one,)) for what in heard.faults]
                self._acknowledged |= {
                    answer.sop_instance
                    for answer in heard.answers
                    if (answer.kind, answer.status) == (Command.STORE, pdus.SUCCESS)
                }
        return faults + [Fault(what, tuple(said)) for what in self._faults_of_listener(len(said))]

    def _converse(self, said: Conversation) -> Heard:
        try:
            return converse(self.running.port, said)
        except OSError:
            return Heard()  # nobody to talk to: the good peer that comes next says so

    def _faults_of_listener(self, conversations: int) -> Iterator[str]:
        """Yield what is wrong with the listener when the peers of a batch are gone."""
        if self.running.process.poll() is not None or self.running.processes() != self._processes:
            yield "a process of the listener died"
            return
        yield from self._faults_of_log(conversations)
        yield from self._faults_of_service()
        try:
            until(self._has_settled, "settled", SETTLE_SECONDS)
        except AssertionError:
            left = f"{self.running.usage()}, {len(self.running.unfinished())} files unfinished"
            yield f"it holds {left}; at first {self.before}"
        yield from self._faults_of_store()

    def _faults_of_service(self) -> Iterator[str]:
        began = time.monotonic()
        try:
            good = self.running.is_good()
        except (Ended, OSError, AssertionError) as error:
            yield f"{NOT_SERVED}: {error!r}"
            return
        seconds = time.monotonic() - began
        self.slowest_seconds = max(seconds, self.slowest_seconds)
        if not good or seconds > PROMPT_SECONDS:
            yield f"a good peer is not served well: {good} after {seconds:.1f} s"

    def _faults_of_log(self, conversations: int) -> Iterator[str]:
        complaints = self.running.complaints(self._read_log)
        for line in complaints[:3]:
            yield f"the log has: {line}"
        grown = self.running.log.stat().st_size - self._read_log
        self._read_log += grown
        if grown > _MOST_LOGGED_BYTES * conversations:
            yield f"the log grew by {grown} bytes"

    def _has_settled(self) -> bool:
        now, before = self.running.usage(), self.before
        return not self.running.unfinished() and fits(now, before)

    def _faults_of_store(self) -> Iterator[str]:
        """Yield what was acknowledged and is not there whole."""
        rows = list(self._new_rows())
        for instance, path, size, sha256 in rows:
            content = (self.running.state_folder / path).read_bytes()
            if (len(content), hashlib.sha256(content).hexdigest()) != (size, sha256):
                yield f"the file of {instance} is not what the index says"
        missing = self._acknowledged - {row[0] for row in rows}
        self._acknowledged.clear()
        for instance in sorted(missing - self._known(missing)):
            yield f"{instance} was acknowledged and is not recorded"

    def _new_rows(self) -> Iterator[tuple[str, str, int, str]]:
        columns = "rowid, sop_instance_uid, path, size_bytes, sha256"
        with contextlib.closing(self._index()) as index:
            found = index.execute(
                f"SELECT {columns} FROM instances WHERE rowid > ?",  # noqa: S608 - a constant
                (self._read_rows,),
            )
            for row, *rest in found:
                self._read_rows = max(row, self._read_rows)
                yield tuple(rest)

    def _known(self, instances: set[str]) -> set[str]:
        found = set()
        with contextlib.closing(self._index()) as index:
            for one in instances:
                asked = "SELECT 1 FROM instances WHERE sop_instance_uid = ?"
                found |= {one} if index.execute(asked, (one,)).fetchone() else set()
        return found

    def _index(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.running.state_folder}/triage.db?mode=ro", uri=True)


def fits(now: Usage, before: Usage) -> bool:
    """Whether a listener holds about what it held before."""
    return (
        now.descriptors <= before.descriptors + MORE_DESCRIPTORS
        and now.threads <= before.threads + MORE_THREADS
        and now.megabytes <= before.megabytes + MORE_MEGABYTES
    )
