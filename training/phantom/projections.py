"""What a header says of each projection: body part, view, codes, and how it is taken.

Body Part Examined follows PS3.16 annex L, Anatomic Region Sequence CID 4009, View Code
Sequence CID 4010, View Position the defined terms of PS3.3 C.8.11.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training.phantom.natural import MAGNIFICATION
from training.phantom.values import View


@dataclass(frozen=True, slots=True)
class Coded:
    """A SNOMED CT code with its meaning."""

    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Projection:
    """What the headers of a projection have in common.

    Attributes:
        body_part: Body Part Examined (0018,0015).
        region: Anatomic Region Sequence (0008,2218).
        view_positions: View Position (0018,5101) of patients who face left and right.
        views: View Code Sequence (0054,0220) likewise.
        orientations: Patient Orientation (0020,0020) likewise.
        procedure: Local code and name of the order.
        study_description: Study Description (0008,1030).
        series_description: Series Description (0008,103E).
        kilovolts: KVP (0018,0060), usual for an adult.
        milliampere_seconds: Exposure (0018,1152), usual for an adult.
        distance_mm: Source to detector; None where the hospital's own for the neck holds.
        magnification: Of the part's middle on the film.
        grid: Grid (0018,1166).
    """

    body_part: str
    region: Coded
    view_positions: tuple[str, str]
    views: tuple[Coded, Coded]
    orientations: tuple[tuple[str, str], tuple[str, str]]
    procedure: tuple[str, str]
    study_description: str
    series_description: str
    kilovolts: int
    milliampere_seconds: float
    distance_mm: int | None
    magnification: float
    grid: str


_CERVICAL = Coded("122494005", "Cervical spine")
_LEFT_LATERAL, _RIGHT_LATERAL = (
    Coded("399173006", "left lateral"),
    Coded("399198007", "right lateral"),
)
_LATERAL = Coded("399067008", "lateral")
_FRONTAL = Coded("399348003", "antero-posterior")
_REVERSED = Coded("272479007", "postero-anterior")
_OBLIQUES = (Coded("399184004", "left oblique"), Coded("399236003", "right oblique"))
_LATERAL_WAY = (("P", "F"), ("A", "F"))
_FRONTAL_WAY = (("L", "F"), ("L", "F"))
_NECK = ("XCSP1", "XR cervical spine")

PROJECTIONS: Final = {
    View.LATERAL: Projection(
        "CSPINE", _CERVICAL, ("LL", "RL"), (_LEFT_LATERAL, _RIGHT_LATERAL), _LATERAL_WAY,
        _NECK, "XR CERVICAL SPINE", "C-SPINE LAT", 70, 12.5, None, MAGNIFICATION, "NONE",
    ),
    View.AP: Projection(
        "CSPINE", _CERVICAL, ("AP", "AP"), (_FRONTAL, _FRONTAL), _FRONTAL_WAY,
        _NECK, "XR CERVICAL SPINE", "C-SPINE AP", 68, 10.0, 1150, 1.08, "FOCUSED",
    ),
    View.ODONTOID: Projection(
        "CSPINE", _CERVICAL, ("AP", "AP"), (_FRONTAL, _FRONTAL), _FRONTAL_WAY,
        _NECK, "XR CERVICAL SPINE", "DENS OPEN MOUTH", 70, 14.0, 1150, 1.08, "FOCUSED",
    ),
    View.OBLIQUE: Projection(
        "CSPINE", _CERVICAL, ("LLO", "RLO"), _OBLIQUES, (("LP", "F"), ("LA", "F")),
        _NECK, "XR CERVICAL SPINE", "C-SPINE OBL", 70, 12.0, None, 1.14, "NONE",
    ),
    View.SWIMMERS: Projection(
        "CSPINE", _CERVICAL, ("LL", "RL"), (_LATERAL, _LATERAL), _LATERAL_WAY,
        _NECK, "XR CERVICAL SPINE", "C-SPINE SWIMMERS", 80, 60.0, 1150, 1.25, "FOCUSED",
    ),
    View.CHEST: Projection(
        "CHEST", Coded("816094009", "Chest"), ("PA", "PA"), (_REVERSED, _REVERSED), _FRONTAL_WAY,
        ("XCHE1", "XR chest"), "XR CHEST", "CHEST PA", 120, 2.0, 1800, 1.06, "FOCUSED",
    ),
    View.LUMBAR: Projection(
        "LSPINE", Coded("122496007", "Lumbar spine"), ("LL", "RL"), (_LATERAL, _LATERAL),
        _LATERAL_WAY, ("XLSP1", "XR lumbar spine"), "XR LUMBAR SPINE", "L-SPINE LAT",
        90, 55.0, 1150, 1.22, "FOCUSED",
    ),
    View.SKULL: Projection(
        "SKULL", Coded("89546000", "Skull"), ("LL", "RL"), (_LATERAL, _LATERAL), _LATERAL_WAY,
        ("XSKU1", "XR skull"), "XR SKULL", "SKULL LAT", 70, 12.0, 1150, 1.12, "FOCUSED",
    ),
    View.HAND: Projection(
        "HAND", Coded("85562004", "Hand"), ("PA", "PA"), (_REVERSED, _REVERSED),
        (("L", "H"), ("R", "H")), ("XHAN1", "XR hand"), "XR HAND", "HAND DP",
        50, 2.2, 1100, 1.02, "NONE",
    ),
}  # fmt: skip
