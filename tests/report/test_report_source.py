"""Headers as modalities write them: character sets, malformed values, damaged sequences."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from triage.errors import ReportError
from triage.report import build_report, write_part10
from triage.report.source import SourceHeader, python_encodings

JAPANESE = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
NAMES = {  # PS3.5 annexes H to K, and single-byte sets
    "ascii": ("", b"Roe^Jane", "Roe^Jane"),
    "latin": ("ISO_IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme"),
    "greek": ("ISO_IR 126", "Διονυσιος".encode("iso8859-7"), "Διονυσιος"),
    "arabic": ("ISO_IR 127", "قباني^لنزار".encode("iso8859-6"), "قباني^لنزار"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה".encode("iso8859-8"), "שרון^דבורה"),
    "russian": ("ISO_IR 144", "Жуков".encode("iso8859-5"), "Жуков"),
    "utf-8": ("ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    "japanese": ("\\ISO 2022 IR 87", JAPANESE, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "korean": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
        "Hong^Gildong=洪^吉洞",
    ),
    "chinese": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
}


def with_raw(header: Dataset, **values: bytes) -> Dataset:
    """Put values into a header as they come from a file: bytes, not yet converted."""
    for keyword, value in values.items():
        tag = Tag(tag_for_keyword(keyword))
        header[tag] = RawDataElement(
            tag,
            dictionary_VR(tag),
            len(value),
            value,
            value_tell=0,
            is_implicit_VR=False,
            is_little_endian=True,
        )
    return header


def report_on(make, header: Dataset) -> Dataset:
    """Report on one header, and read the report back."""
    return dcmread(BytesIO(write_part10(build_report(make.report_request(), [header]))))


@pytest.mark.parametrize("case", NAMES)
def test_names_come_through_whole_from_every_character_set(make, case):
    charset, raw, name = NAMES[case]
    header = with_raw(make.dx_header(), SpecificCharacterSet=charset.encode(), PatientName=raw)
    report = report_on(make, header)
    assert str(report.PatientName) == name
    assert report.get("SpecificCharacterSet") == (None if name.isascii() else "ISO_IR 192")


def test_text_in_a_sequence_is_converted_from_the_character_set_around_it(make):
    item = with_raw(Dataset(), RequestedProcedureDescription="颈椎侧位".encode("gb18030"))
    header = with_raw(
        make.dx_header(RequestAttributesSequence=[item]), SpecificCharacterSet=b"GB18030"
    )
    (request,) = report_on(make, header).ReferencedRequestSequence
    assert request.RequestedProcedureDescription == "颈椎侧位"


def test_non_ascii_words_of_the_decision_are_written_in_utf_8(make):
    request = make.report_request(reasons=("certainty ≥ threshold",))
    report = dcmread(BytesIO(write_part10(build_report(request, [make.dx_header()]))))
    assert report.SpecificCharacterSet == "ISO_IR 192"
    comments = report.ContentSequence[-1].ContentSequence
    assert comments[2].TextValue == "Reason: certainty ≥ threshold"


@pytest.mark.parametrize(
    ("declared", "encodings"),
    [
        ("", ("iso8859",)),
        ("ISO_IR 192", ("UTF8",)),
        ("ISO IR 192", ("UTF8",)),
        ("iso-ir 100", ("latin_1",)),
        ("ISO 2022 IR 6\\ISO 2022-IR 87", ("iso8859", "iso2022_jp")),
        ("ISO 2022 IR 13\\ISO_2022_IR_87", ("shift_jis", "iso2022_jp")),
        ("NO SUCH SET", ("iso8859",)),
    ],
)
def test_declared_character_sets_are_understood_with_the_usual_misspellings(declared, encodings):
    assert python_encodings(declared) == encodings


def test_undeclared_latin_text_is_kept(make):
    header = with_raw(make.dx_header(), PatientName=b"M\xfcller^Eva")
    assert str(report_on(make, header).PatientName) == "Müller^Eva"


@pytest.mark.parametrize(
    ("keyword", "raw", "expected"),
    [
        ("PatientBirthDate", b"1970.01.31", "19700131"),
        ("PatientBirthDate", b"19700231", ""),
        ("PatientBirthDate", b"unknown", ""),
        ("StudyDate", b"2026", ""),
        ("StudyTime", b"23:15:00", "231500"),
        ("StudyTime", b"2315", "2315"),
        ("StudyTime", b"990000", ""),
        ("PatientSex", b"female", ""),
        ("PatientSex", b"F ", "F"),
        ("AccessionNumber", b"A-1\0\0", "A-1"),
    ],
)
def test_values_are_made_clean_or_left_empty(make, keyword, raw, expected):
    report = report_on(make, with_raw(make.dx_header(), **{keyword: raw}))
    assert (report[keyword].value or "") == expected


def test_identifiers_that_are_too_long_are_kept_whole(make):
    header = with_raw(make.dx_header(), PatientID=b"P" * 70, AccessionNumber=b"A" * 20)
    built = build_report(make.report_request(), [header])
    assert (built.PatientID, built.AccessionNumber) == ("P" * 70, "A" * 20)
    assert b"P" * 70 in write_part10(built)


@pytest.mark.parametrize("age", ["47Y", "0470", "unknown"])
def test_an_age_that_is_none_is_left_out(make, age):
    header = with_raw(make.dx_header(), PatientAge=age.encode())
    assert "PatientAge" not in report_on(make, header)


@pytest.mark.parametrize("offset", ["+8", "0800", "+2500", "UTC"])
def test_a_zone_that_is_none_is_left_out(make, offset):
    header = with_raw(make.dx_header(), TimezoneOffsetFromUTC=offset.encode())
    report = report_on(make, header)
    assert "TimezoneOffsetFromUTC" not in report
    assert report.ContentTime == "233015.250000"


def test_a_zone_west_of_greenwich_is_read(make):
    header = with_raw(make.dx_header(), TimezoneOffsetFromUTC=b"-0330")
    assert report_on(make, header).ContentTime == "200015.250000"


def test_numbers_are_read_from_bytes_and_refused_when_malformed(make):
    header = with_raw(make.least_header(), ImagerPixelSpacing=b"0.1500\\0.14", Rows=b"\xd0\x07")
    source = SourceHeader(header)
    assert source.numbers("ImagerPixelSpacing", 2) == (0.15, 0.14)
    assert source.numbers("Rows", 1) == (2000,)
    assert source.numbers("ImagerPixelSpacing", 1) == ()
    for damaged in (b"", b"0.15", b"0.15\\wide", b"0.15\\0", b"0.15\\inf", b"0.15\\nan"):
        again = SourceHeader(with_raw(make.least_header(), ImagerPixelSpacing=damaged))
        assert again.numbers("ImagerPixelSpacing", 2) == ()


def test_a_damaged_sequence_counts_as_absent(make):
    header = with_raw(make.dx_header(), RequestAttributesSequence=b"\xfe\xff\x00\xe0\xff")
    assert "ReferencedRequestSequence" not in report_on(make, header)


_RAW = st.binary(max_size=80) | st.text(max_size=40).map(lambda text: text.encode("utf-8"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "SpecificCharacterSet",
                "PatientName",
                "PatientID",
                "IssuerOfPatientID",
                "PatientBirthDate",
                "PatientSex",
                "PatientAge",
                "StudyDate",
                "StudyTime",
                "StudyID",
                "StudyDescription",
                "AccessionNumber",
                "ReferringPhysicianName",
                "PatientOrientation",
                "ImagerPixelSpacing",
                "Rows",
                "TimezoneOffsetFromUTC",
                "ProcedureCodeSequence",
                "RequestAttributesSequence",
                "SeriesInstanceUID",
            ),
            _RAW,
        ),
    )
)
def test_no_header_whatever_keeps_a_report_from_being_written_or_refused(make, values):
    """Neither another error than ReportError, nor a warning that could quote the value."""
    header = with_raw(make.dx_header(), **values)
    with suppress(ReportError):
        written = write_part10(build_report(make.report_request(), [header]))
        assert dcmread(BytesIO(written)).Modality == "SR"
