"""Exceptions in the log: where and of what type, with the message only of our own errors.

The messages of other libraries repeat values of the data set that they failed on.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from triage.errors import TriageError

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

_MOST_FRAMES = 30  # the innermost ones
_MOST_EXCEPTIONS = 10  # of a chain or group


def describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put ``exception``, a list from the raised error to its first cause, for ``exc_info``.

    It follows the filter of keys, so that nobody else can fill ``exception``.
    """
    event.pop("stack_info", None)
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = [_described(each) for each in _chain(error)]
    return event


def _error_of(exc_info: object) -> BaseException | None:
    """Return the error that any of the accepted forms of exc_info names."""
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    elif exc_info and not isinstance(exc_info, BaseException):
        exc_info = sys.exc_info()[1]
    return exc_info if isinstance(exc_info, BaseException) else None


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error, the members of its group, and what caused each, bounded."""
    found: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting and len(found) < _MOST_EXCEPTIONS:
        each = waiting.pop(0)
        if any(each is seen for seen in found):
            continue
        found.append(each)
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
        cause = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        if cause is not None:
            waiting.append(cause)
    return found


def _described(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    described: dict[str, object] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, TriageError):
        described["message"] = str(error)
    return described
