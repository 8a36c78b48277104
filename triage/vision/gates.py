"""The gates: what an image must be before anything that a model says about it counts.

In order: header, pixels, view, landmarks, hardware, embedding. The models and their
certificate were made with adult, upright, lateral films of the cervical spine without
hardware; every gate keeps out images that are something else, and doubt counts as a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from triage.values import GateResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from triage.values import HeaderFacts
    from triage.vision.pixels import FilmStatistics

ADULT_YEARS: Final = 18.0
METAL_GREY: Final = 0.97  # of the film's range: bone at C3 to C7 is hardly ever as bright

_MODALITIES: Final = ("CR", "DX")
_GREY: Final = ("MONOCHROME1", "MONOCHROME2")

# Body Part Examined (0018,0015): the defined term (PS3.16 annex L) and spellings in the field.
_BODY_PARTS: Final = ("CSPINE", "CERVICALSPINE", "CERVSPINE", "CSPINELAT", "HWS")
# Anatomic Region Sequence: cervical spine in SNOMED CT and in the older SRT.
_REGION_CODES: Final = ("122494005", "T-11501")
# Words in descriptions that say cervical spine where the body part is left empty.
_DESCRIPTION_WORDS: Final = ("cervic", "c-spine", "c spine", "cspine", "hws")

# View Position (0018,5101) of laterals, and View Code Sequence (CID 4010) in both schemes.
_LATERAL_POSITIONS: Final = ("LL", "RL")
_LATERAL_CODES: Final = (
    "399067008",  # lateral
    "399173006",  # left lateral
    "399198007",  # right lateral
    "R-102CD",
    "R-10236",
    "R-10232",
)
# Bent on purpose: the curve of the spine then says nothing.
_BENDING_WORDS: Final = ("flex", "exten", "bending", "inclin", "reclin")


@dataclass(frozen=True, slots=True)
class GateLimits:
    """The limits of every gate that measures; calibrated on films in scope.

    Attributes:
        minimum_side: Pixels of the content's shorter side.
        minimum_content_share: Share of the film that is not border.
        maximum_aspect: Longer over shorter side of the content.
        maximum_saturated: Share of the content at either end of its grey range.
        minimum_spread: Standard deviation of the grey values.
        minimum_sharpness: See `FilmStatistics.sharpness`.
        maximum_noise: See `FilmStatistics.noise`.
        maximum_inverted: Probability of inverted grey values.
        minimum_lateral: Probability of a lateral view of the cervical spine.
        minimum_confidence: Confidence of the least certain landmark.
        minimum_step: Least over mean distance of neighbouring vertebrae along the spine.
        maximum_step: Greatest over mean distance of the same.
        minimum_depth: Least over mean depth of the endplates.
        maximum_depth: Greatest over mean depth of the endplates.
        maximum_unrest: See `Locator.unrest`.
        maximum_turn_degrees: Angle between the spine and the film's long axis.
        maximum_hardware: Probability of hardware.
        maximum_metal: See `FilmMeasures.metal`.
        maximum_child: Probability of a spine that is not grown up.
        maximum_text: Probability of text or a drawn border in the pixels.
        maximum_distance: Mahalanobis distance in the locator's embedding.
    """

    minimum_side: float
    minimum_content_share: float
    maximum_aspect: float
    maximum_saturated: float
    minimum_spread: float
    minimum_sharpness: float
    maximum_noise: float
    maximum_inverted: float
    minimum_lateral: float
    minimum_confidence: float
    minimum_step: float
    maximum_step: float
    minimum_depth: float
    maximum_depth: float
    maximum_unrest: float
    maximum_turn_degrees: float
    maximum_hardware: float
    maximum_metal: float
    maximum_child: float
    maximum_text: float
    maximum_distance: float


@dataclass(frozen=True, slots=True)
class FilmMeasures:
    """What the networks' view of a film gives the gates to measure.

    Attributes:
        statistics: From the pixel path.
        lateral: Probability of a lateral view of the cervical spine.
        inverted: Probability of inverted grey values.
        hardware: Probability of hardware.
        child: Probability of a spine that is not grown up.
        text: Probability of text or a drawn border in the pixels.
        landmarks: (23, 2) in pixels of the square.
        confidence: (23,), 0 to 1.
        unrest: How far one more look would move the landmarks, in vertebral depths.
        metal: Share of what is seen of C3 to C7 that is brighter than `METAL_GREY`. A network
            mistakes a small cage for bone now and then; what it absorbs gives it away.
        distance: Mahalanobis distance in the locator's embedding.
    """

    statistics: FilmStatistics
    lateral: float
    inverted: float
    hardware: float
    child: float
    text: float
    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]
    unrest: float
    metal: float
    distance: float


def header_gates(facts: HeaderFacts, body_parts: Iterable[str] = ()) -> tuple[GateResult, ...]:
    """Judge an image by what its header says; nothing is decoded.

    Args:
        facts: What intake read from the header.
        body_parts: What the site writes into Body Part Examined for the cervical spine, beside
            what is common: its eligibility.body_parts.

    Returns:
        One result for each gate, in order.
    """
    return (
        _header(
            "body-part", _is_cervical(facts, body_parts), "the header does not say cervical spine"
        ),
        _header("view", _may_be_lateral(facts), "the header names another view than lateral"),
        _header("position", not _is_bent(facts), "taken in flexion or extension"),
        _header("modality", facts.modality in _MODALITIES, "modality is neither CR nor DX"),
        _header(
            "presentation",
            facts.presentation_intent_type != "FOR PROCESSING",
            "raw detector values, not for presentation",
        ),
        _header("frames", facts.number_of_frames == 1, "more than one frame"),
        _age_gate(facts.patient_age_years),
        _header(
            "burned-in",
            facts.burned_in_annotation.upper() != "YES",
            "text is burned into the pixels",
        ),
        _header(
            "polarity",
            facts.photometric_interpretation in _GREY,
            "no grey-scale image whose polarity is known",
        ),
    )


def _header(name: str, passed: bool, reason: str) -> GateResult:
    return GateResult(f"header.{name}", passed, "" if passed else reason)


def _is_cervical(facts: HeaderFacts, body_parts: Iterable[str]) -> bool:
    """Whether body part, region code or, failing both, a description says so."""
    if any(code in _REGION_CODES for code in facts.anatomic_codes):
        return True
    if part := _letters(facts.body_part_examined):
        return part in {*_BODY_PARTS, *map(_letters, body_parts)}
    described = f"{facts.series_description} {facts.study_description}".lower()
    return any(word in described for word in _DESCRIPTION_WORDS)


def _letters(words: str) -> str:
    return "".join(letter for letter in words.upper() if letter.isalnum())


def _may_be_lateral(facts: HeaderFacts) -> bool:
    """Whether the view is lateral or left unsaid: then the view gate judges the pixels."""
    if facts.view_codes:
        return any(code in _LATERAL_CODES for code in facts.view_codes)
    position = facts.view_position.strip().upper()
    return not position or position in _LATERAL_POSITIONS or "LAT" in position


def _is_bent(facts: HeaderFacts) -> bool:
    described = facts.series_description.lower()
    return any(word in described for word in _BENDING_WORDS)


def _age_gate(years: float | None) -> GateResult:
    if years is None:
        return GateResult("header.age", passed=False, reason="age not known", limit=ADULT_YEARS)
    passed = years >= ADULT_YEARS
    reason = "" if passed else "under 18 years"
    return GateResult("header.age", passed, reason, round(years, 1), ADULT_YEARS)


def polarity_gate(*, known: bool) -> GateResult:
    """Judge whether the file's own attributes agree on which end of the scale is bright."""
    reason = "" if known else "photometric interpretation and presentation shape contradict"
    return GateResult("pixels.polarity", known, reason)


