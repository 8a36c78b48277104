"""The reading list as peers see it over DIMSE: C-FIND and N-GET on the UPS contexts."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
)

from tests.peers import program
from triage.delivery.reactor import HELD_REACTOR
from triage.errors import TransientError
from triage.intake import listener
from triage.intake.services import FindRequest
from triage.settings import default_settings
from triage.store import Store, StoredFile
from triage.ups.dimse import StepProvider
from triage.ups.service import StepService
from triage.values import HeaderFacts, ImageState, OrderPriority

WAIT_SECONDS = 20.0
READABLE = (UnifiedProcedureStepPull, UnifiedProcedureStepWatch, UnifiedProcedureStepQuery)


def facts(number, **values):
    return HeaderFacts(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
        sop_instance_uid=f"1.2.5.{number}",
        study_instance_uid=f"1.2.3.{number}",
        series_instance_uid=f"1.2.4.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="CR",
        patient_birth_date="19600102",
        patient_name=f"Nobody{number}^Any",
        patient_id=f"P{number}",
        accession_number=f"A{number}",
        **values,
    )


@pytest.fixture
def settings(tmp_path):
    """Return the settings of a listener whose list has three studies, the last a STAT order."""
    found = default_settings(tmp_path / "state")
    listening = dataclasses.replace(found.listener, address="127.0.0.1", port=0)
    with Store.open(found.state_folder) as store:
        for number, order in enumerate(
            (OrderPriority.ROUTINE, OrderPriority.UNKNOWN, OrderPriority.STAT), start=1
        ):
            store.record_instance(
                facts(number, order_priority=order),
                StoredFile(f"spool/{number}", 1, f"{number}"),
                state=ImageState.QUEUED,
                calling_ae_title="MODALITY",
            )
    return dataclasses.replace(found, listener=listening)


@contextlib.contextmanager
def serving(settings):
    """Run a listener for as long as the block lasts, and give its port."""
    stop, opened, ports = threading.Event(), threading.Event(), []

    def ready(number):
        ports.append(number)
        opened.set()

    thread = threading.Thread(
        target=listener.run, args=(settings, stop, lambda: None), kwargs={"ready": ready}
    )
    thread.start()
    try:
        assert opened.wait(WAIT_SECONDS)
        yield ports[0]
    finally:
        stop.set()
        thread.join(WAIT_SECONDS)


@contextlib.contextmanager
def associated(port, *sop_classes, syntax=None, maximum_pdu_bytes=16_382):
    """Associate for some of the UPS SOP classes for as long as the block lasts."""
    entity = AE("VIEWER")
    entity.acse_timeout = entity.dimse_timeout = WAIT_SECONDS
    for sop_class in sop_classes:
        entity.add_requested_context(sop_class, *filter(None, [syntax]))
    association = entity.associate(
        "127.0.0.1",
        port,
        ae_title="TRIAGE",
        max_pdu=maximum_pdu_bytes,
        evt_handlers=[HELD_REACTOR],
    )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


@pytest.fixture
def port(settings):
    """Start a listener and return its port."""
    with serving(settings) as opened:
        yield opened


@pytest.fixture
def associate(port):
    """Return a function that associates for some of the UPS SOP classes."""
    with contextlib.ExitStack() as opened:
        yield lambda *sop_classes: opened.enter_context(associated(port, *sop_classes))


def find(association, model=UnifiedProcedureStepPull, **keys):
    query = Dataset()
    query.PatientID = ""
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    return list(association.send_c_find(query, model))


def exchange(association, identifier):
    """Send a C-FIND with an identifier as it is, and return the responses."""
    request = C_FIND()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID = UnifiedProcedureStepPull
    request.Identifier = None if identifier is None else io.BytesIO(identifier)
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        threading.Event().wait(0.001)
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    answers = []
    while not answers or answers[-1].Status in (0xFF00, 0xFF01):
        answers.append(association.dimse.get_msg(block=True)[1])
    association._reactor_checkpoint.set()
    return answers


@pytest.mark.parametrize("model", READABLE)
def test_the_list_comes_in_reading_order(associate, model):
    answers = find(associate(model), model, PatientID="", ScheduledProcedureStepPriority="")
    assert [status.Status for status, _ in answers] == [0xFF00] * 3 + [0x0000]
    found = [item for _, item in answers if item is not None]
    assert [item.PatientID for item in found] == ["P3", "P1", "P2"]
    assert [item.ScheduledProcedureStepPriority for item in found] == ["HIGH", "MEDIUM", "MEDIUM"]


def test_a_query_without_an_identifier_asks_for_everything(associate):
    answers = exchange(associate(UnifiedProcedureStepPull), None)
    assert len(answers) == 4
    assert all(answer.Identifier is not None for answer in answers[:3])


def test_keys_narrow_the_list_and_unsupported_ones_are_told(associate):
    association = associate(UnifiedProcedureStepPull)
    request = Dataset()
    request.AccessionNumber = "A2"
    answers = find(association, ReferencedRequestSequence=Sequence([request]), StudyID="any")
    assert [status.Status for status, _ in answers] == [0xFF01, 0x0000]
    assert answers[0][1].ReferencedRequestSequence[0].AccessionNumber == "A2"


def test_input_information_is_there_for_those_who_ask(associate):
    association = associate(UnifiedProcedureStepPull)
    plain = find(association)[0][1]
    assert "InputInformationSequence" not in plain
    asked = find(association, InputInformationSequence=Sequence(), PatientID="P1")[0][1]
    (images,) = asked.InputInformationSequence
    assert images.StudyInstanceUID == "1.2.3.1"
    assert images.SeriesInstanceUID == "1.2.4.1"
    assert images.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.5.1"


def test_a_work_item_is_got_by_its_uid_over_another_context(associate):
    association = associate(UnifiedProcedureStepPull)
    uid = find(association, PatientID="P2")[0][1].SOPInstanceUID
    status, item = association.send_n_get(
        [], UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepPull
    )
    assert status.Status == 0x0000
    assert item.PatientName == "Nobody2^Any"
    assert "TransactionUID" not in item
    assert len(item.InputInformationSequence) == 1

    status, item = association.send_n_get(
        [0x00100020], UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepPull
    )
    assert status.Status == 0x0000
    assert [element.keyword for element in item] == ["PatientID"]


def test_what_is_asked_for_and_not_there_is_told_by_a_warning_beside_the_rest(associate):
    association = associate(UnifiedProcedureStepPull)
    uid = find(association, PatientID="P2")[0][1].SOPInstanceUID
    private = 0x00091001
    status, item = association.send_n_get(
        [0x00100020, 0x00404011, private],
        UnifiedProcedureStepPush,
        uid,
        meta_uid=UnifiedProcedureStepPull,
    )
    assert status.Status == 0x0001
    assert status.ErrorComment == "ExpectedCompletionDateTime, (0009,1001)"
    assert [element.keyword for element in item] == ["PatientID"]


def test_an_unknown_work_item_is_told(associate):
    association = associate(UnifiedProcedureStepWatch)
    status, _ = association.send_n_get(
        [], UnifiedProcedureStepPush, "1.2.3.4.5", meta_uid=UnifiedProcedureStepWatch
    )
    assert status.Status == 0xC307


def test_a_query_that_is_cancelled_ends(settings):
    query = FindRequest(b"", str(ImplicitVRLittleEndian), "VIEWER", lambda: True)
    with Store.open(settings.state_folder) as store:
        provider = StepProvider(StepService(store, settings))
        assert list(provider.find_encoded(query)) == [(0xFE00, b"")]


def test_the_stock_path_answers_a_query_as_the_hot_path_does(settings, monkeypatch):
    """There the library sends what is found; every byte of it is the same."""
    queries = ({}, {"PatientID": "P2"}, {"StudyID": "any"}, {"PatientID": "nobody"})
    answers = []
    for changed in ((), ("association:Association.kill",)):
        monkeypatch.setattr(listener, "changed_parts", lambda changed=changed: changed)
        with serving(settings) as port, associated(port, UnifiedProcedureStepPull) as association:
            answers.append([find(association, **keys) for keys in queries])
    hot, stock = answers
    assert hot == stock


def test_answers_come_in_any_transfer_syntax_and_in_pdus_that_the_peer_takes(port):
    for syntax, maximum_pdu_bytes in itertools.product(
        (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian), (0, 64, 16_382)
    ):
        with associated(
            port, UnifiedProcedureStepPull, syntax=syntax, maximum_pdu_bytes=maximum_pdu_bytes
        ) as association:
            pdus = []
            association.bind(evt.EVT_PDU_RECV, lambda event, to=pdus: to.append(event.pdu))
            found = find(association, PatientName="", ReferencedRequestSequence=Sequence())
        items = [item for _, item in found[:3]]
        assert [str(item.PatientName)[:7] for item in items] == ["Nobody3", "Nobody1", "Nobody2"]
        requests = [item.ReferencedRequestSequence[0] for item in items]
        assert [request.AccessionNumber for request in requests] == ["A3", "A1", "A2"]
        assert all(len(pdu) - 6 <= (maximum_pdu_bytes or 1_000_000) for pdu in pdus)
        assert found[-1][0].Status == 0x0000


@pytest.mark.parametrize(
    "identifier",
    [
        b"\x10\x00\x20\x00\xff\xff\xff\x7f",
        (b"\x40\x00\x70\xa3\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 5000,
        b"\x10\x00\x30\x00\x08\x00\x00\x00someday!",
        b"\x40\x00\x70\xa3\x04\x00\x00\x00ACC1",
    ],
    ids=["length-bomb", "nesting-bomb", "no-date", "text-for-items"],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_query_that_cannot_be_understood_is_refused(associate, identifier):
    association = associate(UnifiedProcedureStepPull)
    (context,) = association.accepted_contexts
    assert context.transfer_syntax == [ImplicitVRLittleEndian]
    (answer,) = exchange(association, identifier)
    assert answer.Status == 0xC000
    assert find(association)[-1][0].Status == 0x0000


def test_a_store_that_fails_is_told_and_the_association_goes_on(associate, monkeypatch):
    association = associate(UnifiedProcedureStepPull)

    def fail(*_arguments, **_options):
        raise TransientError("the database is busy")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "search_uids", fail)
        assert [status.Status for status, _ in find(association)] == [0xA700]
    assert len(find(association)) == 4


def test_the_findscu_of_pynetdicom_lists_the_work_items(port, tmp_path):
    """The one findscu that knows UPS contexts."""
    command = [sys.executable, "-m", "pynetdicom", "findscu", "127.0.0.1", str(port), "-U", "-w"]
    keys = ["-k", "PatientID=", "-k", "ScheduledProcedureStepPriority="]
    subprocess.run(
        [*command, "-aec", "TRIAGE", *keys],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    found = [dcmread(path) for path in sorted(tmp_path.glob("rsp*.dcm"))]
    assert [item.PatientID for item in found] == ["P3", "P1", "P2"]


def test_the_findscu_of_dcmtk_reads_the_work_items_once_it_offers_a_ups_context(port, tmp_path):
    """All of it is DCMTK's, but for one UID in a copy of the program, which no option changes."""
    original = Path(program("findscu")).read_bytes()
    study_root = str(StudyRootQueryRetrieveInformationModelFind).encode() + b"\0"
    assert original.count(study_root) == 1, "another build of DCMTK keeps its UIDs elsewhere"
    findscu = tmp_path / "findscu"
    ups = str(UnifiedProcedureStepPull).encode()
    findscu.write_bytes(original.replace(study_root, ups.ljust(len(study_root), b"\0")))
    findscu.chmod(0o755)
    keys = ["PatientID", "PatientName", "ScheduledProcedureStepPriority=HIGH", "ProcedureStepState"]
    done = subprocess.run(
        [findscu, "127.0.0.1", str(port), "-S", "-aec", "TRIAGE", "-v", "-X"]
        + [word for key in keys for word in ("-k", key)],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = [dcmread(path, force=True) for path in sorted(tmp_path.glob("rsp*.dcm"))]
    assert [item.PatientID for item in found] == ["P3"]
    assert found[0].ProcedureStepState == "SCHEDULED"
    assert "Received Final Find Response (Success)" in done.stdout + done.stderr


def test_the_findscu_of_dcmtk_offers_no_ups_context_and_does_no_harm(port, associate):
    """Its information models are worklist, patient root, study root: none of them is UPS."""
    command = [program("findscu"), "127.0.0.1", str(port)]
    for model in ("-W", "-P", "-S"):
        done = subprocess.run(
            [*command, model, "-aec", "TRIAGE", "-k", "PatientID"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode != 0
        assert "No Acceptable Presentation Contexts" in done.stdout + done.stderr
    assert len(find(associate(UnifiedProcedureStepPull))) == 4
