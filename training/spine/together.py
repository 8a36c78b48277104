"""Training the networks of a bundle side by side, each on one core.

A small network leaves a second core idle for a third of the time. Locator and readers do not need
each other: each learns in a process of its own, and two cores are busy until the last one is done.
"""

from __future__ import annotations

import multiprocessing
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from training.errors import DiskError, RunError, StoppedError
from training.loop import compute_alike
from training.processes import end_with_parent
from training.spine.pipeline import Networks
from triage.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from training.spine.films import Films
    from training.spine.fitting import Fitter, Sizes
    from triage.vision.networks import Locator
    from triage.vision.readers import Components, SpineReader

_FILMS: Final = ("locating", "upright", "reading", "children", "tuning")  # fields of `Lessons`
_LOCATOR: Final = 0  # readers count from 1
_READERS_WAIT: Final = 5  # niceness: the locator takes longest, and on two cores it must not wait
_PATIENCE_SECONDS: Final = 20.0  # for a process that was asked to stop: it may be writing


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What the networks of a bundle learn from.

    Attributes:
        locating: Films of every kind, for the heat maps.
        upright: Films in scope, for the corners.
        reading: Films in scope and of children, for the readers and for ring apophyses.
        children: Further films of children, for ring apophyses alone.
        tuning: Films in scope that decide which epoch is kept.
        findings: For each finding the components it consists of.
        components: What readers look for.
        sizes: How wide and how long.
    """

    locating: Films
    upright: Films
    reading: Films
    children: Films
    tuning: Films
    findings: Mapping[str, Sequence[str]]
    components: Components
    sizes: Sizes

    def locator(self, fitter: Fitter) -> Locator:
        """Train the locator, then its corners, then its look for ring apophyses."""
        network = fitter.locator(self.locating, self.tuning, self.sizes)
        fitter.corners(network, self.upright, self.tuning, self.sizes)
        fitter.rings(network, (self.reading, self.children), self.sizes)
        return network

    def reader(self, number: int, fitter: Fitter) -> SpineReader:
        """Train a reader."""
        return fitter.reader(
            number, self.reading, self.tuning, self.findings, self.components, self.sizes
        )


def trained(lessons: Lessons, fitter: Fitter, processes: int) -> Networks:
    """Train all networks.

    Args:
        lessons: What they learn from.
        fitter: Who trains.
        processes: From 2 on, each network has one of its own, with one core; what it learnt comes
            back through the run's folder.

    Raises:
        RunError: A process was ended from outside.
        DiskError: Something could not be written.
        StoppedError: Ctrl-C or SIGTERM came; whole epochs are kept.
    """
    if processes > 1 and fitter.folder is not None:
        _side_by_side(lessons, fitter)
        fitter = replace(fitter, report=lambda _: None, resume=True)  # all that is left is to read
    locator = lessons.locator(fitter)
    numbers = range(1, lessons.sizes.members + 1)
    readers = {f"reader-{number}": lessons.reader(number, fitter) for number in numbers}
    return Networks(locator, readers, lessons.sizes)


def _side_by_side(lessons: Lessons, fitter: Fitter) -> None:
    """Train each network in a process of its own."""
    with _stored(lessons, fitter) as shared:
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads
        learners: dict[Connection, BaseProcess] = {}
        try:
            for part in range(lessons.sizes.members + 1):
                ours, theirs = context.Pipe(duplex=False)
                learner = context.Process(
                    target=_learn, args=(part, shared, replace(fitter, report=_mute), theirs)
                )
                learner.start()
                theirs.close()
                learners[ours] = learner
            _follow(learners, fitter.report)
        finally:
            _end(learners.values())


def _end(learners: Collection[BaseProcess]) -> None:
    for learner in learners:
        learner.terminate()
    for learner in learners:
        learner.join(_PATIENCE_SECONDS)
        learner.kill()


def _follow(learners: Mapping[Connection, BaseProcess], report: Callable[[str], None]) -> None:
    """Pass on what the processes say, until the last one is done."""
    talking = dict(learners)
    while talking:
        for one in wait(list(talking)):
            connection: Connection = one  # type: ignore[assignment] # only these are waited for
            try:
                said: str | BaseException | None = connection.recv()
            except EOFError:
                talking[connection].join()
                code = talking[connection].exitcode
                raise RunError(
                    f"A process that trained a network ended with code {code}: if memory ran out, "
                    "use --processes 1; the same command with --resume goes on."
                ) from None
            if isinstance(said, BaseException):
                raise said
            if said is None:
                talking.pop(connection)
            else:
                report(said)


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """Lessons whose pictures lie in a folder, so that processes share them in memory."""

    folder: str
    bare: Lessons

    def opened(self) -> Lessons:
        """The lessons, as they were."""

        def whole(name: str) -> Films:
            images = np.load(f"{self.folder}/{name}.npy", mmap_mode="c")
            bare: Films = getattr(self.bare, name)
            return replace(bare, images=images)

        return _with(self.bare, whole)


@contextmanager
def _stored(lessons: Lessons, fitter: Fitter) -> Iterator[_Shared]:
    nothing = np.empty((0, 0, 0), np.float16)
    parts: dict[str, Films] = {name: getattr(lessons, name) for name in _FILMS}
    with TemporaryDirectory(prefix="films-", dir=fitter.folder) as folder:
        for name, films in parts.items():
            _write(f"{folder}/{name}.npy", films)
        yield _Shared(folder, _with(lessons, lambda name: replace(parts[name], images=nothing)))


def _with(lessons: Lessons, films: Callable[[str], Films]) -> Lessons:
    """The same lessons with other films, asked for by the names of their fields."""
    locating, upright, reading, children, tuning = map(films, _FILMS)
    return replace(
        lessons,
        locating=locating,
        upright=upright,
        reading=reading,
        children=children,
        tuning=tuning,
    )


def _write(path: str, films: Films) -> None:
    try:
        np.save(path, films.images)
    except OSError as error:
        raise DiskError(
            f"{path} could not be written ({error.strerror}): films that processes share take "
            f"{films.images.nbytes >> 20} MB; make room, or use --processes 1."
        ) from error


def _learn(part: int, shared: _Shared, fitter: Fitter, said: Connection) -> None:
    """Train one network; the life of a process."""
    end_with_parent()
    torch.set_num_threads(1)
    compute_alike()
    telling = replace(fitter, report=said.send)
    lessons = shared.opened()
    try:
        if part == _LOCATOR:
            lessons.locator(telling)
        else:
            os.nice(_READERS_WAIT)
            lessons.reader(part, telling)
        said.send(None)
    except (TriageError, StoppedError) as error:
        said.send(error)


def _mute(_: str) -> None:
    """Say nothing: what a console needs cannot go to another process."""
