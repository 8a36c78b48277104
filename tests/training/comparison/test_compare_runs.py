"""Two runs compared: what is refused, what is found, and what is said of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from training.cli import main
from training.comparison.figures import Aims, compare
from training.comparison.pairs import pair_runs
from training.comparison.words import sentences
from training.errors import DataError
from training.predictions import Prediction, write_predictions
from training.statistics import (
    area_under_curve,
    clopper_pearson,
    delong_test,
    mcnemar_exact,
    paired_difference,
)

SPLITS = {"tuning": 120, "calibration": 200, "test": 240}
AIMS = Aims(resamples=200)


def predictions(seed, skill, *, findings=("abnormal",), films_a_patient=1, gated=0):
    """Two runs of one seed have the same films; a run's own noise follows from its skill."""
    lines = []
    for split, count in SPLITS.items():
        for finding in findings:
            films = np.random.default_rng((seed, count, zlib.crc32(finding.encode())))
            chance = np.random.default_rng(
                (seed, count, zlib.crc32(finding.encode()), round(skill * 1000))
            )
            truth = films.uniform(size=count) < 0.5
            shared = films.normal(size=count)
            scores = skill * truth + 0.7 * shared + 0.7 * chance.normal(size=count)
            lines += [
                Prediction(
                    film=f"{split}{number}",
                    patient=f"{split}{number // films_a_patient}",
                    split=split,
                    finding=finding,
                    truth=bool(flag),
                    score=float(score),
                    highest=float(score) + 0.1,
                    gate="blur" if number < gated else "",
                )
                for number, (flag, score) in enumerate(zip(truth, scores, strict=True))
            ]
    return lines


@pytest.fixture
def runs(tmp_path):
    """Write the predictions of two runs into folders."""

    def write(first, second):
        folders = tmp_path / "a", tmp_path / "b"
        for folder, lines in zip(folders, (first, second), strict=True):
            folder.mkdir(exist_ok=True)
            write_predictions(folder / "predictions.csv", lines)
        return folders

    return write


def compared(folders, aims=AIMS, **settings):
    return compare(pair_runs(*folders, **settings), aims)


def test_the_figures_are_those_of_the_statistics_on_the_test_films(runs) -> None:
    first, second = predictions(1, 2.5), predictions(1, 1.0)
    (one,) = compared(runs(first, second))
    test = [[line for line in lines if line.split == "test"] for lines in (first, second)]
    truth = np.array([line.truth for line in test[0]])
    scores = [np.array([line.score for line in lines]) for lines in test]

    assert one.ranking.test == delong_test(*scores, truth)
    assert one.ranking.first.estimate == pytest.approx(area_under_curve(scores[0], truth))
    called = [
        score >= threshold for score, threshold in zip(scores, one.calls.thresholds, strict=True)
    ]
    table = one.calls.sensitivity.table
    assert table.both + table.first == int(called[0][truth].sum())
    assert one.calls.sensitivity.first == clopper_pearson(int(called[0][truth].sum()), truth.sum())
    assert one.calls.specificity.first.estimate == pytest.approx((~called[0][~truth]).mean())
    assert one.calls.specificity.difference == paired_difference(one.calls.specificity.table)
    assert one.calls.right.p == mcnemar_exact(one.calls.right.table)


def test_films_are_matched_by_name_and_not_by_line(runs) -> None:
    first, second = predictions(1, 2.5), predictions(1, 1.0)
    shuffled = [second[row] for row in np.random.default_rng(3).permutation(len(second))]

    (expected,) = compared(runs(first, second))
    (found,) = compared(runs(first, shuffled))

    assert found.ranking.test.p == pytest.approx(expected.ranking.test.p)
    assert found.calls.right.table == expected.calls.right.table


def test_a_better_run_is_said_to_be_better_whichever_comes_first(runs) -> None:
    good, bad = predictions(1, 3.0), predictions(1, 0.8)

    (forth,), (back,) = compared(runs(good, bad)), compared(runs(bad, good))

    assert sentences(forth)[0].startswith("A ranks films better than B: AUC higher by")
    assert sentences(back)[0].startswith("B ranks films better than A: AUC higher by")
    assert "A calls more films right than B" in sentences(forth)[1]
    assert "A rules out more of those without it" in sentences(forth)[-1]
    assert forth.ranking.by_patient.low > 0


