"""A tap on the wire: it hands every byte on, and tells afterwards which objects went by.

It reads PDUs, fragments and command sets by itself (PS3.8 9.3, PS3.7 6.3), with nothing of the
listener and nothing of the libraries, so that it can bear witness for all of them.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.peers import LOOPBACK, Peer
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ASSOCIATE_AC, P_DATA = 2, 4
CONTEXT_RQ, CONTEXT_AC, TRANSFER_SYNTAX = 0x20, 0x21, 0x40
COMMAND, LAST = 1, 2  # bits of a message control header (PS3.8 E.2)
AFFECTED_SOP_CLASS, COMMAND_FIELD, DATA_SET_TYPE = 0x0002, 0x0100, 0x0800
STATUS, AFFECTED_SOP_INSTANCE = 0x0900, 0x1000
NO_DATA_SET = 0x0101
STORE_RQ, STORE_RSP = 0x0001, 0x8001


@dataclass(frozen=True)
class SentObject:
    """One object as it went over a network: who it is, how it is encoded, and its data set."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: bytes = field(repr=False)


@dataclass(frozen=True)
class Transfer:
    """One C-STORE: its object, and the status that answered it."""

    sent: SentObject
    status: int | None


@dataclass(frozen=True)
class Conversation:
    """One association as it was heard.

    Attributes:
        transfers: Its C-STOREs, in their order.
        longest_pdu: Length of the longest P-DATA-TF PDU that the sender used, in bytes.
        contexts: How many presentation contexts the sender proposed.
    """

    transfers: tuple[Transfer, ...]
    longest_pdu: int
    contexts: int


class Tap(Peer):
    """Listens on a port of its own and passes all connections on to another port."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._heard: list[tuple[bytearray, bytearray]] = []
        self._open: set[threading.Thread] = set()
        self._accepting = threading.Thread(target=self._accept, name="tap", daemon=True)
        self._accepting.start()

    def conversations(self) -> list[Conversation]:
        """Return what has been heard since the last call, once every connection is closed."""
        until(lambda: not self._open, "the sender closes its associations")
        heard, self._heard = self._heard, []
        return [conversation for two_ways in heard if (conversation := _understood(*two_ways))]

    def stop(self) -> None:
        """Listen no more; connections must have ended."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                sender, _ = self._listening.accept()
            except OSError:  # stopped
                return
            thread = threading.Thread(
                target=self._pass_on, args=[sender], name="tapped", daemon=True
            )
            self._open.add(thread)
            thread.start()

    def _pass_on(self, sender: socket.socket) -> None:
        to_listener, to_sender = bytearray(), bytearray()
        with sender, socket.create_connection((LOOPBACK, self._target)) as listener:
            back = threading.Thread(target=_pump, args=[listener, sender, to_sender], daemon=True)
            back.start()
            _pump(sender, listener, to_listener)
            back.join()
        self._heard.append((to_listener, to_sender))
        self._open.discard(threading.current_thread())


def _pump(source: socket.socket, target: socket.socket, heard: bytearray) -> None:
    """Pass bytes on in one direction until its end."""
    with contextlib.suppress(ConnectionError):
        while received := source.recv(1 << 18):
            heard += received
            target.sendall(received)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _understood(to_listener: bytearray, to_sender: bytearray) -> Conversation | None:
    """Return what was said in the two directions, None where no association was asked for."""
    asked, answered = list(_pdus(bytes(to_listener))), list(_pdus(bytes(to_sender)))
    if not asked or not answered or answered[0][0] != ASSOCIATE_AC:
        return None
    syntaxes = _accepted_syntaxes(answered[0][1])
    statuses = iter(  # one at a time is asked and answered: no operations window is negotiated
        _number(command[STATUS])
        for _, command, _ in _messages(answered)
        if _number(command[COMMAND_FIELD]) == STORE_RSP
    )
    transfers = tuple(
        Transfer(
            SentObject(
                _uid(command[AFFECTED_SOP_CLASS]),
                _uid(command[AFFECTED_SOP_INSTANCE]),
                syntaxes[context],
                data_set,
            ),
            next(statuses, None),
        )
        for context, command, data_set in _messages(asked)
        if _number(command[COMMAND_FIELD]) == STORE_RQ
    )
    longest = max((len(content) for kind, content in asked if kind == P_DATA), default=0)
    contexts = sum(kind == CONTEXT_RQ for kind, _ in _items(asked[0][1][68:]))
    return Conversation(transfers, longest, contexts)


def _pdus(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 6 <= len(stream):
        kind, length = struct.unpack_from(">BxL", stream, position)
        yield kind, stream[position + 6 : position + 6 + length]
        position += 6 + length


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the variable items of an A-ASSOCIATE PDU, or the sub-items of one."""
    position = 0
    while position < len(content):
        kind, length = struct.unpack_from(">BxH", content, position)
        yield kind, content[position + 4 : position + 4 + length]
        position += 4 + length


def _accepted_syntaxes(acceptance: bytes) -> dict[int, str]:
    """Return the transfer syntax of each accepted presentation context."""
    return {
        context[0]: _uid(syntax)
        for kind, context in _items(acceptance[68:])
        if kind == CONTEXT_AC and context[2] == 0
        for sub_kind, syntax in _items(context[4:])
        if sub_kind == TRANSFER_SYNTAX
    }


def _messages(pdus: list[tuple[int, bytes]]) -> Iterator[tuple[int, dict[int, bytes], bytes]]:
    """Yield the messages: presentation context, command set, data set (empty without one)."""
    commands: dict[int, dict[int, bytes]] = {}
    pieces: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
    for context, control, fragment in _fragments(pdus):
        kind = control & COMMAND
        pieces[context, kind].append(fragment)
        if not control & LAST:
            continue
        whole = b"".join(pieces.pop((context, kind)))
        if kind == COMMAND:
            commands[context] = _command_set(whole)
            if _number(commands[context][DATA_SET_TYPE]) == NO_DATA_SET:
                yield context, commands.pop(context), b""
        else:
            yield context, commands.pop(context), whole


def _fragments(pdus: list[tuple[int, bytes]]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the presentation data values: context, message control header, fragment."""
    for content in (content for kind, content in pdus if kind == P_DATA):
        position = 0
        while position < len(content):
            length, context, control = struct.unpack_from(">LBB", content, position)
            yield context, control, content[position + 6 : position + 4 + length]
            position += 4 + length


def _command_set(encoded: bytes) -> dict[int, bytes]:
    """Return the values of a command set by element number; it is always implicit VR."""
    values, position = {}, 0
    while position < len(encoded):
        _, element, length = struct.unpack_from("<HHL", encoded, position)
        values[element] = encoded[position + 8 : position + 8 + length]
        position += 8 + length
    return values


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _uid(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("ascii")
