"""Films that a bundle was made with: none of them may calibrate it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from triage.vision.bundle import Bundle

KEY: Final = "made_with"  # in the provenance of a bundle
_DIGITS: Final = 16  # of a digest: two of a million films share them once in 40 million tries


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What training, tuning and the gates' limits have seen.

    Attributes:
        seeds: First and last seed of each run of phantom cases.
        films: Digests of other films, see `film_digest`.
    """

    seeds: tuple[tuple[int, int], ...] = ()
    films: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bundle: Bundle) -> MadeWith:
        """What a bundle says of itself; nothing where it says nothing."""
        content = bundle.manifest.provenance.get(KEY, {})
        seeds = ((int(first), int(last)) for first, last in content.get("seeds", ()))
        return cls(tuple(seeds), frozenset(content.get("films", ())))

    def content(self) -> Mapping[str, Any]:
        """As it stands in the provenance of a bundle."""
        return {"seeds": [list(run) for run in self.seeds], "films": sorted(self.films)}

    def among_seeds(self, seeds: Iterable[int]) -> list[int]:
        """Those of some seeds whose cases have been seen."""
        return [seed for seed in seeds if any(first <= seed <= last for first, last in self.seeds)]


def film_digest(pixels: NDArray[Any]) -> str:
    """Sixteen hexadecimal digits that stand for the grey values of a film as it was decoded."""
    shape = "x".join(map(str, pixels.shape)).encode()
    content = np.ascontiguousarray(pixels, np.float32).tobytes()
    return hashlib.sha256(shape + content).hexdigest()[:_DIGITS]
