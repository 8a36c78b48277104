"""The page: one file that needs nothing else, from a bundle with its trial and from a run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.training.report.trials import made_up
from tests.vision.bundles import bundle_parts
from training.bundle.export import write_bundle
from training.cli import main
from training.errors import DataError
from training.loop import Epoch, History
from training.loop.history import write_history
from training.phantom import Degradation
from training.predictions import PREDICTIONS, Prediction, write_predictions
from training.report.build import write_report
from training.report.chart import Axes, Guide, Series, chart, ticks
from training.report.material import gather
from training.report.outlines import outlines, real_outlines
from training.report.queue import sorting_of
from training.trial.shifts import IN_SCOPE, Shift
from training.trial.verdicts import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from triage.vision.bundle import Bundle

SHIFTS = (
    IN_SCOPE,
    Shift("blur", "severity 1", degradation=Degradation.BLUR, severity=1.0),
    Shift("keypoint error", "3 px", pixel_error=3.0),
)
_EMPTY = {"meta", "img", "br", "link", "input", "path", "circle", "rect"}


class Page(HTMLParser):
    """The elements of a page, their balance, and what they point at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.pictures = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {given["id"]} if given.get("id") else set()
        self.links += [given["href"]] if given.get("href") else []
        self.sources += [given["src"]] if given.get("src") else []
        if tag == "img":
            self.pictures += 1
            assert given["alt"]
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words, white space made even."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle with random weights and a certificate."""
    return write_bundle(tmp_path_factory.mktemp("report") / "bundle", bundle_parts())


