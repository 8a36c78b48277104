"""A subscriber that was dropped while it was away hears that it has to subscribe again."""

from __future__ import annotations

from tests.web.dicomweb.items import hear, value
from triage.clock import drop_absent

DAY_MINUTES = 24 * 60
SCP_STATUS_CHANGE = 4


def test_a_subscriber_that_was_dropped_is_told_so_when_it_is_back(morning, ups):
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    morning.later(8 * DAY_MINUTES)
    drop_absent(morning.store, morning.settings())
    with ups.listen("READER7") as websocket:
        report = hear(websocket)
        assert value(report, "00001002") == SCP_STATUS_CHANGE
        assert value(report, "00741244") == "COLD START"
        ups.subscribe(uid, "READER7").raise_for_status()
        assert value(hear(websocket), "00741000") == "SCHEDULED"
