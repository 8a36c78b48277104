"""The report as a DICOM object: a Comprehensive 3D SR, ready to be written.

The header is put together here and not by highdicom's document class: that one copies the
source's values as they are, quotes the patient's name in its warnings, reads the clock, and
adds equipment of its own. Modules: PS3.3 A.35.13.
"""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO
from typing import TYPE_CHECKING, Final

from pydicom import dcmwrite
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
)

from triage import __version__
from triage.codes import CODES, PRIVATE_SCHEME, PRIVATE_SCHEME_NAME, CodeTable
from triage.errors import ReportError
from triage.report.content import concept, content_tree
from triage.report.inherited import (
    coded_items,
    copy_patient_and_study,
    evidence,
    put,
    reference,
    referenced_requests,
    speaker_for_patient,
    study_reference,
)
from triage.report.library import library_headers
from triage.report.source import SourceHeader
from triage.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    comprehensive_report_uid,
)
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from triage.report.request import PredecessorReference, ReportRequest

PROGRAM: Final = "cspine-triage"
SERIES_DESCRIPTION: Final = "AI triage C-spine - NOT FOR DIAGNOSIS"
_LONGEST: Final = {"LO": 64, "ST": 1024}  # characters, PS3.5 6.2
_UTF_8: Final = "ISO_IR 192"


def build_report(
    request: ReportRequest, sources: Sequence[Dataset], codes: CodeTable = CODES
) -> Dataset:
    """Make the Structured Report of a decision.

    Args:
        request: What the report says. The same request and sources give the same bytes.
        sources: Headers of the images of the study that were looked at, in order; read with
            ``stop_before_pixels``. They are not changed.
        codes: The coded concepts, where a site needs others.

    Returns:
        A Comprehensive 3D SR (TID 1500) with File Meta Information for Explicit VR Little
        Endian; `write_part10` gives its bytes.

    Raises:
        ReportError: There is no source, a source is of another study or patient, or what a
            reference needs is missing. The message names the attribute, never its value.
    """
    headers = _images(request, sources)
    _check_study(request, headers)
    report = Dataset()
    speaker = speaker_for_patient(headers)
    copy_patient_and_study(report, speaker)
    _write_series_and_equipment(report, request)
    _write_times(report, request, speaker)
    _write_document(report, request, headers)
    put(report, "PerformedProcedureCodeSequence", coded_items(speaker, "ProcedureCodeSequence"))
    _write_algorithm(report, request, codes)
    _write_private_scheme(report)
    with disable_value_validation():  # sources may carry UIDs that pydicom would warn of
        report.update(content_tree(request, headers, library_headers(headers), codes))
    _write_character_set(report)
    _identify(report, Comprehensive3DSRStorage, request.sop_instance_uid)
    return report


def as_comprehensive(report: Dataset, sop_instance_uid: str) -> Dataset:
    """The same report as a Comprehensive SR, for a peer that refuses Comprehensive 3D SR.

    Such a peer has the earlier reports of the study as Comprehensive SR too, so that the
    predecessors are named as what it has.

    Args:
        report: What `build_report` made; it is not changed.
        sop_instance_uid: SOP Instance UID of the new object: another object, another UID.
    """
    copy = deepcopy(report)
    _identify(copy, ComprehensiveSRStorage, sop_instance_uid)
    for document in copy.get("PredecessorDocumentsSequence", []):
        for series in document.ReferencedSeriesSequence:
            for earlier in series.ReferencedSOPSequence:
                _name_as_comprehensive(earlier)
    return copy


def _name_as_comprehensive(earlier: Dataset) -> None:
    if earlier.ReferencedSOPClassUID == Comprehensive3DSRStorage:
        earlier.ReferencedSOPClassUID = ComprehensiveSRStorage
        stored_as = comprehensive_report_uid(earlier.ReferencedSOPInstanceUID)
        earlier.ReferencedSOPInstanceUID = UID(stored_as)


def write_part10(report: Dataset) -> bytes:
    """The report as a DICOM file (PS3.10), written by this program."""
    buffer = BytesIO()
    dcmwrite(buffer, report, enforce_file_format=True)
    return buffer.getvalue()


def _images(request: ReportRequest, sources: Iterable[Dataset]) -> list[SourceHeader]:
    """The headers of images, each once; what was kept for its header alone is no evidence."""
    others = {
        image.sop_instance_uid for image in request.images if image.state is ImageState.HEADER_ONLY
    }
    by_instance: dict[str, SourceHeader] = {}
    for header in map(SourceHeader, sources):
        by_instance.setdefault(header.required_uid("SOPInstanceUID"), header)
    return [header for uid, header in by_instance.items() if uid not in others]


