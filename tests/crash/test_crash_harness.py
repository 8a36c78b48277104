"""What was acknowledged is present after every kill; and a harness that could not fail is none."""

from __future__ import annotations

import pytest

from tests.crash.deaths import Breakage
from tests.crash.films import chance_of, changed
from tests.crash.verdict import Trouble, judge, spooled, still_loose, unbegun


def troubles(faults):
    return {fault.trouble for fault in faults}


@pytest.mark.slow
def test_a_listener_killed_under_load_loses_nothing_and_doubles_nothing(campaign):
    """Power fails with each kill: what was not flushed to the disk is gone as well."""
    outcome = campaign(kills=13, power_cuts=True, seed=7)
    assert outcome.faults == []
    assert outcome.killed == 13
    assert outcome.present == outcome.acknowledged == outcome.sent > 13


@pytest.mark.slow
def test_listeners_that_share_a_port_and_are_killed_lose_nothing_and_double_nothing(campaign):
    """Of two, sometimes one is killed and starts anew beside the other, sometimes both."""
    outcome = campaign(kills=12, listeners=2, seed=7)
    assert outcome.faults == []
    assert outcome.killed == 12
    assert outcome.present == outcome.acknowledged == outcome.sent > 12


@pytest.mark.slow
def test_the_real_command_killed_under_load_loses_nothing(campaign):
    outcome = campaign(kills=2, spawn=True, listeners=2)
    assert outcome.faults == []
    assert outcome.present == outcome.acknowledged == outcome.sent > 0


@pytest.mark.slow
def test_kills_find_a_listener_that_answers_before_the_file_has_its_name(campaign):
    """Nobody but a harness that kills sees this one: a moment later, all is well."""
    outcome = campaign(kills=5, breakage=Breakage.LATE_FILES)
    assert outcome.missing > 0
    assert {Trouble.NO_FILE, Trouble.MISSING} <= troubles(outcome.faults)


@pytest.mark.slow
def test_kills_find_a_listener_that_answers_before_its_row_is_durable(campaign):
    outcome = campaign(kills=2, breakage=Breakage.FORGOTTEN_ROWS)
    assert outcome.missing > 0
    assert Trouble.MISSING in troubles(outcome.faults)


@pytest.mark.slow
def test_power_cuts_find_a_listener_that_flushes_nothing(campaign):
    """Kills alone do not: what a dead process has written is still in the memory of the system."""
    outcome = campaign(kills=2, power_cuts=True, breakage=Breakage.NO_FLUSHES)
    assert outcome.missing > 0
    assert outcome.lost > 0


def test_a_kept_film_is_present(film, keep, acknowledge, ledger, tmp_path):
    acknowledge(film)
    keep(film)
    verdict = judge(tmp_path / "state", ledger.objects())
    assert (verdict.faults, verdict.acknowledged, verdict.present) == ([], 1, 1)
    assert verdict.named == spooled(tmp_path / "state")


def test_versions_in_the_order_of_sending_are_present(film, keep, acknowledge, ledger, tmp_path):
    for one in (film, changed(film, chance_of(1)), changed(film, chance_of(2))):
        acknowledge(one)
        keep(one)
    verdict = judge(tmp_path / "state", ledger.objects())
    assert (verdict.faults, verdict.present) == ([], 3)


def test_an_acknowledged_film_without_a_row_is_missing(film, keep, acknowledge, ledger, tmp_path):
    keep(film)
    acknowledge(changed(film, chance_of(1)))
    verdict = judge(tmp_path / "state", ledger.objects())
    assert verdict.present == 0
    assert Trouble.MISSING in troubles(verdict.faults)


def test_a_lost_file_is_no_presence(film, keep, acknowledge, ledger, tmp_path):
    acknowledge(film)
    keep(film).unlink()
    verdict = judge(tmp_path / "state", ledger.objects())
    assert verdict.present == 0
    assert troubles(verdict.faults) == {Trouble.NO_FILE, Trouble.MISSING}


def test_a_changed_byte_is_damage(film, keep, acknowledge, ledger, tmp_path):
    acknowledge(film)
    path = keep(film)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    verdict = judge(tmp_path / "state", ledger.objects())
    assert verdict.present == 0
    assert {Trouble.DAMAGED, Trouble.MISSING} <= troubles(verdict.faults)


def test_a_version_that_comes_back_is_doubled(film, keep, acknowledge, ledger, tmp_path):
    newer = changed(film, chance_of(1))
    acknowledge(film)
    acknowledge(newer)
    for one in (film, newer, film):
        keep(one)
    verdict = judge(tmp_path / "state", ledger.objects())
    assert troubles(verdict.faults) == {Trouble.DOUBLED, Trouble.DISORDERED}


def test_versions_in_another_order_are_found(film, keep, acknowledge, ledger, tmp_path):
    newer = changed(film, chance_of(1))
    acknowledge(film)
    acknowledge(newer)
    keep(newer)
    keep(film)
    verdict = judge(tmp_path / "state", ledger.objects())
    assert troubles(verdict.faults) == {Trouble.DISORDERED}


def test_a_file_that_no_row_names_is_loose(film, keep, tmp_path):
    path = keep(film)
    other = path.with_name("other.dcm")
    other.write_bytes(path.read_bytes())
    assert still_loose(
        tmp_path / "state", ["spool/other.dcm", "spool/0.dcm", "spool/gone.dcm"]
    ) == ["spool/other.dcm"]


def test_a_film_that_nobody_sent_is_found(film, keep, ledger, tmp_path):
    keep(film)
    assert troubles(unbegun(tmp_path / "state", ledger.objects())) == {Trouble.UNBEGUN}
