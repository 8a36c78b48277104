"""How urgent an order is, asked of DCMTK's worklist server, and what a decision waits for."""

from __future__ import annotations

import queue
import subprocess
import threading
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import C_CANCEL_RQ
from pynetdicom.sop_class import ModalityWorklistInformationFind

from tests.factories import make_facts, record
from tests.peers import LOOPBACK, Peer, end, free_port, program, wait_for_port
from triage.delivery import association
from triage.delivery.lane import Tools
from triage.receivers.asking import AskingLane
from triage.receivers.modality_worklist import ask
from triage.settings import ModalityWorklist
from triage.store import OrderQuestion
from triage.uids import work_item_uid
from triage.values import ImageState, OrderPriority, Outcome, ReadingClass

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

STUDY = "1.2.1"
# pynetdicom drops the socket of a refused connection without closing it; it is freed at once.
refused_connection = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
WAIT_SECONDS = 10.0
AT_HAND = 100  # answers that a long worklist sends at once: more than are listened to
PACE_SECONDS = 0.005


@dataclass
class WorklistServer(Peer):
    """DCMTK's wlmscpfs with its folder of orders."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def add(self, number: int, **said: str) -> None:
        """Put an order on the list."""
        order = Dataset()
        order.file_meta = FileMetaDataset()
        order.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        order.SpecificCharacterSet = "ISO_IR 100"
        order.AccessionNumber, order.StudyInstanceUID = f"A{number}", f"1.2.{number}"
        order.PatientID, order.PatientName = f"P{number}", f"Test^{number}"
        order.PatientBirthDate, order.PatientSex = "19700101", "F"
        order.RequestedProcedureID = f"R{number}"
        order.RequestedProcedureDescription = "C-Spine"
        step = Dataset()
        step.Modality, step.ScheduledStationAETitle = "DX", "CR1"
        step.ScheduledProcedureStepStartDate = "20260302"
        step.ScheduledProcedureStepStartTime = "080000"
        step.ScheduledProcedureStepID = f"S{number}"
        step.ScheduledProcedureStepDescription = "C-Spine"
        order.ScheduledProcedureStepSequence = Sequence([step])
        for keyword, value in said.items():
            setattr(order, keyword, value)
        order.save_as(self.folder / f"{number}.wl", enforce_file_format=False)

    def stop(self) -> None:
        """End it."""
        end(self.process)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WorklistServer]:
    """Return a running worklist server."""
    binary, port = program("wlmscpfs"), free_port()
    folder = tmp_path / "worklists" / "RIS"
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    log = tmp_path / "wlmscpfs.log"
    command = [binary, "--data-files-path", str(folder.parent), "--disable-file-reject", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    wait_for_port(process, port, log)
    with WorklistServer(port, folder, process) as running:
        yield running


def worklist(port: int, **options: object) -> ModalityWorklist:
    return ModalityWorklist("ris", "RIS", "127.0.0.1", port, wait_seconds=WAIT_SECONDS, **options)


def question(accession: str = "A1", study: str = STUDY) -> OrderQuestion:
    return OrderQuestion(study, accession, OrderPriority.UNKNOWN, 0)


def told(server: WorklistServer, asked: OrderQuestion | None = None) -> OrderPriority:
    return ask(worklist(server.port), "TRIAGE", asked or question(), timeout_seconds=5.0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"RequestedProcedurePriority": "STAT"}, OrderPriority.STAT),
        ({"RequestedProcedurePriority": "ROUTINE"}, OrderPriority.ROUTINE),
        ({"ReportingPriority": "HIGH"}, OrderPriority.HIGH),
        ({"RequestedProcedurePriority": "LOW", "ReportingPriority": "HIGH"}, OrderPriority.HIGH),
        ({"RequestedProcedurePriority": "SOON"}, OrderPriority.UNKNOWN),
        ({}, OrderPriority.UNKNOWN),
    ],
)
def test_a_worklist_says_how_urgent_an_order_is(server, said, expected):
    server.add(1, **said)
    server.add(2, RequestedProcedurePriority="STAT", StudyInstanceUID="1.2.77")
    assert told(server) is expected


def test_an_order_is_found_by_its_study_where_there_is_no_accession_number(server):
    server.add(1, RequestedProcedurePriority="HIGH")
    server.add(2, RequestedProcedurePriority="STAT")
    assert told(server, question(accession="")) is OrderPriority.HIGH


@pytest.mark.parametrize("accession", ["*", "A?", "A1\\A2", "ZZ"])
def test_an_accession_number_is_never_a_pattern(server, accession):
    server.add(1, RequestedProcedurePriority="STAT")
    assert told(server, question(accession, "1.2.88")) is OrderPriority.UNKNOWN


class Site:
    """A site of which one worklist is asked."""

    def __init__(self, make_site, *worklists: ModalityWorklist) -> None:
        self.site = make_site()
        self.site.settings = replace(
            self.site.settings,
            modality_worklists=worklists,
            delivery=replace(self.site.settings.delivery, timeout_seconds=WAIT_SECONDS),
        )
        self.store, self.clock = self.site.store, self.site.clock
        tools = Tools(jitter=lambda: 0.0, monotonic=lambda: self.clock().timestamp())
        self.lane = AskingLane(self.site.settings, self.store, threading.Event(), tools)

    def receive(self, number: int = 1) -> str:
        facts = make_facts(f"1.2.{number}", accession_number=f"A{number}")
        record(self.store, facts, state=ImageState.NOT_ELIGIBLE)
        self.store.association_released([facts.study_instance_uid])
        return facts.study_instance_uid

    def ready(self) -> tuple[str, ...]:
        return self.store.studies_to_examine(order_wait_seconds=WAIT_SECONDS)

    def entry(self, study: str = STUDY):
        return self.store.worklist_entry(work_item_uid(study))


def test_a_decision_waits_for_the_order_and_the_order_counts(make_site, server):
    server.add(1, RequestedProcedurePriority="STAT")
    site = Site(make_site, worklist(server.port))
    site.receive()
    assert site.ready() == ()
    assert site.lane.ask_due() == 1
    assert site.ready() == (STUDY,)
    assert site.entry().order_priority is OrderPriority.STAT
    assert site.entry().reading_class is ReadingClass.URGENT_ORDER
    assert site.lane.ask_due() == 0, "it is asked once"


def test_an_order_that_the_worklist_does_not_know_holds_nothing_up(make_site, server):
    site = Site(make_site, worklist(server.port))
    site.receive()
    site.lane.ask_due()
    assert site.ready() == (STUDY,)
    assert site.entry().order_priority is OrderPriority.UNKNOWN


@refused_connection
def test_a_silent_worklist_holds_a_decision_up_no_longer_than_the_bound(make_site):
    site = Site(make_site, worklist(free_port()))
    site.receive()
    site.lane.ask_due()
    assert site.ready() == ()
    site.clock.advance(WAIT_SECONDS)
    assert site.ready() == (STUDY,)
    assert site.entry().order_priority is OrderPriority.UNKNOWN


@refused_connection
def test_an_answer_that_comes_after_the_decision_is_heard(make_site, server):
    silent = free_port()
    site = Site(make_site, worklist(silent))
    site.receive()
    site.lane.ask_due()
    site.site.decide(STUDY, Outcome.LIKELY_NORMAL)
    assert site.entry().reading_class is ReadingClass.LIKELY_NORMAL
    server.add(1, RequestedProcedurePriority="STAT")
    back = replace(site.site.settings, modality_worklists=(worklist(server.port),))
    lane = AskingLane(back, site.store, threading.Event())
    site.clock.advance(60)
    assert lane.ask_due() == 1
    assert site.entry().reading_class is ReadingClass.URGENT_ORDER


@refused_connection
def test_a_silent_worklist_does_not_keep_another_from_being_heard(make_site, server):
    server.add(1, RequestedProcedurePriority="STAT")
    silent = replace(worklist(free_port()), name="other")
    site = Site(make_site, silent, worklist(server.port))
    site.receive()
    site.lane.ask_due()
    assert site.entry().order_priority is OrderPriority.STAT


def test_a_worklist_never_makes_an_order_less_urgent_than_its_images_say(make_site, server):
    server.add(1, RequestedProcedurePriority="ROUTINE")
    site = Site(make_site, worklist(server.port))
    facts = make_facts(STUDY, accession_number="A1", order_priority=OrderPriority.STAT)
    record(site.store, facts, state=ImageState.NOT_ELIGIBLE)
    site.lane.ask_due()
    assert site.entry().order_priority is OrderPriority.STAT


class LongWorklist(Peer):
    """A worklist that heeds no key, and answers with all that it has.

    What it has at hand it sends at once, and the rest one by one: the library reads nothing
    while it has anything to write, so that a flood of its own would keep it from hearing the
    word that is waited for here.

    Attributes:
        heeds_cancel: Whether it ends its answers when it is asked to.
        length: So many orders it has; None for no end of them. The last is that of `STUDY`.
        heard: "cancel" when it was asked to, "closed" when the connection has ended.
    """

    def __init__(self, *, heeds_cancel: bool = True, length: int | None = None) -> None:
        self.heeds_cancel = heeds_cancel
        self.length = length
        self.heard: queue.Queue[str] = queue.Queue()
        self._cancelled, self._closed = threading.Event(), threading.Event()
        self._connections: list[socket.socket] = []
        entity = AE("RIS")
        entity.add_supported_context(ModalityWorklistInformationFind)
        handlers = [
            (evt.EVT_CONN_OPEN, self._open),
            (evt.EVT_C_FIND, self._answer),
            (evt.EVT_DIMSE_RECV, self._listen),
            (evt.EVT_CONN_CLOSE, self._close),
        ]
        self._server = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
        self.port = int(self._server.server_address[1])

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        for connection in self._connections:
            connection.close()  # the library leaves one open that was reset

    def _answer(self, _event):
        for number in count(1):
            if self._cancelled.is_set() and self.heeds_cancel:
                yield 0xFE00, None
                return
            if self._closed.wait(PACE_SECONDS if number > AT_HAND else 0.0):
                return
            order = Dataset()
            order.AccessionNumber, order.StudyInstanceUID = f"B{number}", f"1.3.{number}"
            order.RequestedProcedurePriority = "STAT"
            if number == self.length:
                order.AccessionNumber, order.RequestedProcedurePriority = "A1", "HIGH"
            yield 0xFF00, order
            if number == self.length:
                return

    def _open(self, event):
        self._connections.append(event.assoc.dul.socket.socket)

    def _listen(self, event):
        if isinstance(event.message, C_CANCEL_RQ):
            self._cancelled.set()
            self.heard.put("cancel")

    def _close(self, _event):
        self._closed.set()
        self.heard.put("closed")


@pytest.mark.parametrize("heeds_cancel", [True, False], ids=["heeds", "goes on"])
def test_a_worklist_that_answers_with_all_it_has_is_not_believed(
    make_site, monkeypatch, heeds_cancel
):
    if not heeds_cancel:
        monkeypatch.setattr(association, "_MOST_UNHEARD", 20)
    with LongWorklist(heeds_cancel=heeds_cancel) as endless:
        site = Site(make_site, worklist(endless.port))
        site.receive()
        site.lane.ask_due()
        assert [endless.heard.get(timeout=WAIT_SECONDS) for _ in range(2)] == ["cancel", "closed"]
    assert site.entry().order_priority is OrderPriority.UNKNOWN
    site.clock.advance(WAIT_SECONDS)
    assert site.ready() == (STUDY,)


@pytest.mark.parametrize(
    ("length", "expected"), [(64, OrderPriority.HIGH), (65, OrderPriority.UNKNOWN)]
)
def test_a_worklist_that_heeds_no_key_is_heard_as_long_as_it_is_short(make_site, length, expected):
    with LongWorklist(length=length) as long:
        site = Site(make_site, worklist(long.port))
        site.receive()
        site.lane.ask_due()
    assert site.entry().order_priority is expected
