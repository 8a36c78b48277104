"""The corpus of real and malformed DICOM files against the whole daemon."""

from __future__ import annotations

import pytest

from tests.bench.memory import peak_megabytes
from tests.end_to_end.sending import send_as_it_is
from tests.waiting import until
from triage.presence import last_signs
from triage.roles import roles_of
from triage.store import Store
from triage.values import ImageState, ReadingClass, StudyState

pytestmark = pytest.mark.slow
LARGEST_MEMORY_MEGABYTES = 2048
REFUSED = {0xA700, 0xA900, 0xC000}


def test_every_file_of_the_corpus_is_answered_and_nothing_dies_of_it(start, test_data):
    daemon = start()
    pids = {
        sign.role: sign.pid
        for sign in last_signs(daemon.settings.state_folder, roles_of(daemon.settings))
    }
    files = sorted(path for path in (test_data / "dicom").rglob("*") if path.is_file())
    assert len(files) > 50
    answers = {path.name: send_as_it_is(daemon, path) for path in files}
    assert set(answers.values()) <= {0, *REFUSED}

    with Store.open(daemon.settings.state_folder) as store:
        until(
            lambda: all(
                entry.study_state is StudyState.DECIDED for entry in store.worklist_entries()
            ),
            "every study decided",
            240,
        )
        counts = store.counts()
        assert counts.images[ImageState.QUEUED] == counts.images[ImageState.CLAIMED] == 0
        # None of these files is a cervical film that the phantom's bundle is certified for.
        classes = {entry.reading_class for entry in store.worklist_entries()}
        assert ReadingClass.LIKELY_NORMAL not in classes
    assert pids == {
        sign.role: sign.pid
        for sign in last_signs(daemon.settings.state_folder, roles_of(daemon.settings))
    }
    for role, pid in pids.items():
        assert peak_megabytes(pid) < LARGEST_MEMORY_MEGABYTES, role
    refusals = [name for name, status in answers.items() if status]
    log = daemon.log.read_text()
    assert log.count("object_refused") >= len(refusals)
