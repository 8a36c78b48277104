"""Compare and set: what is written, what is left to people, and what is put back."""

from __future__ import annotations

import itertools

import pytest

from triage.receivers.choice import Choice, Step, before_asking, choose, confirm
from triage.receivers.receiver import Standing, Words
from triage.store import Ground
from triage.values import Wish

WORDS = Words("HIGH", "LOW", {"": 1, "LOW": 0, "MEDIUM": 1, "HIGH": 2, "STAT": 2})
NO_LOW = Words("HIGH", None, WORDS.urgency)
RAISED, AS_IT_WAS, LOWERED = Wish


@pytest.mark.parametrize(
    ("original", "wish", "expected"),
    [
        ("", RAISED, "HIGH"),
        ("", LOWERED, "LOW"),
        ("MEDIUM", RAISED, "HIGH"),
        ("MEDIUM", LOWERED, "LOW"),
        ("LOW", RAISED, "HIGH"),
        ("LOW", LOWERED, None),
        ("HIGH", RAISED, None),
        ("HIGH", LOWERED, None),
        ("STAT", RAISED, None),
        ("STAT", LOWERED, None),
    ],
)
def test_what_is_urgent_at_a_receiver_is_never_lowered_and_nothing_is_written_twice(
    original, wish, expected
):
    choice = choose(wish, Ground(), Standing(original), WORDS)
    assert choice.step is (Step.DONE if expected is None else Step.WRITE)
    assert choice.value == (original if expected is None else expected)


@pytest.mark.parametrize("wish", Wish)
@pytest.mark.parametrize("shown", ["", "LOW", "MEDIUM", "HIGH", "STAT", "whatever"])
@pytest.mark.parametrize("intended", [None, "HIGH", "LOW"])
def test_what_is_neither_known_nor_ours_is_a_persons_edit_and_wins(wish, shown, intended):
    ground = Ground(original="MEDIUM", known="MEDIUM", intended=intended)
    choice = choose(wish, ground, Standing(shown), WORDS)
    edited = shown not in ("MEDIUM", intended)
    assert (choice.step is Step.LEAVE) == edited


@pytest.mark.parametrize("wish", Wish)
@pytest.mark.parametrize("original", WORDS.urgency)
@pytest.mark.parametrize("written", WORDS.urgency)
def test_putting_back_always_restores_what_stood_there_first(wish, original, written):
    ground = Ground(original=original, known=original, intended=written)
    after = choose(wish, ground, Standing(written), WORDS)
    shown = after.value if after.step is Step.WRITE else written
    again = Ground(original=original, known=shown, intended=None)
    back = choose(AS_IT_WAS, again, Standing(shown), WORDS)
    assert back == (
        Choice(Step.DONE, original, back.why) if shown == original else Choice(Step.WRITE, original)
    )


@pytest.mark.parametrize(("wish", "known"), list(itertools.product(Wish, [None, "MEDIUM"])))
def test_a_study_that_a_reader_has_opened_there_is_left_alone(wish, known):
    ground = Ground(original=known, known=known)
    choice = choose(wish, ground, Standing("MEDIUM", opened=True), WORDS)
    assert choice.step is Step.LEAVE
    assert "opened" in choice.why


def test_a_word_that_nobody_here_knows_is_left_alone():
    assert choose(RAISED, Ground(), Standing("RED"), WORDS).step is Step.LEAVE


@pytest.mark.parametrize(
    ("wish", "step"), [(RAISED, Step.WAIT), (LOWERED, Step.WAIT), (AS_IT_WAS, Step.DONE)]
)
def test_a_study_that_is_not_there_is_waited_for_unless_it_is_only_to_be_put_back(wish, step):
    ground = Ground("MEDIUM", "MEDIUM", "HIGH")
    assert choose(wish, ground, None, WORDS).step is step


def test_a_receiver_without_a_word_for_it_shows_what_it_showed_before_us():
    assert choose(LOWERED, Ground(), Standing(""), NO_LOW).step is Step.UNSAID
    raised = Ground(original="", known="HIGH")
    assert choose(LOWERED, raised, Standing("HIGH"), NO_LOW) == Choice(Step.WRITE, "")


def test_what_was_never_written_is_put_back_without_asking():
    assert before_asking(AS_IT_WAS, Ground()).step is Step.DONE
    assert before_asking(AS_IT_WAS, Ground("MEDIUM", "MEDIUM", "HIGH")) is None
    assert before_asking(RAISED, Ground()) is None


@pytest.mark.parametrize(
    ("standing", "step"),
    [
        (Standing("HIGH"), Step.DONE),
        (Standing("HIGH", opened=True), Step.DONE),
        (Standing("MEDIUM"), Step.WAIT),
        (Standing("MEDIUM", opened=True), Step.LEAVE),
        (Standing("LOW"), Step.LEAVE),
        (None, Step.WAIT),
    ],
)
def test_after_a_write_the_receiver_must_show_it(standing, step):
    ground = Ground(original="MEDIUM", known="MEDIUM", intended="HIGH")
    assert confirm(ground, standing).step is step
