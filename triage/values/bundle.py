"""Who the algorithm is, what it looks for, and where its thresholds lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConceptCode:
    """A coded concept: value, scheme and meaning always together (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class FindingDefinition:
    """A finding that a bundle looks for: its name, its words, its code.

    Attributes:
        name: Plain and lower-case, unique in the bundle; a level may follow behind a colon.
        title: "Cervical spondylosis", in words for the list and the report.
        code: What is found.
        site: Where in the cervical spine, None for the spine as a whole.
        of: Name of the finding that this one describes more closely, for instance level by
            level; empty for a finding that decides.
    """

    name: str
    title: str
    code: ConceptCode
    site: ConceptCode | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The thresholds of one finding, on the raw score (a logit).

    Attributes:
        finding: Name of the finding in the bundle.
        flag: At or above this mean over the members, an image is suspected abnormal.
        rule_out: Strictly below this for every member, the finding is ruled out; None when
            the certificate does not hold, and then nothing is ever ruled out.
        display_flag: ``flag`` as a probability, for people and reports.
        display_rule_out: ``rule_out`` as a probability.
        decides: False for a finding that only describes another one: nothing is raised by it,
            and nothing waits for it to be ruled out.
    """

    finding: str
    flag: float
    rule_out: float | None
    display_flag: float
    display_rule_out: float | None
    decides: bool = True


@dataclass(frozen=True, slots=True)
class BundleIdentity:
    """Who the algorithm is, wherever a result names it (PS3.3 C.7.5.1, IHE AIR).

    Attributes:
        name: Manufacturer's Model Name.
        manufacturer: Manufacturer.
        version: Software Versions.
        digest: SHA-256 over the whole bundle, 64 hex digits.
        device_uid: Device UID, derived from the digest: another model, another UID.
        intended_use: One sentence that goes wherever a result goes.
    """

    name: str
    manufacturer: str
    version: str
    digest: str
    device_uid: str
    intended_use: str
