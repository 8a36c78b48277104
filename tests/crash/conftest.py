"""Factories for the crash room: campaigns, and state folders that are right to begin with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.crash.campaign import Plan, run
from tests.crash.films import chance_of, draw_study
from tests.crash.ledger import Ledger
from tests.factories import make_facts
from triage.intake.part10 import file_meta
from triage.intake.spool import ObjectIdentity
from triage.store import Store, StoredFile
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.crash.campaign import Outcome
    from tests.crash.films import Film


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., Outcome]:
    """Return a function that carries a campaign out; keywords are those of its plan."""
    return lambda **planned: run(Plan(**planned), tmp_path)


@pytest.fixture
def film() -> Film:
    return draw_study(chance_of(1))[0]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def acknowledge(ledger: Ledger) -> Callable[[Film], None]:
    """Return a function that notes a film as sent and acknowledged."""

    def note(film: Film) -> None:
        digest = hashlib.sha256(film.data_set()).hexdigest()
        ledger.begin(film.study, film.instance, digest, 0)
        ledger.acknowledge(film.instance, digest)

    return note


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Film], Path]:
    """Return a function that keeps a film as a listener does, and returns its file."""
    state = tmp_path / "state"
    numbers = iter(range(100))

    def record(film: Film) -> Path:
        identity = ObjectIdentity(film.kind.sop_class_uid, film.instance, film.kind.syntax)
        content = file_meta(identity) + film.data_set()
        name = f"spool/{next(numbers)}.dcm"
        with Store.open(state) as store:
            (state / name).write_bytes(content)
            store.record_instance(
                make_facts(film.study, film.instance),
                StoredFile(name, len(content), hashlib.sha256(content).hexdigest()),
                state=ImageState.QUEUED,
                calling_ae_title="MODALITY",
            )
        return state / name

    return record
