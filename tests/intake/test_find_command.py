"""The responses to a C-FIND as bytes: the library reads what it would have written."""

from __future__ import annotations

import io

import pytest
from pynetdicom.dimse_messages import C_FIND_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.pdu import P_DATA_TF

from triage.intake.find_command import FindCommand, find_response

UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"


def pdus_of(encoded):
    """Yield the P-DATA-TF PDUs that stand one behind the other."""
    while encoded:
        length = 6 + int.from_bytes(encoded[2:6])
        pdu = P_DATA_TF()
        pdu.decode(encoded[:length])
        yield pdu
        encoded = encoded[length:]


@pytest.mark.parametrize("maximum", [0, 8, 9, 64, 16_384])
@pytest.mark.parametrize(
    ("status", "identifier"), [(0xFF00, b"x" * 500), (0xFF01, b"xy"), (0x0000, b""), (0xFE00, b"")]
)
def test_the_response_is_the_librarys_own(maximum, status, identifier):
    written = C_FIND()
    written.MessageIDBeingRespondedTo, written.AffectedSOPClassUID = 65_535, UPS_PULL
    written.Status = status
    written.Identifier = io.BytesIO(identifier) if identifier else None
    message = C_FIND_RSP()
    message.primitive_to_message(written)
    expected = []
    for primitive in message.encode_msg(7, maximum):
        pdu = P_DATA_TF()
        pdu.from_primitive(primitive)
        expected.append(pdu.encode())
    found = find_response(FindCommand(65_535, UPS_PULL, 7, maximum), status, identifier)
    assert found == b"".join(expected)


def test_the_library_reads_a_response_that_comes_in_many_fragments():
    encoded = find_response(FindCommand(3, UPS_PULL, 1, 20), 0xFF00, b"some item found. ")
    message = DIMSEMessage()
    whole = [message.decode_msg(pdu.to_primitive()) for pdu in pdus_of(encoded)]
    assert whole[-1]
    assert not any(whole[:-1])
    read = message.message_to_primitive()
    assert (read.MessageIDBeingRespondedTo, read.Status) == (3, 0xFF00)
    assert read.Identifier.getvalue() == b"some item found. "
