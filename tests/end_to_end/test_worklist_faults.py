"""Trouble around the reading list, with the whole daemon: nothing twice, and nothing forgotten.

One daemon for all, with readers, watchers and a RIS that are scripted; every test has studies of
its own. The film is drawn, and the bundle that comes along finds it abnormal.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE

from tests.end_to_end.roles import cut_power, kill
from tests.hl7 import ris
from tests.hl7.ris import BEGIN, END, Ris
from tests.hl7.samples import orm
from tests.peers import LOOPBACK, free_port
from tests.ups.site import (
    PULL,
    PUSH,
    WATCH,
    Watcher,
    act,
    change_state,
    claim,
    get,
    set_attributes,
)
from tests.ups.steps import make_results
from tests.waiting import until
from triage.commands import change, look
from triage.delivery.reactor import HELD_REACTOR
from triage.demo.stage import demonstration_settings, running_daemon
from triage.hl7.values import MessageKind
from triage.settings import Hl7Receiver, Hl7Settings, Peer
from triage.store import Store
from triage.uids import work_item_uid
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION
from triage.values import DeliveryState, ReadingClass, ReceiverState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset
    from pynetdicom.association import Association

    from triage.demo.stage import Daemon
    from triage.settings import Settings

RAISED = ReadingClass.SUSPECTED_ABNORMAL
READERS = 6
PATIENCE = 120.0
NUMBERS = itertools.count(1)
pytestmark = pytest.mark.slow


@dataclass
class House:
    """A hospital: the daemon, its RIS's address, and a film to send."""

    folder: Path
    settings: Settings
    film: Dataset
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    daemon: Daemon | None = None

    def start(self) -> None:
        """Start the daemon, for the first time or after a power cut."""
        self.daemon = self.stack.enter_context(running_daemon(self.folder, self.settings))
        self.daemon.wait_until_ready()

    def store(self) -> Store:
        """Open the daemon's store from the side."""
        return Store.open(self.settings.state_folder)

    def send_film(self, *, ordered: str = "") -> str:
        """Send a study, its order first where there is one; return its Study Instance UID."""
        number = next(NUMBERS)
        study, accession = f"2.25.88{number:03d}", f"ACC{number}"
        if ordered:
            message = orm(f"O{number}", priority=ordered, study=study, accession=accession)
            assert b"MSA|AA" in self.ask(message)
        film = self.film
        film.StudyInstanceUID, film.AccessionNumber = study, accession
        film.PatientID = "P1"
        film.SeriesInstanceUID, film.SOPInstanceUID = f"{study}.1", f"{study}.2"
        film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
        entity = AE("MODALITY")
        entity.add_requested_context(film.SOPClassUID, film.file_meta.TransferSyntaxUID)
        with self._associated(entity) as association:
            assert association.send_c_store(film).Status == 0
        return study

    def ask(self, message: bytes) -> bytes:
        """Send a message as the RIS does, and return the answer."""
        with socket.create_connection((LOOPBACK, self.settings.hl7.port), 30) as connection:
            connection.sendall(BEGIN + message + END)
            held = b""
            while END not in held:
                received = connection.recv(65_536)
                assert received, "the HL7 role ended the connection"
                held += received
            return held.removeprefix(BEGIN).removesuffix(END)

    @contextlib.contextmanager
    def reader(self, ae_title: str = "READER") -> Iterator[Association]:
        """Associate as a viewer does."""
        entity = AE(ae_title)
        for sop_class in (PULL, PUSH, WATCH):
            entity.add_requested_context(sop_class)
        with self._associated(entity) as association:
            yield association

    @contextlib.contextmanager
    def _associated(self, entity: AE) -> Iterator[Association]:
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = PATIENCE
        port = self.settings.listener.port
        association = entity.associate(
            LOOPBACK, port, ae_title="TRIAGE", evt_handlers=[HELD_REACTOR]
        )
        assert association.is_established
        connection = association.dul.socket.socket
        try:
            yield association
        finally:
            if association.is_established:
                association.release()
            connection.close()  # the library leaves it open now and then

    def wait_for(self, condition: Callable[[Store], object], what: str) -> None:
        """Wait until the store is as the condition says."""
        with self.store() as store:
            until(lambda: condition(store), what, PATIENCE)

    def wait_until_raised(self, *studies: str) -> None:
        """Wait until studies are decided as suspected abnormal."""
        self.wait_for(
            lambda store: all(
                store.study(uid).decisions and store.study(uid).entry.reading_class is RAISED
                for uid in studies
            ),
            "the studies are raised",
        )

    def wait_until_told(self, *studies: str) -> None:
        """Wait until the RIS has acknowledged findings and priority of studies."""

        def told(store: Store) -> bool:
            results = [one.state for uid in studies for one in store.results_of(uid)]
            changes = [one.state for uid in studies for one in store.receiver_changes_of(uid)]
            return (results, changes) == (
                [DeliveryState.STORED] * len(studies),
                [ReceiverState.TOLD] * len(studies),
            )

        self.wait_for(told, "the RIS has everything")

    def log_says(self, word: str) -> int:
        """Return how often the log names an action."""
        return self.daemon.log.read_text().count(f'"action": "{word}"')


