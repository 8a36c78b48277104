"""The table of settings: every section of the file, in the order of a film's way.

Each key has its type, default, rule and description where its section stands. Units stand in the
names. What these classes hold has been read through the rules; constructing them directly, as
tests do, checks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from triage.settings import rules
from triage.settings.decision import DecisionSettings, WorklistSettings
from triage.settings.delivery import DeliverySettings, Destination, Peer
from triage.settings.hl7 import Hl7Receiver, Hl7Settings
from triage.settings.keys import key, section
from triage.settings.listener import ListenerSettings
from triage.settings.log import LogSettings
from triage.settings.receiving import (
    ModalityWorklist,
    OrthancReceiver,
    ReceiverSettings,
    UpsReceiver,
)
from triage.settings.studies import EligibilitySettings, StudySettings, WorkerSettings
from triage.settings.web import WebSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a site configures."""

    state_folder: Path = field(
        default=Path("/var/lib/cspine-triage"),
        metadata=key(
            rules.absolute_path(), "Folder of the database, the received files and the reports."
        ),
    )
    listener: ListenerSettings = field(
        default_factory=ListenerSettings,
        metadata=section(ListenerSettings, "What modalities, routers and the PACS send to."),
    )
    studies: StudySettings = field(
        default_factory=StudySettings,
        metadata=section(StudySettings, "When a study counts as complete."),
    )
    eligibility: EligibilitySettings = field(
        default_factory=EligibilitySettings,
        metadata=section(
            EligibilitySettings,
            "Which images go to the models; upper and lower case are the same.",
        ),
    )
    worker: WorkerSettings = field(
        default_factory=WorkerSettings,
        metadata=section(WorkerSettings, "What decodes images and runs the models."),
    )
    decision: DecisionSettings = field(
        default_factory=DecisionSettings,
        metadata=section(DecisionSettings, "How far results may move the reading list."),
    )
    worklist: WorklistSettings = field(
        default_factory=WorklistSettings,
        metadata=section(WorklistSettings, "The reading worklist."),
    )
    delivery: DeliverySettings = field(
        default_factory=DeliverySettings,
        metadata=section(DeliverySettings, "How reports are sent."),
    )
    destinations: tuple[Destination, ...] = field(
        default=(),
        metadata=section(
            Destination,
            "A PACS that the reports go to; repeat the table for more, leave it out for none.",
        ),
    )
    peers: tuple[Peer, ...] = field(
        default=(),
        metadata=section(
            Peer,
            "A viewer or RIS that may subscribe to events of the worklist; repeat the table for "
            "more. Who is not listed cannot be told of events.",
        ),
    )
    hl7: Hl7Settings = field(
        default_factory=Hl7Settings,
        metadata=section(Hl7Settings, "Orders and final reports that the RIS sends over MLLP."),
    )
    hl7_receivers: tuple[Hl7Receiver, ...] = field(
        default=(),
        metadata=section(
            Hl7Receiver,
            "Who is told over MLLP; repeat the table for more, leave it out for none.",
        ),
    )
    receivers: ReceiverSettings = field(
        default_factory=ReceiverSettings,
        metadata=section(
            ReceiverSettings,
            "Systems beside us whose lists take our priorities; tries and rests as in [delivery].",
        ),
    )
    orthanc_receivers: tuple[OrthancReceiver, ...] = field(
        default=(),
        metadata=section(
            OrthancReceiver,
            "An Orthanc whose studies take our priorities as labels (from 1.12) or metadata.",
        ),
    )
    ups_receivers: tuple[UpsReceiver, ...] = field(
        default=(),
        metadata=section(
            UpsReceiver, "Another manager of UPS work items that takes our priorities."
        ),
    )
    modality_worklists: tuple[ModalityWorklist, ...] = field(
        default=(),
        metadata=section(
            ModalityWorklist,
            "A Modality Worklist that says how urgent an order is, before a decision is made.",
        ),
    )
    web: WebSettings = field(
        default_factory=WebSettings,
        metadata=section(WebSettings, "Worklist page, JSON, health and metrics."),
    )
    log: LogSettings = field(
        default_factory=LogSettings,
        metadata=section(LogSettings, "One JSON object a line, without patient data."),
    )


def default_settings(state_folder: Path) -> Settings:
    """Return the settings of an empty configuration file, but for the state folder."""
    return Settings(state_folder=state_folder)
