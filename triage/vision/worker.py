"""The worker: takes images from the queue, decodes, analyses, records.

The next batch is decoded by threads while the networks look at the present one. What is held
is leased, and a heartbeat renews the leases for as long as the work moves on. An image that
was claimed before and never finished may be what killed its worker: it is taken alone, when
nothing else is held.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import torch

from triage.errors import PermanentError, TriageError
from triage.log import get_logger
from triage.owners import owner_name
from triage.store import Store
from triage.vision.bundle import Bundle, default_bundle_folder
from triage.vision.decode import DecodeLimits, read_film
from triage.vision.gates import header_gates, polarity_gate
from triage.vision.inference import Analyst, choose_device, with_header
from triage.vision.pictures import Pictures, Seen
from triage.vision.thumbnail import write_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from triage.settings import Settings
    from triage.store import ClaimedImage
    from triage.values import Analysis, GateResult
    from triage.vision.pixels import PreparedFilm

log = get_logger("worker")

DECODERS: Final = 2  # threads that decode: one more than the networks leave idle
IDLE_SECONDS: Final = 1.0  # how often the queue is looked at although nothing was committed
BEAT_SECONDS: Final = 1.0
HANG_SECONDS: Final = 120.0  # a batch under way for longer hangs: let the supervisor replace us
RECOVERY_SECONDS: Final = 5.0  # pause after an error that nobody foresaw


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """An image that the networks can look at, and what is known of it already."""

    film: PreparedFilm
    shape: tuple[int, int]
    header: tuple[GateResult, ...]
    thumbnail: str


@dataclass(slots=True, eq=False)
class Batch:
    """Images claimed together, and their decoding once it has begun."""

    images: tuple[ClaimedImage, ...]
    decoding: list[Future[Ready]] = field(default_factory=list)

    @property
    def suspect(self) -> bool:
        """Whether it holds an image that an earlier worker did not finish."""
        return any(image.attempts > 1 for image in self.images)


def run(
    settings: Settings,
    stop: threading.Event,
    alive: Callable[[], None],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Work until `stop` is set; then finish the batch under way and hand back the rest.

    Args:
        settings: The site's settings.
        stop: Set by the supervisor, or by a signal.
        alive: Called every second, as long as the work moves on.
        ready: Called once when the bundle is loaded.

    Raises:
        BundleError: The bundle or the device cannot be used.
    """
    if settings.worker.threads:
        torch.set_num_threads(settings.worker.threads)
    bundle = Bundle.load(settings.worker.bundle or default_bundle_folder())
    device = choose_device(settings.worker.device)
    batch_size = settings.worker.batch_size if device.type == "cuda" else None
    analyst = Analyst(bundle, str(device), batch_size)
    with Store.open(settings.state_folder) as store:
        worker = Worker(settings, store, analyst)
        log.info("worker started", action="worker_started", kind=analyst.device.type)
        ready()
        worker.run(stop, alive)
    log.info("worker stopped", action="worker_stopped")


