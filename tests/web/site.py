"""A site in a test: a store filled through its own verbs, and the real server around it."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import ssl
import threading
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from PIL import Image

from triage.settings import DecisionSettings, Settings, WebSettings, WorklistSettings
from triage.store import Placement, ReportRecord, Store, StoredFile
from triage.values import (
    Analysis,
    BundleIdentity,
    ConceptCode,
    Decision,
    FindingDefinition,
    GateResult,
    HeaderFacts,
    ImageState,
    Mode,
    OperatingPoint,
    OrderPriority,
    Outcome,
    ReadingClass,
    Score,
)
from triage.web import Algorithm
from triage.web.access.passwords import Cost
from triage.web.server import run

CHEAP = Cost(exponent=2, blocks=1, passes=1)
PASSWORD = "correct horse battery"  # noqa: S105  it opens nothing
DIGEST = "5d" * 32
ALGORITHM = Algorithm(
    identity=BundleIdentity(
        name="Phantom triage",
        manufacturer="cspine-triage",
        version="1.0",
        digest=DIGEST,
        device_uid="2.25.1",
        intended_use="Trained on a phantom; shows the system at work and is not for patients.",
    ),
    findings=(
        FindingDefinition(
            "spondylosis", "Cervical spondylosis", ConceptCode("8847002", "SCT", "Spondylosis")
        ),
    ),
    points=(OperatingPoint("spondylosis", 1.0, -2.0, 0.73, 0.12),),
)
DEMOTING = DecisionSettings(mode=Mode.DEMOTE)
_CLASS_OF_OUTCOME = {
    Outcome.ABNORMAL: ReadingClass.SUSPECTED_ABNORMAL,
    Outcome.LIKELY_NORMAL: ReadingClass.LIKELY_NORMAL,
    Outcome.INDETERMINATE: ReadingClass.ROUTINE,
    Outcome.NOT_ASSESSABLE: ReadingClass.ROUTINE,
}

# What differs between a study and its copies; "n" counts them.
_DIFFERENT = {
    "studies": {"study_instance_uid": "study_instance_uid || '.' || n"},
    "work_items": {
        "work_item_uid": "work_item_uid || '.' || n",
        "study_instance_uid": "study_instance_uid || '.' || n",
        "named_study_uid": "named_study_uid || '.' || n",
    },
    "instances": {
        "instance_id": "1000000 + n",
        "sop_instance_uid": "sop_instance_uid || '.' || n",
        "study_instance_uid": "study_instance_uid || '.' || n",
        "path": "path || '.' || n",
    },
}


@cache
def empty_database() -> bytes:
    """Return the database of a new site: to copy it takes a hundredth of making its tables."""
    with TemporaryDirectory() as folder:
        Store.open(Path(folder)).close()
        return (Path(folder) / "triage.db").read_bytes()


@cache
def trusted() -> ssl.SSLContext:
    """Return what clients trust: to read the authorities takes longer than most requests."""
    return ssl.create_default_context()


@dataclass
class Morning:
    """A site's store whose clock stands still until told, with verbs in a site's own words."""

    folder: Path
    now: datetime = datetime(2025, 3, 4, 9, 30, tzinfo=UTC)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "triage.db").write_bytes(empty_database())
        self.store = Store.open(self.folder, self.clock)
        self.owner = "worker"

    def clock(self) -> datetime:
        """Return the time that this site's clock shows."""
        return self.now

    def later(self, minutes: float) -> None:
        """Move the clock on."""
        self.now += timedelta(minutes=minutes)

    def receive(self, study: str = "", state: ImageState = ImageState.QUEUED, **facts) -> str:
        """Record one image, of a new study unless one is named; return the Study Instance UID."""
        number = next(self.numbers)
        study = study or f"1.2.3.{number}"
        known = HeaderFacts(
            sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
            sop_instance_uid=f"1.2.3.4.{number}",
            study_instance_uid=study,
            series_instance_uid=f"{study}.1",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            modality="DX",
            body_part_examined="CSPINE",
            view_position="LL",
            rows=2000,
            columns=1600,
            has_pixel_data=True,
            patient_name=f"Doe^Jane {number}",
            patient_id=f"P{number:04d}",
            patient_birth_date="19710203",
            patient_sex="F",
            accession_number=f"A{number:05d}",
            study_date="20250304",
            study_description="C-spine lateral",
        )
        file = StoredFile(
            f"spool/{number}.dcm", 7_200_000, hashlib.sha256(str(number).encode()).hexdigest()
        )
        self.store.record_instance(
            replace(known, **facts), file, state=state, calling_ae_title="MODALITY1"
        )
        return study

    def analyse(self, logit: float, *, picture: Image.Image | None = None, **gate) -> None:
        """Let the worker analyse every image that waits, with one score each."""
        for image in self.store.claim_images(self.owner, 100, 60):
            name = f"thumbnails/{image.instance_id}.png"
            (picture or Image.new("L", (88, 104), 90)).save(self.folder / name)
            gates = (
                GateResult("header.view", True, value=None),
                replace(GateResult("pixels.blur", True, "", 0.41, 0.2), **gate),
            )
            scores = tuple(
                Score("spondylosis", member, raw, 1 / (1 + 2.718281828**-raw))
                for member, raw in (("a", logit - 0.3), ("b", logit + 0.3))
            )
            self.store.finish_image(
                image.instance_id, self.owner, Analysis(DIGEST, gates, scores), name
            )

    def decide(self, study: str, outcome: Outcome, *reasons: str, destinations=("pacs",)) -> None:
        """Complete a study and write a decision with its report."""
        self.store.association_released([study])
        snapshot = self.store.snapshot(study)
        number = next(self.numbers)
        urgent = snapshot.evidence.order_priority.urgent
        placed = ReadingClass.URGENT_ORDER if urgent else _CLASS_OF_OUTCOME[outcome]
        decision = Decision(outcome, placed, reasons or ("a reason",))
        report = ReportRecord(
            sop_instance_uid=f"2.25.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
            series_instance_uid=f"2.25.{number}.1",
            path=f"reports/{number}.dcm",
            created_at=self.now,
        )
        assert self.store.record_decision(
            snapshot,
            decision,
            Placement(placed, decision.reasons, outcome),
            report,
            mode=Mode.DEMOTE,
            spared=False,
            bundle_digest=DIGEST,
            destinations=destinations,
        )

    def study_with(self, outcome: Outcome, *reasons: str, **facts) -> str:
        """Receive, analyse and decide a study in one go; return its UID."""
        study = self.receive(**facts)
        self.analyse({Outcome.ABNORMAL: 2.0, Outcome.LIKELY_NORMAL: -3.0}.get(outcome, -0.5))
        self.decide(study, outcome, *reasons)
        return study

    def stat_order(self, **facts) -> str:
        """Receive a study whose order says STAT."""
        return self.receive(order_priority=OrderPriority.STAT, **facts)

    def copy_study(self, number: int) -> None:
        """Receive a study, and fill the list with so many copies of it, in one transaction."""
        self.receive()
        with closing(sqlite3.connect(self.folder / "triage.db")) as database, database:
            for table, different in _DIFFERENT.items():
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                values = [different.get(column, column) for column in columns]
                database.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - names of ours
                    "WITH RECURSIVE numbers(n) AS "
                    "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
                    f"SELECT {', '.join(values)} FROM {table}, numbers",
                    (number - 1,),
                )

    def settings(
        self, destinations=(), hl7_receivers=(), decision=DEMOTING, peers=(), **web
    ) -> Settings:
        """Return this site's settings; the page takes any free port."""
        return Settings(
            state_folder=self.folder,
            decision=decision,
            worklist=WorklistSettings(waiting_cap_minutes=240),
            destinations=destinations,
            hl7_receivers=hl7_receivers,
            peers=peers,
            web=WebSettings(**{"address": "127.0.0.1", "port": 0, **web}),
        )


