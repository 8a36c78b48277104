"""What a phantom film is made from, and what is known about it: frozen values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERTEBRAE = ("C2", "C3", "C4", "C5", "C6", "C7")
DISCS = ("C2/C3", "C3/C4", "C4/C5", "C5/C6", "C6/C7")
KEYPOINT_COUNT = 23  # the CSXA order: C2 centroid and bottom corners, then four corners of C3 to C7
HIGHEST_PIXEL = 4095  # 12 bit


class View(Enum):
    """Which projection is drawn."""

    LATERAL = "lateral"  # what the models are for
    AP = "ap"  # antero-posterior cervical spine
    ODONTOID = "odontoid"  # open mouth, C1 and C2 from the front
    OBLIQUE = "oblique"  # turned by 45 degrees: the foramina stand open
    SWIMMERS = "swimmers"  # one arm raised, for C7 and T1 behind the shoulders
    CHEST = "chest"  # another region that has strayed into the study
    LUMBAR = "lumbar"  # a lateral of the lumbar spine: bodies and discs as well, but others
    SKULL = "skull"  # a lateral of the head
    HAND = "hand"  # nothing of a spine at all


class Degradation(Enum):
    """Ways in which a film is worse than the models were certified for; gates should object."""

    UNDEREXPOSED = "underexposed"  # few quanta: noise swallows the trabeculae
    NOISE = "noise"  # the detector's own noise, the same in bright and dark parts
    OVEREXPOSED = "overexposed"  # soft tissue driven into saturation
    BLUR = "blur"  # motion: edges are more than a millimetre wide
    ROTATION = "rotation"  # the cassette lay askew, by 15 to 45 degrees
    INVERSION = "inversion"  # bone dark though the header says MONOCHROME2
    COLLIMATION = "collimation"  # shutters cut off part of C2 to C7
    CROPPED = "cropped"  # the lower end of the film leaves out C6 and C7
    BURNED_IN = "burned-in"  # text, a toolbar or a drawn border in the pixels, as screenshots have


@dataclass(frozen=True, slots=True)
class Spine:
    """The cervical spine of one case, in mm and degrees on the film plane.

    Attributes:
        depth_mm: Mid-body depth of C2 to C7 (for C2: of its inferior endplate).
        anterior_height_mm: Anterior body height of C3 to C7.
        posterior_height_mm: Posterior body height of C3 to C7.
        disc_height_mm: Height of the five discs C2/3 to C6/7 between the corners, mid-way.
        disc_angle_degrees: Wedge of the five discs; positive opens towards the front.
        endplate_depth_mm: How far an endplate is hollowed at its middle.
        lordosis_degrees: C2-C7 Cobb angle; positive is lordosis.
        c7_tilt_degrees: Inclination of the plates of C7; positive lifts their front.
        slip_mm: Offset of the upper on the lower vertebra at the five discs; negative is forwards.
        osteophyte_mm: Length of the spurs at the five discs.
        sclerosis: Density of the endplates at the five discs, 0 to 1.
        canal_mm: Sagittal diameter of the canal at C2 to C7.
        spinous_mm: Length of the spinous processes of C2 to C7 behind the spinolaminar line.
        prevertebral_mm: Soft tissue before C3 and before C6.
        lean_degrees: How far the walls of C2 to C7 run forwards of the normal of their plates.
        ossified_ligament_mm: Thickness of bone in the posterior longitudinal ligament behind
            C2 to C7.
    """

    depth_mm: tuple[float, ...]
    anterior_height_mm: tuple[float, ...]
    posterior_height_mm: tuple[float, ...]
    disc_height_mm: tuple[float, ...]
    disc_angle_degrees: tuple[float, ...]
    endplate_depth_mm: float
    lordosis_degrees: float
    c7_tilt_degrees: float
    slip_mm: tuple[float, ...]
    osteophyte_mm: tuple[float, ...]
    sclerosis: tuple[float, ...]
    canal_mm: tuple[float, ...]
    spinous_mm: tuple[float, ...]
    prevertebral_mm: tuple[float, float]
    lean_degrees: tuple[float, ...]
    ossified_ligament_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PhantomCase:
    """One film to be drawn, and the truth about it.

    Attributes:
        seed: Everything that chance decides follows from this number.
        view: The projection.
        sex: ``"M"`` or ``"F"``.
        age_years: Age at the examination.
        abnormal: Whether any finding is present.
        findings: For instance ``"spondylosis:C5/C6"``, ``"kyphosis"``, ``"listhesis:C4/C5"``,
            ``"canal-narrowing:C5"``, ``"swelling"``; ``"lost-lordosis"`` describes and makes no
            film abnormal.
        hardware: Whether there is hardware in the spine: plate, screws and rods, cage, wires.
        degradations: Ways in which the film is spoilt.
        severity: How much, 0 (just beyond what is ordinary) to 1 (gross); None leaves it to
            chance.
        facing: ``"left"`` or ``"right"``.
        marker: ``"R"``, ``"L"`` or empty.
        spine: The geometry.
    """

    seed: int
    view: View
    sex: str
    age_years: float
    abnormal: bool
    findings: tuple[str, ...]
    hardware: bool
    degradations: tuple[Degradation, ...]
    facing: str
    marker: str
    spine: Spine
    severity: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A drawn film with its truth.

    Attributes:
        pixels: uint16 (rows, columns), 12 bit, bone bright (MONOCHROME2).
        pixel_spacing_mm: Millimetres per pixel on the film plane.
        keypoints: float32 (23, 2), x and y in pixels in the CSXA order; anatomical, so that
            "left" is anterior also when the patient faces right. NaN where not lateral.
        disc_labels: bool (5,), the discs C2/3 to C6/7 that carry a finding. An abnormal film
            may have none: kyphosis and swelling belong to no single disc.
        case: What was drawn.
    """

    pixels: NDArray[np.uint16]
    pixel_spacing_mm: float
    keypoints: NDArray[np.float32]
    disc_labels: NDArray[np.bool_]
    case: PhantomCase
