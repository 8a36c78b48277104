"""`triage worklist`: the first lines of the order, and how many more there are."""

from __future__ import annotations

import pytest

from tests.worklist.lists import NOW, Line, fill
from triage.commands.look import worklist
from triage.settings import Settings
from triage.store import Store


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return the settings of a site with five open studies."""
    monkeypatch.setenv("COLUMNS", "120")
    with Store.open(tmp_path / "state", lambda: NOW) as store:
        fill(
            store,
            [Line(n, waited_seconds=60.0 * n, accession_number=f"ACC{n}") for n in range(1, 6)],
        )
    return Settings(state_folder=tmp_path / "state")


def test_the_first_lines_are_printed_and_the_rest_is_counted(settings, capsys):
    assert worklist(settings, 2) == 0
    printed = capsys.readouterr().out
    assert [f"ACC{n}" in printed for n in (5, 4, 3, 2, 1)] == [True, True, False, False, False]
    assert "and 3 more, further down" in printed


def test_a_list_that_fits_is_printed_whole(settings, capsys):
    assert worklist(settings, 5) == 0
    printed = capsys.readouterr().out
    assert "more, further down" not in printed
    worklist(settings, None)
    assert capsys.readouterr().out == printed