def film_gates(measures: FilmMeasures, limits: GateLimits) -> tuple[GateResult, ...]:
    """Judge an image by its pixels and by what the locator makes of it.

    Args:
        measures: What was measured.
        limits: The bundle's limits.

    Returns:
        One result for each gate, in order.
    """
    return (
        *_pixel_gates(measures.statistics, limits),
        _at_most(
            "pixels.inverted",
            measures.inverted,
            limits.maximum_inverted,
            "grey values look inverted",
        ),
        _at_most(
            "pixels.text",
            measures.text,
            limits.maximum_text,
            "text or a drawn border in the pixels",
        ),
        _at_least(
            "view.lateral",
            measures.lateral,
            limits.minimum_lateral,
            "does not look like a lateral view",
        ),
        *_landmark_gates(measures, limits),
        _at_most("hardware", measures.hardware, limits.maximum_hardware, "hardware in the film"),
        _at_most("hardware.metal", measures.metal, limits.maximum_metal, "metal at the spine"),
        _at_most(
            "age.appearance", measures.child, limits.maximum_child, "looks like a child's spine"
        ),
        _at_most(
            "embedding",
            measures.distance,
            limits.maximum_distance,
            "unlike the films the models know",
        ),
    )


def _pixel_gates(statistics: FilmStatistics, limits: GateLimits) -> tuple[GateResult, ...]:
    return (
        _at_least("pixels.size", statistics.shorter_side, limits.minimum_side, "too few pixels"),
        _at_least(
            "pixels.collimation",
            statistics.content_share,
            limits.minimum_content_share,
            "collimated to a small part",
        ),
        _at_most("pixels.aspect", statistics.aspect, limits.maximum_aspect, "a narrow strip"),
        _at_least(
            "pixels.contrast", statistics.spread, limits.minimum_spread, "hardly any contrast"
        ),
        _at_most(
            "pixels.saturation",
            statistics.saturated_share,
            limits.maximum_saturated,
            "large parts saturated",
        ),
        _at_least("pixels.blur", statistics.sharpness, limits.minimum_sharpness, "blurred"),
        _at_most("pixels.noise", statistics.noise, limits.maximum_noise, "noisy"),
    )


