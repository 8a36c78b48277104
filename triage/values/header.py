"""What intake reads from the header of an image."""

from __future__ import annotations

from dataclasses import dataclass

from triage.values.urgency import OrderPriority


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What intake reads from the header of one instance, bounded and tolerant.

    Absent or unreadable attributes are empty strings, None, or empty tuples. Text is
    decoded by Specific Character Set (0008,0005) with replacement of what does not decode.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    modality: str = ""
    body_part_examined: str = ""
    view_position: str = ""
    view_codes: tuple[str, ...] = ()  # code values of View Code Sequence (0054,0220)
    anatomic_codes: tuple[str, ...] = ()  # code values of Anatomic Region Sequence (0008,2218)
    image_type: tuple[str, ...] = ()
    presentation_intent_type: str = ""
    photometric_interpretation: str = ""
    rows: int = 0
    columns: int = 0
    bits_allocated: int = 0
    samples_per_pixel: int = 0
    number_of_frames: int = 1
    has_pixel_data: bool = False
    burned_in_annotation: str = ""
    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""  # DA as received
    patient_sex: str = ""
    patient_age_years: float | None = None  # Patient's Age, else birth date against study date
    accession_number: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    series_description: str = ""
    manufacturer: str = ""
    institution_name: str = ""
    order_priority: OrderPriority = OrderPriority.UNKNOWN