@pytest.fixture(scope="module")
def watchers() -> Iterator[tuple[Watcher, Watcher]]:
    """Return two watchers, the first of which listens; the tests say when the second does."""
    both = Watcher("WATCH1").start(), Watcher("WATCH2")
    yield both
    for one in both:
        one.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory, watchers) -> Iterator[House]:
    """Return the hospital, its daemon running and its RIS away."""
    folder = tmp_path_factory.mktemp("house")
    command = ["phantom", "--out", str(folder / "film"), "--count", "1", "--format", "dicom"]
    findings = ["--findings", "spondylosis:C6/C7,listhesis:C5/C6", "--seed", "3"]
    subprocess.run(
        [sys.executable, "-m", "training", *command, *findings], check=True, capture_output=True
    )
    (film,) = (folder / "film").glob("*.dcm")
    found = demonstration_settings(folder, "NOBODY", 9, 0)
    settings = replace(
        found,
        studies=replace(found.studies, quiet_seconds=0.5),
        destinations=(),
        # An hour of waiting in little: a lane that rests looks again after 0.3 s at the latest.
        delivery=replace(found.delivery, first_retry_seconds=0.1, maximum_retry_seconds=0.3),
        hl7=Hl7Settings(port=free_port(), address=LOOPBACK),
        hl7_receivers=(
            Hl7Receiver("ris", LOOPBACK, free_port(), (MessageKind.ORU, MessageKind.ORM)),
        ),
        peers=tuple(
            Peer(one.ae_title.lower(), one.ae_title, LOOPBACK, one.port) for one in watchers
        ),
    )
    running = House(folder / "site", settings, dcmread(film))
    with running.stack:
        running.start()
        yield running


def kind_of(message: bytes) -> str:
    """Return "ORU" or "ORM"."""
    return message.split(b"|")[8][:3].decode()


def answering(script: dict[tuple[str, str], list[ris.Answer]]) -> Iterator[ris.Answer]:
    """Return what answers by accession number and kind of message, and AA where nothing is said."""

    def behave(peer: Ris, connection: socket.socket, message: bytes) -> None:
        for (accession, kind), answers in script.items():
            if answers and kind == kind_of(message) and f"|{accession}|".encode() in message:
                answers.pop(0)(peer, connection, message)
                return
        ris.accept(peer, connection, message)

    return itertools.repeat(behave)


def accession_of(study: str) -> str:
    return f"ACC{int(study.removeprefix('2.25.88'))}"


def messages_about(peer: Ris, study: str, kind: str) -> list[bytes]:
    accession = f"|{accession_of(study)}|".encode()
    return [one for one in peer.received if kind_of(one) == kind and accession in one]


