"""The configuration: one TOML file becomes frozen settings, all checked before a socket opens.

Adding a key is one field in `sections`: its default, its rule and its description drive the
reading, the checks, and the documented example under ``deploy/``.
"""

from triage.settings.reading import load_settings, parse_settings
from triage.settings.receiving import (
    DicomPeer,
    ModalityWorklist,
    OrthancReceiver,
    ReceiverSettings,
    UpsReceiver,
)
from triage.settings.relations import receiver_names
from triage.settings.sections import (
    DecisionSettings,
    DeliverySettings,
    Destination,
    EligibilitySettings,
    FindingMode,
    ListenerSettings,
    LogLevel,
    LogSettings,
    Settings,
    SiteMode,
    StudySettings,
    UnknownSopClasses,
    WebSettings,
    WorkerSettings,
    WorklistSettings,
    default_settings,
)
from triage.settings.writing import example_toml, render_toml

__all__ = [
    "DecisionSettings",
    "DeliverySettings",
    "Destination",
    "DicomPeer",
    "EligibilitySettings",
    "FindingMode",
    "ListenerSettings",
    "LogLevel",
    "LogSettings",
    "ModalityWorklist",
    "OrthancReceiver",
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
