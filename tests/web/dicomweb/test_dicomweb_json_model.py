"""The DICOM JSON model: what goes out is whole, what comes in is harmless or refused."""

from __future__ import annotations

import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from triage.ups.items import object_of
from triage.web.dicomweb.errors import RequestError
from triage.web.dicomweb.json_model import (
    DEEPEST_ITEMS,
    MAXIMUM_ELEMENTS,
    decode,
    encode_objects,
    encode_one,
)

GOOD = {
    "00081195": {"vr": "UI", "Value": ["1.2.3"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "山田^花子"}]},
    "00100020": {"vr": "LO", "Value": ["P1"]},
    "00100040": {"vr": "CS"},
    "00404018": {
        "vr": "SQ",
        "Value": [
            {
                "00080100": {"vr": "SH", "Value": ["110005"]},
                "00080102": {"vr": "SH", "Value": ["DCM"]},
                "00080104": {"vr": "LO", "Value": ["Interpretation"]},
            }
        ],
    },
    "00404021": {"vr": "SQ", "Value": []},
    "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
    "00741004": {"vr": "DS", "Value": [62.5]},
}


def payload(content) -> bytes:
    return json.dumps(content).encode()


def with_element(tag, **attribute) -> bytes:
    return payload({tag: attribute})


def test_a_data_set_is_read_whole():
    for content in (GOOD, [GOOD]):
        found = decode(payload(content))
        assert found.TransactionUID == "1.2.3"
        assert str(found.PatientName) == "Doe^Jane=山田^花子"
        assert found.PatientSex == ""
        assert found.ScheduledWorkitemCodeSequence[0].CodeValue == "110005"
        assert len(found.InputInformationSequence) == 0
        assert found.ProcedureStepProgress == 62.5
        assert found.SpecificCharacterSet == "ISO_IR 192"


def test_a_data_set_without_attributes_is_empty():
    assert len(decode(b"{}")) == 0
    assert len(decode(b"[{}]")) == 0


def test_numbers_may_be_written_as_text():
    assert decode(with_element("00200013", vr="IS", Value=["7"])).InstanceNumber == 7
    assert decode(with_element("00741004", vr="DS", Value=["0.5"])).ProcedureStepProgress == 0.5


def test_attributes_go_out_ascending_and_empty_ones_without_value():
    item = Dataset()
    item.ProcedureStepState = "SCHEDULED"
    item.PatientID = ""
    item.ReferencedRequestSequence = []
    item.PatientName = "Doe^Jane"
    found = object_of(item)
    assert list(found) == ["00100010", "00100020", "0040A370", "00741000"]
    assert found["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}
    assert found["00100020"] == {"vr": "LO"}
    assert found["0040A370"] == {"vr": "SQ"}


def test_the_lock_of_a_claimed_item_is_never_told():
    inner, item = Dataset(), Dataset()
    inner.TransactionUID = item.TransactionUID = "1.2.3"
    item.ReferencedRequestSequence = [inner]
    assert b"1.2.3" not in encode_objects([object_of(item)]) + encode_one(item)


def test_a_damaged_header_hides_no_item():
    item = Dataset()
    item.SOPInstanceUID = "1.2.3"
    item.add(DataElement("PatientName", "PN", "Doe\udcff^Jane", validation_mode=IGNORE))
    item.add(DataElement("PatientID", "LO", "P\x001", validation_mode=IGNORE))
    (found,) = json.loads(encode_objects([object_of(item)]))
    assert found["00080018"]["Value"] == ["1.2.3"]
    assert "Doe" in found["00100010"]["Value"][0]["Alphabetic"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"00100020":' * 100_000, "nested too deeply|no JSON"),
        (b"[]", "one data set"),
        (b"[{},{}]", "one data set"),
        (b"7", "one data set"),
        (b'"text"', "one data set"),
        (b"null", "one data set"),
        (b'{"00741004":{"vr":"DS","Value":[NaN]}}', "number that is none"),
        (b'{"00741004":{"vr":"DS","Value":[Infinity]}}', "number that is none"),
        (b'{"00741004":{"vr":"DS","Value":[1e999]}}', "ProcedureStepProgress has a value"),
        (b'{"00200013":{"vr":"IS","Value":[' + b"9" * 5_000 + b"]}}", "no JSON"),
        (b'{"00100020":{"vr":"LO"},"00100020":{"vr":"LO"}}', "names an attribute twice"),
        (b'{"PatientID":{"vr":"LO"}}', "eight hexadecimal digits"),
        (b'{"0010 020":{"vr":"LO"}}', "eight hexadecimal digits"),
        (b'{"00000110":{"vr":"US","Value":[1]}}', "no attribute of a work item"),
        (b'{"00020010":{"vr":"UI","Value":["1.2"]}}', "no attribute of a work item"),
        (b'{"0010002a":{"vr":"LO"},"0010002A":{"vr":"LO"}}', "names an attribute twice"),
        (b'{"00100020":["P1"]}', "must be an object with vr and Value"),
        (b'{"00100020":{"vr":"LO","Value":["P1"],"Values":1}}', "must be an object with vr"),
        (b'{"00100020":{"Value":["P1"]}}', "PatientID must have the vr LO"),
        (b'{"00100020":{"vr":"SQ","Value":[{}]}}', "PatientID must have the vr LO"),
        (b'{"00404021":{"vr":"LO","Value":["x"]}}', "must have the vr SQ"),
        (b'{"00404021":{"vr":"SQ","Value":["x"]}}', "every item must be an object"),
        (b'{"00404021":{"vr":"SQ","Value":[null]}}', "every item must be an object"),
        (b'{"00404021":{"vr":"SQ","Value":{}}}', "Value must be an array"),
        (b'{"00100020":{"vr":"LO","Value":"P1"}}', "Value must be an array"),
        (b'{"00100020":{"vr":"LO","Value":[7]}}', "PatientID has a value"),
        (b'{"00100020":{"vr":"LO","Value":["a\\\\b"]}}', "PatientID has a value"),
        (b'{"00100020":{"vr":"LO","Value":["a\\u0000"]}}', "PatientID has a value"),
        (b'{"00100020":{"vr":"LO","Value":["a\\ud800"]}}', "PatientID has a value"),
        (b'{"00100020":{"vr":"LO","Value":["' + b"a" * 65 + b'"]}}', "PatientID has a value"),
        (b'{"00100010":{"vr":"PN","Value":["Doe^Jane"]}}', "PatientName has a value"),
        (b'{"00100010":{"vr":"PN","Value":[{"Given":"x"}]}}', "PatientName has a value"),
        (b'{"00100010":{"vr":"PN","Value":[{"Alphabetic":7}]}}', "PatientName has a value"),
        (b'{"00100010":{"vr":"PN","Value":[{"Alphabetic":"a=b"}]}}', "PatientName has a value"),
        (b'{"00081195":{"vr":"UI","Value":["one"]}}', "TransactionUID has a value"),
        (b'{"00741000":{"vr":"CS","Value":["lower"]}}', "ProcedureStepState has a value"),
        (b'{"00280010":{"vr":"US","Value":[70000]}}', "Rows has a value"),
        (b'{"00280010":{"vr":"US","Value":[true]}}', "Rows has a value"),
        (b'{"00280010":{"vr":"US","Value":[1.5]}}', "Rows has a value"),
        (b'{"00741004":{"vr":"DS","Value":[true]}}', "ProcedureStepProgress has a value"),
        (b'{"00741004":{"vr":"DS","Value":["half"]}}', "ProcedureStepProgress has a value"),
        (b'{"00404021":{"vr":"SQ","BulkDataURI":"http://127.0.0.1/"}}', "holds no bulk data"),
        (b'{"7FE00010":{"vr":"OB","InlineBinary":"AAAA"}}', "vr OB or OW|no bulk data"),
        (b'{"7FE00010":{"vr":"OB or OW","Value":[1]}}', "PixelData has a value"),
        (b'{"00280009":{"vr":"AT","Value":["x"]}}', "has a value"),
    ],
)
def test_what_is_no_data_set_of_a_work_item_is_refused(content, problem):
    with pytest.raises(RequestError, match=problem) as raised:
        decode(content)
    assert raised.value.status == 400


