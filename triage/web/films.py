"""A film to look at: a larger view, where its landmarks are, where the networks looked."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response

from triage.errors import PixelError
from triage.values import ImageState
from triage.vision.decode import DecodeLimits, read_film
from triage.vision.thumbnail import picture_size, write_view
from triage.web.pictures import picture
from triage.web.site import site_of
from triage.web.strings import say

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from starlette.requests import Request

    from triage.settings import Settings
    from triage.store import FilmView, InstanceRecord

LONGER_SIDE: Final = 1024  # pixels of a view
MOST_VIEWS: Final = 200  # kept; of 1 MB at most each
_MOST_WAITING: Final = 16

# The landmarks of the locator (triage.vision.networks), in its order.
LANDMARK_NAMES: Final = (
    "C2 centroid",
    "C2 lower anterior",
    "C2 lower posterior",
    *(
        f"{body} {plate} {side}"
        for body in ("C3", "C4", "C5", "C6", "C7")
        for plate in ("upper", "lower")
        for side in ("anterior", "posterior")
    ),
)


class Views:
    """Larger pictures of films, made when somebody looks, one at a time, and kept for a while.

    Only films that a worker has decoded before are decoded here.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.state_folder / "views"
        self._state_folder = settings.state_folder
        self._limits = DecodeLimits(megapixels=settings.worker.maximum_megapixels)
        self._making = asyncio.Semaphore(1)
        self._waiting = 0

    async def path(self, image: InstanceRecord) -> Path:
        """Return the file of a film's view.

        Raises:
            HTTPException: 404 when the film cannot be shown, 503 when too many are asked for.
        """
        path = self._folder / f"{image.sha256}.png"
        if await run_in_threadpool(_is_fresh, path):
            return path
        if self._waiting >= _MOST_WAITING:
            raise HTTPException(503, say("error.films"), {"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._making:
                if not await run_in_threadpool(_is_fresh, path):
                    await run_in_threadpool(self._make, image, path)
        finally:
            self._waiting -= 1
        return path

    def _make(self, image: InstanceRecord, path: Path) -> None:
        try:
            film = read_film(self._state_folder / image.path, image.facts, self._limits)
            self._folder.mkdir(exist_ok=True)
            write_view(path, film.pixels, LONGER_SIDE)
        except (PixelError, FileNotFoundError) as error:
            raise HTTPException(404, say("error.not-shown")) from error
        except OSError as error:
            raise HTTPException(503, say("error.no-room")) from error
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        views = sorted(self._folder.glob("*.png"), key=_used_at)
        for view in views[:-MOST_VIEWS]:
            view.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Film:
    image: InstanceRecord
    drawn: FilmView | None


async def view(request: Request) -> Response:
    """A film at up to 1,024 pixels."""
    film = await run_in_threadpool(_film, request)
    if film.image.state is not ImageState.ANALYSED:
        raise HTTPException(404, say("error.not-decoded"))
    views: Views = request.app.state.views
    return FileResponse(await views.path(film.image), media_type="image/png")


async def saliency(request: Request) -> Response:
    """Where the networks looked for the finding that raised a film, to lay over its picture."""
    film = await run_in_threadpool(_film, request)
    name = film.drawn.saliency if film.drawn else ""
    return picture(site_of(request), name, say("error.no-saliency"))


async def landmarks(request: Request) -> Response:
    """The landmarks of a film in pixels of its view, and what raised it."""
    film = await run_in_threadpool(_film, request)
    if film.drawn is None:
        raise HTTPException(404, say("error.no-landmarks"))
    return JSONResponse(_told(film.drawn))


def _film(request: Request) -> _Film:
    site = site_of(request)
    row = site.row(request.path_params["work_item_uid"])
    if row is None:
        raise HTTPException(404, say("error.not-listed"))
    record = site.record(row.entry)
    number: int = request.path_params["number"]
    if number >= len(record.instances):
        raise HTTPException(404, say("error.no-film"))
    image = record.instances[number]
    drawn = site.store.study_film_views(record.entry.study_instance_uid)
    return _Film(image, drawn.get((image.sop_instance_uid, image.version)))


def _told(drawn: FilmView) -> dict[str, Any]:
    width, height = picture_size(drawn.rows, drawn.columns, LONGER_SIDE)
    across, down = width / drawn.columns, height / drawn.rows
    return {
        "width": width,
        "height": height,
        "finding": drawn.finding,
        "saliency": bool(drawn.saliency),
        "points": [
            {
                "name": name,
                "x": round((point.x + 0.5) * across, 1),
                "y": round((point.y + 0.5) * down, 1),
                "confidence": point.confidence,
            }
            for name, point in zip(LANDMARK_NAMES, drawn.landmarks, strict=False)
        ],
    }


def _is_fresh(path: Path) -> bool:
    """Whether a view is there; it counts as used now."""
    with suppress(OSError):
        os.utime(path)
        return True
    return False


def _used_at(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
