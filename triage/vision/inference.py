"""From prepared films to analyses: locator, gates, members, in batches that fit the device."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import torch

from triage.errors import BundleError, TransientError
from triage.values import Analysis, GateResult, Score
from triage.vision.decode import DecodedFilm, DecodeLimits, read_film
from triage.vision.gates import (
    METAL_GREY,
    FilmMeasures,
    film_gates,
    finite_gate,
    header_gates,
    polarity_gate,
)
from triage.vision.geometry import vertebra_windows
from triage.vision.networks import ATTRIBUTES
from triage.vision.pixels import PreparedFilm, prepare
from triage.vision.weights import load_networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from triage.values import HeaderFacts
    from triage.vision.bundle import Bundle

# On a CPU films go one by one: a film then gives the same bits whatever arrived beside it. That
# costs about 12 ms a film on two cores, next to which decoding is the longer part.
_CPU_BATCH: Final = 1
_CUDA_BATCH: Final = 16

_Result = TypeVar("_Result")
_Network = TypeVar("_Network", bound=torch.nn.Module)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The raw numbers for one film.

    Attributes:
        measures: What the gates look at.
        raw: Logits (members, findings).
    """

    measures: FilmMeasures
    raw: NDArray[np.float32]

    @property
    def finite(self) -> bool:
        """Whether every number is one."""
        values = (getattr(self.measures, name) for name in ATTRIBUTES)
        return bool(
            np.isfinite(self.raw).all()
            and np.isfinite(self.measures.landmarks).all()
            and all(map(math.isfinite, (*values, self.measures.distance, self.measures.unrest)))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """One film, analysed, with the raw numbers that the analysis follows from."""

    analysis: Analysis
    reading: Reading


def choose_device(wish: str) -> torch.device:
    """The device to run on.

    Args:
        wish: ``"auto"`` takes CUDA where there is one; otherwise a name that PyTorch knows.

    Raises:
        BundleError: The device is not there.
    """
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wish)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BundleError(
            f"The device {wish!r} cannot be used: set worker.device to auto or cpu."
        ) from error
    return device


class Analyst:
    """A bundle on a device.

    Args:
        bundle: The bundle.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` ...
        batch_size: Most films at a time; None takes what suits the device.

    Raises:
        BundleError: The device is not there, or the weights do not belong to the bundle.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", batch_size: int | None = None) -> None:
        self.bundle = bundle
        self.device = choose_device(device)
        usual = _CUDA_BATCH if self.device.type == "cuda" else _CPU_BATCH
        self.batch_size = usual if batch_size is None else batch_size
        networks = load_networks(bundle)
        self.locator = self._placed(networks.locator)
        self.readers = [self._placed(reader) for reader in networks.readers]
        self._mean, self._precision = networks.mean, networks.precision.double()

    def _placed(self, network: _Network) -> _Network:
        return network.to(self.device).to(memory_format=torch.channels_last)

    def prepare(self, film: DecodedFilm) -> PreparedFilm:
        """Take a decoded film through the bundle's pixel path."""
        return prepare(film.pixels, self.bundle.manifest.path)

    def analyse(self, films: Sequence[PreparedFilm]) -> tuple[Analysis, ...]:
        """Analyse films; the result has their order.

        Args:
            films: Prepared films, of any studies.

        Returns:
            For each film the gates from pixels on, and the scores. A film for which a network
            gave a number that is not finite fails the gate ``model.finite`` and has no scores.

        Raises:
            TransientError: The device has no memory even for one film.
        """
        return tuple(assessed.analysis for assessed in self.assess(films))

    def assess(self, films: Sequence[PreparedFilm]) -> tuple[Assessed, ...]:
        """Analyse films, and keep where their landmarks are; see `analyse`."""
        return tuple(Assessed(self._judged(reading), reading) for reading in self.read(films))

    def read(self, films: Sequence[PreparedFilm]) -> list[Reading]:
        """The raw numbers for each film; see `analyse`."""
        return in_batches(films, self._read_batch, self.batch_size)

    def _read_batch(self, films: Sequence[PreparedFilm]) -> list[Reading]:
        stack = np.stack([film.image for film in films])[:, None]
        with torch.inference_mode():
            images = torch.from_numpy(stack).to(self.device)
            location = self.locator(images)
            logits = [reader(images, location.landmarks) for reader in self.readers]
            raw = torch.stack(logits, dim=1).cpu().numpy()
            landmarks = location.landmarks.cpu().numpy()
            confidence = location.confidence.cpu().numpy()
            attributes = self.locator.said(images, location).sigmoid().cpu().numpy()
            unrest = self.locator.unrest(images, location.landmarks).tolist()
            metal = metal_shares(images, location.landmarks).tolist()
            distances = self._distances(location.embedding.cpu())
        return [
            Reading(
                FilmMeasures(
                    film.statistics,
                    **dict(zip(ATTRIBUTES, map(float, attributes[row]), strict=True)),
                    landmarks=landmarks[row],
                    confidence=confidence[row],
                    unrest=unrest[row],
                    metal=metal[row],
                    distance=distances[row],
                ),
                raw[row],
            )
            for row, film in enumerate(films)
        ]

    def _distances(self, embedding: Tensor) -> list[float]:
        """Mahalanobis distances of embeddings (n, d)."""
        apart = (embedding - self._mean).double()
        squared = ((apart @ self._precision) * apart).sum(dim=1)
        return [float(value) for value in squared.clamp_min(0).sqrt()]

    def _judged(self, reading: Reading) -> Analysis:
        digest = self.bundle.identity.digest
        if not reading.finite:
            return Analysis(digest, (finite_gate(finite=False),), ())
        gates = film_gates(reading.measures, self.bundle.manifest.gates)
        return Analysis(digest, (*gates, finite_gate(finite=True)), self._scores(reading.raw))

    def _scores(self, raw: NDArray[np.float32]) -> tuple[Score, ...]:
        return tuple(
            Score(
                finding.name,
                member,
                float(raw[row, column]),
                self.bundle.probability(finding.name, float(raw[row, column])),
            )
            for row, member in enumerate(self.bundle.members)
            for column, finding in enumerate(self.bundle.findings)
        )


