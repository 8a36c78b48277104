"""Which images go to the models: a pure judgement over header facts and the site's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage.intake.storage_classes import RADIOGRAPH_CLASSES, is_image_class
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triage.settings import EligibilitySettings
    from triage.values import HeaderFacts

# Cervical spine as Anatomic Region (0008,2218): SNOMED CT, and SNOMED RT of older equipment.
CERVICAL_SPINE_CODES = frozenset({"122494005", "T-11501"})
_FOR_PROCESSING = "FOR PROCESSING"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What becomes of an instance, and why; the reason holds no patient data.

    Attributes:
        state: QUEUED, NOT_ELIGIBLE or HEADER_ONLY.
        reason: One clause for a person; empty when queued.
    """

    state: ImageState
    reason: str = ""


def judge(facts: HeaderFacts, rules: EligibilitySettings) -> Eligibility:
    """Judge one instance.

    Objects that are no images have no effect on their study. Images that no model takes leave
    their study neutral. A radiograph that says nothing at all of what it shows is queued: the
    gates look at it.

    Args:
        facts: Its header.
        rules: The site's rules; comparisons disregard case.
    """
    if not is_image_class(facts.sop_class_uid) and not facts.has_pixel_data:
        return Eligibility(ImageState.HEADER_ONLY, "no image")
    reason = _image_reason(facts, rules) or _body_part_reason(facts, rules)
    return Eligibility(ImageState.NOT_ELIGIBLE if reason else ImageState.QUEUED, reason)


def _image_reason(facts: HeaderFacts, rules: EligibilitySettings) -> str:
    """Say why an image of this kind goes to no model; empty when it may."""
    if facts.sop_class_uid not in RADIOGRAPH_CLASSES:
        return "its SOP class is not one of radiographs"
    if not _is_one_of(facts.modality, rules.modalities):
        return "its modality is not one of eligibility.modalities"
    if not facts.has_pixel_data:
        return "it has no pixel data"
    if rules.presentation_only and facts.presentation_intent_type.upper() == _FOR_PROCESSING:
        return "it is for processing, not for presentation"
    return ""


def _body_part_reason(facts: HeaderFacts, rules: EligibilitySettings) -> str:
    """Say why an image of this region goes to no model; empty when it may."""
    if CERVICAL_SPINE_CODES.intersection(facts.anatomic_codes):
        return ""
    if facts.body_part_examined:
        matches = _is_one_of(facts.body_part_examined, rules.body_parts)
        return "" if matches else "its body part is not one of eligibility.body_parts"
    described = f"{facts.study_description}\n{facts.series_description}".strip().upper()
    if not rules.description_words:
        return "it names no body part"
    if described and not any(word.upper() in described for word in rules.description_words):
        return "it names no body part, and its descriptions none of eligibility.description_words"
    return ""


def _is_one_of(value: str, accepted: Iterable[str]) -> bool:
    return value.strip().upper() in {one.strip().upper() for one in accepted}