@pytest.fixture(scope="module")
def text(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on the bundle with a trial."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(bundle.folder, out, made_up(bundle, shifts=SHIFTS), None)
    return out.read_text()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that reproduces a paper."""
    folder = tmp_path / "run"
    chance = np.random.default_rng(3)
    lines = [
        Prediction(
            f"f{number}", f"p{number}", "test", "symptomatic", bool(number % 2),
            score := float(chance.normal(2 * (number % 2) - 1, 1)), score,
            sex="FM"[number % 3 // 2], age_years=30.0 + number % 50, site="north",
        )
        for number in range(120)
    ]  # fmt: skip
    write_predictions(folder / PREDICTIONS, lines)
    plan = {"recipe": "csxa-cropped", "seed": 4, "data": "d" * 64, "contract": "A <paper> & more."}
    (folder / "run.json").write_text(json.dumps({"plan": plan, "status": "finished"}))
    found = {"auc": [0.6, 0.5, 0.7], "balanced_accuracy": 0.55}
    metrics = {"baselines": {"age and sex": found, "majority": 0.51, "geometry": "no landmarks"}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "logs").mkdir()
    epochs = (Epoch(1, 0.7, 0.6, 1e-3, 5.0, 24.0), Epoch(2, 0.5, 0.65, 1e-3, 5.0, 24.0))
    write_history(folder / "logs" / "network.csv", History(epochs, kept=2))
    return folder


def test_the_page_needs_nothing_else_and_is_well_formed(text: str) -> None:
    page = Page(text)

    assert page.open == []
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= page.names
    assert not re.search(r"https?://|@import|url\(|<script|<link", text)
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text


def test_every_part_that_the_page_promises_is_there(text: str) -> None:
    page = Page(text)

    assert page.names >= {
        "about", "figures", "curves", "groups", "certificate", "shifts", "waiting", "looks",
        "failures", "made",
    }  # fmt: skip
    assert page.pictures > 3
    for words in (
        "They say nothing about patients",
        "the risk that this statement is wrong is 5 %",
        "takes 59 positives past the gates when none is missed",
        "re-ordered, raised after 40",
    ):
        assert words in page.text


def test_no_cell_of_the_shifts_is_left_out_and_a_failure_stands_out(text, bundle) -> None:
    trial = made_up(bundle, shifts=SHIFTS)
    page = Page(text)

    for line in trial.lines:
        assert line.kind in page.text
        assert line.verdict.value in page.text
    assert any(line.verdict is Verdict.STOPPED for line in trial.lines)
    failed = [line for line in trial.lines if line.verdict.failed]
    assert ("Neither held nor stopped" in page.text) == bool(failed)


def test_waiting_follows_from_what_the_trial_showed(bundle) -> None:
    trial = made_up(bundle, shifts=SHIFTS)

    sorting = sorting_of(gather(bundle.folder, trial))

    assert sorting is not None
    sick = [film for film in trial.films if film.abnormal]
    assert sorting.prevalence == len(sick) / len(trial.films)
    assert sorting.abnormal[2] == sum(film.lowered for film in sick) / len(sick)
    assert sum(sorting.abnormal) == pytest.approx(1)


def test_a_run_that_reproduces_a_paper_has_a_page_too(run: Path, tmp_path: Path) -> None:
    assert main(["report", str(run), "--out", str(tmp_path / "report.html")]) == 0

    page = Page((tmp_path / "report.html").read_text())
    assert page.open == []
    assert page.names >= {"about", "figures", "curves", "groups", "baselines", "training", "made"}
    assert "A <paper> & more." in page.text
    assert "It makes no bundle" in page.text
    assert "no landmarks" in page.text
    assert "AUC 0.600" in page.text
    assert "symptomatic" in page.text


def test_a_run_without_predictions_says_so(run: Path, tmp_path: Path) -> None:
    (run / PREDICTIONS).unlink()
    write_report(run, tmp_path / "report.html", None, None)

    assert "No test films" in Page((tmp_path / "report.html").read_text()).text


@pytest.mark.parametrize("name", ["run.json", "metrics.json"])
def test_a_damaged_file_of_a_run_is_named(run: Path, tmp_path, capsys, name: str) -> None:
    (run / name).write_text("{")

    assert main(["report", str(run), "--out", str(tmp_path / "report.html")]) == 1

    assert f"{name} is damaged" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_a_bundle_alone_has_a_page_without_a_trial(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "report.html"

    assert main(["report", str(bundle.folder), "--no-trial", "--out", str(out)]) == 0

    page = Page(out.read_text())
    assert "No trial was held" in page.text
    assert "certificate" in page.names


def test_a_chart_is_named_for_those_who_cannot_see_it_and_keeps_inside_its_frame() -> None:
    axes = Axes("A & B", "x", "y", (0, 1), (0, 1), (Guide(0.4, "here"),), diagonal=True)

    drawn = chart(
        axes, [Series("one", [0, 0.5, 2], [0, 1, 9]), Series("", [0.1], [0.2], 1, "dots")]
    )

    assert 'aria-label="A &amp; B"' in drawn
    assert "here" in drawn
    places = [float(x) for x in re.findall(r"[ML](-?[\d.]+) ", drawn)]
    assert 0 <= min(places) <= max(places) <= 280


def test_names_of_lines_that_lie_close_together_are_written_below_each_other() -> None:
    axes = Axes("scores", "x", "y", (0, 1), (0, 1), (Guide(0.4, "rule-out"), Guide(0.41, "flag")))

    found = re.findall(r'y="(\d+)">(rule-out|flag)<', chart(axes, []))

    assert [name for _, name in found] == ["rule-out", "flag"]
    assert int(found[1][0]) - int(found[0][0]) >= 11  # the height of the letters


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-7, 13, [-5, 0, 5, 10]),
        (0, 480, [0, 100, 200, 300, 400]),
    ],
)
def test_ticks_are_round_numbers_inside_the_axis(low, high, expected) -> None:
    assert ticks(low, high) == expected


def test_spines_of_a_data_set_stand_beside_the_phantoms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.report.outlines._CASES", 200)  # to be quick
    films = tmp_path / "films"
    assert main(["phantom", "--out", str(films), "--count", "24", "--seed", "8"]) == 0

    page = Page(outlines(real_outlines(films)))

    assert "C2-C7 curve" in page.text
    assert "Curvature classes." in page.text
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read"):
        real_outlines(tmp_path / "nowhere.csv")


def test_outlines_that_are_too_few_are_refused_before_a_trial_is_held(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "films"
    assert main(["phantom", "--out", str(films), "--count", "2", "--seed", "8"]) == 0
    words = ["report", str(bundle.folder), "--out", str(tmp_path / "report.html")]

    assert main([*words, "--outlines", str(films)]) != 0

    assert "a distribution needs at least 20" in capsys.readouterr().err
    assert not list(tmp_path.glob("report*"))
