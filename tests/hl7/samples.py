"""Messages as a RIS writes them, to be varied by the tests."""

from __future__ import annotations

STUDY = "1.2.840.99.1"
ACCESSION = "ACC1"
PATIENT = "P1"


def text(*segments: str) -> bytes:
    """Return a message of segments, in UTF-8."""
    return "".join(f"{segment}\r" for segment in segments).encode()


def msh(
    kind: str, number: str = "M1", version: str = "2.3.1", charset: str = "UNICODE UTF-8"
) -> str:
    """Return a header of the RIS."""
    return (
        f"MSH|^~\\&|RIS|HOSPITAL|CSPINE-TRIAGE|XR|20260302081500||{kind}|{number}|P|{version}"
        f"||||||{charset}"
    )


def orm(
    number: str = "M1",
    *,
    control: str = "NW",
    state: str = "",
    priority: str = "R",
    study: str = STUDY,
    accession: str = ACCESSION,
    patient: str = PATIENT,
    location: str = "ED^12^A^MAIN",
    name: str = "Müller^Änne",
    charset: str = "UNICODE UTF-8",
) -> bytes:
    """Return ORM^O01 2.3.1 as IHE RAD-4 and RAD-13 have it."""
    zds = [f"ZDS|{study}^^Application^DICOM"] if study else []
    return text(
        msh("ORM^O01", number, charset=charset),
        f"PID|1||{patient}^^^HOSP~4711^^^OTHER||{name}||19500102|F|||Main St 1&2^^Town",
        f"PV1|1|E|{location}",
        f"ORC|{control}|PL1^RIS|FI1^RIS||{state}||1^once^^^^{priority}|||||DOC^Ordering",
        f"OBR|1|PL1^RIS|FI1^RIS|XRCS^X-ray C spine^LOC||||||||||||||{accession}|RP1|SPS1"
        f"|||XR||||1^once^^^^{priority}|||WALK|Neck pain \\T\\ numbness",
        *zds,
    )


def omi(
    number: str = "M1",
    *,
    control: str = "NW",
    priority: str = "R",
    study: str = STUDY,
    accession: str = ACCESSION,
) -> bytes:
    """Return OMI^O23 2.5.1 as IHE RAD-4 has it."""
    return text(
        msh("OMI^O23^OMI_O23", number, "2.5.1"),
        f"PID|1||{PATIENT}^^^HOSP||Doe^Jane||19500102|F",
        "PV1|1|I|WARD^7^B",
        f"ORC|{control}|PL1^RIS|FI1^RIS||SC",
        f"TQ1|1||||||||{priority}^word^HL70485",
        "OBR|1|PL1^RIS|FI1^RIS|XRCS^X-ray C spine^LOC",
        f"IPC|{accession}^RIS|RP1^RIS|{study}^RIS|SPS1^RIS|DX",
    )


def oru(
    number: str = "M9",
    *,
    status: str = "F",
    results: tuple[str, ...] = ("F",),
    study: str = STUDY,
    accession: str = ACCESSION,
    patient: str = PATIENT,
) -> bytes:
    """Return a report as ORU^R01."""
    named = [f"OBX|1|ST|113014^DICOM Study^DCM||{study}||||||O"] if study else []
    texts = [
        f"OBX|{place}|TX|18782-3^Report^LN||No fracture.||||||{result}"
        for place, result in enumerate(results, start=2)
    ]
    return text(
        msh("ORU^R01", number, "2.5.1"),
        f"PID|1||{patient}^^^HOSP||Doe^Jane",
        f"OBR|1|PL1^RIS|FI1^RIS|XRCS^X-ray C spine^LOC||||||||||||||{accession}|||||||{status}",
        *named,
        *texts,
    )
