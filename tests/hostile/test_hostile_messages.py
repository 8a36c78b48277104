"""Messages that are cut, mixed and timed as the standard allows, and hardly any peer does."""

from __future__ import annotations

import os

import pytest

from tests.hostile import pdus
from tests.hostile.pdus import COMMAND, CR, DX, ECHO, LAST, UPS, Command, Number, PduType
from tests.hostile.reading_list import WORK_ITEMS, fill_reading_list
from tests.hostile.wire import new_uid
from tests.waiting import until

MEGABYTE = 1024 * 1024


def store(message_id=1, *, context=DX, sop_class=pdus.DIGITAL_XRAY, pixels=bytes(2048)):
    """Return a new instance's UID, the command set of its C-STORE, and its data set."""
    instance = new_uid()
    return (
        instance,
        pdus.store_request(instance, message_id, sop_class),
        pdus.film(instance, pixels=pixels, sop_class=sop_class),
    )


def is_stored(running, instance, encoded):
    """Whether the file of an instance ends with the data set as it was sent."""
    return running.stored(f"{instance}.1").endswith(encoded)


def test_a_command_set_in_many_fragments_is_put_together(shared, call):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store()
    peer.send([*pdus.message(DX, command, largest=1), *pdus.message(DX, command, encoded)[1:]])
    assert peer.answer().status == pdus.SUCCESS
    assert is_stored(running, instance, encoded)


@pytest.mark.parametrize("largest", [1, 3, 127, 4090])
def test_a_data_set_in_fragments_of_any_length_is_stored_as_it_was(shared, call, largest):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store(pixels=os.urandom(4096))
    peer.send(pdus.message(DX, command))
    peer.send(pdus.data(*pdus.fragments(DX, 0, encoded, largest)))
    assert peer.answer().status == pdus.SUCCESS
    assert is_stored(running, instance, encoded)


def test_empty_fragments_change_nothing(shared, call):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store()
    half = len(encoded) // 2
    peer.send(
        [
            pdus.data(pdus.pdv(DX, COMMAND), pdus.pdv(DX, COMMAND, command)),
            pdus.data(pdus.pdv(DX, COMMAND | LAST), pdus.pdv(DX, 0)),
            pdus.data(pdus.pdv(DX, 0, encoded[:half]), pdus.pdv(DX, 0)),
            pdus.data(pdus.pdv(DX, 0)),
            pdus.data(pdus.pdv(DX, 0, encoded[half:])),
            pdus.data(pdus.pdv(DX, LAST)),
        ]
    )
    assert peer.answer().status == pdus.SUCCESS
    assert is_stored(running, instance, encoded)


def test_fragments_of_several_messages_may_share_a_pdu(shared, call):
    """End of a command with the start of its data set; end of that with the next command."""
    running = shared()
    peer = call(running).associate()
    first, first_command, first_data = store(1)
    second, second_command, second_data = store(2)
    peer.send(
        [
            pdus.data(pdus.pdv(DX, COMMAND, first_command[:20])),
            pdus.data(
                pdus.pdv(DX, COMMAND | LAST, first_command[20:]),
                pdus.pdv(DX, 0, first_data[:100]),
            ),
            pdus.data(
                pdus.pdv(DX, LAST, first_data[100:]),
                pdus.pdv(DX, COMMAND, second_command[:30]),
            ),
            pdus.data(
                pdus.pdv(DX, COMMAND | LAST, second_command[30:]),
                pdus.pdv(DX, LAST, second_data),
                *pdus.fragments(ECHO, COMMAND, pdus.echo_request(3)),
            ),
        ]
    )
    answers = [peer.answer() for _ in range(3)]
    assert [(one.message_id, one.status) for one in answers] == [(1, 0), (2, 0), (3, 0)]
    assert is_stored(running, first, first_data)
    assert is_stored(running, second, second_data)