def test_a_ris_that_is_down_through_a_power_cut_hears_everything_afterwards_once(house):
    studies = [house.send_film(ordered="R") for _ in range(3)]
    house.wait_until_raised(*studies)
    until(
        lambda: house.log_says("destination_in_trouble") and house.log_says("receiver_in_trouble"),
        "both lanes have found the RIS away",
        PATIENCE,
    )
    cut_power(house.daemon)
    with house.store() as store:
        waiting = {one.state for uid in studies for one in store.results_of(uid)}
    house.start()
    # The cut may come while the courier has them in hand: then its successor takes them back.
    assert waiting <= {DeliveryState.PENDING, DeliveryState.SENDING}
    with Ris(port=house.settings.hl7_receivers[0].port) as peer:
        house.wait_until_told(*studies)
        assert len(peer.received) == 6
    assert len(set(peer.numbers)) == 6
    for study in studies:
        assert len(messages_about(peer, study, "ORU")) == 1
        (raised,) = messages_about(peer, study, "ORM")
        assert ris.field(raised, "ORC.F7.R1.C6") == "A"


def test_what_a_ris_refuses_loses_or_answers_with_an_error_stands_as_it_is(house, capsys):
    wanted, lost, refused = (f"ACC{number}" for number in _next_numbers(3))
    script = {
        (wanted, "ORU"): [ris.answer("AE"), ris.answer("AE")],
        (lost, "ORU"): [ris.hang_up],
        (lost, "ORM"): [ris.hang_up],
        (refused, "ORU"): [ris.answer("AR")],
        (refused, "ORM"): [ris.answer("AR")],
    }
    with Ris(answering(script), port=house.settings.hl7_receivers[0].port) as peer:
        studies = [house.send_film(ordered="R") for _ in range(3)]
        house.wait_until_told(*studies[:2])
        house.wait_for(lambda store: store.dead_results(), "the refused result is given up")
        house.wait_for(
            lambda store: (
                [one.state for one in store.receiver_changes_of(studies[2])] == [ReceiverState.DEAD]
            ),
            "the refused priority is given up",
        )
        for study, kind, times in (
            (studies[0], "ORU", 3),
            (studies[0], "ORM", 1),
            (studies[1], "ORU", 2),
            (studies[1], "ORM", 2),
            (studies[2], "ORU", 1),
            (studies[2], "ORM", 1),
        ):
            sent = messages_about(peer, study, kind)
            assert (len(sent), len(set(sent))) == (times, 1), (study, kind)
        capsys.readouterr()
        assert look.status(house.settings) == 1
        assert "ris" in capsys.readouterr().out
        assert change.retry(house.settings, "ris") == 0
        house.wait_until_told(*studies)
        for kind in ("ORU", "ORM"):
            again = messages_about(peer, studies[2], kind)
            assert (len(again), len({ris.number_of(one) for one in again})) == (2, 1)
    assert look.status(house.settings) == 0


def test_an_order_whose_acknowledgement_was_lost_in_a_crash_counts_once(house):
    with Ris(port=house.settings.hl7_receivers[0].port):
        study = house.send_film(ordered="R")
        stat = orm("STAT1", control="XO", priority="S", study=study, accession=accession_of(study))
        assert b"MSA|AA|STAT1" in house.ask(stat)
        kill(house.daemon, "hl7")
        until(lambda: _answers(house, stat), "the same message is answered again", PATIENCE)
        with house.store() as store:
            by_order = [line for line in store.study(study).priority_changes if line.by == "order"]
            assert [line.class_after for line in by_order] == [
                ReadingClass.ROUTINE,
                ReadingClass.URGENT_ORDER,
            ]