class Worker:
    """One device's loop over the queue.

    Args:
        settings: The site's settings.
        store: The queue.
        analyst: The bundle on the device.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        analyst: Analyst,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._store = store
        self._analyst = analyst
        self._monotonic = monotonic
        self._owner = owner_name("worker")
        self._limits = DecodeLimits(megapixels=settings.worker.maximum_megapixels)
        self._pictures = Pictures(settings, store, analyst)
        self._held: set[int] = set()
        self._busy_since: float | None = None

    def run(self, stop: threading.Event, alive: Callable[[], None]) -> None:
        """Work until stopped."""
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(ended, alive), name="heartbeat")
        beat.start()
        decoders = ThreadPoolExecutor(DECODERS, "decode")
        try:
            self._loop(stop, decoders)
        finally:
            decoders.shutdown(cancel_futures=True)
            ended.set()
            beat.join()
            self._store.hand_back_images(self._owner)

    def _loop(self, stop: threading.Event, decoders: ThreadPoolExecutor) -> None:
        watcher = self._store.watcher()
        following: Batch | None = None
        while not stop.is_set():
            try:
                current = following or self._claim()
                following = None
                if current is None:
                    if not self._draw_picture():
                        watcher.wait(IDLE_SECONDS, stop)
                    continue
                self._begin(current, decoders)
                if not current.suspect:
                    following = self._claim()
                    if following is not None and not following.suspect:
                        self._begin(following, decoders)
                self._work(current)
            except Exception:  # top of the loop: what nobody foresaw must not end the worker
                log.exception("pass failed", action="pass_failed")
                self._give_up_pass()
                following = None
                stop.wait(RECOVERY_SECONDS)
        watcher.close()

    def _draw_picture(self) -> bool:
        """Draw one picture for the viewer while nothing waits; False when there is none to draw."""
        self._busy_since = self._monotonic()
        drawn = self._pictures.draw_next()
        self._busy_since = None
        return drawn

    def _claim(self) -> Batch | None:
        worker = self._settings.worker
        images = self._store.claim_images(self._owner, worker.batch_size, worker.lease_seconds)
        self._held.update(image.instance_id for image in images)
        return Batch(images) if images else None

    def _begin(self, batch: Batch, decoders: ThreadPoolExecutor) -> None:
        if not batch.decoding:
            batch.decoding = [decoders.submit(self._prepare, image) for image in batch.images]

    def _prepare(self, image: ClaimedImage) -> Ready:
        """Decode one image; runs in a thread."""
        film = read_film(self._settings.state_folder / image.path, image.facts, self._limits)
        body_parts = self._settings.eligibility.body_parts
        header = (*header_gates(image.facts, body_parts), polarity_gate(known=film.polarity_known))
        thumbnail = self._thumbnail(image, film.pixels)
        rows, columns = film.pixels.shape
        return Ready(self._analyst.prepare(film), (rows, columns), header, thumbnail)

    def _thumbnail(self, image: ClaimedImage, pixels: NDArray[Any]) -> str:
        """Write the thumbnail; an image without one is analysed all the same."""
        try:
            return write_thumbnail(self._settings.state_folder, image.sop_instance_uid, pixels)
        except OSError:
            log.warning("no thumbnail", action="thumbnail_failed", instance=image.sop_instance_uid)
            return ""

    def _work(self, batch: Batch) -> None:
        """See a batch through to the store; the clock concludes what it completes."""
        self._busy_since = self._monotonic()
        begun = self._busy_since
        decoded: list[tuple[ClaimedImage, Ready]] = []
        for image, decoding in zip(batch.images, batch.decoding, strict=True):
            try:
                decoded.append((image, decoding.result()))
            except Exception as error:  # noqa: BLE001 - one bad image must not stop the others
                self._fail(image, error)
        self._analyse(decoded)
        self._busy_since = None
        seconds = round(self._monotonic() - begun, 3)
        log.info("batch done", action="batch_done", images=len(batch.images), seconds=seconds)

    def _analyse(self, decoded: Sequence[tuple[ClaimedImage, Ready]]) -> None:
        """Run the networks; when a batch fails as a whole, find out which image it was."""
        try:
            assessed = self._analyst.assess([ready.film for _, ready in decoded])
        except Exception as error:  # one bad image must not stop the others
            if len(decoded) == 1:
                self._fail(decoded[0][0], error)
                return
            log.warning("batch failed", action="batch_failed", images=len(decoded), exc_info=error)
            for single in decoded:
                self._analyse([single])
            return
        seen: list[Seen] = []
        for (image, ready), one in zip(decoded, assessed, strict=True):
            analysis = with_header(one.analysis, ready.header)
            try:
                if self._finish(image, analysis, ready.thumbnail):
                    seen.append(Seen(image.instance_id, ready.film, ready.shape, one, analysis))
            except Exception as error:  # noqa: BLE001 - one bad image must not stop the others
                self._fail(image, error)
        self._pictures.keep_landmarks(seen)

    def _finish(self, image: ClaimedImage, analysis: Analysis, thumbnail: str) -> bool:
        """Record a result; return False when the lease was lost and nothing was recorded."""
        kept = self._store.finish_image(image.instance_id, self._owner, analysis, thumbnail)
        self._held.discard(image.instance_id)
        # Where the lease was lost, another worker has the image and records its own result.
        log.info(
            "image analysed",
            action="image_analysed" if kept else "lease_lost",
            study=image.study_instance_uid,
            instance=image.sop_instance_uid,
            gate=[gate.gate for gate in analysis.failed_gates],
        )
        return kept

    def _fail(self, image: ClaimedImage, error: Exception) -> None:
        """Put an image back into the queue, or set it aside."""
        known = isinstance(error, TriageError)
        if not known:
            log.error(
                "unforeseen error on an image",
                action="image_error",
                instance=image.sop_instance_uid,
                exc_info=error,
            )
        problem = (
            str(error) if known else f"The program failed ({type(error).__name__}): see the log."
        )
        state = self._store.fail_image(
            image.instance_id,
            self._owner,
            problem,
            maximum_attempts=self._settings.worker.maximum_attempts,
            permanent=isinstance(error, PermanentError),
        )
        self._held.discard(image.instance_id)
        log.warning(
            "image failed",
            action="image_failed",
            study=image.study_instance_uid,
            instance=image.sop_instance_uid,
            state=state.value,
            attempts=image.attempts,
            problem=problem,
        )

    def _give_up_pass(self) -> None:
        """After an error in the loop itself: let go of everything, so that nothing is stuck."""
        self._busy_since = None
        self._held.clear()
        self._store.hand_back_images(self._owner)

    def _beat(self, ended: threading.Event, alive: Callable[[], None]) -> None:
        """Renew leases and show life, as long as no batch hangs."""
        lease = self._settings.worker.lease_seconds
        renewed = self._monotonic()
        while not ended.wait(min(BEAT_SECONDS, lease / 4)):
            if self._hangs():
                continue
            alive()
            if self._held and self._monotonic() - renewed >= lease / 3:
                self._renew(lease)
                renewed = self._monotonic()

    def _renew(self, lease_seconds: float) -> None:
        try:
            self._store.renew_leases(self._owner, sorted(self._held), lease_seconds)
        except Exception:  # top of the heartbeat's loop: the next beat tries again
            log.exception("leases not renewed", action="renew_failed")

    def _hangs(self) -> bool:
        since = self._busy_since
        return since is not None and self._monotonic() - since > HANG_SECONDS
