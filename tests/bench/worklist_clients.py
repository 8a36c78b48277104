"""What browsers and other systems ask of a list that real roles serve, one request at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from pynetdicom.dsutils import encode

from tests.hostile import pdus
from tests.hostile.wire import Wire
from tests.peers import LOOPBACK, free_port
from tests.ups.site import PULL, Site
from tests.ups.steps import data
from triage.settings import default_settings, render_toml
from triage.uids import work_item_uid
from triage.web.listing.asking import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # A name, what to do before each try, and the try.
    Request = tuple[str, Callable[[], object], Callable[[], object]]

NANOSECONDS = 1e9
PAGE = 50
BIRTH_DATE = "19500911"
UPS_ACCEPTED = {"Accept": "application/dicom+json"}
RETURNED = dict.fromkeys(
    (
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "ScheduledProcedureStepPriority",
        "ProcedureStepState",
        "ScheduledProcedureStepStartDateTime",
        "StudyInstanceUID",
        "CommentsOnTheScheduledProcedureStep",
        "WorklistLabel",
    ),
    "",
)
PENDING = (0xFF00, 0xFF01)
MESSAGE = 7
ENDS = (0x0000, 0xFE00)  # success, cancelled


@dataclass
class Process:
    """A running role."""

    pid: int

    def cpu_seconds(self) -> float:
        """Return the CPU time of all threads that live, to the nanosecond."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(one.read_text().split()[0]) for one in threads) / NANOSECONDS


class Served:
    """A site whose roles serve a list that is there already.

    Args:
        folder: Has the site's state, and gets its configuration.
        now: When the last of the list arrived.
        waiting_cap_minutes: The cap.
    """

    def __init__(self, folder: Path, now: datetime, *, waiting_cap_minutes: float) -> None:
        first = (now - timedelta(hours=2)).astimezone(UTC)
        self.minute = f"{first:%Y%m%d%H%M}+0000-{first:%Y%m%d%H%M}+0000"  # DT, PS3.5 6.2
        found = default_settings(folder / "state")
        listening = {"address": LOOPBACK, "port": free_port(), "minimum_free_megabytes": 1}
        self.settings = dataclasses.replace(
            found,
            listener=dataclasses.replace(found.listener, **listening),
            web=dataclasses.replace(found.web, address=LOOPBACK, port=free_port()),
            worklist=dataclasses.replace(found.worklist, waiting_cap_minutes=waiting_cap_minutes),
        )
        (folder / "triage.toml").write_text(render_toml(self.settings))
        self.site = Site(folder, self.settings)

    @contextlib.contextmanager
    def running(self, role: str) -> Iterator[Process]:
        """Run a role for as long as the block lasts."""
        (self.site.folder / f"{role}.log").unlink(missing_ok=True)  # it tells when a role is ready
        self.site.start(role)
        try:
            yield Process(self.site.roles[role].pid)
        finally:
            self.site.stop()

    def client(self) -> httpx.Client:
        """Return a client of the web role."""
        return httpx.Client(base_url=f"http://{LOOPBACK}:{self.settings.web.port}", timeout=60)


def nothing() -> None:
    """Prepare nothing."""


def page_requests(served: Served, size: int, change: Callable[[], object]) -> Iterator[Request]:
    """Yield what the page asks for."""
    with served.client() as client, changes(served) as changed:

        def after_a_change() -> None:
            changed.clear()
            change()
            assert changed.wait(60), "no page was told of a change"

        lists = Lists(client)
        uid = work_item_uid(f"1.2.{size // 2}")
        yield "first view", after_a_change, lambda: taken(client.get("/"))
        yield "what a change alters", lambda: (lists.ask(), after_a_change()), lists.ask
        yield "nothing has changed", lists.ask, lists.ask
        for name, filters in {
            "whole list anew": {},
            "one class": {"classes": [3]},
            "a rare name": {"text": "yamada77"},
            "a frequent name": {"text": "yamada"},
            "a given name": {"text": "jo"},
            "a patient ID": {"text": f"P{size // 4:07d}"},
            "one place": {"location": "ER"},
            "waited an hour": {"waiting_minutes": 60},
            "a place and a class": {"location": "ER", "classes": [2]},
            "by arrival": {"sort": "arrival"},
            "by name": {"sort": "patient"},
            "by location": {"sort": "location"},
            "a frequent name, by name": {"text": "yamada", "sort": "patient"},
        }.items():
            yield f"list, {name}", nothing, lambda filters=filters: lists.anew(**filters)
        yield "a study", nothing, lambda: taken(client.get(f"/studies/{uid}"))
        yield "a study beside the list", nothing, lambda: taken(client.get(f"/studies/{uid}/view"))
        yield "JSON of the list", nothing, lambda: taken(client.get("/api/worklist"))
        yield "operator's page", nothing, lambda: taken(client.get("/operator"))
        yield "metrics", nothing, lambda: taken(client.get("/metrics"))