def metal_shares(images: Tensor, landmarks: Tensor) -> Tensor:
    """How much of what is seen of C3 to C7 is as bright as metal: shares (n,).

    Args:
        images: (n, 1, side, side).
        landmarks: (n, 23, 2).
    """
    return (vertebra_windows(images, landmarks) > METAL_GREY).float().mean(dim=(1, 2, 3, 4))


def in_batches(
    films: Sequence[PreparedFilm],
    work: Callable[[Sequence[PreparedFilm]], list[_Result]],
    batch_size: int,
) -> list[_Result]:
    """Work through films; when memory runs out, go on with batches half as large.

    Args:
        films: What to work through.
        work: Takes some films and gives as many results.
        batch_size: Films to begin with.

    Returns:
        The results in the order of the films.

    Raises:
        TransientError: There is no memory even for one film.
    """
    results: list[_Result] = []
    while len(results) < len(films):
        batch = films[len(results) : len(results) + batch_size]
        try:
            results += work(batch)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise TransientError(
                    "The device has no memory even for one film: free some, or use another device."
                ) from error
            batch_size = len(batch) // 2
            _release()
    return results


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means memory: CUDA has a class of its own, the CPU allocator a text."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)


def _release() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def with_header(analysis: Analysis, gates: tuple[GateResult, ...]) -> Analysis:
    """Put the header's gates before those of an analysis."""
    return replace(analysis, gates=(*gates, *analysis.gates))


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """One file, examined: the analysis, and the film where it could be decoded."""

    analysis: Analysis
    film: DecodedFilm


def examine(
    path: Path,
    facts: HeaderFacts,
    analyst: Analyst,
    limits: DecodeLimits | None = None,
    body_parts: Iterable[str] = (),
) -> Examined:
    """Do for one file all that the worker does, without a store.

    Args:
        path: The file.
        facts: What intake reads from its header.
        analyst: The bundle on a device.
        limits: The most that decoding may take.
        body_parts: See `header_gates`.

    Returns:
        What was found.

    Raises:
        PixelError: The file cannot be decoded.
        TransientError: Disk or memory failed.
    """
    film = read_film(path, facts, limits)
    (analysis,) = analyst.analyse([analyst.prepare(film)])
    header = (*header_gates(facts, body_parts), polarity_gate(known=film.polarity_known))
    return Examined(with_header(analysis, header), film)