def shifted(lines, split, by, *, truth):
    """The same lines with the scores of some films moved."""
    return [
        replace(line, score=line.score + by, highest=line.highest + by)
        if line.split == split and line.truth == truth
        else line
        for line in lines
    ]


def test_misses_are_told_apart_from_what_is_ruled_out(runs) -> None:
    """The positives of B score lower on the test films than when its threshold was set."""
    lines = predictions(1, 2.0)

    (one,) = compared(runs(lines, shifted(lines, "test", -1.5, truth=True)))

    said = sentences(one)[-1]
    assert "B misses more." in said
    assert "rules out more of those without it" not in said
    assert "B misses more than the 5% that its threshold was set for." in said


def test_more_sensitive_and_less_specific_is_said_to_be_a_matter_of_thresholds(runs) -> None:
    lines = predictions(1, 2.0)
    either = shifted(shifted(lines, "test", 1.0, truth=True), "test", 1.0, truth=False)

    (one,) = compared(runs(lines, either))

    assert any("says little about which is the better model" in said for said in sentences(one))


def test_a_run_beside_itself_shows_no_difference_and_no_equality(runs) -> None:
    lines = predictions(1, 1.5)

    (one,) = compared(runs(lines, lines))

    assert (one.ranking.test.p, one.calls.right.p) == (1, 1)
    assert one.ranking.by_patient.low == one.ranking.by_patient.high == 0
    assert sentences(one)[0].startswith("No difference in ranking is shown. That is no proof")


def test_many_findings_make_it_harder_for_each(runs) -> None:
    findings = ("abnormal", "kyphosis", "listhesis", "swelling")
    first = predictions(1, 1.5, findings=findings)
    second = predictions(1, 1.3, findings=findings)

    done = compared(runs(first, second))

    assert [one.finding for one in done] == list(findings)
    for one in done:
        assert one.ranking.adjusted >= one.ranking.test.p
        assert one.calls.adjusted >= one.calls.right.p
    least = min(done, key=lambda one: one.ranking.test.p)
    assert least.ranking.adjusted == pytest.approx(min(1, 4 * least.ranking.test.p))


def test_thresholds_for_a_sensitivity_come_from_the_tuning_films(runs) -> None:
    first, second = predictions(1, 2.0), predictions(1, 1.5)
    (one,) = compared(runs(first, second), Aims(sensitivity=0.9, resamples=50))

    for lines, threshold in zip((first, second), one.calls.thresholds, strict=True):
        scores = [line.score for line in lines if line.split == "tuning" and line.truth]
        assert np.mean(np.array(scores) >= threshold) >= 0.9
        assert np.mean(np.array(scores) > threshold) < 0.9


def test_films_that_a_gate_stopped_are_neither_ranked_nor_ruled_out(runs) -> None:
    first, second = predictions(1, 2.0, gated=40), predictions(1, 2.0)

    (one,) = compared(runs(first, second))

    assert (one.films, one.patients, one.stopped) == (200, 200, (40, 0))
    assert one.ranking.test.difference.estimate == pytest.approx(0)
    assert one.rule_out.normals.difference.estimate < 0


def test_several_films_of_a_patient_count_as_one_draw(runs) -> None:
    first = predictions(1, 2.0, films_a_patient=4)
    second = predictions(1, 1.5, films_a_patient=4)

    (one,) = compared(runs(first, second))

    assert (one.films, one.patients) == (240, 60)


def test_findings_of_one_run_only_are_named_and_left_out(runs) -> None:
    first = predictions(1, 2.0, findings=("abnormal", "kyphosis"))

    pairing = pair_runs(*runs(first, predictions(1, 1.0)))

    assert [pair.finding for pair in pairing.findings] == ["abnormal"]
    assert pairing.unshared == ("kyphosis",)


def test_too_few_calibration_positives_are_said_with_how_many_are_needed(runs) -> None:
    first = predictions(1, 2.0)
    few = [line for line in first if line.split != "calibration" or not line.truth]

    (one,) = compared(runs(first, few))

    assert one.rule_out is None
    assert any("0 calibration positives" in said and "needs 59" in said for said in sentences(one))


