"""What the delivery tests share beside fixtures: reports, rows of the outbox, waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from triage.settings import DeliverySettings
from triage.store import DeliveryRecord, Placement, ReportRecord, Store, StoredFile
from triage.uids import derived_uid
from triage.values import (
    Decision,
    DeliveryState,
    HeaderFacts,
    ImageState,
    Mode,
    Outcome,
    ReadingClass,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
QUICK = DeliverySettings(
    first_retry_seconds=0.1, maximum_retry_seconds=0.4, maximum_attempts=4, timeout_seconds=2.0
)


def study_uid(number: int) -> str:
    """Return the Study Instance UID of a test's study."""
    return derived_uid("test-study", str(number))


def report_uid(number: int) -> str:
    """Return the SOP Instance UID of the report of a test's study."""
    return derived_uid("test-report", str(number))


def write_report(path: Path, number: int = 1, sop_class: str = COMPREHENSIVE_3D_SR) -> Path:
    """Write the smallest report that a PACS takes."""
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.SOPClassUID = sop_class
    report.SOPInstanceUID = report_uid(number)
    report.StudyInstanceUID = study_uid(number)
    report.SeriesInstanceUID = derived_uid("test-series", str(number))
    report.PatientID = f"P{number}"
    report.PatientName = f"Test^{number}"
    report.Modality = "SR"
    report.SeriesNumber = report.InstanceNumber = 1
    report.ValueType = "CONTAINER"
    report.ContinuityOfContent = "SEPARATE"
    report.save_as(path, enforce_file_format=True)
    return path


def enqueue_report(store: Store, number: int, path: str, destinations: tuple[str, ...]) -> None:
    """Record a study, its decision and its report, due at each destination."""
    uid = study_uid(number)
    facts = HeaderFacts("1.2", derived_uid("test-image", uid), uid, "1.2.3", "1.2.840.10008.1.2")
    file = StoredFile(f"spool/{number}.dcm", 1, f"{number:064x}")
    store.record_instance(facts, file, state=ImageState.NOT_ELIGIBLE, calling_ae_title="MODALITY")
    decision = Decision(Outcome.NOT_ASSESSABLE, ReadingClass.ROUTINE, ("a test",))
    report = ReportRecord(report_uid(number), COMPREHENSIVE_3D_SR, "1.2.4", path, store.clock())
    assert store.record_decision(
        store.snapshot(uid),
        decision,
        Placement(decision.reading_class, decision.reasons, decision.outcome),
        report,
        mode=Mode.SHADOW,
        spared=False,
        bundle_digest="",
        destinations=destinations,
    )


def wait_for_states(store: Store, number: int, *expected: DeliveryState) -> None:
    """Wait until the deliveries of a study are in these states, in order of destinations."""
    wait_for(store, lambda: states(store, number) == list(expected))


def wait_for(store: Store, condition: Callable[[], bool], rounds: int = 400) -> None:
    """Wait until the store is as it should be, looking again after every commit."""
    watcher = store.watcher()
    never = threading.Event()
    try:
        for _ in range(rounds):
            if condition():
                return
            watcher.wait(0.1, never)
    finally:
        watcher.close()
    pytest.fail("the store did not become as it should be")


def states(store: Store, number: int) -> list[DeliveryState]:
    """Return the states of the deliveries of a study's report."""
    return [delivery.state for delivery in deliveries(store, number)]


def deliveries(store: Store, number: int) -> list[DeliveryRecord]:
    """Return the outbox rows of a study's report, in order of destinations."""
    study = store.study(study_uid(number))
    assert study is not None
    return sorted(study.deliveries, key=lambda delivery: delivery.destination)


def read_uid(path: Path) -> str:
    """Return the SOP Instance UID of a file."""
    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
