"""Who may associate, and what the tables of storage know."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_network

import pytest
from pydicom.uid import UID

from triage.intake import admission
from triage.intake.admission import Call, refusal
from triage.intake.storage_classes import TRANSFER_SYNTAXES, is_image_class, may_be_stored
from triage.settings import ListenerSettings, UnknownSopClasses

OPEN = ListenerSettings()
CLOSED = dataclasses.replace(
    OPEN,
    calling_ae_titles=("MODALITY",),
    calling_addresses=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
)


@pytest.mark.parametrize(
    ("settings", "call", "expected"),
    [
        (OPEN, Call("TRIAGE", "ANY", "192.0.2.1"), None),
        (OPEN, Call("OTHER", "ANY", "192.0.2.1"), admission.CALLED_AE_TITLE),
        (CLOSED, Call("TRIAGE", "MODALITY", "10.1.2.3"), None),
        (CLOSED, Call("TRIAGE", "MODALITY", "::ffff:10.1.2.3"), None),
        (CLOSED, Call("TRIAGE", "MODALITY", "fd00::1%eth0"), None),
        (CLOSED, Call("TRIAGE", "MODALITY", "192.0.2.1"), admission.CALLING_ADDRESS),
        (CLOSED, Call("TRIAGE", "STRANGER", "10.1.2.3"), admission.CALLING_AE_TITLE),
    ],
)
def test_an_association_is_refused_by_the_first_rule_that_it_breaks(settings, call, expected):
    assert refusal(call, settings) is expected


def test_the_called_title_is_only_checked_where_the_site_says_so():
    tolerant = dataclasses.replace(OPEN, check_called_ae_title=False)
    assert refusal(Call("OTHER", "ANY", "192.0.2.1"), tolerant) is None


@pytest.mark.parametrize(
    ("name", "keep", "refuse"),
    [
        ("1.2.840.10008.5.1.4.1.1.1", True, True),  # CR
        ("1.2.840.10008.5.1.4.1.1.88.34", True, True),  # Comprehensive 3D SR
        ("1.2.840.10008.5.1.4.1.1.6", True, False),  # Ultrasound (retired)
        ("1.2.3.4", True, False),  # private
        ("1.2.840.10008.5.1.4.1.2.1.1", False, False),  # Patient Root Find
        ("1.2.840.10008.1.20.1", False, False),  # Storage Commitment Push Model
        ("1.2.840.10008.1.2.1", False, False),  # no SOP class at all
    ],
)
def test_what_may_be_stored_follows_the_tables_and_the_site(name, keep, refuse):
    assert may_be_stored(name, UnknownSopClasses.KEEP) is keep
    assert may_be_stored(name, UnknownSopClasses.REFUSE) is refuse


def test_the_transfer_syntaxes_are_those_of_archives():
    assert all(UID(uid).is_transfer_syntax for uid in TRANSFER_SYNTAXES)
    assert {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.55",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.201",
    } <= TRANSFER_SYNTAXES


def test_images_are_told_from_other_objects_by_their_class():
    assert is_image_class("1.2.840.10008.5.1.4.1.1.1.1.1")
    assert not is_image_class("1.2.840.10008.5.1.4.1.1.88.33")
    assert not is_image_class("1.2.3.4")
