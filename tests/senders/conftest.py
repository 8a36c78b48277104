"""Factories for the senders' room: sites that listen, films to send, and those who send them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peers import program, start_orthanc
from tests.senders.films import FilmSet
from tests.senders.senders import (
    NAMES,
    DcmqrscpMove,
    Dcmsend,
    OrthancStore,
    PynetdicomScu,
    Storescu,
)
from tests.senders.sites import Site, start_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.senders.senders import Sender

STOCK = Path(__file__).with_name("stock_listener.py")
# One process takes PDUs as long as is usual; two take any, pynetdicom's objects in one PDU each.
SITES = {
    "one-listener": {"listeners": 1},
    "two-listeners": {"listeners": 2, "maximum_pdu_bytes": 0},
    "stock-listener": {"program": [STOCK]},
}


@pytest.fixture(scope="session", params=["one-listener"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Return a running site with one listener, or of the kind that a test names."""
    folder = tmp_path_factory.mktemp("site") / "site"
    with start_site(folder, **SITES[request.param]) as running:
        yield running


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> FilmSet:
    """Return films in every transfer syntax, new ones each time."""
    for name in ("dcmconv", "dcmcjpeg", "dcmcjpls", "dcmcrle"):
        program(name)
    return FilmSet(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def real_films(test_data: Path) -> list[Path]:
    """Return real films, presentation states and CT images in all the syntaxes there are."""
    folders = (test_data / "dicom" / "radiographs", test_data / "dicom" / "transfer_syntaxes")
    return [path for folder in folders for path in sorted(folder.rglob("*.dcm"))]


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancStore]:
    """Return a running Orthanc that ends its associations at once and lets anybody move."""
    options = {
        "DicomAssociationCloseDelay": 0,
        "DicomAlwaysAllowMove": True,
        "OverwriteInstances": True,
    }
    with start_orthanc(tmp_path_factory.mktemp("orthanc"), options=options) as peer:
        yield OrthancStore(peer)


@pytest.fixture
def sender_called(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Sender]:
    """Return a function that returns the sender of a name."""
    makers: dict[str, Callable[[], Sender]] = {
        "storescu": lambda: Storescu(tmp_path),
        "dcmsend": Dcmsend,
        "Orthanc": lambda: request.getfixturevalue("orthanc"),
        "dcmqrscp": lambda: DcmqrscpMove(tmp_path),
        "pynetdicom": PynetdicomScu,
    }
    return lambda name: makers[name]()


@pytest.fixture(params=NAMES)
def sender(request: pytest.FixtureRequest, sender_called: Callable[[str], Sender]) -> Sender:
    """Return each of the senders in turn."""
    return sender_called(request.param)
