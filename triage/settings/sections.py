"""The table of settings: every key with its type, default, rule and description.

Units stand in the names. What these classes hold has been read through the rules; constructing
them directly, as tests do, checks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from triage.settings import rules
from triage.settings.hl7 import Hl7Receiver, Hl7Settings
from triage.settings.keys import key as _key
from triage.settings.keys import named as _named
from triage.settings.keys import section as _section
from triage.settings.receiving import (
    ModalityWorklist,
    OrthancReceiver,
    ReceiverSettings,
    UpsReceiver,
)
from triage.values import Mode

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

_DAY = 86_400.0  # seconds
_ANY_PORT = " (0: any free port)"


class UnknownSopClasses(StrEnum):
    """What the listener proposes for SOP classes that nothing here can use."""

    KEEP = "keep"  # take them, keep the header, answer success: the PACS queue never blocks
    REFUSE = "refuse"  # reject the presentation context: for sites whose router copes with that


class LogLevel(StrEnum):
    """The least severe level that is logged."""

    DEBUG = "debug"  # every step of every loop
    INFO = "info"  # what happened to each image, study and delivery
    WARNING = "warning"  # what somebody should look at within days
    ERROR = "error"  # what somebody should look at now


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """The C-STORE SCP that modalities, routers and the PACS send to."""

    ae_title: str = field(
        default="TRIAGE",
        metadata=_key(rules.ae_title(), "AE title of this system."),
    )
    address: str = field(
        default="0.0.0.0",  # noqa: S104  a storage SCP is there to be reached
        metadata=_key(rules.host(), "Address to listen on; 0.0.0.0 is every IPv4 interface."),
    )
    port: int = field(
        default=11112,
        metadata=_key(rules.whole(0, 65535, _ANY_PORT), "Port of the DICOM listener."),
    )
    check_called_ae_title: bool = field(
        default=True,
        metadata=_key(rules.flag(), "Reject associations that call another AE title."),
    )
    calling_ae_titles: tuple[str, ...] = field(
        default=(),
        metadata=_key(
            rules.several(rules.ae_title()), "AE titles that may call; an empty list takes any."
        ),
    )
    calling_addresses: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(),
        metadata=_key(
            rules.several(rules.network()),
            "Networks that may call, in CIDR notation; an empty list takes any.",
        ),
    )
    listeners: int = field(
        default=1,
        metadata=_key(rules.whole(1, 64), "Processes that share the port."),
    )
    maximum_associations: int = field(
        default=32,
        metadata=_key(
            rules.whole(1, 1000),
            "Associations at the same time, over all processes; more are rejected for the moment.",
        ),
    )
    maximum_associations_per_peer: int = field(
        default=16,
        metadata=_key(
            rules.whole(1, 1000),
            "Of these, as many from one address, so that no peer keeps the others out.",
        ),
    )
    maximum_pdu_bytes: int = field(
        default=131_072,
        metadata=_key(
            rules.pdu_length(), "Largest PDU that peers may send; 128 KB is the fastest."
        ),
    )
    idle_timeout_seconds: float = field(
        default=600.0,
        metadata=_key(
            rules.number(0.1, _DAY), "An association on which nothing was asked for this long."
        ),
    )
    network_timeout_seconds: float = field(
        default=60.0,
        metadata=_key(
            rules.number(0.1, _DAY),
            "Within a request, a link that is silent for this long counts as dead.",
        ),
    )
    minimum_bytes_per_second: int = field(
        default=1024,
        metadata=_key(
            rules.whole(0, 1_000_000_000),
            "Within a request, a sender that is slower than this over network_timeout_seconds is "
            "aborted; a slow link is left alone.",
        ),
    )
    minimum_free_megabytes: int = field(
        default=1024,
        metadata=_key(
            rules.whole(1, 1_000_000_000),
            "With less space free in the state folder, C-STORE answers A700 (out of resources).",
        ),
    )
    maximum_object_megabytes: int = field(
        default=2048,
        metadata=_key(rules.whole(1, 65_536), "A larger object is refused with A700."),
    )
    unknown_sop_classes: UnknownSopClasses = field(
        default=UnknownSopClasses.KEEP,
        metadata=_key(
            rules.choice(UnknownSopClasses),
            "SOP classes that nothing here uses: keep their header and answer success, so that "
            "the sender's queue never blocks, or refuse them at association.",
        ),
    )
    accept_without_tls: bool = field(
        default=True,
        metadata=_key(rules.flag(), "Listen on `port`; false where every peer speaks TLS."),
    )
    tls_port: int = field(
        default=0,
        metadata=_key(
            rules.whole(0, 65535, " (0: no TLS)"),
            "Port of the same listener with TLS; 2762 is usual.",
        ),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="needed with tls_port"),
            "PEM file of our certificate, with its chain.",
        ),
    )
    tls_private_key: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="needed with tls_port"),
            "PEM file of its private key, without a passphrase; readable for this user alone.",
        ),
    )
    tls_authorities: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="needed with tls_port"),
            "PEM file of the authorities that vouch for the peers' certificates.",
        ),
    )
    tls_client_certificates: bool = field(
        default=True,
        metadata=_key(rules.flag(), "Peers must show a certificate (mutual authentication)."),
    )


@dataclass(frozen=True, slots=True)
class StudySettings:
    """When a study counts as complete."""

    quiet_seconds: float = field(
        default=10.0,
        metadata=_key(
            rules.number(0.1, 3600), "A study is complete when no image came for this long."
        ),
    )
    complete_on_release: bool = field(
        default=False,
        metadata=_key(
            rules.flag(),
            "Complete as soon as the association that brought it is released; only where "
            "modalities send a whole study in one association.",
        ),
    )


@dataclass(frozen=True, slots=True)
class EligibilitySettings:
    """Which images go to the models; all comparisons disregard case."""

    modalities: tuple[str, ...] = field(
        default=("CR", "DX"),
        metadata=_key(rules.several(rules.words(), at_least=1), "Modality (0008,0060) is one of."),
    )
    body_parts: tuple[str, ...] = field(
        default=(
            "CSPINE",
            "C SPINE",
            "C-SPINE",
            "CERVICAL",
            "CERVICALSPINE",
            "CERVICAL SPINE",
            "HWS",
        ),
        metadata=_key(
            rules.several(rules.words(), at_least=1),
            "Body Part Examined (0018,0015) is one of. NECK is left out: it is the code of soft "
            "tissue films too, which no cervical spine model has seen.",
        ),
    )
    description_words: tuple[str, ...] = field(
        default=("CSPINE", "C SPINE", "C-SPINE", "CERVICAL", "HWS"),
        metadata=_key(
            rules.several(rules.words()),
            "Where Body Part Examined is empty: Study or Series Description contains one of. An "
            "empty list takes no image without Body Part Examined.",
        ),
    )
    presentation_only: bool = field(
        default=True,
        metadata=_key(
            rules.flag(),
            "Leave out images whose Presentation Intent Type (0008,0068) is FOR PROCESSING.",
        ),
    )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The processes that decode images and run the models."""

    device: str = field(
        default="auto",
        metadata=_key(rules.device(), "auto: every CUDA device there is, else the CPU."),
    )
    bundle: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="the one that comes along"),
            "Folder of the model bundle; the one that comes along is not for patients.",
        ),
    )
    batch_size: int = field(
        default=8,
        metadata=_key(rules.whole(1, 256), "Images in one batch; halved when memory runs out."),
    )
    lease_seconds: float = field(
        default=60.0,
        metadata=_key(
            rules.number(0.1, _DAY),
            "A claimed image whose worker has been silent for this long goes to another.",
        ),
    )
    maximum_attempts: int = field(
        default=3,
        metadata=_key(rules.whole(1, 20), "An image that failed this often is set aside."),
    )
    maximum_megapixels: int = field(
        default=64,
        metadata=_key(rules.whole(1, 1000), "Larger images are set aside without decoding."),
    )
    threads: int = field(
        default=0,
        metadata=_key(rules.whole(0, 256), "CPU threads of a worker; 0 leaves it to PyTorch."),
    )