def test_without_tuning_films_there_is_ranking_but_no_call(runs) -> None:
    first = predictions(1, 2.0)
    second = [line for line in first if line.split != "tuning"]

    (one,) = compared(runs(first, second))

    assert one.ranking is not None
    assert one.calls is None
    assert any("no operating point from the tuning films" in said for said in sentences(one))


def test_a_finding_that_no_test_film_has_is_not_compared(runs) -> None:
    lines = [replace(line, truth=False) for line in predictions(1, 2.0)]

    (one,) = compared(runs(lines, lines))

    assert (one.ranking, one.calls, one.rule_out) == (None, None, None)
    assert "0 with the finding and 240 without it" in sentences(one)[0]


def test_one_patient_with_all_films_has_no_interval_by_patient(runs) -> None:
    lines = [replace(line, patient="one") for line in predictions(1, 2.0)]

    (one,) = compared(runs(lines, lines))

    assert one.ranking.by_patient is None
    assert any("at least two patients" in said for said in sentences(one))


def changed(lines, name, **changes):
    return [replace(line, **changes) if line.film == name else line for line in lines]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: changed(lines, "test3", film="other"), "Film 'test3' is in split 'test'"),
        (lambda lines: lines[:-1], "Film 'test239' is in split 'test' of .*a but not of .*b"),
        (lambda lines: changed(lines, "test5", patient="x"), "Film 'test5' is of patient 'test5'"),
        (lambda lines: [*lines, lines[-1]], "holds film 'test239' twice for 'abnormal'"),
        (
            lambda lines: [replace(line, finding="kyphosis") for line in lines],
            "do not both speak of any finding",
        ),
    ],
)
def test_different_films_are_refused_by_the_first_that_differs(runs, change, message) -> None:
    lines = predictions(1, 2.0)

    with pytest.raises(DataError, match=message):
        compared(runs(lines, change(lines)))


def test_different_truths_are_refused_by_the_first_film(runs) -> None:
    lines = predictions(1, 2.0)
    first = next(line for line in lines if line.split == "test" and line.truth)

    with pytest.raises(DataError, match=f"Film '{first.film}' has 'abnormal' by .*a and has it"):
        compared(runs(lines, changed(lines, first.film, truth=False)))


def test_a_split_or_finding_that_is_not_there_is_refused(runs) -> None:
    folders = runs(predictions(1, 2.0), predictions(1, 1.0))

    with pytest.raises(DataError, match="holds films of split 'holdout'"):
        pair_runs(*folders, "holdout")
    with pytest.raises(DataError, match="'kyphosis': they share abnormal"):
        pair_runs(*folders, wanted=["kyphosis"])


def test_the_command_shows_a_table_and_writes_a_page_that_needs_nothing_else(
    runs, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    first, second = runs(
        predictions(1, 3.0, findings=("<script>",)), predictions(1, 0.8, findings=("<script>",))
    )
    out = tmp_path / "compare.html"

    assert main(["compare", str(first), str(second), "--resamples", "100", "--out", str(out)]) == 0

    shown = capsys.readouterr().out
    assert "AUC (BCa by patient)" in shown
    assert "A ranks films better than B" in shown
    text = out.read_text()
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert text.count("<polyline") == 2
    assert "http" not in text


def test_the_command_gives_every_figure_as_json(runs, capsys) -> None:
    first, second = runs(predictions(1, 3.0), predictions(1, 0.8))

    assert main(["compare", str(first), str(second), "--resamples", "50", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    (one,) = found["findings"]
    assert one["ranking"]["test"]["p"] < 0.001
    assert one["calls"]["sensitivity"]["table"]["both"] > 0
    assert one["says"]


@pytest.mark.parametrize("text", ["specificity=.9", "sensitivity=95", "sensitivity=high"])
def test_an_operating_point_that_is_none_is_refused(text, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["compare", "a", "b", "--at", text])

    assert text.split("=")[-1] in capsys.readouterr().err


def test_a_run_without_predictions_is_named(tmp_path, capsys) -> None:
    (tmp_path / "a").mkdir()

    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 1

    assert "give the folder of a finished run" in capsys.readouterr().err
