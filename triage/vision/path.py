"""The parameters of the pixel path; `triage.vision.pixels` walks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PixelPath:
    """The parameters of the path; a bundle carries them, and they are part of its identity.

    Attributes:
        side: Pixels of the square's side.
        low_percentile: Grey value that becomes 0.
        high_percentile: Grey value that becomes 1.
        border_spread: A row or column whose grey values spread less than this share of the
            film's range is border.
    """

    side: int = 512
    low_percentile: float = 1.0
    high_percentile: float = 99.0
    border_spread: float = 0.04
