"""Splits: grouped, stratified, seeded, and the same whatever order the films come in.

Films of one group (a patient, near-duplicates) never fall into different parts. Within each
class groups are dealt out in a drawn order to the part that lacks most of that class, so that
parts have the sizes and the share of positives that were asked for, as far as groups allow.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from training.errors import DataError
from training.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.values import FilmRecord

    Films = tuple[FilmRecord, ...]

SPLIT_FILE: Final = "split.csv"
_COLUMNS: Final = ("film", "split", "group", "patient")
_UNKNOWN: Final = "unknown"  # the class of films that nobody labelled
_SHUFFLE: Final = 31  # keeps the chance of splits apart from other chance of the same seed


def split(
    films: Sequence[FilmRecord],
    shares: Mapping[str, float],
    seed: int,
    *,
    finding: str | None,
) -> dict[str, Films]:
    """Share films out.

    Args:
        films: What to share out; a film whose ``split`` is named goes there.
        shares: For each part its share or its count. They count in relation to their sum:
            145 and 62 of 207 films are exactly these, of 60 films 42 and 18.
        seed: Another seed, another split.
        finding: The parts shall have alike shares of it; None for no finding.

    Returns:
        For each part its films, in the order given.

    Raises:
        DataError: A class of the finding has no film or fewer groups than there are parts,
            one group is in two given splits, or a given split is none of the parts.
    """
    _check_shares(shares)
    given = _given(films, shares)
    groups = _groups(films)
    if finding is not None:
        _check_classes(groups, finding, len(shares))
    chance = np.random.default_rng((seed, _SHUFFLE))
    dealt = _Deal(shares, len(films))
    strata = _strata(groups, finding)
    for name, members in strata.items():
        dealt.begin(name, sum(len(groups[group]) for group in members))
        for group in members:
            if group in given:
                dealt.put(name, group, len(groups[group]), given[group])
        free = [group for group in members if group not in given]
        chance.shuffle(free)
        free.sort(key=lambda group: -len(groups[group]))
        dealt.deal(name, {group: len(groups[group]) for group in free})
    dealt.deal_rest()
    parts = {name: tuple(f for f in films if dealt.part[f.group] == name) for name in shares}
    _check_parts(parts, finding)
    return parts


def folds(
    films: Sequence[FilmRecord],
    count: int,
    seed: int,
    *,
    finding: str | None,
    repeats: int = 1,
) -> list[dict[str, Films]]:
    """Grouped, stratified, repeated cross-validation.

    Args:
        films: What to share out; given splits do not count here.
        count: Folds of one repetition, 2 or more.
        seed: Another seed, other folds.
        finding: See `split`.
        repeats: How often all films are dealt out anew.

    Returns:
        ``repeats * count`` pairs of ``"train"`` and ``"test"``; within one repetition each film
        is tested once.

    Raises:
        DataError: See `split`.
    """
    if count < 2 or repeats < 1:  # noqa: PLR2004 - one fold trains on nothing
        raise DataError(
            f"{count} folds, {repeats} times, are no cross-validation: at least 2 folds, once."
        )
    free = [replace(film, split="") for film in films]
    found = []
    for repeat in range(repeats):
        shares = {f"fold {number}": 1.0 for number in range(1, count + 1)}
        parts = split(free, shares, _repeat_seed(seed, repeat), finding=finding)
        for test in parts.values():
            held = {film.film for film in test}
            found.append(
                {
                    "train": tuple(film for film in films if film.film not in held),
                    "test": tuple(film for film in films if film.film in held),
                }
            )
    return found


def _repeat_seed(seed: int, repeat: int) -> int:
    return int(np.random.SeedSequence((seed, repeat)).generate_state(1)[0])


def _check_shares(shares: Mapping[str, float]) -> None:
    wrong = {name: share for name, share in shares.items() if not share > 0}
    if not shares or wrong:
        name, share = next(iter(wrong.items()), ("no part", 0))
        raise DataError(f"The share of {name!r} is {share}: give each part more than 0.")


def _given(films: Sequence[FilmRecord], shares: Mapping[str, float]) -> dict[str, str]:
    """For each group whose split the data set names, that split."""
    first: dict[str, FilmRecord] = {}
    for film in films:
        if not film.split:
            continue
        if film.split not in shares:
            raise DataError(
                f"The film {film.film} is in the split {film.split!r}, but the parts to make are "
                f"{', '.join(shares)}: change its split, or leave it empty."
            )
        other = first.setdefault(film.group, film)
        if other.split != film.split:
            raise DataError(_in_two(other, film))
    return {group: film.split for group, film in first.items()}


def _in_two(one: FilmRecord, other: FilmRecord) -> str:
    whose = (
        f"of one patient ({one.patient})"
        if one.patient == other.patient
        else f"of one group ({one.group}: the same patient or nearly the same picture)"
    )
    return (
        f"The films {one.film} and {other.film} are {whose}, but one is in the split "
        f"{one.split!r} and the other in {other.split!r}: put both into the same."
    )


def _groups(films: Sequence[FilmRecord]) -> dict[str, list[FilmRecord]]:
    groups: dict[str, list[FilmRecord]] = defaultdict(list)
    for film in films:
        groups[film.group].append(film)
    return groups


def _strata(groups: Mapping[str, list[FilmRecord]], finding: str | None) -> dict[str, list[str]]:
    """Groups by class, the rarer class first; the order of the films does not count."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(groups):
        found[_class_of(groups[name], finding)].append(name)
    return dict(sorted(found.items(), key=lambda item: (len(item[1]), item[0])))


