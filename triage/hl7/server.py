"""The HL7 role: orders and final reports are received over MLLP, and answered when they are kept.

A thread a connection; what a message says is taken in triage.hl7.desk.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from triage.errors import SettingsError, TransientError
from triage.hl7.desk import Desk
from triage.hl7.messages import acknowledge
from triage.hl7.mllp import Frames, TooLongError, framed
from triage.hl7.values import Acknowledgement, AcknowledgementCode
from triage.intake.tls import handshake_problem, server_context
from triage.log import get_logger
from triage.store import Store, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from triage.settings import Hl7Settings, Settings

log = get_logger("hl7")

ALIVE_SECONDS = 1.0
FORGETTING_SECONDS = 3600.0
DRAIN_SECONDS = 5.0  # a message that has arrived is still answered
_BACKLOG = 64
_CHUNK_BYTES = 65_536
_KILOBYTE = 1024
_LEAVING_SECONDS = 2.0  # what a caller that is sent away may still send

TOO_LONG = Acknowledgement(AcknowledgementCode.AR, "the message is too long")


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[int], None] = lambda _port: None,
) -> None:
    """Receive messages until `stop` is set; then answer what has arrived, and close.

    Args:
        settings: The site's settings.
        stop: Ends the role.
        alive: Called every second; a supervisor replaces a role that has fallen silent.
        ready: Called once with the port, when it is open.

    Raises:
        TransientError: The port cannot be opened.
        SettingsError: There is no port, or a certificate or key cannot be used.
        StoreError: The store cannot be used.
    """
    if not settings.hl7.port:
        raise SettingsError("hl7.port is 0: set the port on which HL7 is to be received")
    tls = server_context(settings.hl7, table="hl7") if settings.hl7.tls else None
    with (
        closing(_listening(settings.hl7)) as listening,
        Store.open(settings.state_folder) as store,
    ):
        desk = Desk(store, settings)
        server = Server(settings.hl7, listening, tls, desk.answer)
        port = int(listening.getsockname()[1])
        log.info("receiving", action="hl7_started", port=port)
        ready(port)
        _serve(server, desk, stop, alive)
        cut_off = server.drain(DRAIN_SECONDS)
    log.info("stopped", action="hl7_stopped", count=cut_off)


def _serve(server: Server, desk: Desk, stop: threading.Event, alive: Callable[[], None]) -> None:
    forget_at = time.monotonic()
    while not stop.is_set():
        server.accept(ALIVE_SECONDS)
        alive()
        if time.monotonic() >= forget_at:
            desk.forget()
            forget_at = time.monotonic() + FORGETTING_SECONDS


class Server:
    """Accepts connections and gives each a thread.

    Args:
        settings: The bounds.
        listening: The open port.
        tls: How to speak on it; None without TLS.
        answer: Returns the acknowledgement of a message.
    """

    def __init__(
        self,
        settings: Hl7Settings,
        listening: socket.socket,
        tls: ssl.SSLContext | None,
        answer: Callable[[bytes], bytes],
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._tls = tls
        self._answer = answer
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._stopping = threading.Event()
        listening.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)

    def accept(self, timeout_seconds: float) -> None:
        """Take the connections that come within a time."""
        if not self._selector.select(timeout_seconds):
            return
        try:
            connection, peer = self._listening.accept()
        except OSError:  # the caller has thought better of it
            return
        address = str(peer[0])
        if refusal := self._refusal(address):
            log.warning("caller refused", action="hl7_caller", address=address, reason=refusal)
            connection.close()
            return
        thread = threading.Thread(
            target=self._attend, args=(connection, address), name="hl7 connection", daemon=True
        )
        with self._lock:
            self._open[thread] = connection
        thread.start()

    def drain(self, seconds: float) -> int:
        """Let what has arrived be answered; return how many connections had to be cut off."""
        self._stopping.set()
        self._selector.close()
        with self._lock:
            callers = dict(self._open)
        for connection in callers.values():
            with suppress(OSError):  # nothing more is read; what was, is answered
                connection.shutdown(socket.SHUT_RD)
        deadline = time.monotonic() + seconds
        for thread in callers:
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(thread.is_alive() for thread in callers)

    def _refusal(self, address: str) -> str:
        networks = self._settings.calling_addresses
        if networks and not any(ip_address(address) in network for network in networks):
            return "the address is not in calling_addresses"
        with self._lock:
            full = len(self._open) >= self._settings.maximum_connections
        return "maximum_connections are open" if full else ""

    def _attend(self, connection: socket.socket, address: str) -> None:
        """Answer the messages of one connection until it ends."""
        try:
            with closing(self._secured(connection)) as secured:
                self._converse(secured)
        except ssl.SSLError as error:
            problem = handshake_problem(error)
            log.warning("no TLS", action="tls_failed", address=address, problem=problem)
        except TimeoutError:
            log.info("caller silent", action="hl7_silent", address=address)
        except OSError:
            log.info("caller gone", action="hl7_gone", address=address)
        except Exception:
            log.exception("connection failed", action="hl7_failed", address=address)
        finally:
            connection.close()
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def _secured(self, connection: socket.socket) -> socket.socket:
        connection.settimeout(self._settings.message_timeout_seconds)
        if self._tls is None:
            return connection
        secured = self._tls.wrap_socket(connection, server_side=True)
        with self._lock:
            self._open[threading.current_thread()] = secured
        return secured

    def _converse(self, connection: socket.socket) -> None:
        frames = Frames(self._settings.maximum_message_kilobytes * _KILOBYTE)
        reader = _Reader(connection, self._settings, frames)
        while not self._stopping.is_set():
            try:
                content = reader.read()
            except TooLongError as error:
                log.warning("message refused", action="hl7_refused", problem=TOO_LONG.problem)
                self._reply(connection, acknowledge(error.head, TOO_LONG, utc_now()))
                _hang_up(connection)
                return
            if content is None:
                return
            self._reply(connection, self._answer(content))

    def _reply(self, connection: socket.socket, answer: bytes) -> None:
        connection.settimeout(self._settings.message_timeout_seconds)
        connection.sendall(framed(answer))


def _hang_up(connection: socket.socket) -> None:
    """End a connection so that the last answer arrives: bytes that nobody reads would undo it."""
    deadline = time.monotonic() + _LEAVING_SECONDS
    connection.settimeout(_LEAVING_SECONDS)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while time.monotonic() < deadline and connection.recv(_CHUNK_BYTES):
            pass


@dataclass(slots=True)
class _Reader:
    """Reads messages from a connection: it may be idle for long, a message may not."""

    connection: socket.socket
    settings: Hl7Settings
    frames: Frames
    deadline: float = 0.0

    def read(self) -> bytes | None:
        """Return the next message; None when the caller has ended the connection.

        Raises:
            TooLongError: The message is longer than the bound.
            TimeoutError: Nothing came for too long, or a message did not end in time.
        """
        self.deadline = 0.0
        while (content := self.frames.next()) is None:
            self.connection.settimeout(self._patience())
            received = self.connection.recv(_CHUNK_BYTES)
            if not received:
                return None
            self.frames.feed(received)
        return content

    def _patience(self) -> float:
        if not self.frames.begun:
            return self.settings.idle_timeout_seconds
        now = time.monotonic()
        self.deadline = self.deadline or now + self.settings.message_timeout_seconds
        if now >= self.deadline:
            raise TimeoutError
        return self.deadline - now


def _listening(settings: Hl7Settings) -> socket.socket:
    try:
        family = socket.getaddrinfo(settings.address, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(
            (settings.address, settings.port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        raise TransientError(
            f"the HL7 server cannot open {settings.address}:{settings.port}: {error.strerror};"
            " stop the program that holds the port, or set hl7.address and hl7.port"
        ) from error
