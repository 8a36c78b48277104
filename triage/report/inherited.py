"""What a report inherits from the images that it is about: patient, study, order, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from triage.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.report.source import SourceHeader

# Type 2: written empty when the source has no value (PS3.3 C.7.1.1, C.7.2.1).
_PATIENT_AND_STUDY: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
# Type 3: left out when the source has no value.
_OPTIONAL: Final = ("IssuerOfPatientID", "PatientAge", "StudyDescription")
# Type 2 of an item of Referenced Request Sequence (PS3.3 C.17.2).
_REQUEST: Final = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
)


def put(dataset: Dataset, keyword: str, value: object) -> None:
    """Set an attribute without pydicom's opinion on it, which would quote patient data."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ReportError(f"{keyword} is no DICOM keyword")
    element = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)
    dataset.add(element)


def speaker_for_patient(sources: Sequence[SourceHeader]) -> SourceHeader:
    """The source that speaks for patient and study, so that two headers are never mixed.

    Returns:
        The first that has a Patient ID, or else the first.

    Raises:
        ReportError: The images carry different Patient IDs.
    """
    named = [source for source in sources if source.value("PatientID")]
    if len({source.value("PatientID") for source in named}) > 1:
        raise ReportError(
            "the images of the study carry different values of PatientID (0010,0020): reconcile"
            " them in the PACS, since no report can name two patients"
        )
    return named[0] if named else sources[0]


def copy_patient_and_study(report: Dataset, source: SourceHeader) -> None:
    """Copy what a source says of patient, study and order."""
    report.StudyInstanceUID = source.required_uid("StudyInstanceUID")
    for keyword in _PATIENT_AND_STUDY:
        put(report, keyword, source.value(keyword))
    for keyword in _OPTIONAL:
        if source.value(keyword):
            put(report, keyword, source.value(keyword))
    if zone := source.value("TimezoneOffsetFromUTC") if source.zone() else "":
        put(report, "TimezoneOffsetFromUTC", zone)
    _copy_issuers(report, source)
    if codes := coded_items(source, "ProcedureCodeSequence"):
        put(report, "ProcedureCodeSequence", codes)


def coded_items(source: SourceHeader, keyword: str) -> list[Dataset]:
    """The complete codes of a code sequence (PS3.3 8.8); incomplete ones are left out."""
    codes = []
    for item in source.items(keyword):
        value_keyword = "CodeValue" if item.value("CodeValue") else "LongCodeValue"
        required = (value_keyword, "CodingSchemeDesignator", "CodeMeaning")
        if all(item.value(part) for part in required):
            codes.append(_copied_item(item, (*required, "CodingSchemeVersion")))
    return codes


def referenced_requests(sources: Sequence[SourceHeader]) -> list[Dataset]:
    """Items of Referenced Request Sequence, one for each request that the sources fulfil.

    They come from Request Attributes Sequence (0040,0275); what its items lack of the order
    is taken from the header around them.
    """
    requests: dict[tuple[str, ...], Dataset] = {}
    for source in sources:
        for item in source.items("RequestAttributesSequence"):
            values = [item.value(keyword) or source.value(keyword) for keyword in _REQUEST]
            request = Dataset()
            for keyword, value in zip(_REQUEST, values, strict=True):
                put(request, keyword, value)
            study = item.value("StudyInstanceUID") or source.value("StudyInstanceUID")
            put(request, "StudyInstanceUID", study)
            put(request, "ReferencedStudySequence", [])
            codes = coded_items(item, "RequestedProcedureCodeSequence")
            put(request, "RequestedProcedureCodeSequence", codes)
            requests.setdefault((study, *values), request)
    return list(requests.values())


def evidence(study_instance_uid: str, sources: Sequence[SourceHeader]) -> Dataset:
    """The item of Current Requested Procedure Evidence Sequence: every image looked at."""
    series: dict[str, list[Dataset]] = {}
    for source in sources:
        instances = series.setdefault(source.required_uid("SeriesInstanceUID"), [])
        instances.append(
            reference(source.required_uid("SOPClassUID"), source.required_uid("SOPInstanceUID"))
        )
    return study_reference(study_instance_uid, series)


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """An item that refers to one instance (PS3.3 10.8)."""
    item = Dataset()
    put(item, "ReferencedSOPClassUID", sop_class_uid)
    put(item, "ReferencedSOPInstanceUID", sop_instance_uid)
    return item


def study_reference(study_instance_uid: str, series: dict[str, list[Dataset]]) -> Dataset:
    """An item that refers to instances by study and series (PS3.3 C.17.2.1).

    Args:
        study_instance_uid: The study.
        series: References to instances, by Series Instance UID.
    """
    item = Dataset()
    put(item, "StudyInstanceUID", study_instance_uid)
    item.ReferencedSeriesSequence = []
    for series_instance_uid, instances in series.items():
        series_item = Dataset()
        put(series_item, "SeriesInstanceUID", series_instance_uid)
        series_item.ReferencedSOPSequence = instances
        item.ReferencedSeriesSequence.append(series_item)
    return item


def _copy_issuers(report: Dataset, source: SourceHeader) -> None:
    """Copy who issued Patient ID and Accession Number (PS3.3 10.14, 10.15)."""
    universal = ("UniversalEntityID", "UniversalEntityIDType")
    for keyword, local in (
        ("IssuerOfPatientIDQualifiersSequence", "IdentifierTypeCode"),
        ("IssuerOfAccessionNumberSequence", "LocalNamespaceEntityID"),
    ):
        for item in source.items(keyword)[:1]:
            complete = universal if all(item.value(part) for part in universal) else ()
            copied = _copied_item(item, (local, *complete))
            if len(copied):
                put(report, keyword, [copied])


def _copied_item(item: SourceHeader, keywords: Sequence[str]) -> Dataset:
    copied = Dataset()
    for keyword in keywords:
        if item.value(keyword):
            put(copied, keyword, item.value(keyword))
    return copied
