"""What orders and reports say, however a RIS writes them; and what is no message at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hl7.samples import ACCESSION, STUDY, msh, omi, orm, oru, text
from triage.errors import MessageError
from triage.hl7.orders import understand
from triage.hl7.parsing import header_field, read_message
from triage.hl7.text import STANDARD
from triage.hl7.values import OrderNotice, ReportNotice, order_priority
from triage.values import OrderPriority


def notices(content):
    return understand(read_message(content))


def order(content):
    (notice,) = notices(content)
    assert isinstance(notice, OrderNotice)
    return notice


def test_an_orm_names_study_accession_patients_priority_and_location():
    found = order(orm(priority="S"))
    assert (found.study_instance_uid, found.accession_number) == (STUDY, ACCESSION)
    assert found.patient_ids == ("P1", "4711")
    assert found.priority_code == "S"
    assert found.location == "ED, 12, A, MAIN"
    assert not found.cancelled


def test_an_omi_keeps_them_in_tq1_and_ipc():
    found = order(omi(priority="A"))
    assert (found.study_instance_uid, found.accession_number) == (STUDY, ACCESSION)
    assert (found.priority_code, found.location) == ("A", "WARD, 7, B")


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("S", OrderPriority.STAT),
        ("STAT", OrderPriority.STAT),
        ("A", OrderPriority.HIGH),
        ("P", OrderPriority.HIGH),
        ("C", OrderPriority.HIGH),
        ("T", OrderPriority.MEDIUM),
        ("R", OrderPriority.ROUTINE),
        ("r", OrderPriority.ROUTINE),
        ("", OrderPriority.UNKNOWN),
        ("soon", OrderPriority.UNKNOWN),
    ],
)
def test_a_priority_code_means_what_ihe_maps_it_to(code, meaning):
    assert order_priority(code) is meaning


@pytest.mark.parametrize("code", ["", '""', "soon"])
def test_a_priority_that_says_nothing_known_says_nothing(code):
    assert order(orm(priority=code)).priority_code == ""


@pytest.mark.parametrize("control", ["CA", "OC", "CR", "DC", "OD", "DR"])
def test_an_order_can_be_cancelled_and_discontinued(control):
    assert order(orm(control=control)).cancelled


def test_a_status_change_to_cancelled_cancels():
    assert order(orm(control="SC", state="CA")).cancelled
    assert order(orm(control="SC", state="DC")).cancelled
    assert not order(orm(control="SC", state="IP")).cancelled


@pytest.mark.parametrize("control", ["NW", "XO", "SC", "SN", "PA", "CH"])
def test_other_controls_change_the_order(control):
    assert not order(orm(control=control)).cancelled


def test_an_order_control_that_no_table_knows_is_refused():
    with pytest.raises(MessageError, match="ORC-1"):
        notices(orm(control="ZZ"))


def test_the_most_urgent_of_several_places_counts():
    content = orm(priority="R").replace(b"1^once^^^^R|||WALK", b"1^once^^^^S|||WALK")
    assert order(content).priority_code == "S"


def test_one_message_may_hold_several_orders_and_one_uid_at_its_end_is_for_all():
    head, _, tail = orm().partition(b"ORC|")
    orc, obr, zds, _ = (b"ORC|" + tail).split(b"\r")
    second = obr.replace(b"SPS1", b"SPS2")
    (found,) = notices(head + b"\r".join([orc, obr, orc, second, zds]) + b"\r")
    assert found.study_instance_uid == STUDY
    assert found.message.count("ORC|") == 2
    other = obr.replace(b"ACC1", b"ACC2")
    both = notices(head + b"\r".join([orc, obr, zds, orc, other]) + b"\r")
    assert [(one.study_instance_uid, one.accession_number) for one in both] == [
        (STUDY, "ACC1"),
        ("", "ACC2"),
    ]
    assert "ACC2" not in both[0].message
    assert "Änne" in both[0].message
    assert "Änne" in both[1].message


def test_without_a_uid_the_accession_number_is_enough_and_without_it_the_fillers_number():
    assert order(orm(study="")).study_instance_uid == ""
    assert order(orm(study="", accession="")).accession_number == "FI1"


def test_a_uid_that_is_none_does_not_count():
    assert order(orm(study="not a uid")).study_instance_uid == ""


def test_an_order_that_names_no_study_is_refused():
    content = orm(study="", accession="").replace(b"FI1^RIS", b"")
    with pytest.raises(MessageError, match="accession number"):
        notices(content)


@pytest.mark.parametrize(
    ("status", "results", "final"),
    [
        ("F", ("F",), True),
        ("C", ("C", "F"), True),
        ("F", (), True),
        ("", ("F",), True),
        ("", (), False),
        ("P", ("P",), False),
        ("R", ("F",), False),
        ("F", ("P",), False),
        ("F", ("F", "P"), False),
        ("X", ("X",), False),
    ],
)
def test_a_report_counts_only_when_all_of_it_is_final(status, results, final):
    found = notices(oru(status=status, results=results))
    assert [type(one) for one in found] == ([ReportNotice] if final else [])


@pytest.mark.parametrize(
    ("second", "statuses", "read"),
    [
        ("ACC1", "FF", ["ACC1", "ACC1"]),
        ("ACC1", "FP", []),
        ("ACC1", "PF", []),
        ("", "FP", []),
        ("ACC2", "FP", ["ACC1"]),
        ("ACC2", "PF", ["ACC2"]),
    ],
)
def test_a_study_is_read_when_every_report_of_it_in_a_message_is_final(second, statuses, read):
    head, _, tail = oru(study="").partition(b"OBR|")
    obr, obx, _ = (b"OBR|" + tail).split(b"\r")
    segments = []
    for accession, status in zip(("ACC1", second), statuses, strict=True):
        segments += [obr.replace(b"ACC1", accession.encode())[:-1] + status.encode()]
        segments += [obx[:-1] + status.encode()]
    content = (head + b"\r".join(segments) + b"\r").replace(b"|FI1^RIS|", b"||")
    assert [one.accession_number for one in notices(content)] == read


def test_reports_of_one_study_are_known_by_its_uid_as_well():
    named = oru(accession="ACC2", status="P", results=("P",))
    both = oru() + named[named.index(b"OBR|") :]
    assert notices(both) == ()


@pytest.mark.parametrize("before", [b"", b"FHS|^~\\&\rBHS|^~\\&\r"], ids=["two", "a batch of two"])
def test_two_messages_in_one_frame_are_refused(before):
    """One answer would stand for both, and the second order for the first patient."""
    with pytest.raises(MessageError, match="a frame of its own") as refused:
        notices(before + orm("1", patient="P1") + orm("2", patient="P2", priority="S"))
    assert (refused.value.code, refused.value.at) == ("100", "MSH^2")


def test_a_report_names_its_study_by_uid_or_accession_number():
    (found,) = notices(oru())
    assert (found.study_instance_uid, found.accession_number) == (STUDY, ACCESSION)
    (found,) = notices(oru(study=""))
    assert (found.study_instance_uid, found.accession_number) == ("", ACCESSION)


@pytest.mark.parametrize("kind", ["ADT^A08", "SIU^S12", "ORM^O02", "ACK", ""])
def test_other_messages_are_refused(kind):
    with pytest.raises(MessageError, match="not understood"):
        notices(text(msh(kind), "PID|1"))


def test_a_message_may_choose_its_own_separators():
    own = orm().decode().replace("|", "#").replace("^", "*").replace("\\T\\", "&")
    found = order(own.replace("~\\&", "~\\@").encode())
    assert (found.study_instance_uid, found.patient_ids) == (STUDY, ("P1", "4711"))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_segments_may_end_as_on_other_systems(ending):
    assert order(orm().replace(b"\r", ending)).study_instance_uid == STUDY


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("8859/15~ISO IR87", "iso8859-15")],
)
def test_text_is_read_in_the_character_set_of_msh_18(charset, codec):
    found = order(orm(charset=charset).decode().encode(codec))
    assert "Müller^Änne" in found.message
    assert found.character_set == charset.split("~")[0]


def test_text_in_an_unknown_or_wrong_character_set_is_acted_upon_but_not_repeated():
    assert order(orm(charset="ISO IR87")).character_set is None
    assert order(orm().decode().encode("latin-1")).character_set is None
    found = order(orm(charset="ISO IR87", name="Doe^Jane"))
    assert (found.character_set, found.priority_code) == ("ISO IR87", "R")


def test_the_number_of_a_message_is_its_own_whatever_time_stands_in_the_header():
    first, later = orm(), orm().replace(b"20260302081500", b"20260302091500")
    assert read_message(first).identity == read_message(later).identity
    assert read_message(orm(priority="S")).identity != read_message(first).identity


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"MSH",
        b"MSH|^~\\&",
        b"MSH|^^^^|RIS\r",
        b"MSH\x00\x00\x00\x00\x00\x00|\r",
        b"MSHabcdef\r",
        b"PID|1||P1\r",
        text(msh("ORM^O01", "")),
        text(msh("ORM^O01"), "ORC|NW" + "^" * 300_000),
        text(msh("ORM^O01"), *["OBX|1"] * 3000),
    ],
)
def test_what_is_no_message_is_refused(content):
    with pytest.raises(MessageError):
        notices(content)


def refusal_of(content):
    """Return why a message is refused; nothing when it is understood."""
    try:
        notices(content)
    except MessageError as error:
        return str(error)
    return ""


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(content):
    for whole in (content, b"MSH|^~\\&|" + content, orm()[:120] + content):
        assert "P1" not in refusal_of(whole)
        header_field(whole, 10)


@given(
    st.sampled_from([orm(), omi(), oru()]),
    st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=1)), max_size=12),
)
def test_messages_with_bytes_thrown_in_raise_nothing_but_a_refusal(sample, thrown):
    broken = bytearray(sample)
    for where, byte in thrown:
        broken[int(where * len(broken))] = byte[0]
    assert "P1" not in refusal_of(bytes(broken))


@given(st.text())
def test_escaped_text_reads_back(words):
    escaped = STANDARD.escaped(words)
    assert not set("|^~&\r") & set(escaped)
    plain = "".join(
        one
        for one in words.replace("\r\n", "\n").replace("\r", "\n")
        if one == "\n" or one.isprintable()
    )
    assert STANDARD.unescaped(escaped) == plain


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("\\X4142\\", "AB"),
        ("\\XC3A4\\", "ä"),
        ("\\H\\loud\\N\\", "loud"),
        ("\\Zxx\\", "\\Zxx\\"),
        ("open\\end", "open\\end"),
        ("\\", "\\"),
    ],
)
def test_escape_sequences_are_read(written, read):
    assert STANDARD.unescaped(written) == read
