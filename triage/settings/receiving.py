"""The settings of the systems around us whose lists we move, and whose orders we read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from triage.settings import rules
from triage.settings.keys import DAY_SECONDS, key
from triage.settings.peers import DicomPeer

if TYPE_CHECKING:
    from pathlib import Path

_FIRST_METADATA, _LAST_METADATA = 1024, 65535  # Orthanc's range for the numbers of a site's own


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """What holds for every receiver of priorities; tries and rests are those of deliveries."""

    confirm_seconds: float = field(
        default=60.0,
        metadata=key(
            rules.number(0.1, DAY_SECONDS),
            "A receiver that took a priority and still shows another one after this long raises "
            "an alarm.",
        ),
    )


@dataclass(frozen=True, slots=True)
class UpsReceiver(DicomPeer):
    """A manager of UPS work items (PS3.4 Annex CC) that takes priorities from us."""

    creates_work_items: bool = field(
        default=True,
        metadata=key(
            rules.flag(),
            "Where the manager has no work item for a study, create one by N-CREATE; false waits "
            "until the manager has one of its own.",
        ),
    )


@dataclass(frozen=True, slots=True)
class OrthancReceiver:
    """An Orthanc that takes priorities as labels of its studies, or as metadata before 1.12."""

    name: str = field(
        metadata=key(rules.name(), "Name in commands, logs and metrics."),
    )
    url: str = field(
        metadata=key(rules.url(), "Address of its REST interface."),
    )
    user: str = field(
        default="",
        metadata=key(rules.free_text(), "User that we log in as; empty for none."),
    )
    password_file: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="no password"),
            "File that holds the user's password; readable for this user alone.",
        ),
    )
    authorities: Path | None = field(
        default=None,
        metadata=key(
            rules.absolute_path(optional="those of this machine"),
            "PEM file of the authorities that vouch for its certificate, with https.",
        ),
    )
    metadata: int = field(
        default=4200,
        metadata=key(
            rules.whole(_FIRST_METADATA, _LAST_METADATA),
            "Number of the metadata that holds the priority, in an Orthanc without labels.",
        ),
    )


@dataclass(frozen=True, slots=True)
class ModalityWorklist(DicomPeer):
    """A Modality Worklist SCP that knows how urgent an order is."""

    wait_seconds: float = field(
        default=10.0,
        metadata=key(
            rules.number(0.1, 3600),
            "A decision waits for its answer at most this long after a study's first image; then "
            "the order counts as unknown until an answer comes.",
        ),
    )
