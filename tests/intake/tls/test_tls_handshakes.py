"""The TLS profile of the listener: real handshakes, and who is let in by them."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field

import pytest

from tests.intake.certificates import SERVER, Authority
from triage.intake.tls import handshake_problem, peer_name, server_context

WAIT_SECONDS = 20.0
V1_1, V1_2, V1_3 = "TLSv1.1", "TLSv1.2", "TLSv1.3"
VERSIONS = {
    V1_1: ssl.TLSVersion.TLSv1_1,
    V1_2: ssl.TLSVersion.TLSv1_2,
    V1_3: ssl.TLSVersion.TLSv1_3,
}


@dataclass
class Outcome:
    """How a handshake ended: what our side and the peer's side say of it."""

    version: str | None = None
    suite: str = ""
    peer: str = ""
    problem: str = ""
    peers_error: list[Exception] = field(default_factory=list)


@pytest.fixture
def shake_hands(hospital):
    """Return a function that lets a peer call a context, over a pair of sockets."""

    def shake(context, identity=None, *, versions=(V1_2, V1_3), suites=""):
        calling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        calling.check_hostname = False
        calling.load_verify_locations(hospital.file)
        if suites:
            calling.set_ciphers(suites)
        calling.minimum_version, calling.maximum_version = (VERSIONS[one] for one in versions)
        if identity is not None:
            calling.load_cert_chain(identity.certificate, identity.key)
        outcome = Outcome()
        ours, theirs = socket.socketpair()
        peer = threading.Thread(target=call, args=(calling, theirs, outcome))
        peer.start()
        answer(context, ours, outcome)
        peer.join()
        return outcome

    return shake


def call(context, connection, outcome):
    """Say hello as a peer."""
    connection.settimeout(WAIT_SECONDS)
    try:
        with context.wrap_socket(connection) as talking:
            talking.sendall(b"hello")
            talking.recv(1)
    except OSError as error:
        outcome.peers_error.append(error)


def answer(context, connection, outcome):
    """Take a peer's call, as the listener does."""
    connection.settimeout(WAIT_SECONDS)
    try:
        with context.wrap_socket(connection, server_side=True) as talking:
            assert talking.recv(5) == b"hello"
            outcome.version, (outcome.suite, *_) = talking.version(), talking.cipher()
            outcome.peer = peer_name(talking)
    except ssl.SSLError as error:
        outcome.problem = handshake_problem(error)


def test_a_peer_with_a_certificate_of_the_authority_is_let_in_with_tls_1_3(
    settings_with, hospital, shake_hands
):
    outcome = shake_hands(server_context(settings_with()), hospital.issue("ct1.example"))
    assert (outcome.version, outcome.peer, outcome.problem) == (V1_3, "ct1.example", "")


@pytest.mark.parametrize("length", ["128-GCM-SHA256", "256-GCM-SHA384"])
@pytest.mark.parametrize(("kind", "key"), [("RSA", "rsa"), ("ECDSA", "elliptic")])
def test_a_peer_with_tls_1_2_is_let_in_with_each_suite_of_rfc_9325(
    settings_with, hospital, shake_hands, kind, key, length
):
    context = server_context(settings_with(hospital.issue("triage.example", key=key)))
    suite = f"ECDHE-{kind}-AES{length}"
    outcome = shake_hands(context, hospital.issue("ct1"), versions=(V1_2, V1_2), suites=suite)
    assert (outcome.version, outcome.suite) == (V1_2, suite)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_tls_1_1_is_refused(settings_with, hospital, shake_hands):
    context = server_context(settings_with())
    outcome = shake_hands(
        context, hospital.issue("ct1"), versions=(V1_1, V1_1), suites="ALL:@SECLEVEL=0"
    )
    assert outcome.version is None
    assert outcome.problem == "the peer offers nothing newer than TLS 1.1"


@pytest.mark.parametrize(
    "suite",
    [
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "DHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-SHA384",
        "NULL-SHA256:@SECLEVEL=0",
        "ADH-AES128-GCM-SHA256:@SECLEVEL=0",
    ],
)
def test_a_suite_that_rfc_9325_does_not_recommend_is_refused(
    settings_with, hospital, shake_hands, suite
):
    context = server_context(settings_with(hospital.issue("triage.example", key="rsa")))
    outcome = shake_hands(context, hospital.issue("ct1"), versions=(V1_2, V1_2), suites=suite)
    assert outcome.version is None
    assert outcome.problem == "the peer offers no cipher suite of the BCP 195 profile"


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_peer_without_a_certificate_is_refused(settings_with, shake_hands, version):
    outcome = shake_hands(server_context(settings_with()), versions=(version, version))
    assert outcome.version is None
    assert outcome.problem == "the peer shows no certificate"
    assert outcome.peers_error != []


