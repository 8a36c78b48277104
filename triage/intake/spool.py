"""The spool: received files, durable before anybody is told that we have them.

An object grows in ``incoming/``; when it is complete it is flushed to the disk, renamed into the
folder of the hour, ``spool/20261121T14/``, and that folder flushed too: one folder for all that
becomes durable together. Names come from a hash of the SOP Instance UID and a token of our own,
never from a peer, so that no two files of any object share a name.

What is left in ``incoming/`` by a process that died is swept at start. A file is locked from its
first byte until a row names it, so that one process never sweeps or adopts what another is about
to record.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.errors import TransientError
from triage.intake.part10 import file_meta
from triage.store import StoredFile, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

INCOMING = "incoming"
SPOOL = "spool"
_UNFINISHED = ".part"
_HOUR = "%Y%m%dT%H"
BEGINNING_BYTES = 64 * 1024  # more than the header of an image without private tables has
_MEGABYTE = 1024 * 1024
_LOCK_TRIES = 3


def free_bytes(folder: Path) -> int:
    """Return the free space for this user on the disk of a folder."""
    return shutil.disk_usage(folder).free


def new_token() -> str:
    """Return a token that no other file has."""
    return secrets.token_hex(6)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, content: bytes) -> None:
    """Write a whole file so that it is durable under its name, or not there at all.

    Raises:
        OSError: It cannot be written now.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@dataclass(frozen=True, slots=True)
class ObjectIdentity:
    """What a C-STORE request and its presentation context say about the object that follows."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class IncomingObject:
    """One object while it is being received: a locked file in ``incoming/``.

    Writing never raises: the peer goes on sending whatever happens here, so that a failure is
    kept in `problem`, the rest of the object is dropped, and the answer tells.

    Attributes:
        problem: Why the object cannot be kept; empty while all is well.
        beginning: The first bytes of the file, where its header is.
    """

    def __init__(self, path: Path, identity: ObjectIdentity, maximum_bytes: int) -> None:
        self.path = path
        self.identity = identity
        self.problem = ""
        self.size_bytes = 0
        self.beginning = bytearray()
        self._is_in_spool = False
        self._maximum_bytes = maximum_bytes
        self._digest = hashlib.sha256()
        self._handle: int | None = None
        try:
            self._handle = _open_locked(path)
        except OSError as error:
            self._fail(f"the incoming folder cannot be written: {error.strerror}")
        self.write(file_meta(identity))

    @property
    def sha256(self) -> str:
        """SHA-256 over the file so far; its Part 10 header depends on the object alone."""
        return self._digest.hexdigest()

    def write(self, received: bytes | memoryview) -> None:
        """Add bytes as they came; does nothing once there is a problem."""
        self.write_all((received,))

    def write_all(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Add several pieces of bytes, which costs one call of the system."""
        if self.problem or self._handle is None:
            return
        count = sum(map(len, pieces))
        if self.size_bytes + count > self._maximum_bytes:
            self._fail(f"the object is larger than {self._maximum_bytes // _MEGABYTE} MB")
            return
        try:
            _write_all(self._handle, pieces, count)
        except OSError as error:
            self._fail(f"the object cannot be written: {error.strerror}")
            return
        for piece in pieces:
            self._digest.update(piece)
            if len(self.beginning) < BEGINNING_BYTES:
                self.beginning += piece[: BEGINNING_BYTES - len(self.beginning)]
        self.size_bytes += count

    def refuse(self, problem: str) -> None:
        """Give the object up for a reason, before or while it is received."""
        if not self.problem:
            self._fail(problem)

    def flush_to_disk(self) -> None:
        """Make the content durable.

        Raises:
            TransientError: The disk does not take it.
        """
        try:
            if self._handle is not None:
                os.fsync(self._handle)
        except OSError as error:
            raise _not_moved(error) from error

    def read_at(self, position: int, count: int) -> bytes:
        """Return bytes of the file, fewer only at its end; the first ones are in memory."""
        if position + count <= len(self.beginning) or self._handle is None:
            return bytes(self.beginning[position : position + count])
        return os.pread(self._handle, count, position)

    def move(self, path: Path) -> None:
        """Give the file its name in the spool; from now on it stays.

        Raises:
            OSError: The disk does not take it.
        """
        self.path.rename(path)
        self.path, self._is_in_spool = path, True

    def move_back(self) -> None:
        """Give the object up again, before anybody could know of it."""
        self._is_in_spool = False
        self.discard()

    def discard(self) -> None:
        """Remove the file unless it is in the spool; may be called at any time, more than once."""
        if not self._is_in_spool:
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the file and its lock; the file stays where it is."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self.discard()


