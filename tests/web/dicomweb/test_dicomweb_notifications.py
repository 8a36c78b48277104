"""Event reports over WebSockets: told in order, to whom they concern, and never lost."""

from __future__ import annotations

import contextlib
import json
import socket
import struct

import pytest
from pydicom.dataset import Dataset
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.waiting import until
from tests.web.dicomweb.items import UpsClient, attribute, hear, value
from triage.ups.reports import cancel_requested
from triage.web.dicomweb.channel import message_responded_to

GLOBAL = "1.2.840.10008.5.1.4.34.5"
FILTERED = "1.2.840.10008.5.1.4.34.5.1"
STATE_REPORT, CANCEL_REQUESTED = 1, 2


def states(websocket, number):
    """Return the states that the next reports tell, each with its item."""
    reports = [hear(websocket) for _ in range(number)]
    return [(value(report, "00001000"), value(report, "00741000")) for report in reports]


def break_off(websocket):
    """End a connection as a cut cable does: without a word."""
    websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    websocket.socket.shutdown(socket.SHUT_RDWR)


def waiting(morning, title):
    """Return how many events the outbox holds for a subscriber."""
    return sum(each.waiting for each in morning.store.watchers() if each.ae_title == title)


def test_a_subscriber_hears_how_an_item_stands_and_what_becomes_of_it(ups):
    uid = ups.create()
    with ups.listen("READER7") as websocket:
        answer = ups.subscribe(uid, "READER7")
        assert answer.status_code == 201
        address = answer.headers["Content-Location"]
        assert address == ups.url.replace("http:", "ws:") + "/ws/subscribers/READER7"
        first = hear(websocket)
        assert value(first, "00000002") == "1.2.840.10008.5.1.4.34.6.1"
        assert value(first, "00000110") == 1
        assert value(first, "00001000") == uid
        assert value(first, "00001002") == STATE_REPORT
        assert value(first, "00741000") == "SCHEDULED"
        assert value(first, "00404041") == "READY"
        transaction = ups.claim(uid)
        assert states(websocket, 1) == [(uid, "IN PROGRESS")]
        ups.send("POST", f"/workitems/{uid}/cancelrequest", {"00741238": attribute("LT", "late")})
        asked = hear(websocket)
        assert value(asked, "00001002") == CANCEL_REQUESTED
        assert value(asked, "00741238") == "late"
        assert transaction not in json.dumps(asked)


def test_a_global_subscriber_with_lock_hears_of_all_there_is_and_all_to_come(morning, ups):
    first = ups.create(1)
    with ups.listen("READER7") as websocket:
        assert ups.subscribe(GLOBAL, "READER7", deletionlock="true").status_code == 201
        assert states(websocket, 1) == [(first, "SCHEDULED")]
        second = ups.create(2)
        assert states(websocket, 1) == [(second, "SCHEDULED")]
        morning.receive()
        assert value(hear(websocket), "00404041") == "INCOMPLETE"


def test_what_happens_while_a_subscriber_is_away_is_told_when_it_comes_back(ups):
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    ups.complete(uid)
    with ups.listen("READER7") as websocket:
        heard = [state for _, state in states(websocket, 3)]
        assert heard == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]


def test_what_a_broken_connection_took_with_it_is_told_again_in_order(morning, ups):
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    ups.claim(uid)
    with ups.listen("READER7") as broken:
        assert [state for _, state in states(broken, 2)] == ["SCHEDULED", "IN PROGRESS"]
        break_off(broken)
    ups.send("POST", f"/workitems/{uid}/cancelrequest").raise_for_status()
    with ups.listen("READER7") as websocket:
        assert [state for _, state in states(websocket, 2)] == ["SCHEDULED", "IN PROGRESS"]
        assert value(hear(websocket), "00001002") == CANCEL_REQUESTED
    assert waiting(morning, "READER7") == 3