def test_of_many_readers_who_claim_at_once_one_gets_the_study(house):
    uid = work_item_uid(house.send_film())
    barrier, answers = threading.Barrier(READERS), []

    def read(number: int) -> None:
        with house.reader(f"READER{number}") as association:
            mine = generate_uid()
            barrier.wait(PATIENCE)
            answers.append((claim(association, uid, mine), mine))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for one in readers:
        one.start()
    for one in readers:
        one.join(PATIENCE)
    assert sorted(status for status, _ in answers) == [0x0000] + [0xC302] * (READERS - 1)
    (winner,) = (mine for status, mine in answers if status == 0)
    with house.store() as store:
        assert store.step(uid).transaction_uid == winner


def test_a_claim_and_a_deletion_lock_survive_a_crash_and_who_was_away_hears_it_all(house, watchers):
    there, away = watchers
    uid, mine = work_item_uid(house.send_film()), generate_uid()
    with house.reader() as reader:
        for one in watchers:
            keys = {"ReceivingAE": one.ae_title, "DeletionLock": "TRUE"}
            assert act(reader, 3, uid, **keys) == 0x0000
        assert claim(reader, uid, mine) == 0x0000
    for role in ("listener", "courier"):
        kill(house.daemon, role)
    with house.store() as store:
        assert store.subscription_of(uid, "WATCH1") is True
        assert store.subscription_of(uid, "WATCH2") is True
    with house.reader("OTHER") as other:
        assert claim(other, uid, generate_uid()) == 0xC302
        assert change_state(other, uid, "COMPLETED", generate_uid()) == 0xC301
        assert set_attributes(other, uid, make_results(), mine) == 0x0000
        assert change_state(other, uid, "COMPLETED", mine) == 0x0000
        assert get(other, uid).ProcedureStepState == "COMPLETED"
    life = ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    there.wait_for(lambda one: states_of(one, uid)[-1:] == life[-1:], "the one that is there")
    away.start()
    away.wait_for(lambda one: states_of(one, uid)[-1:] == life[-1:], "the one that was away")
    assert states_of(away, uid) == life
    # Of the one that was there an acknowledgement may have been lost with the courier.
    assert list(dict.fromkeys(states_of(there, uid))) == life
    house.wait_for(lambda store: {one.waiting for one in store.watchers()} == {0}, "all is told")


def test_a_subscriber_that_is_gone_holds_nobody_up_and_can_be_taken_off(house, watchers):
    there, gone = watchers
    gone.stop()
    with house.reader() as reader:
        for one in watchers:
            keys = {"ReceivingAE": one.ae_title, "DeletionLock": "FALSE"}
            assert act(reader, 3, GLOBAL_SUBSCRIPTION, **keys) == 0x0000
        uid = work_item_uid(house.send_film())
        assert claim(reader, uid, generate_uid()) == 0x0000
        there.wait_for(lambda one: "IN PROGRESS" in states_of(one, uid), "the one that is there")
        house.wait_for(
            lambda store: [one.waiting > 0 for one in store.watchers()] == [False, True],
            "only the one that is gone is still to be told",
        )
        assert act(reader, 4, GLOBAL_SUBSCRIPTION, ReceivingAE=gone.ae_title) == 0x0000
    with house.store() as store:
        assert [one.ae_title for one in store.watchers()] == [there.ae_title]
    heard = len(gone.told)
    gone.start()
    with house.reader() as reader:
        last = work_item_uid(house.send_film())
        there.wait_for(lambda one: states_of(one, last), "what comes later")
    assert len(gone.told) == heard


def states_of(watcher: Watcher, uid: str) -> list[str]:
    """Return the states that a watcher was told of, without repeated reports of readiness."""
    told = [state for kind, state in watcher.of(uid) if kind == 1]
    return [state for state, _ in itertools.groupby(told)]


def _answers(house: House, message: bytes) -> bool:
    try:
        return b"MSA|AA|STAT1" in house.ask(message)
    except OSError:
        return False


def _next_numbers(count: int) -> range:
    """Return the numbers of the studies that are sent next."""
    first = next(NUMBERS) + 1
    return range(first, first + count)
