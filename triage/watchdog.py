"""What the daemon tells systemd: ready, status, still alive, stopping (sd_notify(3)).

Without a service manager every call does nothing, so that callers need not ask.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MICROSECONDS = 1_000_000
_PINGS_PER_INTERVAL = 3  # sd_watchdog_enabled(3) advises two or more
_SEND_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The other end of the notification socket.

    Attributes:
        address: Where notifications go: a path, or ``@`` and a name in the abstract namespace;
            empty without a service manager.
        ping_seconds: How often `alive` must be called; None when nobody watches.
    """

    address: str = ""
    ping_seconds: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceManager:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.

        Args:
            environment: The variables that the service manager set for this process.

        Returns:
            The service manager that they name, or one that hears nothing.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, _ping_seconds(environment))

    def ready(self, status: str) -> bool:
        """Say that the service has started, and in one line how it is."""
        return self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> bool:
        """Say in one line, which `systemctl status` shows, how the service is; no patient data."""
        return self._send(f"STATUS={_line(status)}")

    def alive(self) -> bool:
        """Say that the service is not stuck; every `ping_seconds`, or systemd restarts it."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str) -> bool:
        """Say that the service has begun to stop."""
        return self._send("STOPPING=1", f"STATUS={_line(status)}")

    def _send(self, *assignments: str) -> bool:
        """Send one datagram.

        Returns:
            Whether it was sent. A notification that fails never stops the daemon: a watchdog
            that hears nothing restarts it.
        """
        if not self.address:
            return False
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SEND_TIMEOUT_SECONDS)
                sender.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return False
        return True


def _ping_seconds(environment: Mapping[str, str]) -> float | None:
    interval = environment.get("WATCHDOG_USEC", "")
    watched = environment.get("WATCHDOG_PID", "") or str(os.getpid())
    if not interval.isdecimal() or int(interval) == 0 or watched != str(os.getpid()):
        return None
    return int(interval) / _MICROSECONDS / _PINGS_PER_INTERVAL


def _line(text: str) -> str:
    return " ".join(text.split())