def test_what_a_subscriber_acknowledges_is_not_told_again(morning, ups):
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    ups.claim(uid)
    with ups.listen("READER7") as websocket:
        for _ in range(2):
            message = value(hear(websocket), "00000110")
            websocket.send(json.dumps({"00000120": attribute("US", message)}))
    until(lambda: waiting(morning, "READER7") == 0, "the events are taken from the outbox")
    ups.send("POST", f"/workitems/{uid}/cancelrequest").raise_for_status()
    with ups.listen("READER7") as websocket:
        assert value(hear(websocket), "00001002") == CANCEL_REQUESTED


def test_what_has_lived_through_a_round_of_pings_is_not_told_again(morning, ups, monkeypatch):
    monkeypatch.setattr("triage.web.dicomweb.channel._CONFIRM_SECONDS", -1)
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    with ups.listen("READER7") as websocket:
        hear(websocket)
        ups.claim(uid)  # wakes the sender
        hear(websocket)
    until(lambda: waiting(morning, "READER7") == 0, "the events are taken from the outbox")


def test_a_newer_connection_replaces_an_older_one(ups):
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    with ups.listen("READER7") as older, contextlib.ExitStack() as later:
        assert states(older, 1) == [(uid, "SCHEDULED")]
        newer = later.enter_context(ups.listen("READER7"))
        assert states(newer, 1) == [(uid, "SCHEDULED")]
        with pytest.raises(ConnectionClosed) as closed:
            older.recv(timeout=20)
        assert closed.value.rcvd.code == 1008


def test_a_subscriber_that_reads_nothing_is_let_go_and_loses_nothing(
    morning, many_studies, ups, monkeypatch
):
    monkeypatch.setattr("triage.web.dicomweb.channel._SEND_SECONDS", 0.2)
    many_studies(2_000)
    ups.subscribe(GLOBAL, "READER7", deletionlock="true").raise_for_status()
    assert waiting(morning, "READER7") == 2_000
    slow = _deaf_listener(ups)
    try:
        channels = _open_channels(ups)
        until(lambda: channels() == 0, "the slow reader is let go")
        assert waiting(morning, "READER7") == 2_000
    finally:
        slow.close()


def test_the_server_says_goodbye_when_it_stops_and_tells_the_rest_after_a_restart(
    morning, serve, token
):
    running = serve()
    with running.client() as http:
        ups = UpsClient(http, running.url, token)
        uid = ups.create()
        ups.subscribe(uid, "READER7").raise_for_status()
        with ups.listen("READER7") as websocket:
            assert states(websocket, 1) == [(uid, "SCHEDULED")]
            running.stop()
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(timeout=20)
        assert closed.value.rcvd.code in (1001, 1012)
    again = serve()
    with again.client() as http, UpsClient(http, again.url, token).listen("READER7") as websocket:
        assert states(websocket, 1) == [(uid, "SCHEDULED")]


def test_unsubscribing_takes_back_what_waits(morning, ups):
    uid, other = ups.create(1), ups.create(2)
    ups.subscribe(uid, "READER7").raise_for_status()
    ups.subscribe(other, "READER7").raise_for_status()
    path = f"/workitems/{uid}/subscribers/READER7"
    assert ups.send("DELETE", path).status_code == 200
    assert ups.send("DELETE", path).status_code == 200
    with ups.listen("READER7") as websocket:
        assert states(websocket, 1) == [(other, "SCHEDULED")]


def test_a_suspended_global_subscription_keeps_the_items_it_has(ups):
    first = ups.create(1)
    ups.subscribe(GLOBAL, "READER7").raise_for_status()
    path = f"/workitems/{GLOBAL}/subscribers/READER7/suspend"
    assert ups.send("POST", path).status_code == 200
    ups.create(2)
    ups.claim(first)
    with ups.listen("READER7") as websocket:
        assert states(websocket, 1) == [(first, "IN PROGRESS")]
    single = ups.send("POST", f"/workitems/{first}/subscribers/READER7/suspend")
    assert (single.status_code, single.json()["status"]) == (400, "C314")


