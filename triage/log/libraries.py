"""What libraries log and warn about, without their words.

pydicom, pynetdicom and others write values of data sets into their messages. Of theirs, a line
keeps the logger, the level and the place in the code; the text only where it is one of the
templates below, which carry no values.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import structlog

if TYPE_CHECKING:
    from types import TracebackType

# Compared with the message before its arguments are filled in; the arguments are never logged.
HARMLESS_TEMPLATES = frozenset(
    {
        # pynetdicom
        "No accepted presentation contexts",
        "Association Rejected",
        "Association Aborted",
        "Aborting Association",
        "Network timeout reached",
        "DIMSE timeout reached while waiting for message response",
        "Connection closed while waiting for DIMSE message",
        "Received an invalid A-ASSOCIATE response from the peer",
        # apscheduler
        'Execution of job "%s" skipped: maximum number of running instances reached (%d)',
        'Run time of job "%s" was missed by %s',
        "Error running job %s",
        "Error notifying listener",
        # uvicorn
        "Invalid HTTP request received.",
        "Cancel %s running task(s), timeout graceful shutdown exceeded",
        "Exception in ASGI application\n",
    }
)


class LibraryHandler(logging.Handler):
    """Sends records of standard logging into the filtered log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log where a record comes from, and its text only when that is harmless."""
        known = isinstance(record.msg, str) and record.msg in HARMLESS_TEMPLATES
        structlog.get_logger(part="library").log(
            _level(record.levelno),
            "library message",
            action="library_message",
            logger=record.name,
            module=record.module,
            function=(record.funcName or "").strip("<>") or None,
            line=record.lineno,
            template=record.msg if known else None,
            exc_info=record.exc_info,
        )


def route_libraries() -> None:
    """Send standard logging, warnings and unhandled errors into the filtered log."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler(level=logging.WARNING))
    root.setLevel(logging.WARNING)
    warnings.showwarning = _log_warning
    sys.excepthook = _log_unhandled
    threading.excepthook = _log_thread
    sys.unraisablehook = _log_unraisable


def _level(number: int) -> int:
    """Return the named level at or below a level, which libraries number as they like."""
    named = (logging.CRITICAL, logging.ERROR)
    return next((level for level in named if number >= level), logging.WARNING)


def _log_warning(
    message: Warning | str,  # noqa: ARG001  the text may carry values: see above
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001  the signature is the warnings module's
    line: str | None = None,  # noqa: ARG001  likewise
) -> None:
    structlog.get_logger(part="library").warning(
        "library warning",
        action="library_warning",
        category=category.__name__,
        module=Path(filename).stem,
        line=lineno,
    )


def _log_unhandled(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger(part="process").critical(
        "unhandled error", action="unhandled_error", exc_info=(kind, error, trace)
    )


def _log_thread(unhandled: threading.ExceptHookArgs) -> None:
    if unhandled.exc_value is not None:
        _log_unhandled(unhandled.exc_type, unhandled.exc_value, unhandled.exc_traceback)


def _log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_value is not None:
        _log_unhandled(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
