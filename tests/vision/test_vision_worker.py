"""The worker on a real store: everything claimed is finished, set aside, or handed back."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from triage.owners import owner_name
from triage.settings import Settings, default_settings
from triage.store import Store, StoredFile
from triage.values import HeaderFacts, ImageState
from triage.vision import worker as worker_module
from triage.vision.inference import Analyst
from triage.vision.thumbnail import write_thumbnail
from triage.vision.worker import Worker, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom import Dataset

    from triage.store import StudyRecord
    from triage.vision.bundle import Bundle

WAIT_SECONDS = 30.0


@dataclass
class Site:
    """A state folder, its store, and films to put into it."""

    settings: Settings
    store: Store
    make_dataset: Callable[..., Dataset]
    facts: HeaderFacts

    def receive(
        self, number: int, *, pixels: Any = None, damage: Callable[[bytes], bytes] = bytes
    ) -> None:
        """Put an image into the spool and the queue, as the listener would."""
        uid = f"1.2.3.{number}"
        shown = np.random.default_rng(number).integers(0, 4096, (300, 240)).astype(np.uint16)
        dataset = self.make_dataset(shown if pixels is None else pixels, SOPInstanceUID=uid)
        path = self.settings.state_folder / "spool" / f"{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        content = damage(path.read_bytes())
        path.write_bytes(content)
        facts = dataclasses.replace(
            self.facts, sop_instance_uid=uid, study_instance_uid=f"1.2.4.{number}"
        )
        file = StoredFile(f"spool/{number}.dcm", len(content), hashlib.sha256(content).hexdigest())
        self.store.record_instance(facts, file, state=ImageState.QUEUED, calling_ae_title="CR1")

    def record(self, number: int) -> StudyRecord:
        """The study of an image."""
        record = self.store.study(f"1.2.4.{number}")
        assert record is not None
        return record

    def state(self, number: int) -> ImageState:
        """Where an image stands."""
        return self.record(number).instances[0].state

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for commits until a condition holds."""
        watcher, never = self.store.watcher(), threading.Event()
        for _ in range(int(WAIT_SECONDS)):
            if condition():
                break
            watcher.wait(1.0, never)
        watcher.close()
        assert condition()


@pytest.fixture
def site(
    tmp_path: Path,
    make_bundle: Callable[..., Bundle],
    make_dataset: Callable[..., Dataset],
    lateral_facts: HeaderFacts,
) -> Iterator[Site]:
    """A site whose worker runs a small bundle."""
    settings = default_settings(tmp_path / "state")
    settings = dataclasses.replace(
        settings,
        worker=dataclasses.replace(
            settings.worker, bundle=make_bundle().folder, batch_size=2, device="cpu"
        ),
    )
    with Store.open(settings.state_folder) as store:
        yield Site(settings, store, make_dataset, lateral_facts)