@pytest.mark.parametrize(
    "parameters", [{"filter": "PatientID=Q2,ProcedureStepState=SCHEDULED"}, {"00100020": "Q2"}]
)
def test_a_filtered_subscription_hears_only_of_what_matches(ups, parameters):
    one, two = ups.create(1), ups.create(2)
    assert ups.subscribe(FILTERED, "READER7", **parameters).status_code == 201
    ups.claim(one)
    ups.claim(two)
    with ups.listen("READER7") as websocket:
        assert states(websocket, 1) == [(two, "IN PROGRESS")]


@pytest.mark.parametrize(
    "parameters",
    [{}, {"filter": "Nonsense=1"}, {"filter": "PatientBirthDate=never"}, {"filter": ","}],
)
def test_a_filter_that_cannot_be_used_is_refused(ups, parameters):
    ups.create()
    answer = ups.subscribe(FILTERED, "READER7", **parameters)
    assert answer.status_code == 400
    assert "filter" in answer.json()["error"]


def test_nobody_listens_in_the_place_of_a_dimse_peer(ups_of_peer):
    with pytest.raises(InvalidStatus) as refused, ups_of_peer.listen("PACS1"):
        pass
    assert refused.value.response.status_code == 403
    uid = ups_of_peer.create()
    assert "Content-Location" not in ups_of_peer.subscribe(uid, "PACS1").raise_for_status().headers
    with ups_of_peer.listen("READER7") as websocket:
        ups_of_peer.subscribe(uid, "READER7").raise_for_status()
        assert states(websocket, 1) == [(uid, "SCHEDULED")]


def test_a_subscriber_whose_user_is_disabled_hears_no_more(morning, ups, monkeypatch):
    monkeypatch.setattr("triage.web.dicomweb.channel._WELCOME_SECONDS", 0.05)
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    with ups.listen("READER7") as websocket:
        hear(websocket)
        assert morning.store.set_user_disabled("viewer", disabled=True)
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=20)
    with pytest.raises(InvalidStatus) as refused, ups.listen("READER7"):
        pass
    assert refused.value.response.status_code == 403


def test_a_title_that_is_none_is_refused(ups):
    for title in ("%5C", "TOO-LONG-A-TITLE-IT-IS", "%20"):
        with pytest.raises(InvalidStatus) as refused, ups.listen(title):
            pass
        assert refused.value.response.status_code == 403


def test_the_requester_of_a_cancellation_fits_an_ae_title():
    told = cancel_requested("radiologist.on.call@hospital", Dataset()).information
    assert told.RequestingAE == "radiologist.on.c"


def test_what_is_no_acknowledgement_is_not_heard(ups):
    uid = ups.create()
    with ups.listen("READER7") as websocket:
        for text in ("", "hello", "[" * 2_000, '{"00000120":7}', '{"00000120":{"Value":["x"]}}'):
            websocket.send(text)
            assert message_responded_to(text) == 0
        websocket.send(b"\x00\x01")
        ups.subscribe(uid, "READER7").raise_for_status()
        assert states(websocket, 1) == [(uid, "SCHEDULED")]


def test_a_frame_that_is_too_large_ends_the_connection(ups):
    with ups.listen("READER7") as websocket:
        websocket.send("x" * 10_000)
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=20)
    assert closed.value.rcvd.code == 1009


def _deaf_listener(ups):
    """Open a WebSocket by hand, with small buffers, and never read from it."""
    host, _, port = ups.url.removeprefix("http://").removesuffix("/dicomweb").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect((host, int(port)))
    connection.sendall(
        b"GET /dicomweb/ws/subscribers/READER7 HTTP/1.1\r\nHost: localhost\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + f"Authorization: Bearer {ups.token}\r\n\r\n".encode()
    )
    return connection


def _open_channels(ups):
    """Return a function that asks how many subscribers are connected."""

    def ask():
        return next(
            int(float(line.split()[-1]))
            for line in ups.http.get("/metrics").text.splitlines()
            if line.startswith("triage_web_subscribers ")
        )

    until(lambda: ask() == 1, "the slow reader is connected")
    return ask
