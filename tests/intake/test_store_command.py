"""The C-STORE command as bytes: what the library writes is read, and the library reads ours."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF

from triage.intake.store_command import StoreCommand, read_store_command, store_response

DX = str(DigitalXRayImageStorageForPresentation)
COMMAND = StoreCommand(7, DX, "1.2.3.4")


def request_of(uid="1.2.3.4", message_id=7, data_set=b"data"):
    """Return the command set of a C-STORE-RQ as the library writes it."""
    request = C_STORE()
    request.MessageID, request.Priority = message_id, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = DX, uid
    request.DataSet = io.BytesIO(data_set) if data_set else None
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    first = next(iter(message.encode_msg(1, 65_536)))
    return first.presentation_data_value_list[0][1][1:]


def elements(*pairs):
    """Encode elements of a command set: pairs of element number and value."""
    return b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in pairs)


def test_what_the_library_requests_is_read():
    assert read_store_command(request_of()) == COMMAND
    assert read_store_command(request_of(uid="1.2.34", message_id=65_535)) == StoreCommand(
        65_535, DX, "1.2.34"
    )


@given(st.binary(max_size=80))
def test_any_bytes_are_a_command_or_none(encoded):
    found = read_store_command(encoded)
    assert found is None or isinstance(found, StoreCommand)


@given(st.integers(0, 150), st.binary(min_size=1, max_size=3))
def test_a_damaged_request_is_read_or_left_to_the_library(position, damage):
    whole = request_of()
    found = read_store_command(whole[:position] + damage + whole[position + len(damage) :])
    assert found is None or isinstance(found, StoreCommand)


@pytest.mark.parametrize(
    "encoded",
    [
        request_of(data_set=b""),
        request_of()[:-1],
        elements((0x0100, b"\x30\0"), (0x0110, b"\1\0"), (0x0800, b"\0\0")),
        elements((0x0100, b"\1\0"), (0x0800, b"\0\0")),
        elements((0x0100, b"\1\0"), (0x0110, b"\1\0\0"), (0x0800, b"\0\0")),
        elements((0x0100, b"\1\0"), (0x0110, b"\1\0"), (0x0800, b"\0\0"), (0x1000, b"9" * 66)),
        b"\x08\0\x18\0\0\0\0\0" + request_of(),
        request_of() + request_of(),
        b"",
    ],
    ids=[
        "no-data-set",
        "cut-off",
        "an-echo",
        "no-message-id",
        "odd-message-id",
        "too-long-uid",
        "another-group",
        "twice",
        "empty",
    ],
)
def test_what_is_not_a_request_to_store_an_object_is_left_to_the_library(encoded):
    assert read_store_command(encoded) is None


@pytest.mark.parametrize("comment", ["", "odd", "even", "x" * 200])
@pytest.mark.parametrize("uid", ["1.2.3.4", "1.2.34"])
def test_the_library_reads_our_response(comment, uid):
    pdu = P_DATA_TF()
    pdu.decode(store_response(StoreCommand(9, DX, uid), 5, 0xA700, comment))
    message = DIMSEMessage()
    assert message.decode_msg(pdu.to_primitive())
    assert message.context_id == 5
    response = message.message_to_primitive()
    assert response.MessageIDBeingRespondedTo == 9
    assert response.Status == 0xA700
    assert (response.AffectedSOPClassUID, response.AffectedSOPInstanceUID) == (DX, uid)
    assert (response.ErrorComment or "") == comment[:64]
    assert read_store_command(message.encoded_command_set.getvalue()) is None
