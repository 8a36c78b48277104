"""What our own networks look for: components window by window, and the findings made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from triage.codes import CODES, private_code
from triage.vision.geometry import DISCS
from triage.vision.readers import Components

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from triage.values import ConceptCode

COMPONENTS: Final = Components(
    disc=("spondylosis", "listhesis"),
    vertebra=("canal-narrowing",),
    spine=("kyphosis", "swelling", "lost-lordosis"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a bundle.

    Attributes:
        name: In the bundle.
        title: In words.
        code: What is found.
        parts: The components it consists of; a name without a level means all of its levels.
        site: Where, None for the spine as a whole.
        of: The finding that it only describes more closely; empty for one that decides.
    """

    name: str
    title: str
    code: ConceptCode
    parts: tuple[str, ...]
    site: ConceptCode | None = None
    of: str = ""

    def entry(self) -> dict[str, Any]:
        """Its entry in bundle.json."""
        return {
            "name": self.name,
            "title": self.title,
            "code": _code(self.code),
            "site": _code(self.site) if self.site else None,
            "of": self.of or None,
        }


def _code(code: ConceptCode) -> dict[str, str]:
    return {"value": code.value, "scheme": code.scheme, "meaning": code.meaning}


_DISC_SITES: Final = dict(
    zip(
        DISCS,
        (
            CODES.c2_c3_disc,
            CODES.c3_c4_disc,
            CODES.c4_c5_disc,
            CODES.c5_c6_disc,
            CODES.c6_c7_disc,
        ),
        strict=True,
    )
)

FINDINGS: Final = (
    Finding(
        "abnormal",
        "Any abnormality",
        CODES.abnormal,
        ("spondylosis", "listhesis", "canal-narrowing", "kyphosis", "swelling"),
    ),
    Finding("spondylosis", "Spondylosis", CODES.spondylosis, ("spondylosis",)),
    *(
        Finding(
            f"spondylosis:{disc}",
            f"Spondylosis at {disc}",
            CODES.spondylosis,
            (f"spondylosis:{disc}",),
            site,
            "spondylosis",
        )
        for disc, site in _DISC_SITES.items()
    ),
    Finding(
        "malalignment",
        "Malalignment (kyphosis or slip)",
        private_code("MALALIGNMENT", "Malalignment of cervical spine"),
        ("listhesis", "kyphosis"),
        of="abnormal",
    ),
    Finding(
        "kyphosis",
        "Kyphosis",
        private_code("KYPHOSIS", "Kyphosis of cervical spine"),
        ("kyphosis",),
        of="abnormal",
    ),
    Finding(
        "listhesis",
        "Slip of a vertebra",
        private_code("LISTHESIS", "Listhesis of cervical vertebra"),
        ("listhesis",),
        of="abnormal",
    ),
    Finding(
        "lost-lordosis",
        "Lost lordosis (straight spine)",
        private_code("LOST-LORDOSIS", "Loss of cervical lordosis"),
        ("lost-lordosis",),
        of="abnormal",
    ),
    Finding(
        "canal-narrowing",
        "Narrow spinal canal",
        private_code("NARROW-CANAL", "Narrow cervical spinal canal"),
        ("canal-narrowing",),
        of="abnormal",
    ),
    Finding(
        "swelling",
        "Prevertebral soft-tissue swelling",
        private_code("SWELLING", "Prevertebral soft tissue swelling"),
        ("swelling",),
    ),
)


def parts_of(findings: Collection[Finding]) -> dict[str, tuple[str, ...]]:
    """For each finding the components it consists of, as a reader is built with."""
    return {finding.name: finding.parts for finding in findings}


def parents_of(findings: Collection[Finding]) -> Mapping[str, str]:
    """For each finding that only describes another one the name of that one."""
    return {finding.name: finding.of for finding in findings if finding.of}
