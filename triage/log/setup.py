"""Starting the log of a process."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, TextIO, cast

import structlog

from triage.errors import SettingsError
from triage.log.allowed import drop_what_is_not_allowed
from triage.log.failures import describe_exception
from triage.log.libraries import route_libraries

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

    from triage.settings import LogSettings


def get_logger(part: str) -> FilteringBoundLogger:
    """Return the log of one part of the program, such as ``"listener"``.

    It may be made when a module is imported: it is configured when the first line is logged.

    Args:
        part: Stands as ``part`` in every line.
    """
    return cast("FilteringBoundLogger", structlog.get_logger(part=part))


def configure(role: str, settings: LogSettings, stream: TextIO | None = None) -> None:
    """Start the log of this process; called once, before anything logs.

    Args:
        role: Stands as ``role`` in every line, and names the file.
        settings: Level, and folder or standard output.
        stream: Where lines go whatever the settings say.

    Raises:
        SettingsError: The folder of the log cannot be written.
    """
    output = cast("TextIO", _output(role, settings, stream))  # structlog only writes and flushes
    structlog.configure(
        processors=[
            _identify(role),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            drop_what_is_not_allowed,
            describe_exception,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    route_libraries()


def _identify(role: str) -> Processor:
    """Return what adds role and process to a line."""

    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, "role": role, "pid": os.getpid()}

    return add


def _output(role: str, settings: LogSettings, stream: TextIO | None) -> _Stream | _File:
    if stream is None and settings.folder is not None:
        return _File(settings.folder / f"{role}.jsonl")
    return _Stream(stream or sys.stdout)


class _Stream:
    """Lines to a stream; a log that cannot be written never stops the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # pipe gone, disk full, stream closed
            self._stream.write(line)
            self._stream.flush()

    def flush(self) -> None:
        """Do nothing: every line is written through."""


class _File:
    """Lines to a file, opened for each so that it can be rotated without telling us."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise SettingsError(
                f"log.folder: {path} cannot be written ({error.strerror}). Make the folder and "
                "give it to the user of the service."
            ) from error

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(line)

    def flush(self) -> None:
        """Do nothing: the file is closed after every line."""