def test_an_attribute_that_nobody_knows_is_kept_as_a_name_without_its_value():
    found = decode(b'{"00090010":{"vr":"LO","Value":["ACME"]},"00091001":{"anything":[[]]}}')
    assert [element.is_empty for element in found if element.tag.is_private] == [True, True]


def test_a_refusal_never_repeats_a_value():
    with pytest.raises(RequestError) as raised:
        decode(with_element("00100020", vr="LO", Value=["Quixworth" * 20]))
    assert "Quixworth" not in str(raised.value)


def test_depth_and_number_are_bounded():
    nested: dict[str, object] = {}
    for _ in range(DEEPEST_ITEMS):
        nested = {"00404021": {"vr": "SQ", "Value": [nested]}}
    decode(payload(nested))
    with pytest.raises(RequestError, match="nested deeper"):
        decode(with_element("00404021", vr="SQ", Value=[nested]))
    with pytest.raises(RequestError, match="more than"):
        decode(with_element("00741004", vr="DS", Value=[1] * (MAXIMUM_ELEMENTS + 1)))


TAGS = st.sampled_from(
    (
        "00100010",
        "00100020",
        "00404021",
        "00741000",
        "00741004",
        "00081195",
        "00280009",
        "00280010",
        "00404005",
        "00100030",
        "7FE00010",
        "00090010",
        "00000110",
        "zzzzzzzz",
    )
)
VRS = st.sampled_from(("PN", "LO", "SQ", "CS", "DS", "UI", "AT", "US", "DT", "DA", "OW", "", 7))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(("SCHEDULED", "1.2.3", "20240506", "20240506120000+0100", "00100010")),
    st.fixed_dictionaries({}, optional={"Alphabetic": st.text(max_size=12), "Phonetic": st.none()}),
)


def objects(values):
    """Return what looks like data sets with these values."""
    attributes = st.fixed_dictionaries(
        {"vr": VRS}, optional={"Value": st.lists(values, max_size=3)}
    )
    return st.dictionaries(TAGS, attributes, max_size=4)


OBJECTS = objects(SCALARS | objects(SCALARS | objects(SCALARS)))


@given(OBJECTS)
def test_no_object_does_more_than_be_refused_and_what_is_taken_comes_back(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = decode(payload(content))
        except RequestError:
            return
        told = encode_objects([object_of(found)])  # all but a lock, at any depth
        again = decode(told)
    assert encode_objects([object_of(again)]) == told


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(content):
    try:
        decode(content)
    except RequestError:
        return
