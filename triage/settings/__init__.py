"""The configuration: one TOML file becomes frozen settings, all checked before a socket opens.

Adding a key is one field in its section: its default, its rule and its description drive the
reading, the checks, and the documented example under ``deploy/``.
"""

from triage.settings.decision import DecisionSettings, FindingMode, SiteMode, WorklistSettings
from triage.settings.delivery import DeliverySettings, Destination, Peer
from triage.settings.hl7 import CharacterSet, Hl7Receiver, Hl7Settings
from triage.settings.listener import ListenerSettings, UnknownSopClasses
from triage.settings.log import LogLevel, LogSettings
from triage.settings.peers import DicomPeer
from triage.settings.reading import load_settings, parse_settings
from triage.settings.receiving import (
    ModalityWorklist,
    OrthancReceiver,
    ReceiverSettings,
    UpsReceiver,
)
from triage.settings.relations import receiver_names
from triage.settings.sections import Settings, default_settings
from triage.settings.studies import EligibilitySettings, StudySettings, WorkerSettings
from triage.settings.web import WebSettings
from triage.settings.writing import example_toml, render_toml

__all__ = [
    "CharacterSet",
    "DecisionSettings",
    "DeliverySettings",
    "Destination",
    "DicomPeer",
    "EligibilitySettings",
    "FindingMode",
    "Hl7Receiver",
    "Hl7Settings",
    "ListenerSettings",
    "LogLevel",
    "LogSettings",
    "ModalityWorklist",
    "OrthancReceiver",
    "Peer",
    "ReceiverSettings",
    "Settings",
    "SiteMode",
    "StudySettings",
    "UnknownSopClasses",
    "UpsReceiver",
    "WebSettings",
    "WorkerSettings",
    "WorklistSettings",
    "default_settings",
    "example_toml",
    "load_settings",
    "parse_settings",
    "receiver_names",
    "render_toml",
]
