"""`kill -9` of every role in the middle of a burst: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pynetdicom import AE

from tests.end_to_end.roles import kill
from tests.waiting import until
from triage.delivery.reactor import HELD_REACTOR
from triage.store import Store
from triage.values import StudyState

if TYPE_CHECKING:
    from triage.demo.stage import Daemon

BURST = 50
pytestmark = pytest.mark.slow


def burst(folder, seed):
    """Return studies of one image each, made from one film: what counts here is their number."""
    film = dcmread(seed)
    for number in range(BURST):
        film.StudyInstanceUID = f"2.25.77{number:03d}"
        film.SeriesInstanceUID = f"2.25.78{number:03d}"
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"2.25.79{number:03d}"
        path = folder / f"{number:03d}.dcm"
        film.save_as(path)
        yield path


def send_until_acknowledged(daemon: Daemon, path, acknowledged: list[str]) -> None:
    """Send as a modality does: again, until somebody has answered success."""
    film = dcmread(path)
    listener = daemon.settings.listener
    while True:
        entity = AE("MODALITY")
        entity.connection_timeout = entity.dimse_timeout = 5
        entity.add_requested_context(film.SOPClassUID, film.file_meta.TransferSyntaxUID)
        association = entity.associate(
            listener.address, listener.port, ae_title="TRIAGE", evt_handlers=[HELD_REACTOR]
        )
        if association.is_established:
            answer = association.send_c_store(film)
            if answer.get("Status") == 0:
                association.release()
                acknowledged.append(str(film.StudyInstanceUID))
                return
            association.abort()


def test_killing_every_role_in_a_burst_loses_and_doubles_nothing(
    start, orthanc, test_data, tmp_path
):
    daemon = start(orthanc.ae_title, orthanc.dicom_port)
    (tmp_path / "burst").mkdir()
    paths = list(burst(tmp_path / "burst", test_data / "cspine_dx" / "0002035.dcm"))
    acknowledged: list[str] = []
    middle = threading.Event()

    def send() -> None:
        for number, path in enumerate(paths):
            send_until_acknowledged(daemon, path, acknowledged)
            if number == BURST // 5:
                middle.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert middle.wait(60)
    for role in ("worker", "listener", "courier"):
        kill(daemon, role)
    sender.join(240)
    assert not sender.is_alive()
    assert len(acknowledged) == BURST

    def reported() -> bool:
        return len(orthanc.instances()) >= BURST

    until(reported, "a report for every study", 300)
    with Store.open(daemon.settings.state_folder) as store:
        until(
            lambda: all(
                entry.study_state is StudyState.DECIDED for entry in store.worklist_entries()
            ),
            "every study decided",
            120,
        )
        listed = [entry.study_instance_uid for entry in store.worklist_entries()]
        assert sorted(listed) == sorted(acknowledged)
        for uid in listed:
            record = store.study(uid)
            reports = orthanc.find_in_study(uid)
            assert len(reports) == len(record.decisions)
            first = [one for one in reports if "PredecessorDocumentsSequence" not in one]
            assert len(first) == 1
            for instance in record.instances:
                kept = dcmread(daemon.settings.state_folder / instance.path)
                assert kept.SOPInstanceUID == instance.sop_instance_uid
