"""Every gate keeps out what it should; doubt is a failure."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from training.certify.limits import open_limits
from training.phantom import draw_case, render
from triage.values import HeaderFacts
from triage.vision.gates import FilmMeasures, film_gates, header_gates, polarity_gate, spine_shape
from triage.vision.pixels import FilmStatistics


def failed(facts: HeaderFacts) -> list[str]:
    """Names of the header gates that fail."""
    return [gate.gate for gate in header_gates(facts) if not gate.passed]


def test_a_body_part_that_the_site_writes_for_the_cervical_spine_passes(
    lateral_facts: HeaderFacts,
) -> None:
    facts = dataclasses.replace(lateral_facts, body_part_examined="HALSWIRBELSAEULE")

    assert failed(facts) == ["header.body-part"]
    own = header_gates(facts, ["Halswirbels\u00e4ule", "HALSWIRBELSAEULE"])
    assert all(gate.passed for gate in own)


def test_an_adult_lateral_film_passes_every_header_gate(lateral_facts: HeaderFacts) -> None:
    assert failed(lateral_facts) == []


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"body_part_examined": "CHEST"}, "header.body-part"),
        ({"body_part_examined": ""}, "header.body-part"),
        ({"body_part_examined": "", "series_description": "LSPINE lat"}, "header.body-part"),
        ({"view_position": "AP"}, "header.view"),
        ({"view_codes": ("399348003",)}, "header.view"),
        ({"series_description": "C-Spine lateral FLEXION"}, "header.position"),
        ({"series_description": "HWS Reklination extension"}, "header.position"),
        ({"modality": "SC"}, "header.modality"),
        ({"modality": ""}, "header.modality"),
        ({"presentation_intent_type": "FOR PROCESSING"}, "header.presentation"),
        ({"number_of_frames": 2}, "header.frames"),
        ({"patient_age_years": 17.9}, "header.age"),
        ({"patient_age_years": None}, "header.age"),
        ({"patient_age_years": math.nan}, "header.age"),
        ({"burned_in_annotation": "YES"}, "header.burned-in"),
        ({"photometric_interpretation": "RGB"}, "header.polarity"),
        ({"photometric_interpretation": ""}, "header.polarity"),
    ],
)  # fmt: skip
def test_a_header_out_of_scope_fails_its_gate(
    changes: dict[str, Any], gate: str, lateral_facts: HeaderFacts
) -> None:
    facts = dataclasses.replace(lateral_facts, **changes)

    assert failed(facts) == [gate]
    assert next(result.reason for result in header_gates(facts) if not result.passed)


@pytest.mark.parametrize(
    "changes",
    [
        {"body_part_examined": "C-SPINE"},
        {"body_part_examined": "Cervical Spine"},
        {"body_part_examined": "", "anatomic_codes": ("122494005",)},
        {"body_part_examined": "", "anatomic_codes": ("T-11501",)},
        {"body_part_examined": "", "study_description": "XR cervical spine 2 views"},
        {"view_position": "LATERAL"},
        {"view_position": ""},
        {"view_position": "RL"},
        {"view_position": "", "view_codes": ("399173006",)},
        {"modality": "CR", "presentation_intent_type": ""},
        {"patient_age_years": 18.0},
        {"photometric_interpretation": "MONOCHROME1"},
        {"burned_in_annotation": ""},
    ],
    ids=str,
)
def test_other_spellings_of_the_same_pass(
    changes: dict[str, Any], lateral_facts: HeaderFacts
) -> None:
    assert failed(dataclasses.replace(lateral_facts, **changes)) == []


def test_reasons_hold_nothing_of_the_patient(lateral_facts: HeaderFacts) -> None:
    facts = HeaderFacts(
        **{
            **dataclasses.asdict(lateral_facts),
            "patient_name": "Secret",
            "body_part_examined": "Secret",
            "view_position": "Secret",
        }
    )

    assert not any("ecret" in result.reason for result in header_gates(facts))


def test_attributes_that_contradict_fail_the_polarity_gate() -> None:
    assert polarity_gate(known=True).passed
    assert not polarity_gate(known=False).passed


@pytest.fixture(scope="module")
def measures() -> FilmMeasures:
    """What a good film measures."""
    statistics = FilmStatistics(800.0, 0.9, 1.3, 0.02, 0.25, 0.12, 0.01)
    landmarks = render(draw_case(3, abnormal=False)).keypoints
    return FilmMeasures(
        statistics,
        lateral=0.99,
        inverted=0.01,
        hardware=0.01,
        child=0.01,
        text=0.01,
        landmarks=landmarks,
        confidence=np.full(23, 0.9, np.float32),
        unrest=0.005,
        metal=0.0,
        distance=5.0,
    )


BAD_VALUES = (
    ("minimum_side", "pixels.size"),
    ("minimum_content_share", "pixels.collimation"),
    ("maximum_aspect", "pixels.aspect"),
    ("minimum_spread", "pixels.contrast"),
    ("maximum_saturated", "pixels.saturation"),
    ("minimum_sharpness", "pixels.blur"),
    ("maximum_noise", "pixels.noise"),
    ("maximum_inverted", "pixels.inverted"),
    ("minimum_lateral", "view.lateral"),
    ("minimum_confidence", "landmarks.complete"),
    ("minimum_step", "landmarks.order"),
    ("maximum_step", "landmarks.spacing"),
    ("minimum_depth", "landmarks.least-depth"),
    ("maximum_depth", "landmarks.greatest-depth"),
    ("maximum_unrest", "landmarks.unrest"),
    ("maximum_turn_degrees", "landmarks.rotation"),
    ("maximum_hardware", "hardware"),
    ("maximum_metal", "hardware.metal"),
    ("maximum_child", "age.appearance"),
    ("maximum_text", "pixels.text"),
    ("maximum_distance", "embedding"),
)


@pytest.mark.parametrize(("limit", "gate"), BAD_VALUES)
def test_each_limit_belongs_to_one_gate(limit: str, gate: str, measures: FilmMeasures) -> None:
    out_of_reach = 1e12 if limit.startswith("minimum") else -1e12
    results = film_gates(measures, dataclasses.replace(open_limits(), **{limit: out_of_reach}))

    assert [result.gate for result in results if not result.passed] == [gate]


def test_the_gates_stand_in_the_order_of_the_rule(measures: FilmMeasures) -> None:
    order = [result.gate for result in film_gates(measures, open_limits())]

    rooms = list(dict.fromkeys(name.split(".")[0] for name in order))
    assert rooms == ["pixels", "view", "landmarks", "hardware", "age", "embedding"]
    assert sorted(order) == sorted(gate for _, gate in BAD_VALUES)


def test_a_measure_that_is_no_number_fails(measures: FilmMeasures) -> None:
    results = film_gates(dataclasses.replace(measures, distance=math.nan), open_limits())

    assert not results[-1].passed


def test_a_spine_upside_down_or_askew_is_turned() -> None:
    landmarks = render(draw_case(3, abnormal=False)).keypoints
    upright = spine_shape(landmarks)
    over = spine_shape(landmarks * np.array([1, -1], np.float32))
    lying = spine_shape(landmarks[:, ::-1])

    assert upright.turn_degrees < 35
    assert over.turn_degrees > 145
    assert lying.turn_degrees > 55


def test_a_vertebra_out_of_order_shows_in_the_steps() -> None:
    landmarks = render(draw_case(3, abnormal=False)).keypoints
    swapped = landmarks.copy()
    swapped[3:7], swapped[7:11] = landmarks[7:11], landmarks[3:7]

    assert spine_shape(landmarks).least_step > 0.6
    assert spine_shape(swapped).least_step < 0


def test_a_swapped_pair_of_corners_shows_in_the_depths() -> None:
    landmarks = render(draw_case(3, abnormal=False)).keypoints
    swapped = landmarks.copy()
    swapped[[5, 6]] = landmarks[[6, 5]]

    assert spine_shape(landmarks).least_depth > 0.7
    assert spine_shape(swapped).least_depth < 0