class Lists:
    """A page that asks for the list: for what has changed, or anew as after a choice of filters."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._etag: str | None = None
        self._asked_before = itertools.count()

    def ask(self) -> None:
        """Ask for what has changed."""
        self._etag = self._asked({"base": self._etag})["etag"]

    def anew(self, **filters: Any) -> None:
        """Ask for a list that nobody knows yet."""
        limit = WINDOW + next(self._asked_before) % 20  # another one: nobody has asked the same
        assert self._asked({"limit": limit, **filters})["order"] is not None

    def _asked(self, question: dict[str, Any]) -> dict[str, Any]:
        header = {"x-list-query": quote(json.dumps(question))}
        return json.loads(taken(self._client.get("/list", headers=header)))


@contextlib.contextmanager
def changes(served: Served) -> Iterator[threading.Event]:
    """Give an event that is set whenever pages are told of a change."""
    told = threading.Event()
    with served.client() as client, client.stream("GET", "/events") as stream:

        def listen() -> None:
            with contextlib.suppress(httpx.HTTPError):
                for line in stream.iter_lines():
                    if line == "event: changed":
                        told.set()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield told


def rs_requests(served: Served, size: int, change: Callable[[], object]) -> Iterator[Request]:
    """Yield searches over UPS-RS, each after a change of the list."""
    several = {"limit": PAGE}
    minute = served.minute
    with served.client() as client:
        for name, keys in {
            "no key, 50 items": several,
            "no key, 100 items": {},
            "patient ID": {"PatientID": f"P{size // 4:07d}"},
            "accession number": {"ReferencedRequestSequence.AccessionNumber": f"A{size // 3:08d}"},
            "study": {"StudyInstanceUID": f"1.2.{size // 2}"},
            "birth date": {"PatientBirthDate": BIRTH_DATE, **several},
            "a minute of arrival": {"ScheduledProcedureStepStartDateTime": minute, **several},
            "a rare name": {"PatientName": "yamada77*", **several},
            "a frequent name": {"PatientName": "Yamada*", **several},
            "given name": {"PatientName": "*^Jo", **several},
            "priority and state": {
                "ScheduledProcedureStepPriority": "HIGH",
                "ProcedureStepState": "SCHEDULED",
                **several,
            },
            "in progress": {"ProcedureStepState": "IN PROGRESS", **several},
            "label": {"WorklistLabel": "C-SPINE READING", **several},
            "page in the middle": {**several, "offset": size // 2},
            "with images, 50 items": {"includefield": "all", **several},
        }.items():
            yield (
                name,
                change,
                lambda keys=keys: taken(
                    client.get("/dicomweb/workitems", params=keys, headers=UPS_ACCEPTED)
                ),
            )
        uid = work_item_uid(f"1.2.{size // 2}")
        yield (
            "one item",
            change,
            lambda: taken(client.get(f"/dicomweb/workitems/{uid}", headers=UPS_ACCEPTED)),
        )


def find_requests(served: Served, size: int, change: Callable[[], object]) -> Iterator[Request]:
    """Yield queries over C-FIND, each after a change of the list, and read off the wire."""
    fifty = {"StudyInstanceUID": "\\".join(f"1.2.{7 * number}" for number in range(PAGE))}
    with Wire(served.site.port, patience_seconds=60) as wire:
        wire.associate(pdus.Context(pdus.UPS, pdus.UPS_PULL))
        for name, keys, most in (
            (f"{PAGE} studies", fifty, None),
            *_find_keys(served.minute, size),
        ):
            yield from _finds(Finder(wire, data(**RETURNED | keys)), name, most, change)
        wire.release()
    with served.site.associated(PULL) as association:
        query = data(**RETURNED | fifty)
        yield (
            f"{PAGE} studies, all, decoded by pynetdicom",
            change,
            lambda: len(list(association.send_c_find(query, PULL))),
        )


def _find_keys(minute: str, size: int) -> Iterator[tuple[str, dict[str, Any], int | None]]:
    """Yield matching keys, each with how many items are taken; all of them where it is None."""
    yield "patient ID", {"PatientID": f"P{size // 4:07d}"}, None
    yield "study", {"StudyInstanceUID": f"1.2.{size // 2}"}, None
    accession = data(AccessionNumber=f"A{size // 3:08d}")
    yield "accession number", {"ReferencedRequestSequence": [accession]}, None
    yield "a rare name", {"PatientName": "YAMADA77^*"}, None
    yield "given name", {"PatientName": "*^Jo"}, PAGE
    yield "in progress", {"ProcedureStepState": "IN PROGRESS"}, None
    high = {"ScheduledProcedureStepPriority": "HIGH", "ProcedureStepState": "SCHEDULED"}
    yield "priority and state", high, PAGE
    yield "no matching key", {}, PAGE
    yield "birth date", {"PatientBirthDate": BIRTH_DATE}, None
    yield "a decade of births", {"PatientBirthDate": "19500101-19591231"}, PAGE
    yield "a minute of arrival", {"ScheduledProcedureStepStartDateTime": minute}, PAGE
    arrived = minute.partition("-")[0] + "-"
    yield "what has arrived", {"ScheduledProcedureStepStartDateTime": arrived}, PAGE
    yield "a minute of change", {"ScheduledProcedureStepModificationDateTime": minute}, PAGE
    yield "a station", {"ScheduledStationNameCodeSequence": [data(CodeValue="S1")]}, None
    born = {"PatientBirthDate": BIRTH_DATE, "PatientName": "YAMADA*"}
    yield "birth date and name", born, None


def _finds(
    finder: Finder, name: str, most: int | None, change: Callable[[], object]
) -> Iterator[Request]:
    """Yield a query to its first item, and to the last that is taken of it."""
    for told, number in (("first item", 1), (f"{most} items" if most else "all", most)):
        yield (
            f"{name}, {told}",
            lambda: (finder.finish(), change()),
            lambda number=number: finder.ask(number),
        )
    finder.finish()


class Finder:
    """Somebody who queries again and again, and reads the answers as bytes.

    What it takes is the listener's time alone: to decode 50 items takes pynetdicom longer than the
    listener needs to find and send them.
    """

    def __init__(self, wire: Wire, query: Any) -> None:
        self._wire = wire
        self._identifier = encode(query, is_implicit_vr=True, is_little_endian=True) or b""
        self._answering = False

    def ask(self, most: int | None) -> None:
        """Query, and take so many items, or all; the rest is cancelled."""
        self._wire.send(pdus.message(pdus.UPS, pdus.find_request(MESSAGE), self._identifier))
        self._answering = True
        items = itertools.islice(self._items(), most)
        if sum(1 for _ in items) == most:
            self._wire.send(pdus.message(pdus.UPS, pdus.cancel_request(MESSAGE)))

    def finish(self) -> None:
        """Wait for the end of the last query."""
        for _ in self._items():
            pass

    def _items(self) -> Iterator[None]:
        while self._answering:
            status = self._wire.answer().status
            self._answering = status in PENDING
            if self._answering:
                yield
            else:
                assert status in ENDS, hex(status)


def taken(response: httpx.Response) -> bytes:
    """Return the content of an answer that is none of a failure."""
    response.raise_for_status()
    return response.content
