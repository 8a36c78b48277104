"""The report as an object: header, references, equipment, bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from io import BytesIO

import pytest
from pydicom import DataElement, Dataset, dcmread

from triage import uids
from triage.errors import ReportError
from triage.report import PredecessorReference, as_comprehensive, build_report, write_part10
from triage.values import ImageEvidence, ImageState, Outcome

COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"


def written(report: Dataset) -> Dataset:
    """Read back what a report looks like on disk."""
    return dcmread(BytesIO(write_part10(report)))


def test_the_header_takes_patient_study_and_order_from_the_source(make):
    header = make.dx_header(IssuerOfPatientID="HOSP", StudyDescription="C-spine")
    report = written(build_report(make.report_request(), [header]))
    for keyword in (
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "StudyDescription",
        "AccessionNumber",
        "ReferringPhysicianName",
    ):
        assert report[keyword].value == header[keyword].value, keyword


def test_the_report_calls_itself_complete_preliminary_unverified_research(make):
    report = written(build_report(make.report_request(), [make.dx_header()]))
    assert report.SOPClassUID == COMPREHENSIVE_3D
    assert report.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert (report.CompletionFlag, report.PreliminaryFlag) == ("COMPLETE", "PRELIMINARY")
    assert (report.VerificationFlag, report.ContentQualification) == ("UNVERIFIED", "RESEARCH")
    assert report.SeriesDescription == "AI triage C-spine - NOT FOR DIAGNOSIS"
    assert (report.Modality, report.SeriesNumber, report.InstanceNumber) == ("SR", 9001, 1)
    assert "BodyPartExamined" not in report
    assert "ContentLabel" not in report


def test_the_identifiers_are_those_of_the_request(make):
    request = make.report_request()
    report = written(build_report(request, [make.dx_header()]))
    assert report.SOPInstanceUID == request.sop_instance_uid
    assert report.file_meta.MediaStorageSOPInstanceUID == request.sop_instance_uid
    assert report.SeriesInstanceUID == request.series_instance_uid


def test_the_same_request_and_sources_give_the_same_bytes(make):
    first, second = (
        write_part10(build_report(make.report_request(), [make.dx_header()])) for _ in range(2)
    )
    assert first == second


def test_the_file_names_this_program_as_its_writer(make):
    meta = written(build_report(make.report_request(), [make.dx_header()])).file_meta
    assert meta.ImplementationClassUID == uids.IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == uids.IMPLEMENTATION_VERSION_NAME


def test_building_leaves_the_sources_as_they_were(make):
    header, untouched = make.least_header(), make.least_header()
    build_report(make.report_request(), [header])
    assert header == untouched


def test_a_header_that_says_nothing_gives_empty_values(make):
    report = written(build_report(make.report_request(), [make.least_header()]))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
        assert not report[keyword].value, keyword
    for keyword in ("StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"):
        assert not report[keyword].value, keyword


def test_exactly_one_item_of_processing_equipment_names_the_algorithm(make):
    request = make.report_request()
    (item,) = build_report(request, [make.dx_header()]).ContributingEquipmentSequence
    (purpose,) = item.PurposeOfReferenceCodeSequence
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109102", "DCM")
    assert item.Manufacturer == request.algorithm.manufacturer
    assert item.ManufacturerModelName == request.algorithm.name
    assert item.SoftwareVersions == request.algorithm.version
    assert item.DeviceUID == request.algorithm.device_uid
    assert item.ContributionDateTime == "20260304233015.250000+0000"
    assert f"model_sha256={request.algorithm.digest}" in item.ContributionDescription


def test_another_model_is_another_device(make):
    device = uids.device_uid("ab" * 32)
    assert device != make.algorithm().device_uid
    request = make.report_request(algorithm=make.algorithm(device_uid=device))
    report = build_report(request, [make.dx_header()])
    assert report.ContributingEquipmentSequence[0].DeviceUID == device


def test_every_image_looked_at_is_evidence_grouped_by_series(make):
    headers = [make.dx_header(number) for number in (1, 2, 3)]
    headers[2].SeriesInstanceUID += ".9"
    headers.append(make.dx_header(1))
    (study,) = build_report(
        make.report_request(), headers
    ).CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == headers[0].StudyInstanceUID
    referenced = [
        [item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence]
        for series in study.ReferencedSeriesSequence
    ]
    assert referenced == [
        [headers[0].SOPInstanceUID, headers[1].SOPInstanceUID],
        [headers[2].SOPInstanceUID],
    ]


def test_what_was_kept_for_its_header_alone_is_no_evidence(make):
    other = ImageEvidence(make.dx_header(2).SOPInstanceUID, ImageState.HEADER_ONLY)
    request = make.report_request(Outcome.INDETERMINATE, other)
    report = build_report(request, [make.dx_header(1), make.dx_header(2)])
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert len(series.ReferencedSOPSequence) == 1


def test_uids_that_break_the_rules_are_referred_to_as_they_are(make):
    """A component with a leading zero is common; another UID would be another image."""
    uid = "999.999.01.23"
    header = make.dx_header()
    header["SOPInstanceUID"] = DataElement("SOPInstanceUID", "UI", uid, validation_mode=0)
    report = build_report(make.report_request(Outcome.INDETERMINATE, make.image(9)), [header])
    assert uid.encode() in write_part10(report)


def test_a_later_report_names_its_predecessor(make):
    earlier = PredecessorReference(
        COMPREHENSIVE_3D, "1.2.3.4", "1.2.3", make.report_request().study_instance_uid
    )
    request = make.report_request(predecessor=earlier, instance_number=2)
    (study,) = build_report(request, [make.dx_header()]).PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (instance,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == earlier.study_instance_uid
    assert series.SeriesInstanceUID == "1.2.3"
    assert instance.ReferencedSOPClassUID == COMPREHENSIVE_3D
    assert instance.ReferencedSOPInstanceUID == "1.2.3.4"


def test_the_comprehensive_form_names_its_predecessor_as_that_peer_has_it(make):
    earlier = PredecessorReference(
        COMPREHENSIVE_3D, "2.25.11", "2.25.12", make.report_request().study_instance_uid
    )
    request = make.report_request(predecessor=earlier, instance_number=2)
    report = build_report(request, [make.dx_header()])
    (document,) = as_comprehensive(report, "2.25.13").PredecessorDocumentsSequence
    (named,) = document.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert named.ReferencedSOPClassUID == COMPREHENSIVE
    assert named.ReferencedSOPInstanceUID == uids.comprehensive_report_uid("2.25.11")
    (untouched,) = report.PredecessorDocumentsSequence
    kept = untouched.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert kept.ReferencedSOPInstanceUID == "2.25.11"


def test_a_first_report_names_no_predecessor(make):
    report = build_report(make.report_request(), [make.dx_header()])
    assert "PredecessorDocumentsSequence" not in report


def test_the_request_that_the_images_fulfil_is_referenced_once(make):
    item = Dataset()
    item.RequestedProcedureID = "RP-1"
    item.RequestedProcedureCodeSequence = [make.code_item("XCS", "99LOCAL", "C-spine")]
    headers = [make.dx_header(number, RequestAttributesSequence=[item]) for number in (1, 2)]
    (request,) = build_report(make.report_request(), headers).ReferencedRequestSequence
    assert request.RequestedProcedureID == "RP-1"
    assert request.AccessionNumber == "A-42"
    assert request.StudyInstanceUID == headers[0].StudyInstanceUID
    assert request.RequestedProcedureCodeSequence[0].CodeValue == "XCS"
    assert request.RequestedProcedureDescription == ""


def test_procedure_codes_come_from_the_source_and_incomplete_ones_are_left_out(make):
    incomplete = Dataset()
    incomplete.CodeValue = "X"
    codes = [make.code_item("XCS", "99LOCAL", "C-spine"), incomplete]
    report = build_report(make.report_request(), [make.dx_header(ProcedureCodeSequence=codes)])
    assert [item.CodeValue for item in report.ProcedureCodeSequence] == ["XCS"]
    assert [item.CodeValue for item in report.PerformedProcedureCodeSequence] == ["XCS"]


def test_issuers_of_patient_id_and_accession_number_are_copied(make):
    issuer = Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.40", "ISO"
    header = make.dx_header(
        IssuerOfPatientIDQualifiersSequence=[issuer], IssuerOfAccessionNumberSequence=[issuer]
    )
    report = build_report(make.report_request(), [header])
    assert report.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.40"
    assert report.IssuerOfAccessionNumberSequence[0].UniversalEntityIDType == "ISO"


def test_times_are_in_the_zone_that_the_source_names(make):
    header = make.dx_header(TimezoneOffsetFromUTC="+0800")
    report = build_report(make.report_request(), [header])
    assert report.TimezoneOffsetFromUTC == "+0800"
    assert (report.ContentDate, report.ContentTime) == ("20260305", "073015.250000")


def test_times_are_in_the_zone_of_the_request_where_the_source_names_none(make):
    request = make.report_request()
    local = request.created_at.astimezone(timezone(timedelta(hours=-5)))
    report = build_report(replace(request, created_at=local), [make.dx_header()])
    assert "TimezoneOffsetFromUTC" not in report
    assert (report.ContentDate, report.ContentTime) == ("20260304", "183015.250000")


def test_the_stand_in_differs_in_class_and_instance_only(make):
    report = build_report(make.report_request(), [make.dx_header()])
    uid = uids.comprehensive_report_uid(report.SOPInstanceUID)
    other = as_comprehensive(report, uid)
    assert (other.SOPClassUID, other.SOPInstanceUID) == (COMPREHENSIVE, uid)
    assert other.file_meta.MediaStorageSOPClassUID == COMPREHENSIVE
    assert other.file_meta.MediaStorageSOPInstanceUID == uid
    assert report.SOPClassUID == COMPREHENSIVE_3D
    other.SOPClassUID, other.SOPInstanceUID = report.SOPClassUID, report.SOPInstanceUID
    assert other == report


def test_a_source_of_another_study_is_refused(make):
    stranger = make.dx_header(2, StudyInstanceUID="1.2.3")
    with pytest.raises(ReportError, match="another study"):
        build_report(make.report_request(), [make.dx_header(), stranger])


def test_sources_of_two_patients_are_refused_without_naming_them(make):
    headers = [make.dx_header(), make.dx_header(2, PatientID="P-18")]
    with pytest.raises(ReportError, match="PatientID") as refusal:
        build_report(make.report_request(), headers)
    assert "P-1" not in str(refusal.value)


def test_the_header_that_knows_the_patient_speaks_for_the_study(make):
    report = build_report(make.report_request(), [make.least_header(), make.dx_header(2)])
    assert (report.PatientID, report.PatientName) == ("P-17", "Roe^Jane")


def test_no_source_is_refused(make):
    with pytest.raises(ReportError, match="no source"):
        build_report(make.report_request(), [])


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize("value", [None, "", "not a uid"])
def test_a_missing_identifier_is_named_in_the_refusal(make, keyword, value):
    header = make.least_header()
    del header[keyword]
    if value is not None:
        header.add_new(keyword, "LO", value)
    with pytest.raises(ReportError, match=keyword):
        build_report(make.report_request(Outcome.NOT_ASSESSABLE), [header])


@pytest.mark.parametrize(
    "changes", [{"name": "n" * 65}, {"manufacturer": ""}, {"intended_use": "u" * 1024}]
)
def test_an_identity_that_does_not_fit_is_refused_and_never_cut(make, changes):
    request = make.report_request(algorithm=make.algorithm(**changes))
    with pytest.raises(ReportError, match="of the algorithm"):
        build_report(request, [make.dx_header()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operating_points": ()}, "operating point"),
        ({"series_number": 0}, "begin at 1"),
        ({"algorithm": "another"}, "another bundle"),
        ({"created_at": "naive"}, "time zone"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(make, changes, message):
    request = make.report_request()
    stand_ins = {
        "another": make.algorithm(digest="0f" * 32),
        "naive": request.created_at.replace(tzinfo=None),
    }
    values = {
        name: stand_ins.get(value, value) if isinstance(value, str) else value
        for name, value in changes.items()
    }
    with pytest.raises(ReportError, match=message):
        replace(request, **values)
