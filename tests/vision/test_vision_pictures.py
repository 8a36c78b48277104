"""What the worker keeps for the viewer: after the result, beside it, and never in its way."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from training.phantom import draw_case, render
from triage.settings import Settings, default_settings
from triage.store import Store, StoredFile
from triage.store.film_views import MOST_ATTEMPTS
from triage.values import Analysis, GateResult, ImageState, OperatingPoint, Score
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.inference import Analyst
from triage.vision.pictures import raising_finding
from triage.vision.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triage.store import FilmView

WAIT_SECONDS = 60.0
UID = "1.2.3.1"


@dataclass
class Site:
    """A worker with the bundle that comes along, and one phantom film in its queue."""

    settings: Settings
    store: Store
    analyst: Analyst
    truth: Any

    def work_until(self, condition: Any) -> None:
        """Let the worker work until a condition holds."""
        stop, never = threading.Event(), threading.Event()
        worker = Worker(self.settings, self.store, self.analyst)
        thread = threading.Thread(target=worker.run, args=(stop, lambda: None))
        watcher = self.store.watcher()
        thread.start()
        try:
            for _ in range(int(WAIT_SECONDS)):
                if condition():
                    return
                watcher.wait(1.0, never)
            assert condition()
        finally:
            stop.set()
            thread.join(WAIT_SECONDS)
            watcher.close()

    def kept(self) -> FilmView | None:
        """What is kept for the viewer."""
        return self.store.study_film_views("1.2.4").get((UID, 1))

    def state(self) -> ImageState:
        """Where the image stands."""
        record = self.store.study("1.2.4")
        assert record is not None
        return record.instances[0].state


@pytest.fixture(scope="module")
def analyst() -> Analyst:
    """The bundle that comes along, on the CPU."""
    return Analyst(Bundle.load(default_bundle_folder()), "cpu")


@pytest.fixture(scope="module")
def film() -> Any:
    """A phantom film with findings, and where its vertebrae are."""
    return render(draw_case(5, abnormal=True))


@pytest.fixture
def site(tmp_path, analyst, film, make_dataset, lateral_facts) -> Iterator[Site]:
    """A site with the film in its queue."""
    settings = default_settings(tmp_path / "state")
    settings = dataclasses.replace(
        settings, worker=dataclasses.replace(settings.worker, device="cpu")
    )
    with Store.open(settings.state_folder) as store:
        path = settings.state_folder / "spool" / "1.dcm"
        dataset = make_dataset(film.pixels.astype(np.uint16), SOPInstanceUID=UID)
        dataset.save_as(path, enforce_file_format=True)
        facts = dataclasses.replace(lateral_facts, sop_instance_uid=UID, study_instance_uid="1.2.4")
        file = StoredFile("spool/1.dcm", path.stat().st_size, "0" * 64)
        store.record_instance(facts, file, state=ImageState.QUEUED, calling_ae_title="CR1")
        yield Site(settings, store, analyst, film)


def test_landmarks_are_kept_in_pixels_of_the_film(site):
    site.work_until(lambda: site.kept() is not None)
    kept = site.kept()
    found = np.array([(point.x, point.y) for point in kept.landmarks])
    assert (kept.rows, kept.columns) == site.truth.pixels.shape
    assert found.shape == (23, 2)
    apart = np.hypot(*(found - site.truth.keypoints).T)
    assert np.median(apart) < 0.01 * max(site.truth.pixels.shape)


def test_a_flagged_film_gets_a_picture_of_where_the_networks_looked(site):
    site.work_until(lambda: site.kept() is not None and site.kept().saliency)
    kept = site.kept()
    assert kept.finding in {"abnormal", "spondylosis", "malalignment"}
    with Image.open(site.settings.state_folder / kept.saliency) as picture:
        alpha = np.asarray(picture.getchannel("A"), np.float64)
    with Image.open(
        site.settings.state_folder / site.store.study("1.2.4").instances[0].thumbnail
    ) as thumbnail:
        assert np.abs(np.array(alpha.shape[::-1]) - thumbnail.size).max() <= 1
    share = alpha.shape[0] / kept.rows
    points = np.array([(point.x, point.y) for point in kept.landmarks]) * share
    (left, top), (right, bottom) = points.min(axis=0) - 20, points.max(axis=0) + 20
    rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
    near = (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
    assert alpha[near].mean() > 3 * alpha[~near].mean()


@pytest.mark.parametrize("verb", ["keep_film_views", "film_to_explain"])
def test_a_failure_touches_no_result(site, monkeypatch, verb):
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise OSError("the disk is gone")

    monkeypatch.setattr(site.store, verb, fail)
    site.work_until(lambda: site.state() is ImageState.ANALYSED and failed.is_set())
    assert site.store.study("1.2.4").instances[0].analysis.scores


def test_a_film_that_cannot_be_drawn_is_given_up(site, monkeypatch):
    tried = []

    def fail(*_: object) -> None:
        tried.append(1)
        raise RuntimeError("no gradient")

    monkeypatch.setattr("triage.vision.pictures.saliency_of", fail)
    site.work_until(lambda: len(tried) == MOST_ATTEMPTS)
    assert site.store.film_to_explain(site.analyst.bundle.identity.digest) is None
    assert site.kept().saliency == ""


def test_results_come_before_pictures(site, monkeypatch):
    order = []
    finish, explain = site.store.finish_image, site.store.film_to_explain

    def finished(*arguments):
        order.append("result")
        return finish(*arguments)

    def explained(*arguments):
        order.append("picture")
        return explain(*arguments)

    monkeypatch.setattr(site.store, "finish_image", finished)
    monkeypatch.setattr(site.store, "film_to_explain", explained)
    site.work_until(lambda: site.kept() is not None and site.kept().saliency)
    assert order[0] == "result"
    assert "picture" in order[1:]


POINTS = (
    OperatingPoint("one", 1.0, None, 0.7, None),
    OperatingPoint("two", 0.0, None, 0.5, None),
    OperatingPoint("level", -9.0, None, 0.1, None, decides=False),
)


@pytest.mark.parametrize(
    ("one", "two", "passed", "raising"),
    [
        (1.5, 0.2, True, "one"),
        (1.1, 0.2, True, "two"),
        (0.9, -0.1, True, ""),
        (1.5, 0.2, False, ""),
        (float("nan"), 0.0, True, "two"),
    ],
)
def test_what_raised_a_film_is_the_finding_farthest_above_its_threshold(one, two, passed, raising):
    scores = [("one", one), ("two", two), ("level", 5.0)]
    analysis = Analysis(
        "d" * 64,
        (GateResult("pixels.blur", passed),),
        tuple(Score(name, "m", raw, 0.5) for name, raw in scores),
    )
    assert raising_finding(analysis, POINTS) == raising