def test_a_peer_of_another_authority_is_refused(settings_with, shake_hands, tmp_path):
    stranger = Authority(tmp_path, "elsewhere").issue("ct1")
    outcome = shake_hands(server_context(settings_with()), stranger)
    assert outcome.version is None
    assert outcome.problem.startswith("the peer's certificate is refused: unable to get")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"days": (-9, -1)}, "has expired"),
        ({"days": (1, 9)}, "not yet valid"),
        ({"usages": [SERVER]}, "purpose"),
    ],
    ids=["expired", "not-yet-valid", "for-servers-only"],
)
def test_a_peer_whose_certificate_does_not_hold_is_refused(
    settings_with, hospital, shake_hands, options, why
):
    outcome = shake_hands(server_context(settings_with()), hospital.issue("ct1", **options))
    assert outcome.version is None
    assert why in outcome.problem


def test_a_weak_certificate_of_a_peer_is_refused(settings_with, hospital, shake_hands):
    weak = hospital.issue("ct1", key="weak")
    outcome = shake_hands(server_context(settings_with()), weak, suites="ALL:@SECLEVEL=0")
    assert outcome.version is None
    assert "key too weak" in outcome.problem


def test_a_peer_below_an_intermediate_authority_is_let_in(
    settings_with, hospital, shake_hands, tmp_path
):
    identity = Authority(tmp_path, "radiology", parent=hospital).issue("ct1")
    assert shake_hands(server_context(settings_with()), identity).version == V1_3


def test_a_list_of_peers_own_certificates_lets_in_these_and_no_others(
    settings_with, hospital, shake_hands, tmp_path
):
    known, other = hospital.issue("ct1"), hospital.issue("ct2")
    listed = tmp_path / "peers.pem"
    listed.write_bytes(known.certificate.read_bytes())
    context = server_context(settings_with(tls_authorities=listed))
    assert shake_hands(context, known).peer == "ct1"
    assert shake_hands(context, other).version is None


def test_a_revocation_list_among_the_authorities_is_heeded(
    settings_with, hospital, shake_hands, tmp_path
):
    lost, kept = hospital.issue("ct1"), hospital.issue("ct2")
    listed = tmp_path / "authorities.pem"
    listed.write_bytes(hospital.file.read_bytes() + hospital.revoked(lost))
    context = server_context(settings_with(tls_authorities=listed))
    assert "revoked" in shake_hands(context, lost).problem
    assert shake_hands(context, kept).peer == "ct2"


def test_without_client_certificates_a_peer_needs_none(settings_with, shake_hands):
    settings = settings_with(tls_client_certificates=False, tls_authorities=None)
    outcome = shake_hands(server_context(settings))
    assert (outcome.version, outcome.peer, outcome.problem) == (V1_3, "", "")


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_session_is_never_resumed_and_leaves_nothing_behind(settings_with, hospital, version):
    context = server_context(settings_with())
    calling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    calling.check_hostname = False
    calling.load_verify_locations(hospital.file)
    identity = hospital.issue("ct1")
    calling.load_cert_chain(identity.certificate, identity.key)
    calling.maximum_version = VERSIONS[version]
    session = None
    for _ in range(2):
        ours, theirs = socket.socketpair()
        answering = threading.Thread(target=answer, args=(context, ours, Outcome()))
        answering.start()
        with calling.wrap_socket(theirs, session=session) as talking:
            talking.sendall(b"hello")
            talking.recv(1)
            assert not talking.session_reused
            session = talking.session
            assert not session.has_ticket
        answering.join()
    assert context.session_stats()["number"] == 0


def test_compression_and_renegotiation_are_off(settings_with):
    options = server_context(settings_with()).options
    assert options & ssl.OP_NO_COMPRESSION
    assert options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"\x01\x00\x00\x00\x00\xcd\x00\x01" + bytes(200), "does not speak TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"\x16\x03\x01", "left in the middle"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"z" * 600, "length mismatch"),
    ],
    ids=["dicom", "http", "half", "mangled"],
)
def test_what_is_no_handshake_is_told_in_words(settings_with, sent, why):
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        outcome = Outcome()
        answer(server_context(settings_with()), ours, outcome)
    assert why in outcome.problem


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        ({"name": "CT 1", "dns_names": ["ct1.example"]}, "CT 1"),
        ({"name": "", "dns_names": ["ct1.example", "ct.example"]}, "ct1.example"),
        ({"name": "", "dns_names": [".".join(["long" * 10] * 3)]}, ("long" * 10 + ".") * 2),
        ({"name": "CT\n1\x1b[31m\u202e"}, "CT1[31m"),
        ({"name": ""}, ""),
    ],
    ids=["common-name", "dns-name", "long", "controls", "nameless"],
)
def test_the_peers_name_is_short_and_without_control_characters(
    settings_with, hospital, shake_hands, identity, shown
):
    outcome = shake_hands(server_context(settings_with()), hospital.issue(**identity))
    assert outcome.version == V1_3
    assert outcome.peer == shown[:64]


def test_certificate_and_key_may_share_a_file(settings_with, hospital, shake_hands):
    identity = hospital.issue("triage.example")
    both = identity.key
    both.write_bytes(both.read_bytes() + identity.certificate.read_bytes())
    context = server_context(settings_with(tls_certificate=both, tls_private_key=both))
    assert shake_hands(context, hospital.issue("ct1")).version == V1_3
