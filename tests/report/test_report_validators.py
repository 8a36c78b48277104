"""Reports as validators of others see them: no error in any variant."""

from __future__ import annotations

import pytest
from pydicom import Dataset, dcmread

from triage.report import PredecessorReference, as_comprehensive, build_report
from triage.values import ImageEvidence, ImageState, Outcome

EARLIER = PredecessorReference("1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.4", "1.2.3", "1.2")
FILMS = ("0001035", "0002035", "0003035", "0004035", "0008035", "0011036")
CHARSETS = ("arabic", "greek", "latin3", "latin4", "latin5", "utf8")


def richest(make) -> Dataset:
    """Build the report that has every part: two images, two findings, a predecessor."""
    request_item = Dataset()
    request_item.RequestedProcedureID = "RP-1"
    codes = [make.code_item("XCS", "99LOCAL", "C-spine")]
    headers = [
        make.dx_header(
            number,
            RequestAttributesSequence=[request_item],
            ProcedureCodeSequence=codes,
            PatientName="Wang^XiaoDong=王^小東",
            TimezoneOffsetFromUTC="+0800",
            IssuerOfPatientID="HOSP",
        )
        for number in (1, 2)
    ]
    scored = make.image(1, make.analysis(spondylosis=(2.0, 3.0), lordosis=(1.0, 0.0)))
    broken = make.image(2, problem="the pixels cannot be decoded")
    flagged = ("spondylosis", "lordosis")
    request = make.report_request(
        Outcome.ABNORMAL, scored, broken, flagged=flagged, predecessor=EARLIER
    )
    return build_report(request, headers)


def real_report(make, header: Dataset, outcome: Outcome = Outcome.ABNORMAL) -> Dataset:
    """Report on one real header."""
    scored = ImageEvidence(
        str(header.SOPInstanceUID),
        ImageState.ANALYSED,
        make.analysis(spondylosis=(2.0, 3.0), lordosis=(-1.0, 0.0)),
    )
    request = make.report_request(
        outcome, scored, flagged=("spondylosis",), study=str(header.StudyInstanceUID)
    )
    return build_report(request, [header])


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_clean(make, quick_check, outcome):
    quick_check(build_report(make.report_request(outcome), [make.dx_header()]))


def test_a_report_without_any_number_is_clean(make, quick_check):
    gated = make.image(1, make.analysis(failed_gate="pixels.blur"))
    request = make.report_request(Outcome.NOT_ASSESSABLE, gated)
    quick_check(build_report(request, [make.least_header()]))


def test_the_report_with_every_part_is_clean_in_both_classes(make, quick_check):
    report = richest(make)
    quick_check(report)
    quick_check(as_comprehensive(report, "1.2.3.5"))


@pytest.mark.slow
def test_the_template_validator_finds_no_error_in_the_report_with_every_part(make, pixelmed_check):
    pixelmed_check(richest(make))


@pytest.mark.parametrize("film", FILMS)
def test_reports_on_real_films_are_clean(make, quick_check, test_data, film):
    header = dcmread(test_data / "cspine_dx" / f"{film}.dcm", stop_before_pixels=True)
    quick_check(real_report(make, header))


def test_a_report_on_a_computed_radiograph_is_clean(make, quick_check, test_data):
    path = test_data / "dicom" / "radiographs" / "CSPINE_CR1_6154.dcm"
    header = dcmread(path, stop_before_pixels=True)
    quick_check(real_report(make, header, Outcome.INDETERMINATE))


@pytest.mark.parametrize("name", CHARSETS)
def test_reports_on_real_headers_in_other_scripts_are_clean(make, quick_check, test_data, name):
    path = test_data / "dicom" / "charsets" / f"orthanc_Lena-{name}.dcm"
    report = real_report(make, dcmread(path, stop_before_pixels=True))
    assert report.SpecificCharacterSet == "ISO_IR 192"
    quick_check(report)


def test_a_report_on_a_real_header_in_chinese_is_clean(make, quick_check, test_data):
    path = test_data / "dicom" / "charsets" / "GB18030_GH1301.dcm"
    report = real_report(make, dcmread(path, stop_before_pixels=True))
    assert report.PatientName == "Wang^XiaoDong=王^小东"
    quick_check(report)