def test_requests_sent_without_waiting_are_answered_in_order(shared, call):
    running = shared()
    peer = call(running).associate()
    sent = [store(number) for number in range(1, 41)]
    peer.send(b"".join(pdus.message(DX, *one[1:])) for one in sent)
    answers = [peer.answer() for _ in sent]
    assert [one.message_id for one in answers] == list(range(1, 41))
    assert [one.sop_instance for one in answers] == [one[0] for one in sent]
    assert {one.status for one in answers} == {pdus.SUCCESS}
    assert all(is_stored(running, instance, encoded) for instance, _, encoded in sent)


def test_objects_sent_behind_a_query_are_stored_when_it_is_answered(shared, call):
    running = shared()
    fill_reading_list(running)
    peer = call(running).associate()
    sent = [store(number) for number in range(1, 41)]
    peer.send(pdus.message(UPS, pdus.find_request(99), pdus.query()))
    peer.send(b"".join(pdus.message(DX, *one[1:])) for one in sent)
    answers = [peer.answer()]
    while answers[-1].message_id != 40:
        answers.append(peer.answer())
    final = [one for one in answers if one.status & 0xFFFE != pdus.PENDING]
    assert [one.message_id for one in final] == [99, *range(1, 41)]
    assert {one.status for one in final} == {pdus.SUCCESS}
    assert all(is_stored(running, instance, encoded) for instance, _, encoded in sent)


def test_a_release_behind_requests_comes_after_their_answers(shared, call):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store(2)
    echo = pdus.message(ECHO, pdus.echo_request(1))
    peer.send([*echo, *pdus.message(DX, command, encoded), pdus.release_request()])
    assert [peer.answer().message_id for _ in range(2)] == [1, 2]
    assert [one.kind for one in peer.until_end()] == [PduType.RELEASE_RP]
    assert is_stored(running, instance, encoded)


def test_objects_of_several_contexts_and_echoes_take_turns(shared, call):
    running = shared()
    peer = call(running).associate()
    for number in range(1, 10, 3):
        of_dx, of_cr = store(number), store(number + 1, sop_class=pdus.COMPUTED_RADIOGRAPHY)
        peer.send(pdus.message(DX, *of_dx[1:]) + pdus.message(CR, *of_cr[1:]))
        peer.send(pdus.message(ECHO, pdus.echo_request(number + 2)))
        answers = [peer.answer() for _ in range(3)]
        assert [one.context for one in answers] == [DX, CR, ECHO]
        assert [one.message_id for one in answers] == [number, number + 1, number + 2]
        assert {one.status for one in answers} == {pdus.SUCCESS}
        assert is_stored(running, of_dx[0], of_dx[2])
        assert is_stored(running, of_cr[0], of_cr[2])
    peer.release()


@pytest.mark.parametrize("one_pdu", [True, False], ids=["one-pdu-of-64-mb", "pdus-of-4-kb"])
def test_pdus_of_any_size_are_taken_where_there_is_no_limit(shared, call, one_pdu):
    running = shared(maximum_pdu_bytes=0)
    peer = call(running).associate()
    instance, command, encoded = store(pixels=os.urandom(64 * MEGABYTE))
    largest = len(encoded) if one_pdu else 4096 - 6
    peer.send(pdus.message(DX, command, encoded, largest))
    assert peer.answer().status == pdus.SUCCESS
    assert is_stored(running, instance, encoded)
    assert running.peak_megabytes() < 250


def test_an_abort_within_an_object_leaves_nothing(shared, call):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store(pixels=bytes(MEGABYTE))
    peer.send(pdus.message(DX, command, encoded)[:-1])
    until(running.unfinished, "the object is being received")
    peer.send(pdus.abort())
    assert peer.until_end() == []
    until(lambda: not running.unfinished(), "the rest of the object is gone")
    assert running.instances(f"{instance}.1") == ()


def test_a_link_that_breaks_within_an_object_leaves_nothing(shared, call):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store(pixels=bytes(MEGABYTE))
    peer.send(b"".join(pdus.message(DX, command, encoded))[:-1000])
    until(running.unfinished, "the object is being received")
    peer.reset()
    until(lambda: not running.unfinished(), "the rest of the object is gone")
    assert running.instances(f"{instance}.1") == ()
    assert running.is_good()


