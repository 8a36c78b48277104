"""From the films of a data set to the pictures that a paper's network was shown."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.errors import DataError
from training.films.channels import Channels, Fit, as_picture, eight_bit
from training.films.crops import Crop, crop_box, cut
from training.sources.pixels import landmarks_in_frame, read_grey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from training.values import FilmRecord

_AHEAD: Final = 16  # films that may wait to be taken: memory stays small
_SHOWN: Final = 5  # films that a message names


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """How a film becomes a picture.

    Attributes:
        crop: The part of it.
        fit: How that becomes a square.
        channels: What the picture's channels hold.
        side: Of the square in pixels.
    """

    crop: Crop = Crop.WHOLE
    fit: Fit = Fit.STRETCHED
    channels: Channels = Channels.GREY
    side: int = 224


def picture(record: FilmRecord, plan: PicturePlan) -> NDArray[np.uint8]:
    """The picture (1 or 3, side, side) of a film.

    Raises:
        DataError: The film cannot be read, or lacks what its crop is found by.
    """
    grey = read_grey(record)
    try:
        box = crop_box(plan.crop, (grey.shape[0], grey.shape[1]), landmarks_in_frame(record))
    except DataError as error:
        raise DataError(f"{record.film}: {error}") from error
    return as_picture(cut(eight_bit(grey), box), plan.channels, plan.fit, plan.side)


def pictures(
    records: Sequence[FilmRecord],
    plan: PicturePlan,
    threads: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """The pictures of films, every one of them read before anything is learned.

    Args:
        records: The films, at least one.
        plan: How they become pictures.
        threads: Films that are read at the same time.
        advance: Called after each film.

    Returns:
        (n, 1 or 3, side, side), in the order of the films.

    Raises:
        DataError: Some films cannot be used; the message counts them and names the first.
    """
    made: NDArray[Any] | None = None
    faults: list[DataError] = []
    for row, result in enumerate(_each(partial(_tried, plan=plan), records, threads)):
        advance()
        if isinstance(result, DataError):
            faults.append(result)
            continue
        if made is None:
            made = np.zeros((len(records), *result.shape), np.uint8)
        made[row] = result
    if faults or made is None:
        raise _summary(faults, len(records))
    return made


def _tried(record: FilmRecord, plan: PicturePlan) -> NDArray[np.uint8] | DataError:
    try:
        return picture(record, plan)
    except DataError as error:
        return error


def _each(
    work: Callable[[FilmRecord], NDArray[np.uint8] | DataError],
    records: Sequence[FilmRecord],
    threads: int,
) -> Iterator[NDArray[np.uint8] | DataError]:
    """Results in order; decoding leaves Python to other threads, so that threads suffice."""
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: deque[Future[NDArray[np.uint8] | DataError]] = deque()
        for record in records:
            waiting.append(pool.submit(work, record))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _summary(faults: Sequence[DataError], films: int) -> DataError:
    first = "\n  ".join(str(fault) for fault in faults[:_SHOWN])
    more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return DataError(
        f"{len(faults)} of {films} films cannot be used:\n  {first}{more}\nRepair them or take "
        "them out of the data set; landmarks that are missing can be found by a bundle with "
        "--landmarks-from."
    )
