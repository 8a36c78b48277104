"""From phantom cases to arrays: rendering in processes, through the pixel path of `triage`."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from training.phantom import DISCS, Degradation, PhantomCase, View, render
from triage.vision.networks import ATTRIBUTES
from triage.vision.pixels import PreparedFilm, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from triage.vision.path import PixelPath

LEVEL_COMPONENTS: Final = ("spondylosis", "listhesis")
SPINE_COMPONENTS: Final = ("kyphosis", "swelling")

_Result = TypeVar("_Result")
_AHEAD: Final = 16  # films rendered before they are asked for; each takes a megabyte


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """Films ready to train on, one row each.

    Attributes:
        images: float16 (n, side, side), from the pixel path.
        landmarks: float32 (n, 23, 2) in pixels of the square; NaN where there is none.
        attributes: float32 (n, 3) in the order of `ATTRIBUTES`.
        levels: float32 (n, 5, 2), `LEVEL_COMPONENTS` disc by disc.
        spine: float32 (n, 2), `SPINE_COMPONENTS`.
    """

    images: NDArray[np.float16]
    landmarks: NDArray[np.float32]
    attributes: NDArray[np.float32]
    levels: NDArray[np.float32]
    spine: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, rows: NDArray[np.bool_]) -> Films:
        """The films of some rows."""
        return Films(*(getattr(self, name)[rows] for name in self.__slots__))

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Rows that a reader may learn from: upright lateral films without hardware."""
        lateral, inverted, hardware = self.attributes.T
        complete = np.isfinite(self.landmarks).all(axis=(1, 2))
        return np.asarray((lateral == 1) & (inverted == 0) & (hardware == 0) & complete)


class Renderer:
    """Renders cases, in processes of its own where there are several.

    Args:
        processes: How many; 1 renders in this process.
        advance: Called after each film.
    """

    def __init__(self, processes: int, advance: Callable[[], None] = lambda: None) -> None:
        self._advance = advance
        self._pool = None
        if processes > 1:
            context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads
            self._pool = ProcessPoolExecutor(processes, context, initializer=_one_thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def films(self, cases: Sequence[PhantomCase], path: PixelPath) -> Films:
        """Render cases, take them through the pixel path and add the truth; in their order."""
        return _stacked(list(self._each(partial(_rendered, path=path), cases)))

    def prepared(
        self, cases: Sequence[PhantomCase], path: PixelPath, pixel_spacing_mm: float
    ) -> Iterator[PreparedFilm]:
        """Render cases and take them through the pixel path; in their order, a few at a time."""
        work = partial(_prepared, path=path, pixel_spacing_mm=pixel_spacing_mm)
        return self._each(work, cases)

    def _each(
        self, work: Callable[[PhantomCase], _Result], cases: Sequence[PhantomCase]
    ) -> Iterator[_Result]:
        if self._pool is None:
            for case in cases:
                yield work(case)
                self._advance()
            return
        waiting: deque[Future[_Result]] = deque()
        for case in cases:
            waiting.append(self._pool.submit(work, case))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
                self._advance()
        while waiting:
            yield waiting.popleft().result()
            self._advance()


def _one_thread() -> None:
    torch.set_num_threads(1)


def _prepared(case: PhantomCase, path: PixelPath, pixel_spacing_mm: float) -> PreparedFilm:
    return prepare(render(case, pixel_spacing_mm).pixels, path)


_Row = tuple[
    NDArray[np.float16],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
]


def _rendered(case: PhantomCase, path: PixelPath) -> _Row:
    film = render(case)
    prepared = prepare(film.pixels, path)
    lateral = case.view is View.LATERAL
    inverted = Degradation.INVERSION in case.degradations
    known = {"lateral": lateral, "inverted": inverted, "hardware": case.hardware}
    return (
        prepared.image.astype(np.float16),
        prepared.placement.to_square(film.keypoints),
        np.array([known[name] for name in ATTRIBUTES], np.float32),
        _level_labels(case),
        np.array([name in case.findings for name in SPINE_COMPONENTS], np.float32),
    )


def _level_labels(case: PhantomCase) -> NDArray[np.float32]:
    return np.array(
        [[f"{name}:{disc}" in case.findings for name in LEVEL_COMPONENTS] for disc in DISCS],
        np.float32,
    )


def _stacked(rows: Sequence[_Row]) -> Films:
    images, landmarks, attributes, levels, spine = zip(*rows, strict=True)
    return Films(*(np.stack(column) for column in (images, landmarks, attributes, levels, spine)))


def finding_labels(
    cases: Sequence[PhantomCase], findings: Mapping[str, Sequence[str]]
) -> NDArray[np.bool_]:
    """Which finding is present in which case.

    Args:
        cases: The cases.
        findings: For each finding the components it consists of.

    Returns:
        (cases, findings).
    """
    present = [{finding.split(":")[0] for finding in case.findings} for case in cases]
    return np.array(
        [[bool(kinds & set(parts)) for parts in findings.values()] for kinds in present]
    )


def data_digest(groups: Mapping[str, Sequence[PhantomCase]]) -> str:
    """SHA-256 over what was drawn: the same cases, the same digest."""
    text = json.dumps(
        {name: [_described(case) for case in cases] for name, cases in groups.items()},
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _described(case: PhantomCase) -> str:
    return repr(replace(case, age_years=round(case.age_years, 1)))
