"""`training data`: the report on a data set."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from training.cli import main
from training.sources.contact_sheet import chosen_films
from training.sources.summary import by_age_and_sex


@pytest.fixture
def folder(tmp_path):
    """A folder of 24 films of 12 patients with a table, and a copy under another patient."""
    rng = np.random.default_rng(5)
    lines = ["file,patient,abnormal,sex,age,site"]
    for number in range(24):
        name = f"{number:02d}.png"
        Image.fromarray(rng.integers(0, 255, (64, 48), np.uint8)).save(tmp_path / name)
        lines.append(f"{name},P{number // 2},{number // 2 % 2},F,{40 + number},<b>St [red]</b>")
    (tmp_path / "copy.png").write_bytes((tmp_path / "00.png").read_bytes())
    lines.append("copy.png,P99,0,M,40,")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def test_the_report_is_one_file_that_needs_nothing_else(folder, tmp_path, capsys):
    out = tmp_path / "report.html"
    shares = "train=0.5,tuning=0.2,test=0.3"
    assert main(["data", str(folder), "--out", str(out), "--shares", shares]) == 0
    page = out.read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "&lt;b&gt;St [red]" in page
    assert "25 films of 13 patients" in page
    assert "P99" not in page
    shown = capsys.readouterr().out
    assert "25 films of 13 patients in 13 groups" in shown
    assert re.search(r"train +│ 1\d", shown)


def test_copies_under_two_patients_are_named(folder, capsys):
    assert main(["data", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "00.png and copy.png: same bytes, same pixels" in " ".join(shown.split())
    assert "in different groups" in " ".join(shown.split())
    assert "warning: 1 pairs of films repeat each other" in shown


def test_a_film_that_breaks_on_reading_is_listed(folder, tmp_path, capsys):
    whole = (folder / "03.png").read_bytes()
    (folder / "03.png").write_bytes(whole[:600])
    out = tmp_path / "report.html"
    assert main(["data", str(folder), "--out", str(out)]) == 0
    assert "1 films cannot be read" in capsys.readouterr().out
    assert "damaged or ends too early" in out.read_text()


def test_what_cannot_be_read_is_one_sentence_and_exit_code_1(tmp_path, capsys):
    assert main(["data", str(tmp_path)]) == 1
    assert f"training: {tmp_path} is no data set" in capsys.readouterr().err


def test_a_finding_that_no_film_has_a_label_of_is_refused(folder, capsys):
    assert main(["data", str(folder), "--finding", "swelling"]) == 1
    assert "findings with labels: abnormal" in capsys.readouterr().err


def test_the_real_films_are_reported(test_data, tmp_path, capsys):
    out = tmp_path / "mini.html"
    assert main(["data", str(test_data / "csxa" / "mini"), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "csxa: 6 films of 6 patients in 6 groups" in shown
    assert "No split can be made" in shown
    assert out.stat().st_size < 300_000


@pytest.mark.parametrize(
    ("given_away", "low", "high"), [(True, 0.9, 1.0), (False, 0.2, 0.7)], ids=["age", "chance"]
)
def test_a_finding_that_age_gives_away_is_measured(film, given_away, low, high):
    rng = np.random.default_rng(1)
    films = []
    for number in range(200):
        age = float(rng.uniform(20, 90))
        label = age > 55 if given_away else bool(rng.random() < 0.5)
        films.append(film(f"{number}", labels={"abnormal": label}, age_years=age, sex="F"))
    assert low < by_age_and_sex("abnormal", films) <= high
    assert by_age_and_sex("abnormal", films[:8]) is None


def test_the_contact_sheet_shows_films_from_all_over_the_set():
    assert chosen_films(list(range(100)), 3) == [0, 49, 99]
    assert chosen_films(list(range(2)), 5) == [0, 1]
