"""Mutated conversations with a fixed budget, and those that once found something."""

from __future__ import annotations

import pytest

from tests.hostile.campaign import SETTINGS, Campaign
from tests.hostile.conversations import conversation, read_conversation
from tests.hostile.fuzzing import SEEDS, kept

BATCHES, BATCH = 6, 50
PEERS = 8  # hold a kept conversation at the same time


def whats(faults):
    """Return what is wrong, with what is nasty about the conversation where that is known."""
    return [(fault.what, {one.about for one in fault.suspects}) for fault in faults]


def test_mutated_conversations_leave_the_listener_as_it_was(start):
    campaign = Campaign(start(**SETTINGS))
    for batch in range(BATCHES):
        said = [conversation(1, batch * BATCH + number) for number in range(BATCH)]
        assert whats(campaign.batch(said)) == []
    assert campaign.running.peak_megabytes() < 250


def test_conversations_that_once_did_harm_do_none(start):
    campaign = Campaign(start(**SETTINGS))
    assert whats(campaign.batch(kept() * PEERS)) == []


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_kept_conversation_is_small_and_says_why_it_is_kept(path):
    one = read_conversation(path)
    assert one.about
    assert path.stat().st_size < 20_000


def test_a_kept_conversation_is_read_as_it_was_written(tmp_path):
    for number in range(40):
        said = conversation(3, number)
        path = tmp_path / "one.json"
        path.write_text(said.to_json())
        again = read_conversation(path)
        assert again.pieces[:1] == said.pieces[:1]
        assert b"".join(again.pieces) == b"".join(said.pieces)
