"""Frames on a stream, and one message to a RIS that does whatever it likes."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hl7 import ris
from tests.hl7.ris import Ris
from tests.intake.certificates import Authority
from tests.peers import LOOPBACK, free_port
from triage.errors import DeliveryError, SettingsError
from triage.hl7.mllp import Connection, Frames, TooLongError, framed, send
from triage.hl7.values import AcknowledgementCode, Message
from triage.settings import Hl7Receiver

AA, AE, AR = AcknowledgementCode.AA, AcknowledgementCode.AE, AcknowledgementCode.AR
MESSAGE = Message("N1", b"MSH|^~\\&|A|B|C|D|20260302||ORU^R01|N1|P|2.5.1\rPID|1\r")


def receiver(port, **values):
    return Hl7Receiver(name="ris", address=LOOPBACK, port=port, **values)


def frames_of(chunks, longest_bytes=1000):
    frames, found = Frames(longest_bytes), []
    for chunk in chunks:
        frames.feed(chunk)
        while (content := frames.next()) is not None:
            found.append(content)
    return found


@given(
    st.lists(st.binary(max_size=40).filter(lambda one: not {0x0B, 0x1C} & set(one)), max_size=5),
    st.integers(min_value=1, max_value=9),
)
def test_messages_are_found_however_the_stream_is_cut(contents, size):
    stream = b"".join(framed(one) for one in contents)
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert frames_of(chunks) == contents


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_break_the_framing_and_a_message_after_them_is_found(chunks):
    assert frames_of([*chunks, b"\x1c\r", framed(b"MSH")])[-1] == b"MSH"


def test_stray_bytes_between_messages_are_skipped():
    assert frames_of([b"\r\nnoise", framed(b"one"), b"\x00\x1c", framed(b"two")]) == [
        b"one",
        b"two",
    ]


def test_a_message_that_was_given_up_in_the_middle_is_no_part_of_the_next():
    assert frames_of([b"\x0bMSH|half of P1", framed(b"MSH|P2")]) == [b"MSH|P2"]


def test_a_file_separator_alone_does_not_end_a_message():
    assert frames_of([b"\x0ba\x1cb\x1c", b"\r"]) == [b"a\x1cb"]


def test_a_message_without_end_is_given_up():
    with pytest.raises(TooLongError) as error:
        frames_of([b"\x0bMSH" + b"x" * 2000])
    assert error.value.head.startswith(b"MSH")
    with pytest.raises(TooLongError):
        frames_of([framed(b"x" * 2000)])


@pytest.mark.parametrize(
    ("behave", "code", "problem"),
    [
        (ris.accept, AA, ""),
        (ris.answer("CA"), AA, ""),
        (ris.answer("AE"), AE, "the receiver answered AE"),
        (ris.answer("CE"), AE, "the receiver answered CE"),
        (ris.answer("AR"), AR, "the receiver answered AR"),
        (ris.answer("AR", "ERR|||207^Bad^HL70357\r"), AR, "the receiver answered AR (error 207)"),
        (ris.answer("OK"), AE, "the receiver answered with no code of table 0008"),
        (ris.answer_the_last, AA, ""),
        (ris.answer_in_pieces, AA, ""),
        (ris.answer_nonsense, AE, "no acknowledgement"),
        (ris.answer_without_end, AE, "before the message was acknowledged"),
        (ris.hang_up, AE, "before the message was acknowledged"),
    ],
)
def test_an_answer_is_done_not_now_or_never(behave, code, problem):
    with Ris([behave]) as peer:
        found = send(MESSAGE, receiver(peer.port), 10)
    assert found.code is code
    assert problem in found.problem
    assert "Müller" not in found.problem
    assert peer.received == [MESSAGE.content]


def test_silence_is_an_answer_that_did_not_come():
    with Ris([ris.keep_silent]) as peer:
        found = send(MESSAGE, receiver(peer.port), 0.2)
    assert (found.code, "stayed silent" in found.problem) == (AE, True)


def test_a_connection_carries_several_messages_and_is_done_with_after_a_lost_answer():
    with (
        Ris([ris.accept, ris.answer("AE"), ris.hang_up]) as peer,
        Connection(receiver(peer.port), 10) as connection,
    ):
        codes = [connection.send(MESSAGE).code for _ in range(2)]
        assert (codes, connection.usable) == ([AA, AE], True)
        assert connection.send(MESSAGE).code is AE
        assert not connection.usable
    assert peer.connections == 1


def test_a_receiver_that_is_not_there_was_sent_nothing():
    with pytest.raises(DeliveryError, match="takes no connection"):
        send(MESSAGE, receiver(free_port()), 5)


@pytest.fixture
def hospital(tmp_path):
    """Return the authority that both sides trust."""
    return Authority(tmp_path, "hospital")


@pytest.fixture
def secured(hospital):
    """Return how a RIS speaks TLS that asks for certificates."""
    identity = hospital.issue("ris.example", dns_names=["ris.example"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(hospital.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_tls_with_certificates_of_both_sides(hospital, secured):
    ours = hospital.issue("triage.example")
    with Ris(tls=secured) as peer:
        place = receiver(
            peer.port,
            tls=True,
            tls_authorities=hospital.file,
            tls_server_name="ris.example",
            tls_certificate=ours.certificate,
            tls_private_key=ours.key,
        )
        assert send(MESSAGE, place, 10).code is AA


def test_a_receiver_with_another_name_or_authority_is_told_nothing(hospital, secured, tmp_path):
    with Ris(tls=secured) as peer:
        place = receiver(peer.port, tls=True, tls_authorities=hospital.file)
        with pytest.raises(DeliveryError, match="no TLS that we trust"):
            send(MESSAGE, place, 10)
        stranger = Authority(tmp_path, "stranger")
        place = receiver(
            peer.port,
            tls=True,
            tls_authorities=stranger.file,
            tls_server_name="ris.example",
        )
        with pytest.raises(DeliveryError, match="no TLS that we trust"):
            send(MESSAGE, place, 10)
    assert peer.received == []


def test_an_authority_that_cannot_be_read_is_named(tmp_path):
    place = receiver(1, tls=True, tls_authorities=tmp_path / "none.pem")
    with pytest.raises(SettingsError, match=r"hl7_receivers\.ris\.tls_authorities"):
        send(MESSAGE, place, 10)
