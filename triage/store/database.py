"""The one connection to the database: durable writes, immediate locks, plain failures."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import event, exc

from triage.errors import StoreError, TransientError
from triage.store.migration import migrate
from triage.store.schema import SCHEMA_VERSION, metadata

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

FOLDERS = ("spool", "incoming", "reports", "thumbnails", "roles")
BUSY_TIMEOUT_SECONDS = 30
POLL_SECONDS = 0.05


def utc_now() -> datetime:
    """Return the present time, aware and in UTC."""
    return datetime.now(UTC)


class Database:
    """A state folder with its SQLite database (WAL, synchronous FULL).

    Args:
        state_folder: Folder of the site; its sub-folders are made when missing.
        clock: Returns the present time, aware and in UTC.

    Raises:
        StoreError: The folder or the database cannot be used as it is.
    """

    def __init__(self, state_folder: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self.state_folder = state_folder
        self.clock = clock
        self.path = state_folder / "triage.db"
        self._make_folders()
        self._engine = _engine(self.path)
        try:
            self._create_schema()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its first statement.

        It is durable when the block has ended, and undone when the block raised.
        """
        with self._failures(), self._engine.connect() as connection:
            connection = connection.execution_options(writing=True)  # noqa: PLW2901 - the same connection, marked
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database."""
        with self._failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    def integrity_problems(self) -> list[str]:
        """Return what SQLite's own check finds wrong; empty when all is well."""
        with self.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(20)").scalars().all()
        return [str(line) for line in found if line != "ok"]

    def watcher(self) -> Watcher:
        """Return a watcher of other connections' commits."""
        return Watcher(self.path)

    def _make_folders(self) -> None:
        try:
            self.state_folder.mkdir(parents=True, exist_ok=True)
            for name in FOLDERS:
                (self.state_folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the state folder {self.state_folder} cannot be used: {error.strerror}; make it"
                " writable for this user or set state_folder to another one"
            ) from error

    def _create_schema(self) -> None:
        with self.writing() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if version == SCHEMA_VERSION:
                return
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"the database {self.path} has schema version {version}, this program needs"
                    f" {SCHEMA_VERSION}; run the release of the program that made it"
                )
            if version:
                migrate(connection, version)
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except exc.IntegrityError:
            raise
        except (exc.OperationalError, exc.DatabaseError) as error:
            raise _plain_error(self.path, error) from error


class Watcher:
    """Tells when another connection, in any process, has committed.

    It reads SQLite's data_version, which costs microseconds and takes no lock.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._seen = self._version()

    def wait(self, timeout_seconds: float, stop: threading.Event) -> bool:
        """Wait for a commit.

        Returns:
            True when something was committed since the last call; False at the timeout or
            when `stop` was set.
        """
        deadline = time.monotonic() + timeout_seconds
        while not (changed := self._changed()):
            left = deadline - time.monotonic()
            if left <= 0 or stop.wait(min(POLL_SECONDS, left)):
                break
        return changed

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _changed(self) -> bool:
        version = self._version()
        changed, self._seen = version != self._seen, version
        return changed

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _engine(path: Path) -> Engine:
    engine = sqlalchemy.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
        pool_reset_on_return=None,  # every transaction here is ended by who began it
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_connection(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    # The driver must not open transactions of its own: _begin does, with the right lock.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A write that began as a read would fail with "busy" when another writer came between.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _plain_error(path: Path, error: exc.DatabaseError) -> StoreError | TransientError:
    text = str(error.orig)
    if "locked" in text or "busy" in text:
        return TransientError(f"the database {path} is busy: {text}; try again")
    if "full" in text:
        return TransientError(
            f"the disk of the database {path} is full; free space, nothing acknowledged is lost"
        )
    if "malformed" in text or "not a database" in text:
        return StoreError(
            f"the database {path} is damaged ({text}); stop the service, keep a copy, restore the"
            " last backup, or move it away and send the studies again"
        )
    return StoreError(
        f"the database {path} cannot be used ({text}); check that the folder exists and is"
        " writable for this user, and run `triage check`"
    )
