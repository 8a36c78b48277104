"""The one table of coded concepts.

A code from a public scheme stands here only when it was looked up in that scheme; what has
no verified code carries the private designator. A site or a test that needs another code
takes ``dataclasses.replace(CODES, ...)``; the codes of findings come with the model bundle.
"""

# ruff: noqa: RUF009  (every default is a frozen value: sharing it is safe)

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from triage.values import ConceptCode

PRIVATE_SCHEME: Final = "99CSPTRIAGE"  # PS3.3 8.2: a private designator begins with 99
PRIVATE_SCHEME_NAME: Final = "cspine-triage private codes"


def private_code(value: str, meaning: str) -> ConceptCode:
    """A concept for which no public code was verified.

    Args:
        value: Code Value, at most 16 characters.
        meaning: Code Meaning, at most 64 characters.
    """
    return ConceptCode(value, PRIVATE_SCHEME, meaning)


def _dcm(value: str, meaning: str) -> ConceptCode:
    return ConceptCode(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> ConceptCode:
    return ConceptCode(value, "SCT", meaning)


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Every concept that the program writes or recognises, by the role that it plays."""

    # anatomy and views (CID 4, CID 4010)
    cervical_spine: ConceptCode = _sct("122494005", "Cervical spine")
    lateral_view: ConceptCode = _sct("399067008", "lateral")
    left_lateral_view: ConceptCode = _sct("399173006", "left lateral")
    right_lateral_view: ConceptCode = _sct("399198007", "right lateral")

    # levels (CID 7604)
    c2_c3_disc: ConceptCode = _sct("1078209008", "C2/C3 disc")
    c3_c4_disc: ConceptCode = _sct("58820006", "C3/C4 disc")
    c4_c5_disc: ConceptCode = _sct("49400002", "C4/C5 disc")
    c5_c6_disc: ConceptCode = _sct("73959003", "C5/C6 disc")
    c6_c7_disc: ConceptCode = _sct("75095006", "C6/C7 disc")

    # what is reported, and by what (PS3.16 TID 1500, TID 4019; CID 100, CID 7005, CID 7162)
    imaging_procedure: ConceptCode = _sct("363679005", "Imaging procedure")
    processing_equipment: ConceptCode = _dcm("109102", "Processing Equipment")
    observer_device: ConceptCode = _dcm("121007", "Device")
    artificial_intelligence: ConceptCode = _dcm("123110", "Artificial Intelligence")
    study_triage: ConceptCode = private_code("STUDY-TRIAGE", "Cervical spine radiograph triage")

    # evaluations of the study (CID 222) and of one finding (CID 240)
    normality: ConceptCode = _dcm("121402", "Normality")
    normal: ConceptCode = _sct("17621005", "Normal")
    abnormal: ConceptCode = _sct("263654008", "Abnormal")
    normality_undetermined: ConceptCode = _sct("371934000", "Normality Undetermined")
    presence: ConceptCode = _dcm("121052", "Presence of property")
    present: ConceptCode = _sct("52101004", "Present")
    absent: ConceptCode = _sct("272519000", "Absent")
    presence_undetermined: ConceptCode = _sct("373068000", "Undetermined")

    # numbers and words
    certainty_of_finding: ConceptCode = _dcm("111012", "Certainty of Finding")
    threshold_value: ConceptCode = _dcm("122411", "Threshold Value")
    probability: ConceptCode = _dcm("122157", "Probability")
    case_sensitivity: ConceptCode = _dcm("111088", "Case Sensitivity")
    case_specificity: ConceptCode = _dcm("111090", "Case Specificity")
    percent: ConceptCode = ConceptCode("%", "UCUM", "Percent")
    saliency: ConceptCode = _dcm("130404", "Saliency")
    qualitative_evaluations: ConceptCode = ConceptCode(
        "C0034375", "UMLS", "Qualitative Evaluations"
    )
    comment: ConceptCode = _dcm("121106", "Comment")

    # work items (CID 9231)
    detection: ConceptCode = _dcm("110004", "Computer Aided Detection")
    interpretation: ConceptCode = _dcm("110005", "Interpretation")

    # image quality (CID 7036)
    diagnostic_quality: ConceptCode = ConceptCode("RID12", "RADLEX", "Diagnostic quality")
    limited_quality: ConceptCode = ConceptCode("RID13", "RADLEX", "Limited quality")
    non_diagnostic_quality: ConceptCode = ConceptCode("RID14", "RADLEX", "Non-diagnostic quality")

    # findings for which a public code was verified
    spondylosis: ConceptCode = _sct("8847002", "Spondylosis")
    foraminal_stenosis: ConceptCode = _sct("371000119109", "Stenosis of intervertebral foramina")
    spondylotic_myelopathy: ConceptCode = ConceptCode(
        "M47.12", "I10C", "Other spondylosis with myelopathy, cervical region"
    )


CODES: Final = CodeTable()
