"""Anterior outlines of real and drawn spines, and how far their distributions are apart.

An outline is what the larger part of the Cervical Spine X-ray Atlas is known by (Ran et al.,
Sci Data 11:625, 2024): the centroids of C2 to C7 and the anterior corners. Every measure of it
is free of scale, because those films carry no pixel spacing. The phantom is shaped on one half
of the real outlines and compared with the other; the distance between the two halves is the
floor that no phantom can be expected to undercut.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from training.errors import DataError
from training.phantom.skeleton import build_chain, keypoints_mm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from training.phantom.values import PhantomCase
    from training.values import FilmRecord

POINTS = (
    *(f"C{number} centroid" for number in range(2, 8)),
    "C2 bottom left",
    *(f"C{number} {end} left" for number in range(3, 8) for end in ("top", "bottom")),
)
CURVATURES = ("lordotic", "straight", "sigmoid", "kyphotic")
# What readers called the curves of all 4963 films of the atlas.
READ_SHARES = {"lordotic": 0.355, "straight": 0.345, "sigmoid": 0.198, "kyphotic": 0.102}

# Limits of the classes, set so that the real outlines fall into them as the readers had them.
_LORDOTIC_BOW, _KYPHOTIC_BOW = 0.042, -0.007  # of the chord from C2 to C7
_SIGMOID_DEGREES = 2.0  # the upper and the lower half of a sigmoid bend by more, in two ways
_BLOCK = 10  # neighbouring films are often of one person: they stay in one half
_PLAUSIBLE = (0.3, 2.0)  # body height over body depth; beyond it two points are mistaken
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one measure of the phantom is from that of the held-out real outlines.

    Attributes:
        measure: For instance ``"C5 body height / depth"``.
        unit: ``"degrees"`` or ``"share"``.
        real: Mean and standard deviation of the held-out outlines.
        phantom: Mean and standard deviation of the drawn ones.
        wasserstein: Wasserstein-1 distance, in units of the measure.
        wasserstein_floor: The same between the two real halves.
        kolmogorov_smirnov: Largest difference of the two distribution functions.
        kolmogorov_smirnov_floor: The same between the two real halves.
    """

    measure: str
    unit: str
    real: tuple[float, float]
    phantom: tuple[float, float]
    wasserstein: float
    wasserstein_floor: float
    kolmogorov_smirnov: float
    kolmogorov_smirnov_floor: float


def read_outlines(path: Path) -> NDArray[np.float64]:
    """Read outlines from a CSV with a column ``"<point> x"`` and ``"<point> y"`` for each point.

    Args:
        path: The file; rows with a missing or a mistaken point are left out.

    Returns:
        (n, 17, 2) in pixels, anterior at the left, in the order of the file.

    Raises:
        DataError: The file cannot be read, lacks a column, or holds too few outlines.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = set(reader.fieldnames or ())
            missing = [f"{point} {axis}" for point in POINTS for axis in "xy"]
            missing = [name for name in missing if name not in columns]
            if missing:
                raise DataError(
                    f"{path} has no column {missing[0]!r} (and {len(missing) - 1} more are "
                    "missing): give the table of centroids and anterior corners."
                )
            rows = [
                [[_number(row[f"{point} {axis}"]) for axis in "xy"] for point in POINTS]
                for row in reader
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a CSV of outlines: {error}.") from error
    return _kept(np.array(rows, np.float64).reshape(-1, len(POINTS), 2), str(path))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def outlines_of_films(films: Iterable[FilmRecord]) -> NDArray[np.float64]:
    """Return the outlines of films with landmarks, turned so that the patients face left."""
    known = [film.landmarks for film in films if film.landmarks is not None]
    points = np.array(known, np.float64).reshape(-1, 23, 2)
    facing_right = points[:, 1, 0] > points[:, 2, 0]
    points[facing_right, :, 0] *= -1
    return _kept(_outline(points), "the data set")


def outlines_of_cases(cases: Iterable[PhantomCase]) -> NDArray[np.float64]:
    """Return the outlines of drawn cases, in mm."""
    return _outline(np.array([keypoints_mm(build_chain(case.spine)) for case in cases]))


def _outline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the outline from the 23 points of the CSXA order, (n, 23, 2)."""
    corners = points[:, 3:].reshape(-1, 5, 4, 2)
    front = corners[:, :, [0, 2]].reshape(-1, 10, 2)
    return np.concatenate([points[:, :1], corners.mean(axis=2), points[:, 1:2], front], axis=1)


