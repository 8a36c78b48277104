"""The ways in which real senders hold their conversations, each with every byte in its place."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.peers import LOOPBACK, program
from tests.senders.senders import (
    IMAGES,
    NAMES,
    Storescu,
    movescu,
    run,
    send_by_pynetdicom,
    storescu,
    write_profile,
)
from tests.senders.sites import AE_TITLE, header_of, read_object
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.senders.films import FilmSet
    from tests.senders.senders import OrthancStore, Sender
    from tests.senders.sites import Site

PLAIN = ("1.2.840.10008.1.2.1",)
DOES_NOT_MATCH = 0xA900
two_listeners = pytest.mark.parametrize("site", ["two-listeners"], indirect=True)


def test_a_folder_in_twelve_transfer_syntaxes_comes_in_one_association(
    site: Site, films: FilmSet, tmp_path: Path
):
    files = films.films(IMAGES)
    profile = write_profile(tmp_path, files)
    storescu(site.tap.port, ["-xf", profile, "Files", "+sd", "+r"], [files[0].parent])
    (heard,) = site.heard()
    assert heard.contexts == len(IMAGES)
    expected = map(Storescu(tmp_path).expected, files)
    assert {one.sent for one in heard.transfers} == set(expected)


def test_a_hundred_and_twenty_eight_presentation_contexts_are_negotiated(
    site: Site, films: FilmSet
):
    files = films.films(PLAIN)
    storescu(site.tap.port, [], files)
    (heard,) = site.heard()
    assert heard.contexts == 128
    assert [one.sent for one in heard.transfers] == [read_object(path) for path in files]


@pytest.mark.parametrize("most", [4096, 16384, 131_072])
def test_pdus_of_every_length_that_dcmtk_knows_come_together_again(
    site: Site, films: FilmSet, most: int
):
    files = films.films(IMAGES[:3])
    storescu(site.tap.port, ["--max-pdu", most, "--max-send-pdu", most], files)
    (heard,) = site.heard()
    assert most - 16 <= heard.longest_pdu <= most
    assert len(heard.transfers) == len(files)


@two_listeners
def test_an_object_comes_in_a_single_pdu_where_any_length_is_taken(site: Site, films: FilmSet):
    files = films.films(PLAIN)
    assert send_by_pynetdicom(site.tap.port, files) == [0]
    (heard,) = site.heard()
    assert heard.longest_pdu > len(heard.transfers[0].sent.data_set)


@pytest.mark.parametrize("combined", [["+C"], []])
def test_the_first_transfer_syntax_of_a_proposal_is_used(
    site: Site, films: FilmSet, combined: list[str]
):
    """A film goes compressed, as it lies there, though plain syntaxes are proposed beside."""
    (path,) = films.films(["1.2.840.10008.1.2.4.70"])
    storescu(site.tap.port, ["-R", "-xs", *combined], [path])
    assert site.arrived() == [read_object(path)]


def test_what_is_sent_three_times_in_a_row_is_kept_once(site: Site, films: FilmSet):
    files = films.films(PLAIN)
    storescu(site.tap.port, ["-R", "--repeat", 3], files)
    assert site.arrived() == [read_object(files[0])] * 3


def test_instances_that_a_sender_invents_are_all_kept(site: Site, films: FilmSet):
    files = films.films(PLAIN)
    storescu(site.tap.port, ["-R", "+II", "--repeat", 3], files)
    assert len({one.sop_instance_uid for one in site.arrived()}) == 3


def test_what_was_answered_is_kept_when_the_sender_aborts_afterwards(site: Site, films: FilmSet):
    """An abort is a peer's right: it is a warning in our log, and no error of ours."""
    assert not site.complaints()
    files = films.films(IMAGES[:2])
    storescu(site.tap.port, ["--abort"], files)
    assert len(site.arrived()) == 2
    until(lambda: site.says('"association_aborted"'), "the abort is logged")
    assert not site.complaints()


def test_dcmsend_reports_that_each_file_was_sent(site: Site, films: FilmSet, tmp_path: Path):
    files, report = films.films(IMAGES), tmp_path / "report.txt"
    run(program("dcmsend"), "-aec", AE_TITLE, "+crf", report, LOOPBACK, site.tap.port, *files)
    assert len(site.arrived()) == len(files)
    told = report.read_text()
    assert f"Number of SOP instances  : {len(files)}" in told
    assert f"* with status SUCCESS  : {len(files)}" in told


def test_orthanc_sends_a_study_that_somebody_moves_to_us(
    site: Site, films: FilmSet, orthanc: OrthancStore
):
    files = films.films(IMAGES)
    orthanc.knows(site.tap.port)
    orthanc.upload(files)
    study = header_of(read_object(files[0])).StudyInstanceUID
    movescu(orthanc.port, study, called=orthanc.ae_title)
    expected = {orthanc.expected(path) for path in files}
    assert set(site.arrived()) == expected


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # one real film has such a UID
def test_real_films_that_pydicom_encodes_anew_are_kept_as_it_does(
    site: Site, real_films: list[Path]
):
    """The library reads a file and writes its data set again, unless told otherwise."""
    statuses = send_by_pynetdicom(site.tap.port, real_films)
    assert not any(statuses), statuses
    assert len(site.arrived()) == len(real_films)


def test_an_object_that_is_announced_under_another_uid_is_refused(
    site: Site, films: FilmSet, tmp_path: Path
):
    """As pynetdicom does with a file whose header names another object than its data set."""
    one, other = films.films(PLAIN * 2)
    wrong = tmp_path / "wrong.dcm"
    uids = (read_object(path).sop_instance_uid.encode() for path in (one, other))
    wrong.write_bytes(one.read_bytes().replace(*uids, 1))
    assert send_by_pynetdicom(site.port, [wrong], as_it_lies=True) == [DOES_NOT_MATCH]
    site.keeps([])


@pytest.mark.parametrize("site", ["two-listeners", "stock-listener"], indirect=True)
def test_what_all_senders_send_at_once_is_kept(
    site: Site, films: FilmSet, sender_called: Callable[[str], Sender]
):
    senders = {name: sender_called(name) for name in NAMES}
    batches = {name: films.films(IMAGES) for name in senders}
    with ThreadPoolExecutor(len(senders)) as pool:
        list(pool.map(lambda who: senders[who].send(site.tap.port, batches[who]), senders))
    expected = {senders[who].expected(path) for who in senders for path in batches[who]}
    assert set(site.arrived()) == expected


@two_listeners
def test_two_processes_listen(site: Site):
    until(lambda: len(_listening(site)) == 2, "two processes listen")


def _listening(site: Site) -> set[int]:
    """Return the processes that said that they listen."""
    said = (json.loads(line) for line in site.log.read_text().splitlines())
    return {entry["pid"] for entry in said if entry.get("action") == "listening"}
