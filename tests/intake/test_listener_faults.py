"""Broken peers, full disks and crashes: nothing acknowledged is lost, nothing unfinished stays."""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from functools import partial

import pytest
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import Verification

from tests.waiting import until
from triage.errors import StoreError, TransientError
from triage.intake import listener
from triage.store import Store

DX = DigitalXRayImageStorageForPresentation
WAIT_SECONDS = 20.0
wait_for = partial(until, what="what the listener or its peer was to do")


def big(film):
    """Return a film that takes many PDUs."""
    film.Rows = film.Columns = 1024
    film.PixelData = bytes(1024 * 1024 * 2)
    return film


def test_an_object_that_is_aborted_leaves_nothing(
    start_listener, associate, radiograph, encode_dataset, send_half
):
    running, film = start_listener(), big(radiograph())
    association = associate(running.port, DX)
    send_half(association, DX, film.SOPInstanceUID, encode_dataset(film))
    wait_for(running.unfinished)
    association.abort()
    wait_for(lambda: not running.unfinished())
    assert running.instances(film.StudyInstanceUID) == ()
    assert running.spooled() == []


def test_a_connection_that_breaks_within_a_pdu_leaves_nothing(
    start_listener, associate, radiograph, encode_dataset, send_half
):
    running, film = start_listener(), big(radiograph())
    association = associate(running.port, DX)
    send_half(association, DX, film.SOPInstanceUID, encode_dataset(film))
    wait_for(running.unfinished)
    association.dul.socket.socket.sendall(b"\x04\x00\x00\x01\x00\x00half")
    association.dul.socket._shutdown_socket()
    wait_for(lambda: not running.unfinished())
    assert associate(running.port, Verification).send_c_echo().Status == 0x0000


def test_a_silent_peer_is_aborted_after_the_network_timeout(
    start_listener, associate, radiograph, encode_dataset, send_half
):
    running, film = start_listener(network_timeout_seconds=0.3), big(radiograph())
    association = associate(running.port, DX)
    send_half(association, DX, film.SOPInstanceUID, encode_dataset(film))
    wait_for(lambda: association.is_aborted)
    wait_for(lambda: not running.unfinished())


def test_below_the_watermark_every_object_is_answered_out_of_resources(
    start_listener, associate, radiograph
):
    space = [0]
    running = start_listener(options={"free": lambda _folder: space[0]})
    association, film = associate(running.port, DX), radiograph()
    refused = association.send_c_store(film)
    assert refused.Status == 0xA700
    assert "free" in refused.ErrorComment
    assert running.unfinished() == []

    space[0] = 1 << 40
    assert association.send_c_store(film).Status == 0x0000


def test_a_disk_that_fills_up_within_an_object_is_answered_out_of_resources(
    start_listener, associate, radiograph, monkeypatch
):
    running, film = start_listener(), big(radiograph())
    association = associate(running.port, DX)
    write = os.writev
    left = [500_000]

    def limited(handle, pieces):
        left[0] -= sum(map(len, pieces))
        if left[0] < 0 and len(pieces[-1]) > 10_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, pieces)

    monkeypatch.setattr("triage.intake.spool.os.writev", limited)
    assert association.send_c_store(film).Status == 0xA700
    assert running.unfinished() == running.spooled() == []

    left[0] = 1 << 40
    assert association.send_c_store(film).Status == 0x0000


def test_an_object_over_the_limit_is_answered_out_of_resources(
    start_listener, associate, radiograph
):
    running, film = start_listener(maximum_object_megabytes=1), big(radiograph())
    association = associate(running.port, DX)
    assert association.send_c_store(film).Status == 0xA700
    assert running.unfinished() == []
    assert association.send_c_store(radiograph()).Status == 0x0000


@pytest.mark.parametrize("error", [TransientError("busy"), StoreError("damaged"), KeyError("bug")])
def test_a_store_that_fails_is_answered_out_of_resources(
    start_listener, associate, radiograph, monkeypatch, error
):
    running, film = start_listener(), radiograph()
    association = associate(running.port, DX)

    def fail(*_arguments, **_keys):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Store, "record_instances", fail)
        assert association.send_c_store(film).Status == 0xA700
    assert running.unfinished() == []
    assert association.send_c_store(film).Status == 0x0000


def test_a_rename_that_fails_is_answered_out_of_resources(start_listener, associate, radiograph):
    running, film = start_listener(), radiograph()
    spool = running.settings.state_folder / "spool"
    spool.rmdir()
    spool.write_text("no folder")
    association = associate(running.port, DX)
    assert association.send_c_store(film).Status == 0xA700
    assert running.unfinished() == []
    spool.unlink()
    assert running.instances(film.StudyInstanceUID) == ()


