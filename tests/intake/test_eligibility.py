"""Which images go to the models."""

from __future__ import annotations

import dataclasses

import pytest

from triage.intake import storage_classes as classes
from triage.intake.eligibility import judge
from triage.settings import EligibilitySettings
from triage.values import HeaderFacts, ImageState

RULES = EligibilitySettings()
FILM = HeaderFacts(
    sop_class_uid=classes.DIGITAL_XRAY_FOR_PRESENTATION,
    sop_instance_uid="1.2.3",
    study_instance_uid="1.2.4",
    series_instance_uid="1.2.5",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    modality="DX",
    body_part_examined="CSPINE",
    has_pixel_data=True,
)


def judged(rules=RULES, **changes):
    return judge(dataclasses.replace(FILM, **changes), rules)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sop_class_uid": classes.COMPUTED_RADIOGRAPHY, "modality": "CR"},
        {"sop_class_uid": classes.SECONDARY_CAPTURE, "modality": "CR"},
        {"body_part_examined": "cspine"},
        {"body_part_examined": "NECK", "anatomic_codes": ("122494005",)},
        {"body_part_examined": "", "study_description": "XR C-Spine 2 views"},
        {"body_part_examined": "", "series_description": "cervical lat"},
        {"body_part_examined": ""},
        {"view_position": "AP"},
    ],
)
def test_a_cervical_spine_radiograph_is_queued_and_so_is_one_in_doubt(changes):
    assert judged(**changes).state is ImageState.QUEUED
    assert judged(**changes).reason == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.2", "modality": "CT"}, "SOP class"),
        ({"sop_class_uid": "1.2.3.4.5"}, "SOP class"),
        ({"sop_class_uid": classes.SECONDARY_CAPTURE, "modality": "OT"}, "modality"),
        ({"has_pixel_data": False}, "no pixel data"),
        ({"presentation_intent_type": "FOR PROCESSING"}, "for processing"),
        ({"body_part_examined": "CHEST"}, "body part"),
        ({"body_part_examined": "CHEST", "study_description": "C-SPINE"}, "body part"),
        ({"body_part_examined": "", "study_description": "Chest PA"}, "descriptions"),
    ],
)
def test_an_image_that_no_model_takes_says_why(changes, reason):
    found = judged(**changes)
    assert found.state is ImageState.NOT_ELIGIBLE
    assert reason in found.reason


@pytest.mark.parametrize(
    "sop_class_uid",
    [
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
        "1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State
        "1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection
        "1.2.840.10008.5.1.4.1.1.104.1",  # Encapsulated PDF
        "1.2.840.10008.5.1.4.1.1.9.1.1",  # 12-lead ECG Waveform
        "1.2.3.4.5",  # private
    ],
)
def test_an_object_that_is_no_image_has_no_effect(sop_class_uid):
    found = judged(sop_class_uid=sop_class_uid, has_pixel_data=False, modality="SR")
    assert found.state is ImageState.HEADER_ONLY


def test_the_rules_of_the_site_are_followed():
    rules = dataclasses.replace(
        RULES,
        modalities=("CR",),
        body_parts=("NECK",),
        description_words=(),
        presentation_only=False,
    )
    assert judged(rules).state is ImageState.NOT_ELIGIBLE
    assert judged(rules, modality="CR").state is ImageState.NOT_ELIGIBLE
    assert judged(rules, modality="CR", body_part_examined="").state is ImageState.NOT_ELIGIBLE
    taken = judged(
        rules,
        modality="CR",
        body_part_examined="neck ",
        presentation_intent_type="FOR PROCESSING",
    )
    assert taken.state is ImageState.QUEUED
