"""What the worker keeps for the viewer: landmarks with each result, saliency when it is idle.

All of it comes after the result has been committed, and none of it can undo or delay one: a
failure here is a line in the log and a film without its overlay.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from triage.log import get_logger
from triage.store import FilmView, Landmark
from triage.vision.decode import DecodeLimits, read_film
from triage.vision.saliency import saliency_of, write_saliency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.settings import Settings
    from triage.store import FilmToExplain, Store
    from triage.values import Analysis, OperatingPoint
    from triage.vision.inference import Analyst, Assessed
    from triage.vision.pixels import PreparedFilm

log = get_logger("worker")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An image whose result has been committed.

    Attributes:
        instance_id: The image.
        film: The film as the networks saw it.
        shape: Rows and columns of the film.
        assessed: What the networks said.
        analysis: The whole result, with the gates of the header.
    """

    instance_id: int
    film: PreparedFilm
    shape: tuple[int, int]
    assessed: Assessed
    analysis: Analysis


class Pictures:
    """Keeps and draws what a viewer lays over films.

    Args:
        settings: The site's settings.
        store: Where it is kept.
        analyst: The bundle on its device.
    """

    def __init__(self, settings: Settings, store: Store, analyst: Analyst) -> None:
        self._folder = settings.state_folder
        self._store = store
        self._analyst = analyst
        self._limits = DecodeLimits(megapixels=settings.worker.maximum_megapixels)

    def keep_landmarks(self, seen: Sequence[Seen]) -> None:
        """Keep where the landmarks of some films are, and which of them were raised by what."""
        if not seen:
            return
        try:
            self._store.keep_film_views([(one.instance_id, self._view(one)) for one in seen])
        except Exception:  # the results are committed: nothing here may touch them
            log.exception("no landmarks", action="landmarks_failed", count=len(seen))

    def draw_next(self) -> bool:
        """Draw the saliency of the newest film that waits for it; called when idle.

        Returns:
            False when none waits.
        """
        try:
            film = self._store.film_to_explain(self._analyst.bundle.identity.digest)
            if film is not None:
                self._draw(film)
        except Exception:  # a film that cannot be explained stops no other; its tries are counted
            log.exception("no saliency", action="saliency_failed")
            return False
        return film is not None

    def _draw(self, film: FilmToExplain) -> None:
        decoded = read_film(self._folder / film.path, film.facts, self._limits)
        prepared = self._analyst.prepare(decoded)
        strength = saliency_of(self._analyst, prepared, film.finding)
        rows, columns = decoded.pixels.shape
        name = write_saliency(
            self._folder, film.sop_instance_uid, strength, prepared.placement, (rows, columns)
        )
        digest = self._analyst.bundle.identity.digest
        self._store.keep_saliency(film.instance_id, digest, name)

    def _view(self, seen: Seen) -> FilmView:
        measures = seen.assessed.reading.measures
        points = seen.film.placement.to_film(measures.landmarks)
        rows, columns = seen.shape
        return FilmView(
            bundle_digest=seen.analysis.bundle_digest,
            rows=rows,
            columns=columns,
            landmarks=tuple(
                Landmark(round(float(x), 1), round(float(y), 1), round(float(sure), 3))
                for (x, y), sure in zip(points, measures.confidence, strict=True)
            )
            if seen.assessed.reading.finite
            else (),
            finding=raising_finding(seen.analysis, self._analyst.bundle.operating_points),
        )


def raising_finding(analysis: Analysis, points: Sequence[OperatingPoint]) -> str:
    """Return the finding that raises an image, by the largest margin; empty when none does."""
    if analysis.failed_gates:
        return ""
    margins: dict[str, float] = {}
    for point in points:
        raw = [score.raw for score in analysis.scores if score.finding == point.finding]
        if point.decides and raw and fmean(raw) >= point.flag:
            margins[point.finding] = fmean(raw) - point.flag
    return max(margins, key=margins.__getitem__, default="")
