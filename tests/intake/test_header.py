"""What is read of a header, and that nothing a stranger sends costs more than it may."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from triage.errors import HeaderError
from triage.intake.elements import WalkLimits
from triage.intake.header import HeaderLimits, read_header
from triage.store.records import facts_from_json, facts_to_json
from triage.values import OrderPriority

# The tests make values that pydicom warns about, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def code(value):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "any"
    return item


@pytest.fixture
def encoded(radiograph):
    """Return a function that makes a Part 10 file; keywords replace attributes."""

    def make(syntax=ExplicitVRLittleEndian, **values):
        image = radiograph(**values)
        image.file_meta.TransferSyntaxUID = syntax
        stream = io.BytesIO()
        image.save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    return make


@pytest.fixture
def bare():
    """Return a function that encodes a data set without a Part 10 header, undefined lengths."""

    def encode(dataset, *, implicit=False):
        stream = DicomBytesIO()
        stream.is_little_endian, stream.is_implicit_VR = True, implicit
        write_dataset(stream, dataset)
        return stream.getvalue()

    return encode


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_every_encoding_gives_the_same_facts(encoded, syntax):
    facts = read_header(
        encoded(
            syntax,
            PatientName="Nobody^Any",
            ViewPosition="LL",
            ViewCodeSequence=Sequence([code("399173006")]),
            AnatomicRegionSequence=Sequence([code("122494005")]),
            ImageType=["DERIVED", "PRIMARY"],
            PatientAge="018M",
            NumberOfFrames=3,
        )
    )
    assert facts.transfer_syntax_uid == syntax
    assert (facts.modality, facts.body_part_examined) == ("DX", "CSPINE")
    assert (facts.rows, facts.columns, facts.bits_allocated) == (32, 32, 16)
    assert facts.view_position == "LL"
    assert facts.view_codes == ("399173006",)
    assert facts.anatomic_codes == ("122494005",)
    assert facts.image_type == ("DERIVED", "PRIMARY")
    assert facts.patient_age_years == pytest.approx(1.5)
    assert facts.number_of_frames == 3
    assert facts.has_pixel_data


def test_the_facts_agree_with_pydicom_on_the_real_files(test_data):
    compared = 0
    for path in (test_data / "dicom" / "radiographs").rglob("*.dcm"):
        facts, header = read_header(path), dcmread(path, stop_before_pixels=True)
        assert facts.sop_instance_uid == header.SOPInstanceUID
        assert facts.rows == header.get("Rows", 0)
        assert facts.patient_name == str(header.PatientName)
        assert facts.study_description == header.get("StudyDescription", "").strip()
        compared += 1
    assert compared > 10


def test_names_are_decoded_by_their_character_sets(test_data):
    for path in (test_data / "dicom" / "charsets").glob("*.dcm"):
        expected = str(dcmread(path, stop_before_pixels=True).PatientName)
        assert read_header(path).patient_name.rstrip("=") == expected.rstrip("=")


@pytest.mark.parametrize(
    ("character_set", "raw", "name"),
    [
        (
            "ISO_IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=洪^吉洞",
        ),
        ("ISO_IR 192", "Wang^小东".encode(), "Wang^小东"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        ("", "Buc^Jérôme".encode(), "Buc^Jérôme"),
        ("ISO_IR 6", b"Bad\xff\x07^Name", "Badÿ^Name"),
        ("NO SUCH SET", b"Any^Body", "Any^Body"),
        ("ISO_IR 192", b"Half\xff^Broken", "Half\N{REPLACEMENT CHARACTER}^Broken"),
    ],
)
def test_a_name_is_decoded_and_never_fails(encoded, character_set, raw, name):
    raw += b" " * (len(raw) % 2)
    file = encoded(SpecificCharacterSet=character_set, PatientName="@" * len(raw))
    assert read_header(file.replace(b"@" * len(raw), raw)).patient_name == name


@pytest.mark.parametrize(
    ("age", "born", "examined", "years"),
    [
        ("045Y", "19000101", "20200101", 45.0),
        ("", "19800615", "20200615", 40.0),
        ("", "1980.06.15", "20200615", 40.0),
        ("old", "", "20200615", None),
        ("", "20210101", "20200101", None),
        ("", "19809999", "20200101", None),
    ],
)
def test_age_comes_from_the_age_or_from_the_dates(encoded, age, born, examined, years):
    file = encoded(PatientAge="@@@@", PatientBirthDate="#" * 10, StudyDate=examined)
    file = file.replace(b"@@@@", age.encode().ljust(4)).replace(b"#" * 10, born.encode().ljust(10))
    found = read_header(file).patient_age_years
    assert found == (None if years is None else pytest.approx(years, abs=0.01))


def test_the_order_priority_is_found_in_the_request_too(encoded):
    request = Dataset()
    request.RequestedProcedurePriority = "STAT"
    assert (
        read_header(encoded(RequestAttributesSequence=Sequence([request]))).order_priority
        is OrderPriority.STAT
    )
    assert (
        read_header(
            encoded(
                RequestedProcedurePriority="ROUTINE", RequestAttributesSequence=Sequence([request])
            )
        ).order_priority
        is OrderPriority.ROUTINE
    )
    assert read_header(encoded(RequestedProcedurePriority="SOON")).order_priority is (
        OrderPriority.UNKNOWN
    )


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
def test_an_image_without_one_of_its_uids_is_an_error(radiograph, bare, keyword):
    image = radiograph()
    del image[keyword]
    with pytest.raises(HeaderError, match="has no"):
        read_header(bare(image))


def test_an_object_that_is_no_image_needs_no_study(bare):
    other = Dataset()
    other.SOPClassUID, other.SOPInstanceUID = "1.2.3.4", "1.2.3.4.5"
    assert read_header(bare(other)).study_instance_uid == ""


def test_a_uid_with_other_characters_is_an_error(encoded):
    file = encoded(StudyInstanceUID="1.2.3.4.5.6.7.77777")
    with pytest.raises(HeaderError, match="Study Instance UID of the instance is no UID"):
        read_header(file.replace(b"1.2.3.4.5.6.7.77777", b"1.2.3.4.5.6.7.7 x\n7"))


@pytest.mark.parametrize("implicit", [True, False])
def test_the_encoding_that_the_bytes_show_is_believed(radiograph, bare, implicit):
    image = radiograph()
    wrong = ExplicitVRLittleEndian if implicit else ImplicitVRLittleEndian
    stream = io.BytesIO()
    image.file_meta.TransferSyntaxUID = wrong
    image.save_as(stream, enforce_file_format=True)
    meta = stream.getvalue()[: stream.getvalue().index(b"\x08\x00\x16\x00")]
    assert read_header(meta + bare(image, implicit=implicit)).modality == "DX"


def test_a_data_set_cut_off_within_its_pixels_gives_all_facts(encoded):
    facts = read_header(encoded()[:-1000])
    assert facts.has_pixel_data
    assert facts.rows == 32


def test_a_claimed_length_beyond_the_end_is_an_error(encoded):
    file = encoded(StudyDescription="x" * 60)
    bomb = file.replace(b"LO" + struct.pack("<H", 60), b"UT\0\0" + struct.pack("<I", 3 << 30))
    with pytest.raises(HeaderError, match="claims 3221225472 bytes"):
        read_header(bomb)


def test_deep_nesting_is_an_error_found_at_once(radiograph, bare):
    image = radiograph()
    del image.PixelData
    level = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    level += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    started = time.perf_counter()
    with pytest.raises(HeaderError, match="nested deeper than 64"):
        read_header(bare(image) + level * 200_000)
    assert time.perf_counter() - started < 1


def test_a_deflate_bomb_is_an_error(radiograph, bare, encoded):
    head = encoded(DeflatedExplicitVRLittleEndian)
    meta = head[: 144 + struct.unpack("<I", head[140:144])[0]]
    long_value = struct.pack("<HH2sHI", 0x0009, 0x1010, b"OB", 0, 1 << 30) + bytes(1 << 26)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = packer.compress(long_value) + packer.flush()
    with pytest.raises(HeaderError, match="inflates beyond"):
        read_header(meta + deflated, HeaderLimits(inflated_bytes=1 << 20))


def test_endless_elements_end_the_walk_with_what_there_is(radiograph, bare):
    image = radiograph()
    many = struct.pack("<HH2sH", 0x0020, 0x4000, b"LT", 0) * 1000
    file = bare(image).replace(struct.pack("<HH", 0x7FE0, 0x0010), many + b"\xe0\x7f\x10\x00")
    facts = read_header(file, HeaderLimits(walk=WalkLimits(elements=200)))
    assert facts.modality == "DX"
    assert not facts.has_pixel_data


def test_an_unknown_value_of_undefined_length_is_walked_over(radiograph, bare):
    """PS3.5 6.2.2: such a value is a sequence in implicit little endian."""
    image = radiograph()
    inner = struct.pack("<HHI", 0x0010, 0x0010, 4) + b"No^B"
    unknown = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF)
    unknown += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inner
    unknown += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    raw = bare(image)
    place = raw.index(struct.pack("<HH", 0x0010, 0x0010))
    assert read_header(raw[:place] + unknown + raw[place:]).patient_name == "Nobody^Any"


def comes_back(facts):
    """Whether facts are the same when the store has kept them: as JSON, in UTF-8."""
    kept = json.dumps(facts_to_json(facts), ensure_ascii=False, allow_nan=False).encode()
    return facts_from_json(json.loads(kept)) == facts


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_facts_that_can_be_kept_or_a_header_error(raw):
    with contextlib.suppress(HeaderError):
        assert comes_back(read_header(raw))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_facts_that_can_be_kept_or_a_header_error(data):
    file = bytearray(_SAMPLE)
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(132, len(file) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(HeaderError):
        assert comes_back(read_header(bytes(file)))


def _sample() -> bytes:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.4", "1.2.5"
    image.SpecificCharacterSet, image.PatientName = "ISO_IR 13", "Any^Body"
    image.ViewCodeSequence = Sequence([code("1"), code("2")])
    image.Rows, image.BitsAllocated, image.PixelData = 4, 16, bytes(32)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    image.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


_SAMPLE = _sample()