def raw_pdv(association, control, content):
    """Send one PDV with any message control header."""
    primitive = P_DATA()
    context = association.accepted_contexts[0].context_id
    primitive.presentation_data_value_list.append((context, bytes([control]) + content))
    association.dul.send_pdu(primitive)


def command(*elements):
    """Encode a command set: pairs of element number and value."""
    encoded = b"".join(
        struct.pack("<HHI", 0, number, len(value)) + value for number, value in elements
    )
    return struct.pack("<HHII", 0, 0, 4, len(encoded)) + encoded


@pytest.mark.parametrize(
    "pdvs",
    [
        [(0b11, b"\xff" * 50)],
        [(0b11, command((0x0100, b"\x99\x99")))],
        [(0b11, command())],
        [(0b10, b"a data set without a command")],
        [(0b01, b"\0" * 60_000)] * 100,
        [(0b11, command((0x0100, b"\1\0"), (0x0800, b"\0\0"))), (0b11, command())],
        [
            (
                0b11,
                command(
                    (0x0002, b"1.2.3\0"),
                    (0x0100, b"\1\0"),
                    (0x0110, b"\1\0"),
                    (0x0800, b"\0\0"),
                    (0x1000, b"9" * 80),
                ),
            ),
            (0b10, b"data"),
        ],
    ],
    ids=[
        "no-elements",
        "unknown-command",
        "empty-command",
        "data-alone",
        "endless-command",
        "command-within-object",
        "too-long-uid",
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_broken_message_ends_its_association_and_nothing_else(start_listener, associate, pdvs):
    running = start_listener()
    association = associate(running.port, DX)
    for control, content in pdvs:
        raw_pdv(association, control, content)
    wait_for(lambda: association.is_aborted or not association.is_established)
    wait_for(lambda: not running.unfinished())
    assert associate(running.port, Verification).send_c_echo().Status == 0x0000


def test_a_store_request_without_a_data_set_is_answered(start_listener, associate):
    association = associate(start_listener().port, DX)
    request = C_STORE()
    request.MessageID, request.Priority = 7, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = DX, "1.2.3"
    association._reactor_checkpoint.clear()
    wait_for(lambda: association._is_paused)
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    assert (answer.Status, answer.MessageIDBeingRespondedTo) == (0xC000, 7)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
        b"\x04\x00\x00\x00\x00\x04data",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"",
    ],
    ids=["http", "data-first", "tls", "nothing"],
)
def test_bytes_that_are_no_dicom_hold_nothing_up(start_listener, associate, sent):
    running = start_listener(network_timeout_seconds=0.5)
    with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_SECONDS) as stranger:
        stranger.sendall(sent)
        assert associate(running.port, Verification).send_c_echo().Status == 0x0000
        while stranger.recv(4096):
            pass  # an abort, then the end of the connection


def test_a_pdu_longer_than_any_may_be_is_aborted_without_being_read(start_listener):
    running = start_listener()
    with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_SECONDS) as stranger:
        stranger.sendall(b"\x01\x00\xff\xff\xff\xff")
        assert stranger.recv(1) == b"\x07"  # A-ABORT, PS3.8 9.3.8


def test_an_operation_that_is_not_offered_does_not_end_the_listener(start_listener, associate):
    running = start_listener()
    association = associate(running.port, DX)
    echo = C_ECHO()
    echo.MessageID, echo.AffectedSOPClassUID = 1, Verification
    association.dimse.send_msg(echo, association.accepted_contexts[0].context_id)
    assert associate(running.port, Verification).send_c_echo().Status == 0x0000


def test_what_a_crash_left_unfinished_is_swept_at_start(settings_for, start_listener):
    settings = settings_for()
    with Store.open(settings.state_folder):
        pass
    leftover = settings.state_folder / "incoming" / "0123456789ab.part"
    leftover.write_bytes(b"half an object")
    start_listener(settings)
    assert not leftover.exists()


def test_a_second_listener_does_not_sweep_what_the_first_is_receiving(
    start_listener, associate, radiograph, encode_dataset, send_half
):
    running, film = start_listener(), big(radiograph())
    association = associate(running.port, DX)
    send_half(association, DX, film.SOPInstanceUID, encode_dataset(film))
    wait_for(running.unfinished)
    start_listener(running.settings)
    assert running.unfinished() != []
    association.abort()
    wait_for(lambda: not running.unfinished())


