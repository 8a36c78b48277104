"""The configuration file itself: missing, unreadable, otherwise encoded; written and read back."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.files import MODES, RECEIVERS
from triage.errors import SettingsError
from triage.settings import (
    Destination,
    Settings,
    UnknownSopClasses,
    default_settings,
    load_settings,
    parse_settings,
    render_toml,
)


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(SettingsError, match=r"no such file\. Copy triage\.example\.toml"):
        load_settings(tmp_path / "triage.toml")


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"is a folder\. Name the file in it"):
        load_settings(tmp_path)


def test_a_file_that_may_not_be_read_says_who_needs_access(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingsError, match=r"may not be read by this user.*chmod 640"):
        load_settings(tmp_path / "triage.toml")


def test_a_file_that_cannot_be_read_for_another_reason_says_which(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be read: Not a directory"):
        load_settings(tmp_path / "file" / "triage.toml")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "triage.toml").write_bytes("# Zürich".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"is not UTF-8 text \(byte 3\)"):
        load_settings(tmp_path / "triage.toml")


def test_the_byte_order_mark_of_some_editors_is_accepted(tmp_path):
    (tmp_path / "triage.toml").write_bytes(b"\xef\xbb\xbf[web]\nport = 9\n")
    assert load_settings(tmp_path / "triage.toml").web.port == 9


def test_settings_are_written_and_read_back_the_same(tmp_path):
    settings = dataclasses.replace(
        default_settings(tmp_path / 'quote " and \\ and ü 🦴'),
        listener=dataclasses.replace(
            Settings().listener,
            calling_ae_titles=("CT1", "CR 2"),
            calling_addresses=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
            unknown_sop_classes=UnknownSopClasses.REFUSE,
        ),
        studies=dataclasses.replace(Settings().studies, quiet_seconds=0.1 + 0.2),
        worker=dataclasses.replace(Settings().worker, bundle=tmp_path),
        destinations=(
            Destination("a", "A", "10.0.0.1", 104),
            Destination("b", "B", "b.example", 4242, "ME"),
        ),
        decision=parse_settings(MODES, "modes").decision,
        orthanc_receivers=parse_settings(RECEIVERS, "receivers").orthanc_receivers,
    )
    assert parse_settings(render_toml(settings), "written") == settings


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_path_is_written_and_read_back_the_same(name):
    settings = default_settings(Path("/srv") / name.lstrip("/"))
    assert parse_settings(render_toml(settings), "written") == settings


@given(st.text(max_size=200))
def test_any_text_gives_settings_or_a_settings_error(text):
    try:
        settings = parse_settings(text, "triage.toml")
    except SettingsError:
        return
    assert isinstance(settings, Settings)