def _kept(outlines: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """Leave out what cannot be a spine: a missing point, or two that were mistaken."""
    heights = outlines[:, 7:].reshape(-1, 5, 2, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = _lengths(heights[:, :, 1] - heights[:, :, 0]) / _depths(outlines)
        downwards = (
            np.diff(outlines[:, 6:, 1], axis=1)
            > -_lengths(outlines[:, 7] - outlines[:, 6])[:, None]
        ).all(axis=1)
        sound = ((share > _PLAUSIBLE[0]) & (share < _PLAUSIBLE[1])).all(axis=1) & downwards
    if sound.sum() < _FEWEST:
        raise DataError(
            f"{where} holds {int(sound.sum())} whole outlines among {len(outlines)}: "
            f"a distribution needs at least {_FEWEST}."
        )
    return outlines[sound]


def halves(outlines: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split outlines into the half to shape by and the held-out half: blocks of ten in turn."""
    shaping = np.arange(len(outlines)) // _BLOCK % 2 == 0
    return outlines[shaping], outlines[~shaping]


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(vectors, axis=-1))


def _depths(outlines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return twice the way from the anterior wall to the centroid of C3 to C7, (n, 5)."""
    walls = outlines[:, 7:].reshape(-1, 5, 2, 2).mean(axis=2)
    return np.asarray(2 * _lengths(outlines[:, 1:6] - walls))


def _inclinations(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far vectors that point down lean backwards at their lower end, degrees."""
    return np.asarray(np.degrees(np.arctan2(vectors[..., 0], vectors[..., 1])))


def measures(outlines: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return every measure of outlines by its name, (n,) each.

    Args:
        outlines: (n, 17, 2).

    Returns:
        Angles in degrees, positive for lordosis: of the whole curve, from the line C2-C3 to the
        line C6-C7 of the centroids; of each vertebra between its neighbours; of the anterior
        walls C3 to C7; the inclination of the line C2-C7. Shares: body height over depth, disc
        height over the height of the body below, bow of the curve over its chord.
    """
    centroids, ends = outlines[:, :6], outlines[:, 7:].reshape(-1, 5, 2, 2)
    steps = _inclinations(np.diff(centroids, axis=1))
    walls = _inclinations(ends[:, :, 1] - ends[:, :, 0])
    heights = _lengths(ends[:, :, 1] - ends[:, :, 0])
    floors = np.concatenate([outlines[:, 6:7], ends[:, :4, 1]], axis=1)
    gaps = _lengths(ends[:, :, 0] - floors)
    found = {
        "C2-C7 curve": steps[:, 4] - steps[:, 0],
        "C3-C7 anterior walls": walls[:, 4] - walls[:, 0],
        "C2-C7 inclination": _inclinations(centroids[:, 5] - centroids[:, 0]),
    }
    for index in range(4):
        found[f"bend at C{index + 3}"] = steps[:, index + 1] - steps[:, index]
    shares = heights / _depths(outlines)
    for index in range(5):
        found[f"C{index + 3} body height / depth"] = shares[:, index]
    for index in range(5):
        found[f"C{index + 2}/C{index + 3} disc / body height"] = gaps[:, index] / heights[:, index]
    deepest = _bows(outlines)
    found["bow / chord"] = np.take_along_axis(
        deepest, np.abs(deepest).argmax(axis=1)[:, None], axis=1
    )[:, 0]
    return found


def unit_of(measure: str) -> str:
    """Return ``"share"`` for a ratio and ``"degrees"`` for an angle."""
    return "share" if "/" in measure.replace("/C", "") else "degrees"


def _bows(outlines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far C3 to C6 lie before the chord C2-C7, as shares of its length, (n, 4)."""
    first, last = outlines[:, 0], outlines[:, 5]
    chord = (last - first)[:, None]
    away = outlines[:, 1:5] - first[:, None]
    cross = chord[..., 0] * away[..., 1] - chord[..., 1] * away[..., 0]
    return np.asarray(cross / (chord**2).sum(axis=-1))


def curvatures(outlines: NDArray[np.float64]) -> dict[str, float]:
    """Return the share of each curvature class, after Toyama: by the bow over the chord C2-C7.

    The limits are set so that the real outlines fall into the classes as the readers of the
    atlas had them.
    """
    found = measures(outlines)
    upper = found["bend at C3"] + found["bend at C4"]
    lower = found["bend at C5"] + found["bend at C6"]
    sigmoid = np.minimum(upper, lower) < -_SIGMOID_DEGREES
    sigmoid &= np.maximum(upper, lower) > _SIGMOID_DEGREES
    lordotic = ~sigmoid & (found["bow / chord"] > _LORDOTIC_BOW)
    kyphotic = ~sigmoid & (found["bow / chord"] < _KYPHOTIC_BOW)
    shares = (lordotic, ~(sigmoid | lordotic | kyphotic), sigmoid, kyphotic)
    return {name: float(share.mean()) for name, share in zip(CURVATURES, shares, strict=True)}


def distances(real: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[Distance, ...]:
    """Compare drawn outlines with the held-out half of the real ones, measure by measure."""
    shaping, held_out = (measures(half) for half in halves(real))
    phantom = measures(drawn)
    return tuple(_distance(name, shaping[name], held_out[name], phantom[name]) for name in phantom)


def _distance(
    name: str,
    shaping: NDArray[np.float64],
    held_out: NDArray[np.float64],
    drawn: NDArray[np.float64],
) -> Distance:
    return Distance(
        measure=name,
        unit=unit_of(name),
        real=(float(held_out.mean()), float(held_out.std())),
        phantom=(float(drawn.mean()), float(drawn.std())),
        wasserstein=float(stats.wasserstein_distance(drawn, held_out)),
        wasserstein_floor=float(stats.wasserstein_distance(shaping, held_out)),
        kolmogorov_smirnov=float(stats.ks_2samp(drawn, held_out).statistic),
        kolmogorov_smirnov_floor=float(stats.ks_2samp(shaping, held_out).statistic),
    )


def figure(real: NDArray[np.float64], drawn: NDArray[np.float64]) -> Figure:
    """Draw one panel for each measure, held-out outlines against drawn ones.

    Args:
        real: All real outlines; the held-out half is shown.
        drawn: Outlines of drawn cases.

    Returns:
        A figure that its caller saves.
    """
    from matplotlib.figure import Figure as Sheet  # noqa: PLC0415 - slow to import, seldom needed

    _, held_out = halves(real)
    true, phantom = measures(held_out), measures(drawn)
    found = {distance.measure: distance for distance in distances(real, drawn)}
    columns = 4
    rows = -(-(len(true) + 1) // columns)
    sheet = Sheet(figsize=(3.2 * columns, 2.3 * rows))
    panels = sheet.subplots(rows, columns).ravel()
    sheet.subplots_adjust(0.03, 0.04, 0.99, 0.95, wspace=0.12, hspace=0.6)
    for panel, name in zip(panels, true, strict=False):
        low, high = np.percentile(np.concatenate([true[name], phantom[name]]), [0.5, 99.5])
        edges = np.linspace(low, high, 40)
        panel.hist(true[name], edges, density=True, color="0.75", label="real, held out")
        panel.hist(phantom[name], edges, density=True, histtype="step", color="C3", label="phantom")
        near = found[name]
        panel.set_title(
            f"{name}\nW1 {near.wasserstein:.2g} (floor {near.wasserstein_floor:.2g}), "
            f"KS {near.kolmogorov_smirnov:.2f} ({near.kolmogorov_smirnov_floor:.2f})",
            fontsize=8,
        )
        panel.tick_params(labelsize=7, left=False, labelleft=False)
    panels[0].legend(fontsize=7, frameon=False)
    _draw_classes(panels[len(true)], curvatures(held_out), curvatures(drawn))
    for panel in panels[len(true) + 1 :]:
        panel.axis("off")
    return sheet


def _draw_classes(panel: Axes, real: dict[str, float], drawn: dict[str, float]) -> None:
    """Draw the shares of the curvature classes side by side, with those that readers gave."""
    places = np.arange(len(CURVATURES))
    shares = (("0.75", real, "real"), ("C3", drawn, "phantom"), ("C0", READ_SHARES, "readers"))
    for number, (colour, share, label) in enumerate(shares):
        heights = [share[name] for name in CURVATURES]
        panel.bar(places + 0.27 * (number - 1), heights, 0.25, color=colour, label=label)
    panel.set_xticks(places, CURVATURES, fontsize=7)
    panel.tick_params(labelsize=7)
    panel.set_title("curvature classes", fontsize=8)
    panel.legend(fontsize=7, frameon=False)