@pytest.fixture
def working(site: Site) -> Iterator[threading.Event]:
    """A worker at work in a thread, through the role's own entry; stopped at the end."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=run, args=(site.settings, stop, lambda: None, ready.set))
    thread.start()
    assert ready.wait(WAIT_SECONDS)
    yield stop
    stop.set()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


def test_every_image_of_the_queue_is_analysed(site: Site, working: threading.Event) -> None:
    for number in range(5):
        site.receive(number)

    site.wait_until(lambda: all(site.state(n) is ImageState.ANALYSED for n in range(5)))

    instance = site.record(0).instances[0]
    assert instance.analysis is not None
    names = [gate.gate for gate in instance.analysis.gates]
    assert names[0] == "header.body-part"
    assert "pixels.polarity" in names
    assert names[-1] == "model.finite"
    assert len(instance.analysis.scores) == 4
    with Image.open(site.settings.state_folder / instance.thumbnail) as thumbnail:
        assert max(thumbnail.size) == 300


def test_a_poison_image_is_set_aside_and_stops_no_other(
    site: Site, working: threading.Event
) -> None:
    site.receive(0, damage=lambda content: content[:-50_000])
    site.receive(1)

    site.wait_until(lambda: site.state(1) is ImageState.ANALYSED)
    site.wait_until(lambda: site.state(0) is ImageState.SET_ASIDE)

    assert "bytes" in site.record(0).instances[0].problem


class Claims:
    """A witness of which image was claimed for which time."""

    def __init__(self, store: Store) -> None:
        self.seen: list[tuple[str, int]] = []
        self._claim = store.claim_images
        store.claim_images = self.claim  # type: ignore[method-assign]  # a witness

    def claim(self, owner: str, limit: int, lease_seconds: float) -> Any:
        images = self._claim(owner, limit, lease_seconds)
        self.seen += [(image.sop_instance_uid, image.attempts) for image in images]
        return images

    def of(self, number: int) -> list[int]:
        """The tries of one image."""
        return [attempts for uid, attempts in self.seen if uid == f"1.2.3.{number}"]


def test_a_vanished_file_is_tried_again_and_then_set_aside(site: Site) -> None:
    site.receive(0)
    (site.settings.state_folder / "spool" / "0.dcm").unlink()
    claims = Claims(site.store)

    with at_work(Worker(site.settings, site.store, Analyst(site_bundle(site), "cpu"))):
        site.wait_until(lambda: site.state(0) is ImageState.SET_ASIDE)

    assert claims.of(0) == [1, 2, 3]


def test_a_damaged_file_is_not_tried_again(site: Site) -> None:
    site.receive(0, damage=lambda content: content[:-50_000])
    claims = Claims(site.store)

    with at_work(Worker(site.settings, site.store, Analyst(site_bundle(site), "cpu"))):
        site.wait_until(lambda: site.state(0) is ImageState.SET_ASIDE)

    assert claims.of(0) == [1]


def site_bundle(site: Site) -> Bundle:
    """The bundle of a site."""
    from triage.vision.bundle import Bundle as Loaded  # noqa: PLC0415 - the name is a type above

    assert site.settings.worker.bundle is not None
    return Loaded.load(site.settings.worker.bundle)


class at_work:  # noqa: N801 - reads as a verb in a with statement
    """A worker at work in a thread while the block runs."""

    def __init__(self, worker: Worker, alive: Callable[[], None] = lambda: None) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=worker.run, args=(self.stop, alive))

    def __enter__(self) -> threading.Event:
        self.thread.start()
        return self.stop

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()


class Failing(Analyst):
    """An analyst that fails for films with one value at their first pixel."""

    def assess(self, films: Any) -> Any:
        if any(film.image.max() == 0 for film in films):
            raise ValueError("this film breaks the networks")
        return super().assess(films)


def test_of_a_batch_that_fails_only_the_guilty_image_is_set_aside(site: Site) -> None:
    site.receive(0)
    site.receive(1, pixels=np.zeros((300, 240), np.uint16))
    claims = Claims(site.store)
    worker = Worker(site.settings, site.store, Failing(site_bundle(site), "cpu"))

    with at_work(worker):
        site.wait_until(lambda: site.state(1) is ImageState.SET_ASIDE)
        site.wait_until(lambda: site.state(0) is ImageState.ANALYSED)

    assert "ValueError" in site.record(1).instances[0].problem
    assert (claims.of(0), claims.of(1)) == ([1], [1, 2, 3])


class Pausing(Analyst):
    """An analyst that waits in the middle of a batch until it is let go."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.reached, self.release = threading.Event(), threading.Event()

    def assess(self, films: Any) -> Any:
        self.reached.set()
        assert self.release.wait(WAIT_SECONDS)
        return super().assess(films)


def test_a_stopped_worker_finishes_its_batch_and_hands_back_the_rest(site: Site) -> None:
    for number in range(4):
        site.receive(number)
    analyst = Pausing(site_bundle(site), "cpu")

    with at_work(Worker(site.settings, site.store, analyst)) as stop:
        assert analyst.reached.wait(WAIT_SECONDS)
        stop.set()
        analyst.release.set()

    assert [site.state(n) for n in range(2)] == [ImageState.ANALYSED] * 2
    assert [site.state(n) for n in (2, 3)] == [ImageState.QUEUED] * 2
    claimed = site.store.claim_images("another", 9, 60)
    assert [image.attempts for image in claimed] == [1, 1]  # handing back cost no try


