"""`triage check` tells whether spool and index agree, and `--repair` makes them agree."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)
from rich.console import Console

from triage.commands.repair import compare, repair
from triage.demo.stage import demonstration_settings
from triage.errors import TriageError
from triage.settings import render_toml
from triage.store import Store
from triage.values import ImageState

HOUR = "20261121T14"


@pytest.fixture
def settings(tmp_path):
    """Return settings that work, without destinations."""
    return replace(demonstration_settings(tmp_path, "PACS", 11119, 0), destinations=())


@pytest.fixture
def lay(settings):
    """Return a function that lays a film into the spool, without a row; returns its UID."""

    def put(name: str = "film.dcm") -> str:
        film = Dataset()
        film.SOPClassUID = DigitalXRayImageStorageForPresentation
        film.SOPInstanceUID, film.StudyInstanceUID = generate_uid(), generate_uid()
        film.SeriesInstanceUID = generate_uid()
        film.Modality, film.BodyPartExamined = "DX", "CSPINE"
        film.PatientName, film.PatientID = "Nobody^Any", "P-4711"
        film.PixelData = bytes(100)
        film["PixelData"].VR = "OW"
        film.file_meta = FileMetaDataset()
        film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        Store.open(settings.state_folder).close()
        path = settings.state_folder / "spool" / HOUR / name
        path.parent.mkdir(exist_ok=True)
        dcmwrite(path, film, enforce_file_format=True)
        return str(film.SOPInstanceUID)

    return put


@pytest.fixture
def mend(settings):
    """Return a function that mends and returns what was printed, and the clause of the end."""

    def run(*, thorough: bool = False) -> tuple[str, str]:
        output = io.StringIO()
        console = Console(file=output, highlight=False, soft_wrap=True)
        return repair(settings, console, thorough=thorough), output.getvalue()

    return run


@pytest.fixture
def triage(settings, tmp_path):
    """Return a function that runs a command in a process of its own."""
    config = tmp_path / "triage.toml"
    config.write_text(render_toml(settings))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "triage", *words, "--config", config],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def told(settings, *, thorough=False, repaired=False):
    """Return what a check finds wrong with spool and index."""
    with pytest.raises(TriageError) as error:
        compare(settings, thorough=thorough, repaired=repaired)
    return str(error.value)


def agree(settings, *, thorough=False):
    """Return what a check says of a spool and an index that agree."""
    return compare(settings, thorough=thorough, repaired=False)


def only_image(settings, instance_uid):
    with Store.open(settings.state_folder) as store:
        (entry,) = store.worklist_entries()
        (image,) = store.study(entry.study_instance_uid).instances
    assert image.sop_instance_uid == instance_uid
    return image


def test_a_check_fails_and_says_how_to_mend_then_mends_and_passes(settings, triage, lay):
    uid = lay()
    (settings.state_folder / "incoming" / "0123.part").write_bytes(b"half")
    failed = triage("check", "--no-peers")
    assert failed.returncode == 1
    assert "FAIL spool and index" in failed.stdout
    assert "files without a row: 1" in failed.stdout
    assert "leftovers of broken receptions: 1" in failed.stdout
    assert "triage check --repair" in failed.stdout
    with Store.open(settings.state_folder) as store:
        assert store.worklist_entries() == ()  # a look changes nothing

    mended = triage("check", "--no-peers", "--repair", "--thorough")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert f"spool/{HOUR}/film.dcm: recorded: instance {uid}" in mended.stdout
    assert "incoming/0123.part: removed" in mended.stdout
    assert "2 changed, 0 left" in mended.stdout
    assert "they agree; recorded files: 1" in mended.stdout
    assert only_image(settings, uid).state is ImageState.QUEUED
    for words in (failed, mended):
        assert "Nobody" not in words.stdout + words.stderr
        assert "4711" not in words.stdout + words.stderr
        assert "Traceback" not in words.stderr


def test_a_repair_that_leaves_something_for_a_person_fails_and_names_it(settings, triage, lay):
    lay()
    (settings.state_folder / "spool" / HOUR / "notes.txt").write_text("hello")
    done = triage("check", "--no-peers", "--repair")
    assert done.returncode == 1
    assert f"spool/{HOUR}/notes.txt: is none of the spool's files" in done.stdout
    assert "1 changed, 1 left" in done.stdout
    assert "such as" in done.stdout


def test_a_spool_that_is_not_mounted_is_told_and_nothing_is_changed(settings, triage, lay, mend):
    uid = lay()
    mend()
    spool = settings.state_folder / "spool"
    spool.rename(spool.with_name("away"))
    done = triage("check", "--no-peers", "--repair")
    assert done.returncode == 1
    assert "mount" in done.stdout
    assert "Traceback" not in done.stderr
    assert only_image(settings, uid).state is ImageState.QUEUED


def test_an_empty_site_agrees(settings):
    assert agree(settings) == "they agree; recorded files: 0"


def test_a_lost_file_fails_the_check_until_the_index_knows(settings, lay, mend):
    uid = lay()
    mend()
    path = settings.state_folder / only_image(settings, uid).path
    path.unlink()
    assert "rows without their file: 1" in told(settings)
    _, lines = mend()
    assert f"instance {uid}" in lines
    assert "send the image again" in lines
    assert (
        agree(settings)
        == "they agree; recorded files: 1; images noted as lost, to be sent again: 1"
    )


def test_other_bytes_of_the_same_length_are_found_when_every_file_is_read(settings, lay, mend):
    uid = lay()
    mend()
    path = settings.state_folder / only_image(settings, uid).path
    with path.open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"xyz")
    assert agree(settings).startswith("they agree")
    assert "damaged files: 1" in told(settings, thorough=True)
    _, lines = mend(thorough=True)
    assert "damaged; set aside" in lines
    assert only_image(settings, uid).state is ImageState.SET_ASIDE
    assert agree(settings, thorough=True).startswith("they agree")


def test_of_many_that_need_a_person_three_are_named(settings, lay):
    lay()
    for number in range(9):
        (settings.state_folder / "spool" / f"note{number}").write_text("hello")
    finding = told(settings, repaired=True)
    assert "none of its files: 9" in finding
    assert finding.count("spool/note") + finding.count(".dcm") == 3
    assert "lines above" in finding


def test_a_name_cannot_write_to_the_terminal(settings, lay, mend):
    lay()
    evil = os.fsencode(settings.state_folder / "spool") + b"/evil\x1b[2J\xff\n"
    with open(evil, "wb"):  # noqa: PTH123 - a name that is no text
        pass
    _, lines = mend()
    assert "evil\\x1b[2J\\udcff\\n" in lines
    assert "\x1b" not in lines
    assert "\x1b" not in told(settings)
