"""What a bundle makes of real films whose landmarks people have set: a line for each film.

    TRIAGE_TEST_DATA=DIR python tests/bench/real_films.py [BUNDLE] [--overlays FOLDER]

The bundle that comes along has never seen a real film: its landmarks are then far off, and gates
must stop the film. A figure here is no figure of a hospital; it says how large the gap is.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from training.certify.chain import Judged, analyst_of, judged
from training.sources import open_set
from training.spine.evaluation import landmark_figures
from training.spine.records import placed_landmarks, prepared_record
from training.trial.reading import outcome_of
from triage.vision.bundle import default_bundle_folder

if TYPE_CHECKING:
    import numpy as np

_ASSUMED_YEARS = 40.0  # where a film does not say how old the patient was
_SIDE_INCHES = 6.0


def main() -> int:
    """Read every film of the small real set and print what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path, nargs="?", default=default_bundle_folder())
    parser.add_argument("--overlays", type=Path, help="folder for pictures with both landmarks")
    options = parser.parse_args()
    if "TRIAGE_TEST_DATA" not in os.environ:
        sys.stderr.write("TRIAGE_TEST_DATA must name the folder of the real films.\n")
        return 2
    analyst, pairs = analyst_of(options.bundle), []
    print(f"{'film':>8} {'error, % of body depth':>24} {'outcome':>16}  stopped by")
    for record in open_set(Path(os.environ["TRIAGE_TEST_DATA"]) / "csxa" / "mini").films:
        film = prepared_record(record, analyst.bundle.manifest.path)
        (reading,) = analyst.read([film])
        pair = (reading.measures.landmarks, placed_landmarks(record, film))
        pairs.append(pair)
        seen: Judged = judged(analyst, film, record.age_years or _ASSUMED_YEARS)
        error = landmark_figures([pair])["mean_per_cent_of_depth"]
        outcome = outcome_of(seen.analysis, analyst.bundle).value
        print(f"{record.film:>8} {error:>24.1f} {outcome:>16}  {', '.join(seen.failed) or '-'}")
        if options.overlays:
            _draw(options.overlays / f"{record.film}.png", film.image, pair)
    print(landmark_figures(pairs))
    return 0


def _draw(place: Path, image: np.ndarray, pair: tuple[np.ndarray, np.ndarray]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(_SIDE_INCHES, _SIDE_INCHES), layout="constrained")
    axes.imshow(image, cmap="gray")
    for points, colour, name in zip(pair, ("tab:red", "tab:green"), ("found", "set"), strict=True):
        axes.plot(*points.T, ".", color=colour, label=name)
    axes.legend()
    axes.set_axis_off()
    figure.savefig(place)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
