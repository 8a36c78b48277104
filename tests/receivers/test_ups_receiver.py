"""Another manager of UPS work items: pynetdicom as SCP, with items of its own or none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE, evt
from pynetdicom.sop_class import UnifiedProcedureStepPull, UnifiedProcedureStepPush, Verification

from tests.peers import DeafPeer, Peer, free_port
from triage.delivery.association import PeerError, Trouble
from triage.receivers import ups
from triage.receivers.ups import UpsManager, new_work_item
from triage.settings import UpsReceiver
from triage.store import ReceiverStudy
from triage.uids import work_item_uid
from triage.values import OrderPriority, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pynetdicom.events import Event

STUDY = "1.2.1"
# pynetdicom drops the socket of a refused connection without closing it; it is freed at once.
refused_connection = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


@dataclass
class Manager(Peer):
    """A UPS SCP that keeps work items in memory.

    Attributes:
        items: Every work item by its UID.
        asked: The operations that reached it, in order.
        status: What it answers to N-SET and N-CREATE, when not success.
        ends: Abort the association when a change reaches it, before or after it is made.
    """

    port: int = 0
    items: dict[str, Dataset] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 0
    ends: str = ""

    def start(self, contexts: list[str]) -> None:
        """Listen."""
        entity = AE("MANAGER")
        for context in contexts:
            entity.add_supported_context(context)
        handlers: list[Any] = [
            (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_GET, self._get),
            (evt.EVT_N_SET, self._set),
            (evt.EVT_C_FIND, self._find),
        ]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = int(self.server.server_address[1])

    def stop(self) -> None:
        """Stop listening."""
        self.server.shutdown()

    def _create(self, event: Event) -> tuple[int, Dataset | None]:
        self.asked.append("N-CREATE")
        uid = str(event.request.AffectedSOPInstanceUID)
        return self._change(event, lambda: self.items.__setitem__(uid, event.attribute_list))

    def _set(self, event: Event) -> tuple[int, Dataset | None]:
        self.asked.append("N-SET")
        item = self.items[str(event.request.RequestedSOPInstanceUID)]
        return self._change(event, lambda: item.update(event.modification_list))

    def _change(self, event: Event, make: Callable[[], None]) -> tuple[int, Dataset | None]:
        if self.status:
            return self.status, None
        if self.ends != "before":
            make()
        if self.ends:
            event.assoc.abort()
        return 0, Dataset()

    def _get(self, event: Event) -> tuple[int, Dataset | None]:
        item = self.items.get(str(event.request.RequestedSOPInstanceUID))
        return (0xC307, None) if item is None else (0, item)

    def _find(self, _event: Event) -> Iterator[tuple[int, Dataset | None]]:
        # As many managers do, it matches no keys at all.
        for uid, item in self.items.items():
            found = Dataset()
            found.update(item)
            found.SOPInstanceUID = uid
            yield 0xFF00, found


@pytest.fixture
def manager() -> Iterator[Manager]:
    """Return a running manager."""
    with Manager() as running:
        running.start([UnifiedProcedureStepPush, UnifiedProcedureStepPull])
        yield running


def adapter(port: int, *, creates: bool = True) -> UpsManager:
    settings = UpsReceiver("manager", "MANAGER", "127.0.0.1", port, creates_work_items=creates)
    return UpsManager(settings, "TRIAGE", "C-SPINE READING", timeout_seconds=5.0)


def item_of(study: str, state: str = "SCHEDULED", priority: str = "MEDIUM", code: str = "110005"):
    """Return a work item that the manager made of an order."""
    item = Dataset()
    item.ProcedureStepState, item.ScheduledProcedureStepPriority = state, priority
    request, workitem = Dataset(), Dataset()
    request.StudyInstanceUID = study
    workitem.CodeValue, workitem.CodingSchemeDesignator = code, "DCM"
    item.ReferencedRequestSequence = Sequence([request])
    item.ScheduledWorkitemCodeSequence = Sequence([workitem])
    return item


def test_a_manager_without_a_work_item_gets_one_and_its_priority_is_put_back(make_site, manager):
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.ABNORMAL, patient_name="Roe^Jane", accession_number="A1")
    site.carry("manager")
    item = manager.items[work_item_uid(STUDY)]
    assert (item.ScheduledProcedureStepPriority, item.ProcedureStepState) == ("HIGH", "SCHEDULED")
    assert item.StudyInstanceUID == STUDY
    assert item.ReferencedRequestSequence[0].AccessionNumber == "A1"
    assert site.states(name="manager") == ["confirmed"]
    site.revert()
    site.carry("manager")
    assert item.ScheduledProcedureStepPriority == "MEDIUM"
    assert manager.asked == ["N-CREATE", "N-SET", "N-SET"]


def test_a_manager_s_own_work_item_is_found_and_set_and_no_other(make_site, manager):
    manager.items["1.9.1"] = item_of(STUDY)
    manager.items["1.9.2"] = item_of("1.2.2")
    manager.items["1.9.3"] = item_of(STUDY, code="110004")
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.LIKELY_NORMAL)
    site.carry("manager")
    shown = [item.ScheduledProcedureStepPriority for item in manager.items.values()]
    assert shown == ["LOW", "MEDIUM", "MEDIUM"]
    assert manager.asked == ["N-SET"]


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ({f"1.9.{number}": STUDY for number in range(5)}, "names more than 4 work items"),
        ({f"1.9.{number}": "1.2.9" for number in range(30)}, "match Study Instance UID"),
    ],
    ids=["of the study", "of others"],
)
def test_a_manager_that_answers_with_all_it_has_is_not_heard_out(
    make_site, manager, monkeypatch, items, problem
):
    monkeypatch.setattr(ups, "_MOST_MATCHES", 4)
    monkeypatch.setattr(ups, "_MOST_ANSWERS", 20)
    manager.items |= {uid: item_of(study) for uid, study in items.items()}
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("manager")
    (change,) = site.changes(name="manager")
    assert problem in change.problem
    assert manager.asked == []


def test_a_work_item_that_a_reader_has_claimed_is_left_alone(make_site, manager):
    manager.items["1.9.1"] = item_of(STUDY, state="IN PROGRESS")
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("manager")
    assert manager.asked == []
    assert site.states(name="manager") == ["left"]


def test_a_manager_whose_reader_changed_the_priority_keeps_it(make_site, manager):
    manager.items["1.9.1"] = item_of(STUDY)
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("manager")
    manager.items["1.9.1"].ScheduledProcedureStepPriority = "LOW"
    site.revert()
    site.carry("manager")
    assert manager.items["1.9.1"].ScheduledProcedureStepPriority == "LOW"
    assert site.states(name="manager") == ["confirmed", "left"]


def test_where_nothing_is_created_a_study_waits_for_the_manager_s_own_work_item(make_site, manager):
    site = make_site(adapter(manager.port, creates=False))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("manager")
    assert (manager.items, site.states(name="manager")) == ({}, ["pending"])
    manager.items["1.9.1"] = item_of(STUDY)
    site.clock.advance(60)
    site.carry("manager")
    assert manager.items["1.9.1"].ScheduledProcedureStepPriority == "HIGH"


@pytest.mark.parametrize("ends", ["before", "after"])
def test_a_manager_that_hangs_up_during_a_change_gets_it_once(make_site, manager, ends):
    manager.items["1.9.1"] = item_of(STUDY)
    manager.ends = ends
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.ABNORMAL)
    assert site.carry("manager") is None
    manager.ends = ""
    site.clock.advance(600)
    site.carry("manager")
    assert manager.items["1.9.1"].ScheduledProcedureStepPriority == "HIGH"
    assert manager.asked == ["N-SET"] * (2 if ends == "before" else 1)
    assert site.states(name="manager") == ["confirmed"]


@pytest.mark.parametrize("status", [0x0110, 0x0124, 0xC300, 0xC310])
def test_a_status_that_is_no_success_is_told_and_tried_again(make_site, manager, status):
    manager.items["1.9.1"] = item_of(STUDY)
    manager.status = status
    site = make_site(adapter(manager.port))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("manager")
    (change,) = site.changes(name="manager")
    assert (change.state.value, change.attempts) == ("pending", 1)
    assert f"{status:04X}" in change.problem or "opened" in change.problem


def test_a_manager_without_ups_is_unwelcome_to_go_on_with(make_site):
    with Manager() as other:
        other.start([Verification])
        with pytest.raises(PeerError, match="does not serve UPS") as raised:
            adapter(other.port).describe()
    assert raised.value.kind is Trouble.UNWELCOME


def test_a_manager_that_never_answers_is_given_up_within_the_bound(make_site):
    with DeafPeer() as deaf:
        manager = UpsManager(
            UpsReceiver("manager", "MANAGER", "127.0.0.1", deaf.port), "TRIAGE", "READING", 0.5
        )
        site = make_site(manager)
        site.study(STUDY, Outcome.ABNORMAL)
        assert site.carry("manager") is None
    (change,) = site.changes(name="manager")
    assert (change.state.value, change.attempts) == ("pending", 0)


@refused_connection
def test_a_manager_that_is_away_is_told_by_its_address_alone(make_site):
    port = free_port()
    site = make_site(adapter(port))
    site.study(STUDY, Outcome.ABNORMAL, patient_name="Roe^Jane")
    assert site.carry("manager") is None
    (change,) = site.changes(name="manager")
    assert str(port) in change.problem
    assert "Roe" not in change.problem


def test_what_is_created_has_every_attribute_that_the_standard_asks_for(make_site):
    site = make_site()
    study = ReceiverStudy(
        STUDY,
        work_item_uid(STUDY),
        "A1",
        "P1",
        "Roe^Jane",
        "",
        "",
        "",
        OrderPriority.UNKNOWN,
        site.clock(),
    )
    item = new_work_item(study, "HIGH", "READING")
    for keyword in ("ScheduledProcedureStepStartDateTime", "InputReadinessState", "WorklistLabel"):
        assert item[keyword].value
    assert item.ScheduledProcedureStepStartDateTime == "20260302080000+0000"
