"""The log: how much, and where to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from triage.settings import rules
from triage.settings.keys import key

if TYPE_CHECKING:
    from pathlib import Path


class LogLevel(StrEnum):
    """The least severe level that is logged."""

    DEBUG = "debug"  # every step of every loop
    INFO = "info"  # what happened to each image, study and delivery
    WARNING = "warning"  # what somebody should look at within days
    ERROR = "error"  # what somebody should look at now


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The log: one JSON object a line, without patient data."""

    level: LogLevel = field(
        default=LogLevel.INFO,
        metadata=key(rules.choice(LogLevel), "Least severe level that is logged."),
    )
    folder: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="standard output"),
            "Folder of one file per role; systemd takes standard output into the journal.",
        ),
    )