def _landmark_gates(measures: FilmMeasures, limits: GateLimits) -> tuple[GateResult, ...]:
    """C2 to C7 must all be found, one below the other, evenly, upright, and for good."""
    shape = spine_shape(measures.landmarks)
    return (
        _at_least(
            "landmarks.complete",
            float(measures.confidence.min()),
            limits.minimum_confidence,
            "C2 to C7 not all found",
        ),
        _at_least(
            "landmarks.order",
            shape.least_step,
            limits.minimum_step,
            "vertebrae too close or out of order",
        ),
        _at_most(
            "landmarks.spacing", shape.greatest_step, limits.maximum_step, "a gap between vertebrae"
        ),
        _at_least(
            "landmarks.least-depth",
            shape.least_depth,
            limits.minimum_depth,
            "an endplate too short",
        ),
        _at_most(
            "landmarks.greatest-depth",
            shape.greatest_depth,
            limits.maximum_depth,
            "an endplate too long",
        ),
        _at_most(
            "landmarks.unrest",
            measures.unrest,
            limits.maximum_unrest,
            "landmarks do not lie on corners",
        ),
        _at_most(
            "landmarks.rotation",
            shape.turn_degrees,
            limits.maximum_turn_degrees,
            "the spine lies askew",
        ),
    )


@dataclass(frozen=True, slots=True)
class SpineShape:
    """Whether landmarks can be a spine: ratios to their own mean, and the angle to the film."""

    least_step: float
    greatest_step: float
    least_depth: float
    greatest_depth: float
    turn_degrees: float


def spine_shape(landmarks: NDArray[np.float32]) -> SpineShape:
    """Measure the shape of landmarks (23, 2)."""
    bodies = landmarks[3:].reshape(5, 4, 2).mean(axis=1)
    bodies = np.concatenate([landmarks[:1], bodies])
    down = bodies[-1] - bodies[0]
    length = max(float(np.hypot(*down)), 1e-6)
    steps = np.diff(bodies, axis=0) @ (down / length)
    rims = landmarks[1:].reshape(11, 2, 2)
    front_to_back = rims[:, 1] - rims[:, 0]
    mean = front_to_back.mean(axis=0)
    # Depths along the common direction: an endplate that runs the other way counts negative.
    depths = front_to_back @ (mean / max(float(np.hypot(*mean)), 1e-6))
    usual = max(float(depths.mean()), 1e-6)
    return SpineShape(
        least_step=float(steps.min() / (length / 5)),
        greatest_step=float(steps.max() / (length / 5)),
        least_depth=float(depths.min() / usual),
        greatest_depth=float(depths.max() / usual),
        turn_degrees=float(np.degrees(np.arctan2(abs(down[0]), down[1]))),
    )


def _at_least(name: str, value: float, limit: float, reason: str) -> GateResult:
    passed = value >= limit  # False for NaN
    return GateResult(name, passed, "" if passed else reason, value, limit)


def _at_most(name: str, value: float, limit: float, reason: str) -> GateResult:
    passed = value <= limit  # False for NaN
    return GateResult(name, passed, "" if passed else reason, value, limit)


def finite_gate(*, finite: bool) -> GateResult:
    """Judge whether every number that the networks gave is one."""
    return GateResult("model.finite", finite, "" if finite else "a network gave no finite number")
