"""The check of the papers' printed tables: which matrices fit, and what it says of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.cli import main
from training.statistics import Averaging, ConfusionMatrix, measure
from training.tables.check import check
from training.tables.printed import TABLES
from training.tables.search import fits, hard_label_area, prints_area, sizes_that_print
from training.tables.values import (
    Area,
    ClassRead,
    Figure,
    Reading,
    Rounding,
    Row,
    Source,
    Table,
)

examples = settings(max_examples=25, deadline=None)

MACRO, WEIGHTED = Reading(ClassRead.MACRO), Reading(ClassRead.WEIGHTED)
EXCHANGED = Reading(ClassRead.POSITIVE, transposed=True)

# TP, FN, TN, FP of every row.
PUBLISHED = {
    "csm": (MACRO, {"VGG16, pooled": (22, 7, 32, 1)}),
    "normal": (
        EXCHANGED,
        {
            "VGG16": (23, 2, 23, 1),
            "VGG19": (23, 2, 22, 2),
            "ResNet101": (21, 4, 23, 1),
            "DenseNet201": (22, 3, 20, 4),
        },
    ),
    "csxa": (
        WEIGHTED,
        {
            "original": (1166, 28, 3, 44),
            "original, VGG19": (1148, 46, 3, 44),
            "cropped": (1185, 9, 0, 47),
            "wide": (1187, 7, 1, 46),
            "colour": (1188, 6, 0, 47),
            "colour, cropped": (1175, 19, 1, 46),
            "colour, wide": (1178, 16, 0, 47),
        },
    ),
}


@pytest.fixture(scope="module")
def checks():
    return {name: check(table) for name, table in TABLES.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_row_comes_down_to_the_published_matrix_and_no_other(checks, name) -> None:
    reading, matrices = PUBLISHED[name]

    found = {
        row.row.name: {(fit.matrix, fit.reading) for fit in row.kept} for row in checks[name].rows
    }

    assert found == {row: {(ConfusionMatrix(*counts), reading)} for row, counts in matrices.items()}


@pytest.mark.parametrize(
    ("name", "ways"), [("csm", [4]), ("normal", [4, 4, 4, 4]), ("csxa", [1, 1, 1, 1, 1, 1, 1])]
)
def test_before_anything_else_is_known_so_many_ways_fit(checks, name, ways) -> None:
    """The mirror image of a macro average, and readings that exchange the classes."""
    assert [len(row.found) for row in checks[name].rows] == ways


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("csm", [1]),
        ("normal", [1, 5, 6, 8]),
        ("csxa", [48, 48, None, 48, 48, None, None]),
    ],
)
def test_what_is_printed_alone_is_told_from_what_was_computed(checks, name, count) -> None:
    """The accuracy leaves several matrices: the computed columns do not prove themselves."""
    assert [row.printed_alone for row in checks[name].rows] == count


def test_the_recall_of_csm_is_no_share_of_its_positives(checks) -> None:
    (alone,) = checks["csm"].rows[0].alone

    assert str(alone.figure) == "sensitivity 86.4"
    assert (alone.size, alone.would) == (29, (22, 44, 59))


def test_the_area_of_csm_is_the_balanced_accuracy_of_its_calls(checks) -> None:
    area = checks["csm"].rows[0].area

    assert area.estimate == pytest.approx(0.8642, abs=5e-5)
    assert (area.low, area.high) == pytest.approx((0.7795, 0.9488), abs=5e-5)


def test_the_true_figures_of_normal_are_those_of_the_exchanged_table(checks) -> None:
    shares = [
        (row.matrix.sensitivity().estimate, row.matrix.specificity().estimate)
        for row in checks["normal"].rows
    ]

    for found, expected in zip(
        shares, [(0.920, 0.958), (0.920, 0.917), (0.840, 0.958), (0.880, 0.833)], strict=True
    ):
        assert found == pytest.approx(expected, abs=5e-4)


def test_the_models_of_csxa_do_no_better_than_the_majority(checks) -> None:
    table = checks["csxa"]

    assert table.majority == pytest.approx(0.9621, abs=5e-5)
    assert max(row.matrix.right for row in table.rows) / 1241 < table.majority
    balanced = [measure(row.matrix, "balanced_accuracy") for row in table.rows]
    assert (min(balanced), max(balanced)) == pytest.approx((0.493, 0.520), abs=5e-4)


def test_two_accuracies_of_csxa_are_cut_off_and_not_rounded(checks) -> None:
    cut = [row.row.name for row in checks["csxa"].rows if row.found[0].rounding is Rounding.CUT_OFF]

    assert cut == ["original", "original, VGG19"]


def test_the_p_values_of_csxa_are_one_sided_and_unpaired(checks) -> None:
    p_values = [row.against_first.p for row in checks["csxa"].rows[1:]]

    assert p_values == pytest.approx([0.0718, 0.0732, 0.0406, 0.0406, 0.2692, 0.2129], abs=5e-5)


def test_differences_allow_no_matrix(checks) -> None:
    assert checks["foraminal"].rows == ()
    assert "allow no matrix" in checks["foraminal"].follows[0]


@examples
@given(
    st.builds(ConfusionMatrix, *[st.integers(1, 12)] * 4),
    st.sampled_from([MACRO, WEIGHTED, EXCHANGED, Reading(ClassRead.NEGATIVE)]),
)
def test_a_matrix_is_found_again_from_the_figures_that_it_prints(matrix, reading) -> None:
    seen, averaging = reading.seen(matrix)
    row = Row(
        "any",
        tuple(
            Figure(name, round(measure(seen, name, averaging) * 100, 2), 2)
            for name in ("accuracy", "sensitivity", "ppv", "specificity")
        ),
    )

    found = fits(row, matrix.films, matrix.positives)

    assert (matrix, reading) in {(fit.matrix, fit.reading) for fit in found}
    assert all(fit.rounding is Rounding.ROUNDED for fit in found)


def test_figures_that_no_matrix_prints_are_said_to_fit_nothing() -> None:
    row = Row("wrong", (Figure("accuracy", 87.1, 1), Figure("sensitivity", 12.3, 1)))
    table = Table("none", "nobody", "ill", 62, 29, (96, 207), (row,), "")

    found = check(table)

    assert found.rows[0].found == ()
    assert found.rows[0].matrix is None
    assert "Not every row" in found.follows[0]


def test_a_computed_figure_is_never_taken_for_one_that_was_cut_off() -> None:
    printed = Row("a", (Figure("accuracy", 94.19, 2),))
    computed = Row("a", (Figure("accuracy", 94.19, 2, Source.COMPUTED),))

    assert fits(printed, 1241, 1194)
    assert fits(computed, 1241, 1194) == ()


def test_rounding_and_cutting_off_are_told_apart() -> None:
    figure = Figure("accuracy", 94.19, 2)

    assert not figure.fits(1169 / 1241, Rounding.ROUNDED)
    assert figure.fits(1169 / 1241, Rounding.CUT_OFF)
    assert Figure("accuracy", 95.73, 2).fits(1188 / 1241, Rounding.ROUNDED)
    assert not Figure("accuracy", 95.73, 2).fits(1188 / 1241, Rounding.CUT_OFF)


def test_the_area_of_calls_is_the_balanced_accuracy() -> None:
    matrix = ConfusionMatrix(8, 3, 20, 5)

    assert hard_label_area(matrix).estimate == pytest.approx(
        measure(matrix, "balanced_accuracy", Averaging.BINARY)
    )
    assert not prints_area(matrix, Area(0.864, 0.780, 0.949))


def test_the_sizes_that_print_a_figure_by_hand() -> None:
    assert sizes_that_print(Figure("sensitivity", 66.7, 1), 10) == (3, 6, 9)


def test_the_command_prints_every_paper_with_its_conclusions(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")

    assert main(["papers"]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "kept TP 22 FN 7 TN 32 FP 1 as macro average",
        "sensitivity 86.4 is no share of 29 films; it would need 22, 44, 59",
        "29 of 29 has a one-sided 95 % lower bound of 0.902",
        "25 of 25 has a one-sided 95 % lower bound of 0.887",
        "Always answering “symptomatic” scores 96.21%, the best of them 95.73%",
        "the printed sensitivity is the PPV, the specificity the NPV",
        "computed from the published matrix",
    ):
        assert words in shown


def test_one_paper_as_json_holds_every_fit(capsys) -> None:
    assert main(["papers", "--paper", "csm", "--json"]) == 0

    (table,) = json.loads(capsys.readouterr().out)
    (row,) = table["rows"]
    assert row["matrix"] == [22, 7, 32, 1]
    assert sum(fit["kept"] for fit in row["fits"]) == 1
    assert row["area_of_calls"][1] == pytest.approx(0.7795, abs=5e-5)
    assert row["figures"]["ppv"] == {"per_cent": 88.9, "source": "printed"}


def test_an_unknown_paper_is_answered_with_those_that_there_are(capsys) -> None:
    assert main(["papers", "--paper", "lancet"]) == 1

    assert "csm, normal, csxa, foraminal" in capsys.readouterr().err
