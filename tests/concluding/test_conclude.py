"""Concluding: raised at once, lowered late, one report a decision, one bad study alone."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.factories import Clock, make_facts
from triage import conclude
from triage.conclude import conclude_ready, place_standing
from triage.errors import ReportError, TransientError
from triage.settings import DecisionSettings, Destination, default_settings
from triage.store import Store, StoredFile
from triage.values import (
    Analysis,
    GateResult,
    ImageState,
    Mode,
    Outcome,
    Priority,
    ReadingClass,
    Score,
    StudyState,
)
from triage.vision.bundle import Bundle, default_bundle_folder

STUDY = "1.2.1"


@pytest.fixture(scope="session")
def bundle():
    """Return the bundle that comes along."""
    return Bundle.load(default_bundle_folder())


class Site:
    """A store with settings, and hands that play listener and worker."""

    def __init__(self, folder, bundle) -> None:
        self.clock = Clock()
        self.bundle = bundle
        self.settings = replace(
            default_settings(folder),
            decision=DecisionSettings(Mode.DEMOTE, undemoted_share=0.0),
            destinations=(Destination("a", "A", "h", 1), Destination("b", "B", "h", 2)),
        )
        self.store = Store.open(folder, self.clock)

    def receive(self, number: int = 1, study: str = STUDY, **options) -> None:
        facts = make_facts(study, f"{study}.{number}", **options)
        film = Dataset()
        film.SOPClassUID, film.SOPInstanceUID = facts.sop_class_uid, facts.sop_instance_uid
        film.StudyInstanceUID, film.SeriesInstanceUID = study, facts.series_instance_uid
        film.PatientName = "Roe^Jane"
        film.file_meta = FileMetaDataset()
        film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = f"spool/{facts.sop_instance_uid}.dcm"
        film.save_as(self.settings.state_folder / path, enforce_file_format=True)
        digest = facts.sop_instance_uid.rjust(64, "0")
        self.store.record_instance(
            facts, StoredFile(path, 1, digest), state=ImageState.QUEUED, calling_ae_title="M"
        )

    def analyse(self, raw: float, *, digest: str = "") -> None:
        for image in self.store.claim_images("w", 10, 60):
            scores = [
                Score(finding.name, member, raw, 0.5)
                for finding in self.bundle.findings
                for member in self.bundle.members
            ]
            analysis = Analysis(
                digest or self.bundle.identity.digest,
                (GateResult("header.view", passed=True),),
                tuple(scores),
            )
            assert self.store.finish_image(image.instance_id, "w", analysis, "")

    def rest(self) -> None:
        self.clock.advance(11)
        self.store.close_quiet(10)

    def conclude(self) -> int:
        return conclude_ready(self.store, self.settings, self.bundle)

    def entry(self, study: str = STUDY):
        return self.store.study(study).entry


@pytest.fixture
def site(tmp_path, bundle):
    """Return a site in mode demote with two destinations."""
    made = Site(tmp_path, bundle)
    yield made
    made.store.close()


def test_an_abnormal_image_raises_its_study_before_the_study_is_complete(site):
    site.receive(1)
    site.analyse(99.0)
    site.receive(2)
    assert site.conclude() == 0
    entry = site.entry()
    assert (entry.study_state, entry.priority) == (StudyState.ARRIVING, Priority.HIGH)
    assert entry.outcome is Outcome.ABNORMAL
    assert "not all images assessed yet" in entry.reasons
    assert entry.report_uids == ()


def test_a_study_is_not_lowered_while_images_may_still_come(site):
    site.receive()
    site.analyse(-99.0)
    assert site.conclude() == 0
    assert site.entry().priority is Priority.MEDIUM


def test_a_complete_study_gets_one_decision_one_report_and_a_delivery_each(site):
    site.receive()
    site.analyse(99.0)
    site.rest()
    assert site.conclude() == 1
    assert site.conclude() == 0
    record = site.store.study(STUDY)
    (decided,) = record.decisions
    assert decided.report is not None
    assert [one.destination for one in record.deliveries] == ["a", "b"]
    report = dcmread(site.settings.state_folder / decided.report.path)
    assert report.SOPInstanceUID == decided.report.sop_instance_uid
    assert report.PatientName == "Roe^Jane"


def test_the_ledger_tells_by_which_threshold_of_which_bundle_a_study_was_raised(site):
    site.receive()
    site.analyse(99.0)
    site.rest()
    site.conclude()
    change = site.store.study(STUDY).priority_changes[-1]
    (decided,) = site.store.study(STUDY).decisions
    flags = {one.finding: one.flag for one in site.bundle.operating_points}
    told = dict(bound.split("=") for bound in change.threshold.split(", "))
    assert change.by == "ai"
    assert change.bundle_digest == site.bundle.identity.digest
    assert told == {name: f"{flags[name]:.6g}" for name in decided.decision.flagged}


def test_a_certified_normal_study_is_lowered_only_when_every_finding_is_certified(site):
    site.receive()
    site.analyse(-99.0)
    site.rest()
    site.conclude()
    deciding = [point for point in site.bundle.operating_points if point.decides]
    certified = all(point.rule_out is not None for point in deciding)
    expected = Priority.LOW if certified else Priority.MEDIUM
    assert site.entry().priority is expected


def test_a_late_image_leads_to_a_second_report_that_names_the_first(site):
    site.receive(1)
    site.analyse(99.0)
    site.rest()
    site.conclude()
    site.receive(2)
    assert site.entry().priority is Priority.HIGH
    site.analyse(-99.0)
    site.rest()
    assert site.conclude() == 1
    first, second = site.store.study(STUDY).decisions
    report = dcmread(site.settings.state_folder / second.report.path)
    (document,) = report.PredecessorDocumentsSequence
    (named,) = document.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == first.report.sop_instance_uid


def test_a_study_with_an_image_still_in_the_queue_is_not_decided(site):
    site.receive(1)
    site.analyse(-99.0)
    site.receive(2)
    site.rest()
    assert site.conclude() == 0
    assert site.entry().study_state is StudyState.COMPLETE


def test_while_the_brake_is_on_results_are_reported_and_move_nothing(site):
    site.store.pause("stop")
    site.receive()
    site.analyse(99.0)
    site.rest()
    assert site.conclude() == 1
    assert site.entry().priority is Priority.MEDIUM
    assert len(site.entry().report_uids) == 1
    site.store.resume(lambda stands: place_standing(site.settings, stands))
    assert site.entry().reading_class is ReadingClass.SUSPECTED_ABNORMAL


def test_images_that_another_bundle_analysed_are_analysed_again(site):
    site.receive()
    site.analyse(-99.0, digest="0" * 64)
    site.rest()
    assert site.conclude() == 0
    site.analyse(99.0)
    assert site.conclude() == 1
    assert site.entry().outcome is Outcome.ABNORMAL


@pytest.mark.parametrize("error", [ReportError("no study"), AttributeError("strange header")])
@pytest.mark.parametrize(("raw", "expected"), [(99.0, Priority.HIGH), (-99.0, Priority.MEDIUM)])
def test_a_study_without_report_is_decided_and_never_lowered(
    site, monkeypatch, error, raw, expected
):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(conclude, "file_report", fail)
    site.receive()
    site.analyse(raw)
    site.rest()
    assert site.conclude() == 1
    entry = site.entry()
    assert entry.priority is expected
    assert any(reason.startswith("no report") for reason in entry.reasons)


def test_one_study_that_fails_stops_no_other_and_is_tried_again(site, monkeypatch):
    real = conclude.file_report

    def fail_for_one(store, settings, bundle, snapshot, *rest):
        if snapshot.evidence.study_instance_uid == "1.2.1":
            raise TransientError("the disk is full")
        return real(store, settings, bundle, snapshot, *rest)

    site.receive(study="1.2.1")
    site.receive(study="1.2.2")
    site.analyse(99.0)
    site.rest()
    monkeypatch.setattr(conclude, "file_report", fail_for_one)
    assert site.conclude() == 1
    assert site.entry("1.2.2").study_state is StudyState.DECIDED
    assert site.entry("1.2.1").study_state is StudyState.COMPLETE
    monkeypatch.setattr(conclude, "file_report", real)
    assert site.conclude() == 1
    assert site.entry("1.2.1").study_state is StudyState.DECIDED


def test_a_source_file_that_is_gone_leaves_a_report_from_what_intake_read(site):
    site.receive(patient_name="Poe^Max")
    for path in (site.settings.state_folder / "spool").iterdir():
        path.unlink()
    site.analyse(99.0)
    site.rest()
    assert site.conclude() == 1
    (decided,) = site.store.study(STUDY).decisions
    report = dcmread(site.settings.state_folder / decided.report.path)
    assert report.PatientName == "Poe^Max"


def test_a_report_is_dated_in_the_hospitals_own_time(site, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    site.receive()
    site.analyse(99.0)
    site.rest()
    site.conclude()
    monkeypatch.undo()
    time.tzset()
    (decided,) = site.store.study(STUDY).decisions
    report = dcmread(site.settings.state_folder / decided.report.path)
    assert (report.ContentDate, report.ContentTime[:6]) == ("20260302", "170011")


@pytest.mark.parametrize("mode", Mode)
def test_a_change_of_mode_places_what_was_decided_before(site, mode):
    site.receive()
    site.analyse(99.0)
    site.rest()
    site.conclude()
    changed = replace(site.settings, decision=DecisionSettings(mode))
    site.store.place_all(lambda stands: place_standing(changed, stands), "mode changed")
    expected = Priority.MEDIUM if mode is Mode.SHADOW else Priority.HIGH
    assert site.entry().priority is expected