def busy_morning(morning: Morning) -> None:
    """Receive one study of each kind, in an order that is not the reading order."""
    for outcome in (Outcome.LIKELY_NORMAL, Outcome.NOT_ASSESSABLE, Outcome.ABNORMAL):
        morning.study_with(outcome)
        morning.later(5)
    morning.receive()
    morning.later(5)
    morning.stat_order()


def mixed_list(morning: Morning) -> dict[str, str]:
    """Receive a study of each kind and return them by name."""
    studies = {}
    for name, outcome in (
        ("normal", Outcome.LIKELY_NORMAL),
        ("routine", Outcome.INDETERMINATE),
        ("abnormal", Outcome.ABNORMAL),
    ):
        studies[name] = morning.study_with(outcome, patient_name=f"{name.title()}^Ann")
        morning.later(10)
    studies["stat"] = morning.stat_order(patient_name="Urgent^Ursula")
    return studies


class RunningWeb:
    """The web role in a thread of this process, reached through real sockets."""

    def __init__(self, settings: Settings, **details) -> None:
        self._settings = settings
        self._details = details
        self._stop = threading.Event()
        self._ready = threading.Event()
        self.beats = 0
        self.port = 0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> RunningWeb:
        """Start the role and wait until it answers."""
        self._thread.start()
        assert self._ready.wait(20), self.failure
        return self

    def stop(self) -> None:
        """Stop the role and wait for its end."""
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        """Return a client for this server."""
        return httpx.Client(base_url=self.url, timeout=10, verify=trusted())

    def _run(self) -> None:
        try:
            run(self._settings, self._stop, self._alive, self._is_ready, **self._details)
        except BaseException as error:  # noqa: BLE001  handed to the test that asks
            self.failure = error

    def _alive(self) -> None:
        self.beats += 1

    def _is_ready(self, port: int) -> None:
        self.port = port
        self._ready.set()