def _class_of(films: Sequence[FilmRecord], finding: str | None) -> str:
    """A group is positive when any of its films is."""
    if finding is None:
        return _UNKNOWN
    labels = {film.labels.get(finding) for film in films}
    return "present" if True in labels else "absent" if False in labels else _UNKNOWN


def _check_classes(groups: Mapping[str, list[FilmRecord]], finding: str, parts: int) -> None:
    count = {"present": 0, "absent": 0, _UNKNOWN: 0}
    for films in groups.values():
        count[_class_of(films, finding)] += 1
    for name, word in (("present", "with"), ("absent", "without")):
        if not count[name]:
            raise DataError(
                f"No film {word} {finding!r} is among the {len(groups)} groups of films "
                f"({count[_UNKNOWN]} are not labelled): both classes are needed to train and to "
                "measure. Check the column of that finding, or choose another finding."
            )
        if count[name] < parts:
            raise DataError(
                f"Only {count[name]} groups of films {word} {finding!r} for {parts} splits, and "
                "each split needs one: add films, or make fewer splits."
            )


def _check_parts(parts: Mapping[str, Films], finding: str | None) -> None:
    for name, films in parts.items():
        labels = {film.labels.get(finding) for film in films} if finding else set()
        if not films or (finding and not {True, False} <= labels):
            lacks = "no film" if not films else f"films of one class of {finding!r} only"
            raise DataError(
                f"The split {name!r} has {lacks}: leave the split of some films empty, so that "
                "they can be shared out, or name more films for it."
            )


class _Deal:
    """Deals groups out to parts, class by class."""

    def __init__(self, shares: Mapping[str, float], total: int) -> None:
        self.part: dict[str, str] = {}
        self._shares = {name: share / sum(shares.values()) for name, share in shares.items()}
        self._lacks = _whole(self._shares, total)
        self._class_lacks: dict[str, dict[str, float]] = {}
        self._class_parts: dict[str, set[str]] = defaultdict(set)
        self._rest: list[tuple[str, str, int]] = []

    def begin(self, name: str, films: int) -> None:
        """Begin a class with so many films."""
        self._class_lacks[name] = {part: share * films for part, share in self._shares.items()}

    def put(self, name: str, group: str, size: int, part: str) -> None:
        """Put a group of a class into a part."""
        self.part[group] = part
        self._lacks[part] -= size
        self._class_lacks[name][part] -= size
        self._class_parts[name].add(part)

    def deal(self, name: str, sizes: Mapping[str, int]) -> None:
        """Deal the groups of a class, the largest first, as far as they fit; keep the rest.

        The smallest are dealt before, so that each part has one.
        """
        lacks = self._class_lacks[name]
        waiting = list(sizes)
        for part in sorted(lacks, key=lambda part: lacks[part]):
            if waiting and name != _UNKNOWN and part not in self._class_parts[name]:
                group = waiting.pop()
                self.put(name, group, sizes[group], part)
        for group in waiting:
            part = max(lacks, key=lambda part: lacks[part])
            if lacks[part] >= sizes[group]:
                self.put(name, group, sizes[group], part)
            else:
                self._rest.append((name, group, sizes[group]))

    def deal_rest(self) -> None:
        """Deal what fitted nowhere, the largest first, to the part that lacks most films."""
        for name, group, size in sorted(self._rest, key=lambda item: -item[2]):
            lacks = self._class_lacks[name]
            part = max(self._lacks, key=lambda part: (self._lacks[part], lacks[part]))
            self.put(name, group, size, part)


def write_splits(path: Path, parts: Mapping[str, Sequence[FilmRecord]]) -> None:
    """Write which film is in which part, so that a run can be repeated and compared.

    Args:
        path: The file.
        parts: From `split`.

    Raises:
        DiskError: It could not be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for name, films in parts.items():
        table.writerows([film.film, name, film.group, film.patient] for film in films)
    write_whole(path, text.getvalue().encode())


def _whole(shares: Mapping[str, float], total: int) -> dict[str, float]:
    """Whole numbers in proportion to shares, by the largest remainder."""
    exact = {name: share * total for name, share in shares.items()}
    counts = {name: float(int(value + 1e-9)) for name, value in exact.items()}
    left = round(total - sum(counts.values()))
    for name in sorted(exact, key=lambda part: counts[part] - exact[part])[:left]:
        counts[name] += 1
    return counts