@dataclass(frozen=True, slots=True)
class SiteMode:
    """How far results may move the studies of one site."""

    name: str = field(
        metadata=_key(
            rules.words(), "Institution Name (0008,0080), or the AE title of the sender."
        ),
    )
    mode: Mode = field(
        metadata=_key(rules.choice(Mode), "The mode of studies that come from there."),
    )


@dataclass(frozen=True, slots=True)
class FindingMode:
    """How far one finding may move studies."""

    name: str = field(
        metadata=_key(rules.finding(), "Name of the finding in the bundle."),
    )
    mode: Mode = field(
        metadata=_key(
            rules.choice(Mode),
            "The mode of this finding. A study is raised by findings whose mode is at least "
            "promote, and lowered only where the mode of each is demote.",
        ),
    )


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """How far results may move the reading list."""

    mode: Mode = field(
        default=Mode.SHADOW,
        metadata=_key(
            rules.choice(Mode),
            "shadow: the order stays as it was; promote: suspected abnormal studies are raised; "
            "demote: likely-normal studies are lowered as well.",
        ),
    )
    undemoted_share: float = field(
        default=0.05,
        metadata=_key(
            rules.number(0, 1),
            "Share of likely-normal studies, drawn at random, that stay in place so that the "
            "miss rate can be watched.",
        ),
    )
    sites: tuple[SiteMode, ...] = field(
        default=(),
        metadata=_named(
            SiteMode,
            "A site with a mode of its own, by Institution Name (0008,0080) or by the AE title "
            "that sends its films. Of several modes that fit a study the most careful holds.",
        ),
    )
    findings: tuple[FindingMode, ...] = field(
        default=(),
        metadata=_named(
            FindingMode,
            "A finding with a mode of its own; where its site has one too, the more careful holds.",
        ),
    )


