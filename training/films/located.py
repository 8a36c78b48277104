"""Landmarks for films that come without: found by the locator of a bundle."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from training.sources.pixels import read_prepared
from triage.vision.bundle import Bundle
from triage.vision.gates import film_gates
from triage.vision.inference import Analyst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.values import FilmRecord

_LANDMARK_GATES: Final = "landmarks."


def has_landmarks(record: FilmRecord) -> bool:
    """Whether a film has all of them."""
    return record.landmarks is not None and not bool(np.isnan(record.landmarks).any())


def with_landmarks(
    records: Sequence[FilmRecord],
    bundle: Path,
    device: str = "auto",
    advance: Callable[[], None] = lambda: None,
) -> list[FilmRecord]:
    """Give films that lack landmarks those that a bundle's locator finds.

    Args:
        records: The films; those with all landmarks stay as they are.
        bundle: Folder of the bundle.
        device: See `Analyst`.
        advance: Called after each film.

    Returns:
        The films in their order. A film whose landmarks fail the bundle's own gates stays
        without.

    Raises:
        BundleError: There is no whole bundle in the folder.
        DataError: A film cannot be read.
    """
    analyst = Analyst(Bundle.load(bundle), device)
    found = []
    for record in records:
        found.append(record if has_landmarks(record) else _located(record, analyst))
        advance()
    return found


def _located(record: FilmRecord, analyst: Analyst) -> FilmRecord:
    film = read_prepared(record, analyst.bundle.manifest.path)
    (reading,) = analyst.read([film])
    gates = film_gates(reading.measures, analyst.bundle.manifest.gates)
    if not all(gate.passed for gate in gates if gate.gate.startswith(_LANDMARK_GATES)):
        return record
    places = film.placement.to_film(reading.measures.landmarks)
    if record.frame is not None:
        places = places + np.asarray(record.frame[:2], np.float32)
    return replace(record, landmarks=np.asarray(places, np.float32))
