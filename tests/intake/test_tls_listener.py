"""The port with TLS, called by DCMTK, Orthanc and the library's SCU, and by those who must not."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom import AE, build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.sop_class import Verification

from tests.intake.certificates import CLIENT, SERVER, Authority, Identity
from tests.peers import free_port, start_orthanc
from tests.waiting import until
from triage.delivery.reactor import HELD_REACTOR
from triage.errors import SettingsError
from triage.intake import listener, reception

if TYPE_CHECKING:
    from tests.intake.conftest import RunningListener

DX = DigitalXRayImageStorageForPresentation
WAIT_SECONDS = 20.0
V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
wait_for = partial(until, what="what the listener or its peer was to do")


@pytest.fixture
def hospital(tmp_path):
    """Return the authority that vouches for everybody who may call."""
    return Authority(tmp_path, "hospital")


@pytest.fixture
def modality(hospital):
    """Return who may call."""
    return hospital.issue("ct1.example", usages=[CLIENT])


@dataclass
class TlsListener:
    """A running listener, its port with TLS, and who it is."""

    running: RunningListener
    port: int
    identity: Identity


@pytest.fixture
def start_tls(start_listener, hospital):
    """Return a function that starts a listener with both ports; keywords are settings of it."""

    def start(identity=None, **listening):
        identity = identity or hospital.issue(
            "triage.example", dns_names=["triage.example"], usages=[SERVER]
        )
        files = {
            "tls_port": free_port(),
            "tls_certificate": identity.certificate,
            "tls_private_key": identity.key,
            "tls_authorities": hospital.file,
        }
        running = start_listener(**{**files, **listening})
        return TlsListener(running, running.settings.listener.tls_port, identity)

    return start


@pytest.fixture
def calling_context(hospital):
    """Return a function that makes a caller's side of TLS."""

    def make(identity=None, version=None):
        context = ssl.create_default_context(cafile=hospital.file)
        if identity is not None:
            context.load_cert_chain(identity.certificate, identity.key)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    return make


@pytest.fixture
def associate_tls(calling_context, modality):
    """Return a function that associates over TLS as the library's SCU does."""
    open_ones = []

    def request(port, *sop_classes, identity=modality, version=None):
        entity = AE("MODALITY")
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = WAIT_SECONDS
        for uid in sop_classes:
            entity.add_requested_context(uid, ["1.2.840.10008.1.2.1"])
        context = calling_context(identity, version)
        association = entity.associate(
            "127.0.0.1",
            port,
            ae_title="TRIAGE",
            tls_args=(context, "triage.example"),
            evt_handlers=[HELD_REACTOR],
        )
        connection = association.dul.socket
        open_ones.append((association, connection and connection.socket))
        return association

    yield request
    for association, connection in open_ones:
        if association.is_established:
            association.release()
        if connection is not None:
            connection.close()  # the library leaves it open when the other end was first


