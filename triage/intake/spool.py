"""The spool: received files, durable before anybody is told that we have them.

An object grows in ``incoming/``; when it is complete it is flushed to the disk, renamed into
``spool/XX/`` and the folder flushed too. Names come from a hash of the SOP Instance UID and a
token of our own, never from a peer, so that no two files of any object share a name.

What is left in ``incoming/`` by a process that died is swept at start. A file that is being
written is locked, so that one listener never sweeps another's.
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
from triage.store import StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INCOMING = "incoming"
SPOOL = "spool"
_UNFINISHED = ".part"
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
    """

    def __init__(self, path: Path, identity: ObjectIdentity, maximum_bytes: int) -> None:
        self.path = path
        self.identity = identity
        self.problem = ""
        self.size_bytes = 0
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
        if self.problem or self._handle is None:
            return
        if self.size_bytes + len(received) > self._maximum_bytes:
            self._fail(f"the object is larger than {self._maximum_bytes // _MEGABYTE} MB")
            return
        try:
            _write_all(self._handle, received)
        except OSError as error:
            self._fail(f"the object cannot be written: {error.strerror}")
            return
        self._digest.update(received)
        self.size_bytes += len(received)

    def refuse(self, problem: str) -> None:
        """Give the object up for a reason, before or while it is received."""
        if not self.problem:
            self._fail(problem)

    def flush_to_disk(self) -> None:
        """Make the content durable.

        Raises:
            OSError: The disk does not take it.
        """
        if self._handle is not None:
            os.fsync(self._handle)

    def discard(self) -> None:
        """Remove the file if it is still there; may be called at any time, more than once."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file, which stays where it is."""
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
    """

    def __init__(
        self,
        state_folder: Path,
        *,
        minimum_free_bytes: int,
        maximum_object_bytes: int,
        free: Callable[[Path], int] = free_bytes,
        token: Callable[[], str] = new_token,
    ) -> None:
        self._state_folder = state_folder
        self._incoming = state_folder / INCOMING
        self._spool = state_folder / SPOOL
        self._minimum_free_bytes = minimum_free_bytes
        self._maximum_object_bytes = maximum_object_bytes
        self._free = free
        self._token = token

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

    def keep(self, incoming: IncomingObject) -> StoredFile:
        """Move a complete object into the spool; it is durable when this returns.

        Raises:
            TransientError: The disk does not take it now.
        """
        key = hashlib.sha256(incoming.identity.sop_instance_uid.encode()).hexdigest()
        folder = self._spool / key[:2]
        path = folder / f"{key[:32]}-{self._token()}.dcm"
        try:
            incoming.flush_to_disk()
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                sync_folder(self._spool)
            incoming.path.rename(path)
            sync_folder(folder)
        except OSError as error:
            raise TransientError(
                f"an object cannot be moved into the spool: {error.strerror}; free space or"
                " repair the disk, the sender will try again"
            ) from error
        incoming.close()
        relative = path.relative_to(self._state_folder)
        return StoredFile(str(relative), incoming.size_bytes, incoming.sha256)

    def remove(self, file: StoredFile) -> None:
        """Remove a file that no row names."""
        (self._state_folder / file.path).unlink(missing_ok=True)

    def _has_space(self) -> bool:
        try:
            return self._free(self._state_folder) >= self._minimum_free_bytes
        except OSError:
            return False


def _open_locked(path: Path) -> int:
    """Create a file and lock it; a sweep may come between the two, so it is tried again."""
    for _ in range(_LOCK_TRIES):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
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


def _write_all(handle: int, received: bytes | memoryview) -> None:
    rest = memoryview(received)
    while rest:
        rest = rest[os.write(handle, rest) :]
