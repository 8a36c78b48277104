"""How names, ages and times are put into words."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.worklist.words import (
    PersonName,
    age_words,
    calendar_date,
    cap_words,
    person_name,
    reason_words,
    waiting_words,
)


@pytest.mark.parametrize(
    ("value", "main", "others"),
    [
        ("Doe^Jane", "Doe, Jane", ()),
        ("Adams^John Robert Quincy^^Rev.^B.A.", "Adams, Rev. John Robert Quincy, B.A.", ()),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou", ("山田 太郎", "やまだ たろう")),
        ("=山田^太郎=やまだ^たろう", "山田 太郎", ("やまだ たろう",)),
        ("Hong^Gildong=洪^吉洞=홍^길동", "Hong, Gildong", ("洪 吉洞", "홍 길동")),
        ("قباني^لنزار", "قباني, لنزار", ()),
        ("NEWMAN", "NEWMAN", ()),
        ("^Jane", "Jane", ()),
        ("Doe^Jane==", "Doe, Jane", ()),
        ("", "", ()),
        ("^^^^", "", ()),
        ("A^B^C^D^E^F^G", "A, D B C, E^F^G", ()),
        ("Do\x1be\n^Ja\x00ne", "Doe, Jane", ()),
        ("Doe\u202e^Jane", "Doe, Jane", ()),
    ],
)
def test_person_names_are_written_as_people_write_them(value, main, others):
    assert person_name(value) == PersonName(main, others)


@given(st.text())
def test_no_person_name_breaks_the_list_or_hides_a_control_character(value):
    name = person_name(value)
    for part in (name.main, *name.others):
        assert all(mark.isprintable() or mark.isspace() or ord(mark) > 127 for mark in part)
        assert "\n" not in part
        assert "\x1b" not in part


@pytest.mark.parametrize(
    ("born", "words"),
    [
        ("19710203", "54 y"),
        ("19710305", "53 y"),
        ("20230304", "2 y"),
        ("20230305", "23 mo"),
        ("20250304", "0 mo"),
        ("20250305", ""),
        ("1971", ""),
        ("19711340", ""),
        ("²0110203", ""),
        ("", ""),
    ],
)
def test_ages_are_told_in_years_and_of_infants_in_months(born, words):
    assert age_words(born, date(2025, 3, 4)) == words


@given(st.text())
def test_what_is_no_date_is_no_date(value):
    assert calendar_date(value) is None or len(value) == 8


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "<1 min"),
        (59.9, "<1 min"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 00 h"),
        (273_600, "3 d 04 h"),
    ],
)
def test_waiting_times_are_told_in_two_units_at_most(seconds, words):
    assert waiting_words(seconds) == words


@pytest.mark.parametrize(
    ("minutes", "words"), [(240, "4 h"), (90, "1 h 30 min"), (30, "30 min"), (1440, "1 d 00 h")]
)
def test_a_cap_of_whole_hours_is_told_in_hours(minutes, words):
    assert cap_words(minutes * 60) == words


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ((), ""),
        (("blurred",), "blurred"),
        (("blurred", "askew"), "blurred; askew"),
        (("blurred", "askew", "no C7"), "blurred (and 2 more)"),
    ],
)
def test_of_many_reasons_the_first_is_told(reasons, words):
    assert reason_words(reasons) == words