@pytest.fixture
def dcmtk(require_program, hospital):
    """Return a function that runs a sender of DCMTK to its end and returns how that was."""

    def run(program, port, *arguments, identity=None, tls=()):
        command = [require_program(program), "-v", "-aec", "TRIAGE", "-to", "10"]
        if identity is not None:
            tls = ("+tls", identity.key, identity.certificate, *tls)
        if tls:
            tls = (*tls, "+cf", hospital.file)
        done = subprocess.run(
            [*command, *map(str, tls), "127.0.0.1", str(port), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def film_file(radiograph, tmp_path):
    """Return a function that writes a film of some megabytes, and returns it with its file."""

    def write():
        film = big(radiograph())
        path = tmp_path / f"{film.SOPInstanceUID}.dcm"
        film.save_as(path, enforce_file_format=True)
        return film, path

    return write


def big(film):
    """Return a film that takes many PDUs and TLS records."""
    film.Rows = film.Columns = 1024
    film.PixelData = os.urandom(1024 * 1024 * 2)
    return film


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_film_over_tls_is_in_the_spool_byte_for_byte(
    start_tls, associate_tls, radiograph, encode_dataset, version
):
    serving, film = start_tls(), big(radiograph())
    association = associate_tls(serving.port, DX, Verification, version=version)
    assert association.dul.socket.socket.version() == version.name.replace("_", ".")
    assert association.send_c_store(film).Status == 0x0000
    assert association.send_c_echo().Status == 0x0000
    (record,) = serving.running.instances(film.StudyInstanceUID)
    path = serving.running.settings.state_folder / record.path
    assert path.read_bytes().endswith(encode_dataset(film))
    assert record.calling_ae_title == "MODALITY"
    assert serving.running.unfinished() == []


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
@pytest.mark.parametrize("key", ["rsa", "elliptic"])
def test_dcmtk_stores_over_tls_with_each_of_its_bcp_195_profiles(
    start_tls, hospital, modality, dcmtk, film_file, profile, key
):
    serving = start_tls(hospital.issue("triage.example", key=key))
    film, path = film_file()
    code, said = dcmtk("storescu", serving.port, path, identity=modality, tls=[profile])
    assert (code, "Received Store Response (Success)" in said) == (0, True), said
    assert len(serving.running.instances(film.StudyInstanceUID)) == 1


def test_the_same_film_without_tls_is_the_same_bytes(start_tls, modality, dcmtk, film_file):
    serving, (film, path) = start_tls(), film_file()
    assert dcmtk("storescu", serving.port, path, identity=modality)[0] == 0
    assert dcmtk("storescu", serving.running.port, path)[0] == 0
    assert len(serving.running.instances(film.StudyInstanceUID)) == 1
    (kept,) = serving.running.spooled()
    assert dcmread(kept) == film


def test_orthanc_sends_over_tls(start_tls, hospital, modality, film_file, tmp_path):
    serving, (film, path) = start_tls(), film_file()
    triage = {"AET": "TRIAGE", "Host": "127.0.0.1", "Port": serving.port, "UseDicomTls": True}
    options = {
        "DicomModalities": {"triage": triage},
        "DicomTlsCertificate": str(modality.certificate),
        "DicomTlsPrivateKey": str(modality.key),
        "DicomTlsTrustedCertificates": str(hospital.file),
    }
    with start_orthanc(tmp_path, options=options) as orthanc:
        orthanc._request("POST", "/instances", path.read_bytes())
        orthanc._json("POST", "/modalities/triage/store", orthanc.instances())
    (record,) = serving.running.instances(film.StudyInstanceUID)
    assert dcmread(serving.running.settings.state_folder / record.path) == film


def test_several_send_over_tls_at_once(start_tls, associate_tls, radiograph):
    serving, films = start_tls(), [big(radiograph()) for _ in range(6)]
    answers = []

    def send(mine):
        association = associate_tls(serving.port, DX)
        answers.extend(association.send_c_store(film).Status for film in mine)

    senders = [threading.Thread(target=send, args=(films[start::3],)) for start in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [0x0000] * len(films)
    assert len(serving.running.spooled()) == len(films)


@pytest.mark.parametrize("profile", ["+pa", "+pn"])
def test_a_retired_profile_gets_no_association(start_tls, hospital, modality, dcmtk, profile):
    serving = start_tls(hospital.issue("triage.example", key="rsa"))
    assert dcmtk("echoscu", serving.port, identity=modality, tls=[profile])[0] != 0
    assert dcmtk("echoscu", serving.port, identity=modality)[0] == 0


def test_a_peer_without_a_certificate_gets_no_association_and_the_next_one_is_answered(
    start_tls, modality, dcmtk, associate_tls
):
    serving = start_tls()
    assert dcmtk("echoscu", serving.port, tls=["+tla"])[0] != 0
    assert not associate_tls(serving.port, Verification, identity=None).is_established
    assert dcmtk("echoscu", serving.port, identity=modality)[0] == 0


def test_a_peer_of_another_authority_gets_no_association(start_tls, dcmtk, associate_tls, tmp_path):
    serving, stranger = start_tls(), Authority(tmp_path, "elsewhere").issue("ct1.example")
    assert dcmtk("echoscu", serving.port, identity=stranger)[0] != 0
    assert not associate_tls(serving.port, Verification, identity=stranger).is_established
    assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000


def test_a_refused_handshake_is_logged_with_address_and_reason(start_tls, dcmtk, monkeypatch):
    warnings = []

    def warning(event, **keys):
        warnings.append({"event": event, **keys})

    monkeypatch.setattr(reception, "_log", SimpleNamespace(warning=warning))
    dcmtk("echoscu", start_tls().port, tls=["+tla"])
    wait_for(lambda: warnings)
    assert warnings[0]["action"] == "tls_failed"
    assert warnings[0]["address"] == "127.0.0.1"
    assert warnings[0]["reason"] == "the peer shows no certificate"


def test_where_no_client_certificates_are_asked_for_none_is_needed(start_tls, dcmtk):
    serving = start_tls(tls_client_certificates=False, tls_authorities=None)
    assert dcmtk("echoscu", serving.port, tls=["+tla"])[0] == 0


def test_a_call_without_tls_on_the_port_with_it_holds_nothing_up(start_tls, dcmtk, associate_tls):
    serving = start_tls()
    with connect(serving.port) as stranger:
        stranger.sendall(b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00TRIAGE")
        assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000
        read_to_the_end(stranger)  # which comes
    assert dcmtk("echoscu", serving.port)[0] != 0
    assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000


def test_a_call_with_tls_on_the_port_without_it_holds_nothing_up(
    start_tls, dcmtk, modality, associate_tls, associate
):
    serving = start_tls()
    assert not associate_tls(serving.running.port, Verification).is_established
    assert dcmtk("echoscu", serving.running.port, identity=modality)[0] != 0
    assert associate(serving.running.port, Verification).send_c_echo().Status == 0x0000


HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.mark.parametrize("sent", [HALF_A_HELLO, b"\x16", b""], ids=["half", "byte", "nothing"])
def test_peers_that_stop_within_the_handshake_hold_nothing_up_and_are_dismissed(
    start_tls, associate_tls, associate, sent
):
    serving = start_tls(network_timeout_seconds=1.5)
    with ExitStack() as stuck:
        peers = [stuck.enter_context(connect(serving.port)) for _ in range(30)]
        for peer in peers:
            peer.sendall(sent)
        assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000
        assert associate(serving.running.port, Verification).send_c_echo().Status == 0x0000
        for peer in peers:
            assert read_to_the_end(peer) == b""


def test_a_peer_that_is_silent_after_the_handshake_is_dismissed(
    start_tls, associate_tls, calling_context, modality
):
    serving = start_tls(network_timeout_seconds=1.5)
    context = calling_context(modality)
    with context.wrap_socket(connect(serving.port), server_hostname="triage.example") as silent:
        assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000
        assert read_to_the_end(silent) == b""


def test_bytes_that_are_no_dicom_within_tls_hold_nothing_up(
    start_tls, associate_tls, calling_context, modality
):
    serving, context = start_tls(), calling_context(modality)
    with context.wrap_socket(connect(serving.port), server_hostname="triage.example") as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: triage.example\r\n\r\n")
        assert read_to_the_end(stranger)[:1] == b"\x07"  # A-ABORT, PS3.8 9.3.8
    assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000


@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])
def test_peers_that_ask_and_break_the_connection_at_once_hold_nothing_up(
    start_tls, associate, associate_tls, calling_context, modality, with_tls
):
    serving, context, request = start_tls(), calling_context(modality), association_request()
    for _ in range(40):
        peer = connect(serving.port if with_tls else serving.running.port)
        if with_tls:
            peer = context.wrap_socket(peer, server_hostname="triage.example")
        with peer:
            peer.sendall(request)
            # Closing answers with a reset, not with an orderly end.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000
    assert associate(serving.running.port, Verification).send_c_echo().Status == 0x0000


def test_a_connection_that_breaks_within_an_object_leaves_nothing(
    start_tls, associate_tls, radiograph, encode_dataset, send_half
):
    serving, film = start_tls(), big(radiograph())
    association = associate_tls(serving.port, DX)
    send_half(association, DX, film.SOPInstanceUID, encode_dataset(film))
    wait_for(serving.running.unfinished)
    # As a cable that is pulled: without the farewell of TLS.
    socket.socket.shutdown(association.dul.socket.socket, socket.SHUT_RDWR)
    wait_for(lambda: not serving.running.unfinished())
    assert serving.running.spooled() == []
    assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000


def test_a_silent_peer_is_aborted_over_tls_too(
    start_tls, associate_tls, radiograph, encode_dataset, send_half
):
    serving, film = start_tls(network_timeout_seconds=1.5), big(radiograph())
    association = associate_tls(serving.port, DX)
    send_half(association, DX, film.SOPInstanceUID, encode_dataset(film))
    wait_for(lambda: association.is_aborted)
    wait_for(lambda: not serving.running.unfinished())


def test_where_every_peer_speaks_tls_no_other_port_is_open(start_tls, associate_tls):
    closed = free_port()
    serving = start_tls(accept_without_tls=False, port=closed)
    assert serving.running.port == serving.port
    with pytest.raises(ConnectionRefusedError):
        connect(closed)
    assert associate_tls(serving.port, Verification).send_c_echo().Status == 0x0000


def test_a_certificate_of_ours_that_has_expired_keeps_only_peers_with_tls_away(
    start_tls, hospital, modality, dcmtk, associate
):
    serving = start_tls(hospital.issue("triage.example", days=(-9, -1)))
    assert dcmtk("echoscu", serving.port, identity=modality)[0] != 0
    assert associate(serving.running.port, Verification).send_c_echo().Status == 0x0000


def test_a_file_that_cannot_be_used_is_told_before_any_port_is_open(
    settings_for, hospital, tmp_path
):
    identity, port = hospital.issue("triage.example"), free_port()
    settings = settings_for(
        port=port,
        tls_port=free_port(),
        tls_certificate=identity.certificate,
        tls_private_key=tmp_path / "nowhere.key",
        tls_authorities=hospital.file,
    )
    opened = []
    with pytest.raises(SettingsError, match=r"listener\.tls_private_key: .* does not exist"):
        listener.run(settings, threading.Event(), lambda: None, ready=opened.append)
    assert opened == []
    with pytest.raises(ConnectionRefusedError):
        connect(port)


def association_request():
    """Return an A-ASSOCIATE-RQ that asks for Verification."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "MODALITY", "TRIAGE"
    context = build_context(Verification)
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = "1.2.3"
    primitive.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()


def connect(port):
    """Open a connection and say nothing."""
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)


def read_to_the_end(connection):
    """Read what there is until the other end closes."""
    received = b""
    with suppress(ConnectionResetError):
        while content := connection.recv(4096):
            received += content
    return received
