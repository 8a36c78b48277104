"""The morning of the demonstration: everything is in it, in an order that can be sent."""

from __future__ import annotations

import json
from collections import Counter

import pydicom
import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
)

from training.phantom.cases import DESCRIBING
from training.phantom.morning import Label, write_morning
from training.phantom.studies import Syntax
from triage.delivery.reactor import HELD_REACTOR
from triage.errors import PermanentError


def items_of(morning, label: Label) -> list:
    return [item for item in morning.items if item.label == label.value]


def test_every_part_is_played(morning):
    counts = Counter(item.label for item in morning.items)
    for label in Label:
        assert counts[label.value] >= 1, label
    for label in (Label.STAT, Label.AP, Label.CHEST, Label.HARDWARE, Label.TRUNCATED):
        assert counts[label.value] == 1, label
    assert len({item.study for item in morning.items}) == 14
    assert len(morning.items) == 14 + 2  # the repeated file and the late film


def test_the_files_are_what_the_plan_says(morning):
    files = {item.file for item in morning.items}
    assert files == {path.name for path in morning.folder.glob("*.dcm")}
    for item in morning.items:
        dataset = pydicom.dcmread(morning.folder / item.file, stop_before_pixels=True)
        assert dataset.StudyInstanceUID == item.study
        assert dataset.SOPInstanceUID == item.instance
        assert (dataset.get("RequestedProcedurePriority") == "STAT") == (item.label == "stat")
        assert (dataset.BodyPartExamined == "CHEST") == (item.label == "chest")
        assert 1000 <= dataset.Rows <= 1300


def test_only_the_truncated_file_lacks_pixels(morning):
    for item in morning.items:
        dataset = pydicom.dcmread(morning.folder / item.file)
        if dataset.file_meta.TransferSyntaxUID == Syntax.EXPLICIT.value:
            complete = len(dataset.PixelData) == dataset.Rows * dataset.Columns * 2
            assert complete == (item.label != "truncated")
        else:
            assert item.label != "truncated"


def test_the_duplicate_is_a_file_that_was_sent_before(morning):
    (duplicate,) = items_of(morning, Label.DUPLICATE)
    earlier = morning.items[: morning.items.index(duplicate)]
    (original,) = [item for item in earlier if item.file == duplicate.file]
    assert original.association < duplicate.association
    assert original.instance == duplicate.instance


def test_the_late_film_waits_for_the_report_of_its_study(morning):
    first, late = items_of(morning, Label.LATE)
    assert first.wait_for is None
    assert late.wait_for == "report"
    assert late is morning.items[-1]
    assert first.study == late.study
    assert first.instance != late.instance
    assert [item for item in morning.items if item.wait_for] == [late]


def test_what_a_gate_must_keep_out_has_one_expected_outcome(morning):
    for label in (Label.AP, Label.CHEST, Label.HARDWARE, Label.TRUNCATED):
        assert items_of(morning, label)[0].expected == ("not-assessable",)
    for item in morning.items:
        assert item.hoped_for in item.expected
        if item.label in {"normal", "duplicate"}:
            assert set(item.findings) <= DESCRIBING
        if item.label == "abnormal":
            assert item.findings


def test_associations_are_numbered_in_the_order_of_sending(morning):
    numbers = [item.association for item in morning.items]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, max(numbers) + 1))
    assert max(Counter(numbers).values()) == 2


def test_the_plan_on_disk_is_the_plan_returned(morning):
    written = json.loads((morning.folder / "morning.json").read_text(encoding="utf-8"))
    assert written["schema"] == "cspine-triage-morning/1"
    assert [item["file"] for item in written["items"]] == [item.file for item in morning.items]
    assert set(written["items"][0]) == {
        "file", "study", "instance", "association", "wait_for", "label", "findings", "expected",
        "hoped_for",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_morning_byte_for_byte(morning, tmp_path):
    again = write_morning(tmp_path / "again", seed=3, studies=14)
    assert again.items == morning.items
    for item in morning.items:
        assert (tmp_path / "again" / item.file).read_bytes() == (
            morning.folder / item.file
        ).read_bytes()


def test_every_study_has_another_patient(morning):
    patients = {}
    for item in morning.items:
        dataset = pydicom.dcmread(morning.folder / item.file, stop_before_pixels=True)
        patients.setdefault(item.study, dataset.PatientID)
    assert len(set(patients.values())) == len(patients)


def test_too_small_a_morning_is_refused_with_the_least_number(tmp_path):
    with pytest.raises(PermanentError, match="at least 12"):
        write_morning(tmp_path, seed=1, studies=3)


def test_every_file_can_be_sent_the_truncated_one_too(morning):
    received = []

    def store(event) -> int:
        received.append(event.request.AffectedSOPInstanceUID)
        return 0x0000

    syntaxes = [syntax.value for syntax in Syntax]
    peer = AE("PEER")
    for sop_class in (DigitalXRayImageStorageForPresentation, ComputedRadiographyImageStorage):
        peer.add_supported_context(sop_class, syntaxes)
    server = peer.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    sender = AE("MODALITY")
    for sop_class in (DigitalXRayImageStorageForPresentation, ComputedRadiographyImageStorage):
        for syntax in syntaxes:
            sender.add_requested_context(sop_class, syntax)
    association = sender.associate(
        "127.0.0.1", server.server_address[1], evt_handlers=[HELD_REACTOR]
    )
    assert association.is_established
    statuses = [
        association.send_c_store(morning.folder / item.file).Status for item in morning.items
    ]
    association.release()
    server.shutdown()
    assert statuses == [0x0000] * len(morning.items)
    assert received == [item.instance for item in morning.items]