def test_a_release_within_an_object_leaves_nothing(shared, call):
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store(pixels=bytes(MEGABYTE))
    peer.send(pdus.message(DX, command, encoded)[:-1])
    until(running.unfinished, "the object is being received")
    peer.send(pdus.release_request())
    until(lambda: not running.unfinished(), "the rest of the object is gone")
    assert running.instances(f"{instance}.1") == ()
    assert running.is_good()


@pytest.mark.parametrize(
    "within",
    [
        pytest.param(pdus.pdv(DX, COMMAND | LAST, pdus.echo_request(9)), id="command"),
        pytest.param(pdus.pdv(CR, 0, b"data"), id="data-of-another-context"),
        pytest.param(pdus.pdv(99, 0, b"data"), id="data-of-no-context"),
    ],
)
def test_what_does_not_belong_into_an_object_ends_the_association(shared, call, within):
    """PS3.8 E.2: fragments of one message go over one context and are not interleaved."""
    running = shared()
    peer = call(running).associate()
    instance, command, encoded = store(pixels=bytes(MEGABYTE))
    started, *rest = pdus.message(DX, command, encoded)
    peer.push([started, rest[0], pdus.data(within), *rest[1:]])
    assert PduType.DATA not in {one.kind for one in peer.until_end()}
    until(lambda: not running.unfinished(), "the rest of the object is gone")
    assert running.instances(f"{instance}.1") == ()


@pytest.mark.parametrize(
    ("context", "command", "data_set"),
    [
        pytest.param(
            UPS,
            {
                Number.COMMAND_FIELD: pdus.number(Command.FIND),
                Number.MESSAGE_ID: pdus.number(3),
                Number.DATA_SET_TYPE: pdus.number(pdus.A_DATA_SET),
            },
            pdus.query(),
            id="query-without-its-class",
        ),
        pytest.param(
            ECHO,
            {
                Number.AFFECTED_SOP_CLASS: pdus.uid(pdus.VERIFICATION),
                Number.COMMAND_FIELD: pdus.number(Command.ECHO | Command.ANSWER),
                Number.MESSAGE_ID_ANSWERED: pdus.number(3),
                Number.DATA_SET_TYPE: pdus.number(pdus.NO_DATA_SET),
                Number.STATUS: pdus.number(pdus.SUCCESS),
            },
            None,
            id="answer-to-nothing",
        ),
    ],
)
def test_what_is_no_request_ends_the_association_and_keeps_nobody_waiting(
    shared, call, context, command, data_set
):
    running = shared()
    peer = call(running).associate()
    peer.send(pdus.message(context, pdus.command_set(command), data_set))
    assert PduType.ABORT in {one.kind for one in peer.until_end()}
    assert running.is_good()


@pytest.mark.parametrize("cancelled_at", [0, 3], ids=["with-the-query", "among-the-answers"])
def test_a_cancel_stops_a_query_with_many_matches(shared, call, cancelled_at):
    running = shared()
    fill_reading_list(running)
    peer = call(running, narrow=True).associate()
    peer.send(pdus.message(UPS, pdus.find_request(7), pdus.query()))
    for _ in range(cancelled_at):
        assert peer.answer().status & 0xFFFE == pdus.PENDING
    peer.send(pdus.message(UPS, pdus.cancel_request(7)))
    statuses = [pdus.PENDING]
    while statuses[-1] & 0xFFFE == pdus.PENDING:
        answer = peer.answer()
        assert (answer.kind, answer.message_id) == (Command.FIND, 7)
        statuses.append(answer.status)
    assert statuses[-1] == pdus.CANCELLED
    assert len(statuses) < WORK_ITEMS
    assert peer.echo() == pdus.SUCCESS


def test_a_cancel_of_nothing_is_left_alone(shared, call):
    peer = call(shared()).associate()
    peer.send(pdus.message(UPS, pdus.cancel_request(7)))
    assert peer.echo() == pdus.SUCCESS
    assert peer.store() == pdus.SUCCESS