class Spool:
    """The files of one state folder.

    Args:
        state_folder: The folder, with ``incoming/`` and ``spool/`` in it.
        minimum_free_bytes: With less free, nothing new is begun.
        maximum_object_bytes: A larger object is refused.
        free: Returns the free bytes on the disk of a folder.
        token: Returns a new token for a file's name.
        now: Returns the present time, aware and in UTC.
    """

    def __init__(
        self,
        state_folder: Path,
        *,
        minimum_free_bytes: int,
        maximum_object_bytes: int,
        free: Callable[[Path], int] = free_bytes,
        token: Callable[[], str] = new_token,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._state_folder = state_folder
        self._incoming = state_folder / INCOMING
        self._spool = state_folder / SPOOL
        self._minimum_free_bytes = minimum_free_bytes
        self._maximum_object_bytes = maximum_object_bytes
        self._free = free
        self._token = token
        self._now = now

    def sweep(self) -> int:
        """Remove what processes that are no more left unfinished; return how many files."""
        leftovers = self._incoming.glob(f"*{_UNFINISHED}")
        return sum(_remove_unlocked(path) for path in leftovers)

    def receive(self, identity: ObjectIdentity) -> IncomingObject:
        """Begin to receive an object; without enough free space it is refused from the start."""
        path = self._incoming / f"{self._token()}{_UNFINISHED}"
        incoming = IncomingObject(path, identity, self._maximum_object_bytes)
        if not self._has_space():
            incoming.refuse(
                f"less than {self._minimum_free_bytes // _MEGABYTE} MB free in the state folder"
            )
        return incoming

    def place(self, objects: Sequence[IncomingObject]) -> list[StoredFile]:
        """Move flushed objects into the spool together; durable, and still locked, on return.

        Raises:
            TransientError: The disk does not take them now; none is in the spool.
        """
        hour = self._now().strftime(_HOUR)
        folder = self._spool / hour
        try:
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                sync_folder(self._spool)
            for incoming in objects:
                incoming.move(folder / self._name(incoming.identity))
            sync_folder(folder)
        except OSError as error:
            for incoming in objects:
                incoming.move_back()
            raise _not_moved(error) from error
        return [
            StoredFile(f"{SPOOL}/{hour}/{one.path.name}", one.size_bytes, one.sha256)
            for one in objects
        ]

    def remove(self, file: StoredFile) -> None:
        """Remove a file that no row names."""
        (self._state_folder / file.path).unlink(missing_ok=True)

    def _name(self, identity: ObjectIdentity) -> str:
        key = hashlib.sha256(identity.sop_instance_uid.encode()).hexdigest()
        return f"{key[:32]}-{self._token()}.dcm"

    def _has_space(self) -> bool:
        try:
            return self._free(self._state_folder) >= self._minimum_free_bytes
        except OSError:
            return False


def _not_moved(error: OSError) -> TransientError:
    return TransientError(
        f"an object cannot be moved into the spool: {error.strerror}; free space or repair the"
        " disk, the sender will try again"
    )


def _open_locked(path: Path) -> int:
    """Create a file and lock it; a sweep may come between the two, so it is tried again."""
    for _ in range(_LOCK_TRIES):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink > 0:
            return handle
        os.close(handle)
    raise OSError(0, "its files are being removed while they are made")


def _remove_unlocked(path: Path) -> bool:
    """Remove a file unless a living process holds it; return whether it was removed."""
    try:
        handle = os.open(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _write_all(handle: int, pieces: Sequence[bytes | memoryview], count: int) -> None:
    written = os.writev(handle, pieces)
    if written < count:  # the disk is nearly full, or a signal came in between
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(handle, rest) :]
