"""Deterministic UIDs and the table of codes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import UID

from triage import uids
from triage.codes import CODES, PRIVATE_SCHEME

if TYPE_CHECKING:
    from triage.values import ConceptCode

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# Looked up elsewhere: pydicom has no table of the scheme, or not the whole of it.
ELSEWHERE = ("C0034375", "371000119109", "8847002", "M47.12")


def test_a_uid_stays_the_same_in_another_process():
    code = "from triage.uids import derived_uid; print(derived_uid('report', '1.2.3'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == uids.derived_uid("report", "1.2.3")


def test_a_uid_never_changes_between_versions():
    assert uids.derived_uid("report", "1.2.3") == "2.25.274749575178289162588321814523832637424"


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_other_parts_give_another_valid_uid(first, second):
    assert UID(uids.derived_uid(*first)).is_valid
    assert (uids.derived_uid(*first) == uids.derived_uid(*second)) is (first == second)


def test_kinds_never_share_a_uid():
    names = (
        uids.report_uid("1.2", 1, WHEN),
        uids.report_uid("1.2", 2, WHEN),
        uids.report_uid("1.2", 1, WHEN + timedelta(microseconds=1)),
        uids.comprehensive_report_uid("1.2"),
        uids.report_series_uid("1.2"),
        uids.work_item_uid("1.2"),
        uids.device_uid("1.2"),
        uids.tracking_uid("1.2", "study"),
        uids.IMPLEMENTATION_CLASS_UID,
    )
    assert len(set(names)) == len(names)


def test_the_implementation_version_name_fits_its_value_representation():
    assert 1 <= len(uids.IMPLEMENTATION_VERSION_NAME) <= 16


def codes() -> dict[str, ConceptCode]:
    """Return every code of the table by its role."""
    return {field.name: getattr(CODES, field.name) for field in fields(CODES)}


@pytest.mark.parametrize("role", codes())
def test_every_public_code_is_in_its_scheme_with_this_meaning(role):
    code = codes()[role]
    assert len(code.value) <= 16
    assert len(code.meaning) <= 64
    if code.scheme == PRIVATE_SCHEME or code.value in ELSEWHERE:
        return
    meanings = [
        entry[code.value][0] for entry in concepts[code.scheme].values() if code.value in entry
    ]
    assert code.meaning in meanings


def test_no_two_roles_share_a_code():
    assert len({(code.value, code.scheme) for code in codes().values()}) == len(codes())
