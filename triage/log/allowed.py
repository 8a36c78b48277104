"""Which keys a log line may have, and what their values may look like.

Patient's name, ID, birth date and accession number have no key here and never get one. Study
and SOP Instance UIDs do: operators need them for ``triage study UID``, and they name nobody.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from triage.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import EventDict, WrappedLogger

DROPPED = "[dropped]"  # stands where a value was refused, so that the omission shows

_LONGEST_TEXT = 500
_MOST_ELEMENTS = 20
_EXCEPTION_KEYS = frozenset({"exc_info", "stack_info"})


class Kind(Enum):
    """What the value of a key may look like; anything else is dropped."""

    NUMBER = "number"  # int, float, bool
    TIME = "time"  # an aware datetime
    WORD = "word"  # a name from this program or its configuration: no spaces, no ^
    UID = "uid"  # digits and dots, PS3.5 9.1
    TITLE = "title"  # an AE title, PS3.5 6.2
    ADDRESS = "address"  # an IP address or a host name
    STATUS = "status"  # a DIMSE status, written as in the standard: A700
    TEXT = "text"  # a clause that this program wrote, or one of its own errors


_PATTERNS = MappingProxyType(
    {
        Kind.WORD: re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+/-]{0,79}"),
        Kind.UID: re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)+"),
        Kind.TITLE: re.compile(r"[ -\[\]-~]{0,16}"),
        Kind.ADDRESS: re.compile(r"[A-Za-z0-9_.:-]{1,253}"),
    }
)

ALLOWED_KEYS: Mapping[str, Kind] = MappingProxyType(
    {
        # every line
        "event": Kind.TEXT,
        "timestamp": Kind.TEXT,
        "level": Kind.WORD,
        "role": Kind.WORD,
        "pid": Kind.NUMBER,
        "part": Kind.WORD,
        "action": Kind.WORD,
        # what it is about
        "study": Kind.UID,
        "series": Kind.UID,
        "instance": Kind.UID,
        "report": Kind.UID,
        "work_item": Kind.UID,
        "sop_class": Kind.UID,
        "transfer_syntax": Kind.UID,
        "instance_id": Kind.NUMBER,
        "delivery_id": Kind.NUMBER,
        "control_id": Kind.WORD,
        "version": Kind.WORD,
        "modality": Kind.WORD,
        # who is at the other end
        "peer": Kind.TITLE,
        "called": Kind.TITLE,
        "destination": Kind.WORD,
        "address": Kind.ADDRESS,
        "certificate": Kind.TEXT,
        "port": Kind.NUMBER,
        "status": Kind.STATUS,
        "user": Kind.WORD,
        "verdict": Kind.WORD,
        "method": Kind.WORD,
        "http_status": Kind.NUMBER,
        # what came of it
        "outcome": Kind.WORD,
        "priority": Kind.WORD,
        "order_priority": Kind.WORD,
        "reading_class": Kind.WORD,
        "mode": Kind.WORD,
        "state": Kind.WORD,
        "previous_state": Kind.WORD,
        "finding": Kind.WORD,
        "gate": Kind.WORD,
        "member": Kind.WORD,
        "kind": Kind.WORD,
        "reason": Kind.TEXT,
        "problem": Kind.TEXT,
        "error_type": Kind.WORD,
        # how much
        "associations": Kind.NUMBER,
        "attempts": Kind.NUMBER,
        "batch_size": Kind.NUMBER,
        "bytes": Kind.NUMBER,
        "count": Kind.NUMBER,
        "deliveries": Kind.NUMBER,
        "free_megabytes": Kind.NUMBER,
        "images": Kind.NUMBER,
        "instances": Kind.NUMBER,
        "limit": Kind.NUMBER,
        "megabytes": Kind.NUMBER,
        "next_attempt_at": Kind.TIME,
        "seconds": Kind.NUMBER,
        "studies": Kind.NUMBER,
        "value": Kind.NUMBER,
        "wait_seconds": Kind.NUMBER,
        # processes and models
        "bundle": Kind.WORD,
        "device": Kind.WORD,
        "exit_code": Kind.NUMBER,
        "job": Kind.WORD,
        "owner": Kind.WORD,
        "process": Kind.WORD,
        "restarts": Kind.NUMBER,
        "signal": Kind.WORD,
        "threads": Kind.NUMBER,
        # what libraries say
        "logger": Kind.WORD,
        "module": Kind.WORD,
        "function": Kind.WORD,
        "line": Kind.NUMBER,
        "template": Kind.TEXT,
        "category": Kind.WORD,
    }
)


def drop_what_is_not_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace every value that its key does not allow, and every value of an unknown key.

    The exception passes: triage.log.failures describes it afterwards.
    """
    return {
        key: value if key in _EXCEPTION_KEYS else _allowed(key, value)
        for key, value in event.items()
    }


def _allowed(key: str, value: object) -> object:
    kind = ALLOWED_KEYS.get(key)
    if kind is None:
        return DROPPED
    if isinstance(value, tuple | list | set | frozenset):
        return [_of_kind(kind, element) for element in list(value)[:_MOST_ELEMENTS]]
    return _of_kind(kind, value)


def _of_kind(kind: Kind, value: object) -> object:
    """Return a value as it may be logged."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, int | float):
        return _number(kind, value)
    if kind is Kind.TIME:
        return value.isoformat() if isinstance(value, datetime) else DROPPED
    if kind is Kind.TEXT:
        return _text(value)
    pattern = _PATTERNS.get(Kind.WORD if kind is Kind.STATUS else kind)
    matches = pattern is not None and isinstance(value, str) and pattern.fullmatch(value)
    return value if matches else DROPPED


def _number(kind: Kind, value: float | None) -> object:
    if kind is Kind.STATUS and isinstance(value, int):
        return f"{value:04X}"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no name for it
    return value


def _text(value: object) -> str:
    """Return our own clause; of an error, only an own one's message, else its type."""
    if isinstance(value, TriageError):
        value = str(value)
    if isinstance(value, BaseException):
        return type(value).__qualname__
    return value[:_LONGEST_TEXT] if type(value) is str else DROPPED
