"""Factories for UPS-RS: a running site with its client, a peer, and a list that is long."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import ALGORITHM, RunningWeb
from tests.web.dicomweb.items import UpsClient
from triage.settings import Peer
from triage.values import UserRole
from triage.web.access.tokens import new_token, token_hash

if TYPE_CHECKING:
    from collections.abc import Callable

# What differs between a study and its copies; "n" counts them.
_DIFFERENT = {
    "studies": {"study_instance_uid": "study_instance_uid || '.' || n"},
    "work_items": {
        "work_item_uid": "work_item_uid || '.' || n",
        "study_instance_uid": "study_instance_uid || '.' || n",
        "named_study_uid": "named_study_uid || '.' || n",
    },
    "instances": {
        "instance_id": "1000000 + n",
        "sop_instance_uid": "sop_instance_uid || '.' || n",
        "study_instance_uid": "study_instance_uid || '.' || n",
        "path": "path || '.' || n",
    },
}


@pytest.fixture
def token(morning):
    """The token of a machine that may read and change the list."""
    text = new_token()
    assert morning.store.add_user("viewer", (UserRole.READER,), "")
    assert morning.store.set_user_token("viewer", token_hash(text))
    return text


@pytest.fixture
def ups(serve, token):
    """A client of the morning's site, which is served."""
    running = serve()
    with running.client() as http:
        yield UpsClient(http, running.url, token)


@pytest.fixture
def ups_of_peer(morning, token):
    """A client of a site that has the DIMSE peer PACS1."""
    peer = Peer(name="pacs", ae_title="PACS1", address="127.0.0.1", port=1104)
    running = RunningWeb(
        replace(morning.settings(), peers=(peer,)),
        read=lambda _folder: ALGORITHM,
        clock=morning.clock,
    ).start()
    with running.client() as http:
        yield UpsClient(http, running.url, token)
    running.stop()


@pytest.fixture
def many_studies(morning) -> Callable[[int], None]:
    """Return a function that fills the list with so many studies, in one transaction."""

    def fill(number: int) -> None:
        morning.receive()
        with closing(sqlite3.connect(morning.folder / "triage.db")) as database, database:
            for table, different in _DIFFERENT.items():
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                values = [different.get(column, column) for column in columns]
                database.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - names of ours
                    "WITH RECURSIVE numbers(n) AS "
                    "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
                    f"SELECT {', '.join(values)} FROM {table}, numbers",
                    (number - 1,),
                )

    return fill