def test_the_heartbeat_renews_leases_while_a_batch_takes_long(site: Site) -> None:
    site.receive(0)
    settings = dataclasses.replace(
        site.settings, worker=dataclasses.replace(site.settings.worker, lease_seconds=0.4)
    )
    analyst = Pausing(site_bundle(site), "cpu")
    renewed = threading.Event()
    original, count = site.store.renew_leases, []

    def renew(*arguments: Any) -> None:
        original(*arguments)
        count.append(1)
        if len(count) >= 4:
            renewed.set()

    site.store.renew_leases = renew  # type: ignore[method-assign]  # a witness
    with at_work(Worker(settings, site.store, analyst)):
        assert analyst.reached.wait(WAIT_SECONDS)
        assert renewed.wait(WAIT_SECONDS)  # longer than a lease lasts
        site.store.reap_images(3)
        analyst.release.set()
        site.wait_until(lambda: site.state(0) is ImageState.ANALYSED)


def test_a_worker_that_hangs_shows_no_life(site: Site) -> None:
    site.receive(0)
    now = [0.0]
    beats: list[float] = []
    beaten, again = threading.Event(), threading.Event()

    def alive() -> None:
        beats.append(now[0])
        (again if now[0] else beaten).set()

    settings = dataclasses.replace(
        site.settings, worker=dataclasses.replace(site.settings.worker, lease_seconds=0.2)
    )
    analyst = Pausing(site_bundle(site), "cpu")
    worker = Worker(settings, site.store, analyst, monotonic=lambda: now[0])
    with at_work(worker, alive):
        assert analyst.reached.wait(WAIT_SECONDS)
        assert beaten.wait(WAIT_SECONDS)
        now[0] = worker_module.HANG_SECONDS + 1
        assert not again.wait(0.5)
        analyst.release.set()
        assert again.wait(WAIT_SECONDS)


def test_an_image_that_may_have_killed_a_worker_is_held_alone(site: Site) -> None:
    for number in range(3):
        site.receive(number)
    (dead,) = site.store.claim_images("dead-worker", 1, 60)
    site.store.reap_images(3, lambda owner: owner == "dead-worker")
    analyst = Pausing(site_bundle(site), "cpu")
    held: list[list[str]] = []
    original = site.store.finish_image

    def finish(instance_id: int, owner: str, *rest: Any) -> bool:
        if instance_id == dead.instance_id:
            held.append([n for n in map(str, range(3)) if site.state(int(n)) is ImageState.CLAIMED])
        return original(instance_id, owner, *rest)

    site.store.finish_image = finish  # type: ignore[method-assign]  # a witness
    analyst.release.set()
    with at_work(Worker(site.settings, site.store, analyst)):
        site.wait_until(lambda: all(site.state(n) is ImageState.ANALYSED for n in range(3)))

    assert held == [["0"]]


def test_a_lost_lease_records_nothing_twice(site: Site) -> None:
    site.receive(0)
    analyst = Pausing(site_bundle(site), "cpu")

    with at_work(Worker(site.settings, site.store, analyst)):
        assert analyst.reached.wait(WAIT_SECONDS)
        site.store.reap_images(3, lambda owner: owner == owner_name("worker"))
        (mine,) = site.store.claim_images("another", 1, 60)
        analyst.release.set()
    assert site.state(0) is ImageState.CLAIMED
    assert mine.attempts == 2


def test_a_thumbnail_is_small_whole_and_named_by_a_hash(tmp_path: Path, film_pixels) -> None:
    (tmp_path / "thumbnails").mkdir()
    large = np.kron(film_pixels, np.ones((8, 8), np.uint16))

    name = write_thumbnail(tmp_path, "1.2/../3", large)

    with Image.open(tmp_path / name) as picture:
        assert picture.mode == "L"
        assert max(picture.size) == 320
    assert [path.name for path in (tmp_path / "thumbnails").iterdir()] == [Path(name).name]
    assert Path(name).stem == hashlib.sha256(b"1.2/../3").hexdigest()


def test_a_thumbnail_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, film_pixels
) -> None:
    with pytest.raises(OSError, match="thumbnails"):
        write_thumbnail(tmp_path, "1.2.3", film_pixels)