@dataclass(frozen=True, slots=True)
class WorklistSettings:
    """The reading worklist."""

    label: str = field(
        default="C-SPINE READING",
        metadata=_key(rules.long_string(), "Worklist Label (0074,1202) of the work items."),
    )
    waiting_cap_minutes: float = field(
        default=240.0,
        metadata=_key(rules.number(0.1, 10_080), "A study that waited this long is raised."),
    )


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How reports are sent; every destination has a queue of its own."""

    first_retry_seconds: float = field(
        default=5.0,
        metadata=_key(rules.number(0.1, _DAY), "Wait before the second try; doubled each time."),
    )
    maximum_retry_seconds: float = field(
        default=300.0,
        metadata=_key(rules.number(0.1, _DAY), "The wait between tries never exceeds this."),
    )
    maximum_attempts: int = field(
        default=50,
        metadata=_key(
            rules.whole(1, 10_000), "Tries before a delivery is dead until `triage retry`."
        ),
    )
    lease_seconds: float = field(
        default=120.0,
        metadata=_key(
            rules.number(0.1, _DAY), "A delivery whose courier died is taken up after this."
        ),
    )
    timeout_seconds: float = field(
        default=30.0,
        metadata=_key(rules.number(0.1, 3600), "Patience with a destination that is silent."),
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """A PACS or archive that reports are stored to."""

    name: str = field(
        metadata=_key(rules.name(), "Name in commands, logs and metrics."),
    )
    ae_title: str = field(
        metadata=_key(rules.ae_title(), "AE title of the PACS."),
    )
    address: str = field(
        metadata=_key(rules.host(), "Host name or IP address of the PACS."),
    )
    port: int = field(
        metadata=_key(rules.whole(1, 65535), "DICOM port of the PACS."),
    )
    calling_ae_title: str = field(
        default="",
        metadata=_key(rules.ae_title(optional=True), "AE title that we call with."),
    )


@dataclass(frozen=True, slots=True)
class Peer:
    """Another system that may subscribe to the events of the reading worklist (UPS Watch)."""

    name: str = field(
        metadata=_key(rules.name(), "Name in commands and logs."),
    )
    ae_title: str = field(
        metadata=_key(rules.ae_title(), "AE title that it subscribes with (Receiving AE)."),
    )
    address: str = field(
        metadata=_key(rules.host(), "Host name or IP address where it listens for events."),
    )
    port: int = field(
        metadata=_key(rules.whole(1, 65535), "DICOM port where it listens for events."),
    )
    calling_ae_title: str = field(
        default="",
        metadata=_key(rules.ae_title(optional=True), "AE title that we call with."),
    )


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Worklist page, JSON, health and metrics."""

    address: str = field(
        default="127.0.0.1",
        metadata=_key(
            rules.host(),
            "Address to listen on. On any but this machine's own, every page asks for a log-in: "
            "add users with `triage user add`, or name a proxy that knows them.",
        ),
    )
    port: int = field(
        default=8080,
        metadata=_key(rules.whole(0, 65535, _ANY_PORT), "Port of the page."),
    )
    show_patient: bool = field(
        default=True,
        metadata=_key(rules.flag(), "Show the patient's name, ID and birth date on the page."),
    )
    host_names: tuple[str, ...] = field(
        default=(),
        metadata=_key(
            rules.several(rules.host()),
            "Names under which browsers reach the page; requests under any other name are "
            "refused. Addresses in digits and localhost are always right.",
        ),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="a page without TLS"),
            "PEM file of the page's certificate, with its chain; the page then speaks https only.",
        ),
    )
    tls_private_key: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="a page without TLS"),
            "PEM file of its private key, without a passphrase; readable for this user alone.",
        ),
    )
    session_idle_minutes: float = field(
        default=240.0,
        metadata=_key(
            rules.number(1, 10_080),
            "A log-in ends when nobody did anything with it for this long; a page that only "
            "stays open does nothing.",
        ),
    )
    session_hours: float = field(
        default=12.0,
        metadata=_key(rules.number(0.1, 720), "A log-in ends after this in any case."),
    )
    open_metrics: bool = field(
        default=False,
        metadata=_key(
            rules.flag(),
            "Answer /health and /metrics without log-in to any address; without this, to this "
            "machine only. They hold no patient data.",
        ),
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(),
        metadata=_key(
            rules.several(rules.network()),
            "Networks of reverse proxies whose headers count: the address that they were asked "
            "from, https, and proxy_user_header. From anybody else these headers are ignored.",
        ),
    )
    proxy_user_header: str = field(
        default="",
        metadata=_key(
            rules.header_name(),
            "Header in which a trusted proxy names the user that it has logged in.",
        ),
    )
    proxy_roles_header: str = field(
        default="",
        metadata=_key(
            rules.header_name(),
            "Header in which a trusted proxy names the user's roles, reader and operator, "
            "separated by commas. Without it a user has the roles of `triage user`, else reader.",
        ),
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The log: one JSON object a line, without patient data."""

    level: LogLevel = field(
        default=LogLevel.INFO,
        metadata=_key(rules.choice(LogLevel), "Least severe level that is logged."),
    )
    folder: Path | None = field(
        default=None,
        metadata=_key(
            rules.absolute_path(optional="standard output"),
            "Folder of one file per role; systemd takes standard output into the journal.",
        ),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a site configures."""

    state_folder: Path = field(
        default=Path("/var/lib/cspine-triage"),
        metadata=_key(
            rules.absolute_path(), "Folder of the database, the received files and the reports."
        ),
    )
    listener: ListenerSettings = field(
        default_factory=ListenerSettings,
        metadata=_section(ListenerSettings, "What modalities, routers and the PACS send to."),
    )
    studies: StudySettings = field(
        default_factory=StudySettings,
        metadata=_section(StudySettings, "When a study counts as complete."),
    )
    eligibility: EligibilitySettings = field(
        default_factory=EligibilitySettings,
        metadata=_section(
            EligibilitySettings,
            "Which images go to the models; upper and lower case are the same.",
        ),
    )
    worker: WorkerSettings = field(
        default_factory=WorkerSettings,
        metadata=_section(WorkerSettings, "What decodes images and runs the models."),
    )
    decision: DecisionSettings = field(
        default_factory=DecisionSettings,
        metadata=_section(DecisionSettings, "How far results may move the reading list."),
    )
    worklist: WorklistSettings = field(
        default_factory=WorklistSettings,
        metadata=_section(WorklistSettings, "The reading worklist."),
    )
    delivery: DeliverySettings = field(
        default_factory=DeliverySettings,
        metadata=_section(DeliverySettings, "How reports are sent."),
    )
    destinations: tuple[Destination, ...] = field(
        default=(),
        metadata=_section(
            Destination,
            "A PACS that the reports go to; repeat the table for more, leave it out for none.",
        ),
    )
    peers: tuple[Peer, ...] = field(
        default=(),
        metadata=_section(
            Peer,
            "A viewer or RIS that may subscribe to events of the worklist; repeat the table for "
            "more. Who is not listed cannot be told of events.",
        ),
    )
    hl7: Hl7Settings = field(
        default_factory=Hl7Settings,
        metadata=_section(Hl7Settings, "Orders and final reports that the RIS sends over MLLP."),
    )
    hl7_receivers: tuple[Hl7Receiver, ...] = field(
        default=(),
        metadata=_section(
            Hl7Receiver,
            "Who is told over MLLP; repeat the table for more, leave it out for none.",
        ),
    )
    receivers: ReceiverSettings = field(
        default_factory=ReceiverSettings,
        metadata=_section(
            ReceiverSettings,
            "Systems beside us whose lists take our priorities; tries and rests as in [delivery].",
        ),
    )
    orthanc_receivers: tuple[OrthancReceiver, ...] = field(
        default=(),
        metadata=_section(
            OrthancReceiver,
            "An Orthanc whose studies take our priorities as labels (from 1.12) or metadata.",
        ),
    )
    ups_receivers: tuple[UpsReceiver, ...] = field(
        default=(),
        metadata=_section(
            UpsReceiver, "Another manager of UPS work items that takes our priorities."
        ),
    )
    modality_worklists: tuple[ModalityWorklist, ...] = field(
        default=(),
        metadata=_section(
            ModalityWorklist,
            "A Modality Worklist that says how urgent an order is, before a decision is made.",
        ),
    )
    web: WebSettings = field(
        default_factory=WebSettings,
        metadata=_section(WebSettings, "Worklist page, JSON, health and metrics."),
    )
    log: LogSettings = field(
        default_factory=LogSettings,
        metadata=_section(LogSettings, "One JSON object a line, without patient data."),
    )


def default_settings(state_folder: Path) -> Settings:
    """Return the settings of an empty configuration file, but for the state folder."""
    return Settings(state_folder=state_folder)
