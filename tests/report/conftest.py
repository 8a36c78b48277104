"""Factories of sources and requests, and the validators that others wrote."""

from __future__ import annotations

import math
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset

from triage import uids
from triage.codes import CODES, private_code
from triage.report import ReportRequest, write_part10
from triage.values import (
    Analysis,
    BundleIdentity,
    Decision,
    FindingDefinition,
    GateResult,
    ImageEvidence,
    ImageState,
    Mode,
    OperatingPoint,
    Outcome,
    ReadingClass,
    Score,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
STUDY = "1.2.826.0.1.3680043.8.498.7"
DIGEST = "5c" * 32
CREATED = datetime(2026, 3, 4, 23, 30, 15, 250000, tzinfo=UTC)
SPONDYLOSIS = FindingDefinition("spondylosis", "Spondylosis", CODES.spondylosis)
LORDOSIS = FindingDefinition("lordosis", "Lost lordosis", private_code("LORDOSIS", "Lost lordosis"))
POINTS = (
    OperatingPoint("spondylosis", 0.5, -2.0, 0.6225, 0.1192),
    OperatingPoint("lordosis", 0.0, None, 0.5, None),
)
CLASSES = {
    Outcome.ABNORMAL: ReadingClass.SUSPECTED_ABNORMAL,
    Outcome.LIKELY_NORMAL: ReadingClass.LIKELY_NORMAL,
}
PIXELMED_JARS = ("pixelmed", "commons-codec", "vecmath", "commons-net", "hsqldb", "jmdns")


def least_header(number: int = 1) -> Dataset:
    """Make the header of an image that says nothing but which image it is."""
    header = Dataset()
    header.SOPClassUID = CR
    header.SOPInstanceUID = f"{STUDY}.1.{number}"
    header.StudyInstanceUID = STUDY
    header.SeriesInstanceUID = f"{STUDY}.1"
    return header


def dx_header(number: int = 1, **attributes: object) -> Dataset:
    """Make the header of a digital radiograph, complete enough for an Image Library."""
    header = least_header(number)
    header.SOPClassUID = DX
    header.Modality = "DX"
    header.PatientName = "Roe^Jane"
    header.PatientID = "P-17"
    header.PatientBirthDate = "19700131"
    header.PatientSex = "F"
    header.StudyDate = "20260304"
    header.StudyTime = "231500"
    header.StudyID = "S1"
    header.AccessionNumber = "A-42"
    header.ReferringPhysicianName = "Poe^Max"
    header.PatientOrientation = ["A", "F"]
    header.ImagerPixelSpacing = [0.15, 0.14]
    header.Rows, header.Columns = 2000, 1600
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """Make an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def analysis(*, failed_gate: str = "", **logits: tuple[float, ...]) -> Analysis:
    """Make an analysis: for each finding one logit of each member; temperature 1."""
    gates = [GateResult("header.view", passed=True)]
    if failed_gate:
        gates.append(GateResult(failed_gate, passed=False, reason="outside the limits"))
    scores = tuple(
        Score(finding, f"m{member}", raw, 1 / (1 + math.exp(-raw)))
        for finding, raws in logits.items()
        for member, raw in enumerate(raws)
    )
    return Analysis(DIGEST, tuple(gates), scores)


def image(number: int = 1, result: Analysis | None = None, problem: str = "") -> ImageEvidence:
    """Make the evidence of one image; without a result it was set aside."""
    state = ImageState.ANALYSED if result else ImageState.SET_ASIDE
    return ImageEvidence(f"{STUDY}.1.{number}", state, result, problem)


def algorithm(**changes: str) -> BundleIdentity:
    """Make the identity of a bundle."""
    identity = {
        "name": "Phantom spondylosis",
        "manufacturer": "Example works",
        "version": "1.2.0",
        "digest": DIGEST,
        "device_uid": uids.device_uid(DIGEST),
        "intended_use": "Trained on a phantom, not for patients.",
    }
    return BundleIdentity(**(identity | changes))


def report_request(
    outcome: Outcome = Outcome.ABNORMAL,
    *images: ImageEvidence,
    flagged: tuple[str, ...] = (),
    reasons: tuple[str, ...] = ("spondylosis at or above its threshold",),
    study: str = STUDY,
    **changes: object,
) -> ReportRequest:
    """Make a request; without images one that was scored high for spondylosis."""
    scored = image(result=analysis(spondylosis=(2.0, 1.0), lordosis=(-1.0, -2.0)))
    fields: dict[str, object] = {
        "study_instance_uid": study,
        "decision": Decision(outcome, CLASSES.get(outcome, ReadingClass.ROUTINE), reasons, flagged),
        "images": images or (scored,),
        "findings": (SPONDYLOSIS, LORDOSIS),
        "operating_points": POINTS,
        "algorithm": algorithm(),
        "sop_instance_uid": uids.report_uid(study, 1, CREATED),
        "series_instance_uid": uids.report_series_uid(study),
        "series_number": 9001,
        "instance_number": 1,
        "created_at": CREATED,
        "mode": Mode.DEMOTE,
    }
    return ReportRequest(**(fields | changes))


@pytest.fixture
def make() -> SimpleNamespace:
    """Return the factories of sources, evidence and requests."""
    factories = (least_header, dx_header, code_item, analysis, image, algorithm, report_request)
    return SimpleNamespace(**{factory.__name__: factory for factory in factories})


@pytest.fixture
def quick_check(tmp_path, require_program) -> Callable[[Dataset], None]:
    """Return a check of a report by dciodvfy and dsrdump; both must report no error."""
    verify, dump = require_program("dciodvfy"), require_program("dsrdump")
    path = tmp_path / "report.dcm"

    def check(report: Dataset) -> None:
        path.write_bytes(write_part10(report))
        assert _error_lines([verify, path], "Error") == []
        dumped = subprocess.run([dump, path], capture_output=True, check=False)
        complaints = dumped.stderr.decode(errors="replace").splitlines()
        assert [line for line in complaints if line.startswith(("E:", "F:"))] == []
        assert dumped.returncode == 0

    return check


@pytest.fixture
def pixelmed_check(tmp_path, require_program) -> Callable[[Dataset], None]:
    """Return a check of a report by PixelMed's template validator; takes most of a minute."""
    java = require_program("java")
    jars = [Path(f"/usr/share/java/{name}.jar") for name in (*PIXELMED_JARS, "javax.json")]
    if not jars[0].exists():
        pytest.skip(f"PixelMed is not installed ({jars[0]})")
    # Since JDK 17 the validator's XPath expressions exceed the default limits of JAXP.
    limits = [f"-Djdk.xml.xpath{kind}Limit=0" for kind in ("ExprOp", "TotalOp", "ExprGrp")]
    path = tmp_path / "report.dcm"
    classpath = ":".join(map(str, jars))
    command = [java, *limits, "-cp", classpath, "com.pixelmed.validate.DicomSRValidator", path]

    def check(report: Dataset) -> None:
        path.write_bytes(write_part10(report))
        assert _error_lines(command, "Error", "Exception") == []

    return check


def _error_lines(command: list[str | Path], *words: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    assert text.strip(), "the validator said nothing at all: it did not run"
    return [line for line in text.splitlines() if line.strip().startswith(words)]