def _check_study(request: ReportRequest, headers: Sequence[SourceHeader]) -> None:
    if not headers:
        raise ReportError("no source: a report needs the header of at least one image")
    for header in headers:
        if header.required_uid("StudyInstanceUID") != request.study_instance_uid:
            raise ReportError("a source is of another study (0020,000D) than the report")


def _write_series_and_equipment(report: Dataset, request: ReportRequest) -> None:
    """SR Document Series and General Equipment (PS3.3 C.17.1, C.7.5.1): this program."""
    put(report, "Modality", "SR")
    put(report, "SeriesInstanceUID", request.series_instance_uid)
    put(report, "SeriesNumber", request.series_number)
    put(report, "SeriesDescription", SERIES_DESCRIPTION)
    put(report, "ReferencedPerformedProcedureStepSequence", [])
    put(report, "Manufacturer", PROGRAM)
    put(report, "ManufacturerModelName", PROGRAM)
    put(report, "SoftwareVersions", __version__)


def _write_times(report: Dataset, request: ReportRequest, speaker: SourceHeader) -> None:
    local = request.created_at.astimezone(speaker.zone()) if speaker.zone() else request.created_at
    for prefix in ("Content", "InstanceCreation"):
        put(report, f"{prefix}Date", f"{local:%Y%m%d}")
        put(report, f"{prefix}Time", f"{local:%H%M%S.%f}")


def _write_document(
    report: Dataset, request: ReportRequest, headers: Sequence[SourceHeader]
) -> None:
    """SR Document General (PS3.3 C.17.2): complete as a document, a person has yet to read."""
    put(report, "InstanceNumber", request.instance_number)
    put(report, "CompletionFlag", "COMPLETE")
    put(report, "PreliminaryFlag", "PRELIMINARY")
    put(report, "VerificationFlag", "UNVERIFIED")
    put(report, "ContentQualification", "RESEARCH")
    put(
        report,
        "CurrentRequestedProcedureEvidenceSequence",
        [evidence(request.study_instance_uid, headers)],
    )
    if requests := referenced_requests(headers):
        put(report, "ReferencedRequestSequence", requests)
    if request.predecessor:
        put(report, "PredecessorDocumentsSequence", [_predecessor(request.predecessor)])


def _predecessor(earlier: PredecessorReference) -> Dataset:
    instance = reference(earlier.sop_class_uid, earlier.sop_instance_uid)
    return study_reference(earlier.study_instance_uid, {earlier.series_instance_uid: [instance]})


def _write_algorithm(report: Dataset, request: ReportRequest, codes: CodeTable) -> None:
    """Contributing Equipment: exactly one processing item for the algorithm (IHE AIR)."""
    algorithm = request.algorithm
    description = f"Triage of radiographs. model_sha256={algorithm.digest}. "
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [concept(codes.processing_equipment)]
    _put_bounded(item, "Manufacturer", algorithm.manufacturer)
    _put_bounded(item, "ManufacturerModelName", algorithm.name)
    _put_bounded(item, "SoftwareVersions", algorithm.version)
    put(item, "DeviceUID", algorithm.device_uid)
    put(item, "ContributionDateTime", f"{request.created_at:%Y%m%d%H%M%S.%f%z}")
    _put_bounded(item, "ContributionDescription", description + algorithm.intended_use)
    report.ContributingEquipmentSequence = [item]


def _put_bounded(item: Dataset, keyword: str, text: str) -> None:
    """Set a text of the bundle's identity, which must fit: cut short, it would not agree."""
    limit = _LONGEST[dictionary_VR(keyword)]
    if not text or len(text) > limit:
        raise ReportError(
            f"{keyword} of the algorithm is empty or longer than {limit} characters:"
            " correct it in the bundle"
        )
    put(item, keyword, text)


def _write_private_scheme(report: Dataset) -> None:
    """Say whose the private codes are (PS3.3 C.12.1, Coding Scheme Identification)."""
    scheme = Dataset()
    put(scheme, "CodingSchemeDesignator", PRIVATE_SCHEME)
    put(scheme, "CodingSchemeName", PRIVATE_SCHEME_NAME)
    report.CodingSchemeIdentificationSequence = [scheme]


def _write_character_set(report: Dataset) -> None:
    """UTF-8 as soon as anything is not ASCII; text was converted when it was read."""
    if not all(str(element.value).isascii() for element in report.iterall() if element.VR != "SQ"):
        put(report, "SpecificCharacterSet", _UTF_8)


def _identify(report: Dataset, sop_class_uid: str, sop_instance_uid: str) -> None:
    put(report, "SOPClassUID", sop_class_uid)
    put(report, "SOPInstanceUID", sop_instance_uid)
    report.file_meta = FileMetaDataset()
    report.file_meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    report.file_meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    report.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
