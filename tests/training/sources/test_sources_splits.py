"""Splits: grouped, stratified, seeded, and honest about what cannot be done."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import pytest

from training.errors import DataError
from training.sources.splits import folds, split, write_splits

SHARES = {"train": 0.6, "tuning": 0.1, "calibration": 0.15, "test": 0.15}


@pytest.fixture
def films(film):
    """Return a factory of films, some abnormal, every third with a second film of its patient."""

    def make(count: int, abnormal: int):
        made = []
        for number in range(count):
            label = {"abnormal": number < abnormal}
            made.append(film(f"f{number:03d}", f"g{number:03d}", labels=label))
            if number % 3 == 0:
                made.append(film(f"f{number:03d}b", f"g{number:03d}", labels=label))
        return made

    return make


def count(parts):
    return {name: len(members) for name, members in parts.items()}


def test_a_group_is_never_torn_apart(films):
    parts = split(films(90, 30), SHARES, 1, finding="abnormal")
    groups = [{one.group for one in members} for members in parts.values()]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 90
    assert sum(count(parts).values()) == 120


def test_counts_of_a_paper_are_met_exactly(film):
    made = [film(f"f{n:03d}", labels={"myelopathy": n < 96}) for n in range(207)]
    parts = split(made, {"train": 145, "test": 62}, 7, finding="myelopathy")
    assert count(parts) == {"train": 145, "test": 62}
    positives = sum(one.labels["myelopathy"] for one in parts["test"])
    assert positives == pytest.approx(96 * 62 / 207, abs=1)


def test_counts_of_a_larger_set_are_taken_in_proportion(film):
    made = [film(f"f{n:03d}", labels={"abnormal": n % 2 == 0}) for n in range(60)]
    assert count(split(made, {"train": 145, "test": 62}, 1, finding="abnormal")) == {
        "train": 42,
        "test": 18,
    }


def test_every_part_has_the_share_of_positives_of_the_whole(films):
    parts = split(films(300, 60), SHARES, 3, finding="abnormal")
    for members in parts.values():
        share = sum(one.labels["abnormal"] for one in members) / len(members)
        assert share == pytest.approx(0.2, abs=0.05)


def test_every_part_gets_a_film_of_a_rare_class(films):
    parts = split(films(200, 4), SHARES, 3, finding="abnormal")
    assert all(any(one.labels["abnormal"] for one in members) for members in parts.values())


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_the_films(films):
    made = films(60, 20)
    one = split(made, SHARES, 1, finding="abnormal")
    same = split(made[::-1], SHARES, 1, finding="abnormal")
    other = split(made, SHARES, 2, finding="abnormal")
    names = [{film.film for film in parts["train"]} for parts in (one, same, other)]
    assert names[0] == names[1] != names[2]


def test_given_splits_are_kept_and_the_rest_is_shared_out(films):
    made = [replace(f, split="test" if f.group < "g010" else "") for f in films(60, 30)]
    parts = split(made, SHARES, 1, finding="abnormal")
    assert {f.film for f in made if f.split} <= {f.film for f in parts["test"]}
    assert len(parts["train"]) == pytest.approx(0.6 * len(made), abs=3)


@pytest.mark.parametrize(("abnormal", "word"), [(0, "with"), (20, "without")])
def test_an_empty_class_is_named(films, abnormal, word):
    with pytest.raises(DataError, match=f"No film {word} 'abnormal'.*both classes are needed"):
        split(films(20, abnormal), SHARES, 1, finding="abnormal")


def test_a_class_of_too_few_groups_is_named(films):
    with pytest.raises(DataError, match="Only 3 groups of films with 'abnormal' for 4 splits"):
        split(films(20, 3), SHARES, 1, finding="abnormal")


def test_one_patient_in_two_given_splits_is_refused_with_both_films(film):
    made = [
        film("a.png", "p-1", split="train"),
        film("b.png", "p-1", split="test"),
    ]
    with pytest.raises(
        DataError, match=r"a\.png and b\.png are of one patient \(p-1\).*'train'.*'test'"
    ):
        split(made, SHARES, 1, finding=None)


def test_near_duplicates_in_two_given_splits_are_refused(film):
    made = [
        film("a.png", "g", patient="one", split="train"),
        film("b.png", "g", patient="two", split="test"),
    ]
    with pytest.raises(DataError, match=r"of one group \(g: the same patient or nearly"):
        split(made, SHARES, 1, finding=None)


def test_a_given_split_that_a_recipe_does_not_make_is_named(film):
    made = [film("a.png", split="calibration"), film("b.png")]
    with pytest.raises(DataError, match=r"a\.png is in the split 'calibration'.*train, test"):
        split(made, {"train": 1, "test": 1}, 1, finding=None)


def test_a_part_that_given_splits_leave_empty_is_named(films):
    made = [replace(f, split="train") for f in films(30, 10)]
    with pytest.raises(DataError, match="The split 'tuning' has no film"):
        split(made, SHARES, 1, finding="abnormal")


def test_a_share_of_nothing_is_refused(films):
    with pytest.raises(DataError, match="The share of 'test' is 0"):
        split(films(9, 3), {"train": 1, "test": 0}, 1, finding=None)


def test_each_film_is_tested_once_in_each_repetition(films):
    made = films(50, 20)
    found = folds(made, 5, 1, finding="abnormal", repeats=2)
    assert len(found) == 10
    for repetition in (found[:5], found[5:]):
        tested = Counter(f.film for fold in repetition for f in fold["test"])
        assert tested == Counter(f.film for f in made)
    for fold in found:
        assert not {f.group for f in fold["train"]} & {f.group for f in fold["test"]}
        assert len(fold["train"]) + len(fold["test"]) == len(made)
    assert found[0] != found[5]


def test_one_fold_is_no_cross_validation(films):
    with pytest.raises(DataError, match="at least 2 folds"):
        folds(films(9, 3), 1, 1, finding=None)


def test_a_written_split_says_of_each_film_where_it_is_and_with_whom(films, tmp_path):
    made = films(40, 15)
    parts = split(made, SHARES, 1, finding="abnormal")
    write_splits(tmp_path / "split.csv", parts)
    with (tmp_path / "split.csv").open(newline="") as stream:
        written = [tuple(row.values()) for row in csv.DictReader(stream)]
    assert written == [(f.film, part, f.group, f.patient) for part, p in parts.items() for f in p]
