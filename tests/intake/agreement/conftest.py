"""A spool and its index, and films in the one, the other, or both."""

from __future__ import annotations

import hashlib
import itertools
import os
from datetime import UTC, datetime, timedelta

import pytest
from pydicom import dcmwrite

from tests.intake.agreement.helpers import HOUR
from triage.intake.header import read_header
from triage.store import Arrival, Store, StoredFile
from triage.values import ImageState


@pytest.fixture
def store(tmp_path):
    """Return an empty store."""
    with Store.open(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def lay(store):
    """Return a function that lays a film into the spool, without a row."""
    numbers = itertools.count()

    def put(film, folder: str = HOUR, minute: float = 10) -> str:
        path = store.state_folder / "spool" / folder / f"film-{next(numbers)}.dcm"
        path.parent.mkdir(exist_ok=True)
        dcmwrite(path, film, enforce_file_format=True)
        begin = datetime(2026, 11, 21, 14, tzinfo=UTC) + timedelta(minutes=minute)
        os.utime(path, (begin.timestamp(), begin.timestamp()))
        return str(path.relative_to(store.state_folder))

    return put


@pytest.fixture
def keep(store, lay):
    """Return a function that lays a film into the spool and records it; returns its path."""

    def put(film, **where) -> str:
        path = lay(film, **where)
        content = (store.state_folder / path).read_bytes()
        file = StoredFile(path, len(content), hashlib.sha256(content).hexdigest())
        facts = read_header(store.state_folder / path)
        store.record_instances([Arrival(facts, file, ImageState.QUEUED, "", "MODALITY")])
        return path

    return put