def test_nothing_acknowledged_is_missing_after_kill_9(
    spawn_listener, settings_for, associate, radiograph, encode_dataset, send_half
):
    """Films go in over two associations, a third is in the middle of one: then the power fails."""
    state = settings_for().state_folder
    state.mkdir()
    first = spawn_listener(state)
    films = [radiograph() for _ in range(40)]
    acknowledged, enough = [], threading.Event()

    def send(mine):
        association = associate(first.port, DX)
        for film in mine:
            status = association.send_c_store(film)
            if "Status" not in status:
                return
            acknowledged.append(film)
            if len(acknowledged) >= 12:
                enough.set()

    half, whole = associate(first.port, DX), big(radiograph())
    send_half(half, DX, whole.SOPInstanceUID, encode_dataset(whole))
    senders = [threading.Thread(target=send, args=(films[start::2],)) for start in range(2)]
    for sender in senders:
        sender.start()
    assert enough.wait(WAIT_SECONDS)
    first.kill()
    for sender in senders:
        sender.join()

    second = spawn_listener(state)
    assert list((state / "incoming").iterdir()) == []
    with Store.open(state) as store:
        for film in acknowledged:
            study = store.study(film.StudyInstanceUID)
            assert (state / study.instances[0].path).is_file()
        assert store.study(whole.StudyInstanceUID) is None
    again = associate(second.port, DX)
    for film in films:
        assert again.send_c_store(film).Status == 0x0000
    with Store.open(state) as store:
        assert len(store.worklist_entries()) == len(films)


def test_the_corpus_of_malformed_and_odd_files_is_answered_file_by_file(
    spawn_listener, settings_for, associate, test_data, send_raw
):
    state = settings_for().state_folder
    state.mkdir()
    running = spawn_listener(state)
    answered = {}
    for path in sorted(one for one in (test_data / "dicom").rglob("*") if one.is_file()):
        sop_class, instance, syntax, encoded = _as_sent(path.read_bytes())
        association = associate(running.port, sop_class, syntaxes=(syntax,))
        assert association.is_established, path.name
        answer = send_raw(association, sop_class, instance, encoded)
        assert answer is not None, path.name
        answered[path.name] = answer.Status
        association.release()

    assert running.process.poll() is None
    assert running.peak_megabytes() < 250
    assert set(answered.values()) <= {0x0000, 0xA900, 0xC000}
    assert answered["CSPINE_CR1_6154.dcm"] == 0x0000
    assert answered["orthanc_2026-05-06-Deeply-Nested-Sequence.dcm"] == 0xC000
    assert answered["orthanc_2026-05-26-oob-monochrome-65535.dcm"] == 0x0000
    log = running.log.read_text()
    assert log.count("object_refused") == sum(status != 0 for status in answered.values())
    assert "[dropped]" not in log.replace('"instance": "[dropped]"', "")
    assert not any(name in log for name in ("Archibald", "CompressedSamples", "Anonymized"))


def _as_sent(file):
    """Return SOP class, SOP instance, transfer syntax and data set of a Part 10 file."""
    end = 144 + struct.unpack("<I", file[140:144])[0]
    meta, at = {}, 144
    while at < end:
        group, number, vr, length = struct.unpack("<HH2sH", file[at : at + 8])
        head = 12 if vr in (b"OB", b"UN") else 8
        length = struct.unpack("<I", file[at + 8 : at + 12])[0] if head == 12 else length
        assert group == 2
        meta[number] = file[at + head : at + head + length].decode("latin-1").rstrip("\0 ")
        at += head + length
    return meta[0x0002], meta[0x0003], meta[0x0010], file[end:]


def test_the_listener_keeps_telling_that_it_is_alive(settings_for):
    stop, told = threading.Event(), []

    def alive():
        told.append(True)
        if len(told) > 1:
            stop.set()

    listener.run(settings_for(), stop, alive)
    assert len(told) > 1


@pytest.mark.parametrize(
    "sent",
    [
        b"\x01\x00\x00\x00\x00\x10" + b"\xff" * 16,
        b"\x01\x00\x00\x00\x00\x44\x00\x01" + bytes(66) + b"\x20\x00\xff\xff",
        b"\x01\x00\x00\x00\x00\x44\x00\x09" + bytes(66),
    ],
    ids=["too-short", "broken-item", "another-version"],
)
def test_a_request_that_is_not_understood_ends_its_connection_and_its_thread(start_listener, sent):
    running = start_listener()
    with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_SECONDS) as stranger:
        stranger.sendall(sent)
        while stranger.recv(4096):
            pass  # an abort or a rejection, then the end of the connection
    wait_for(lambda: not [one for one in threading.enumerate() if "association@" in one.name])


def test_a_machine_without_threads_to_spare_turns_a_peer_away_and_goes_on(
    start_listener, associate, monkeypatch
):
    running = start_listener()

    def fail(_association):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("triage.intake.association.IntakeAssociation.start", fail)
        assert not associate(running.port, Verification).is_established
    assert associate(running.port, Verification).send_c_echo().Status == 0x0000
