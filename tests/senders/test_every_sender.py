"""Whatever sends to us, and in whatever transfer syntax: what is kept is what was sent."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import pytest

from tests.peers import free_port, start_storescp
from tests.senders.sites import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.senders.films import FilmSet
    from tests.senders.senders import Sender
    from tests.senders.sites import Site
    from tests.senders.wire import SentObject

# One of each kind: sent as it is, converted, deflated, compressed.
SOME = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.91",
)
_NAME = attrgetter("sop_instance_uid", "transfer_syntax_uid")


def test_every_transfer_syntax_of_a_sender_is_kept_byte_for_byte(
    site: Site, sender: Sender, films: FilmSet
):
    files = films.films(sender.syntaxes)
    sender.send(site.tap.port, files)
    _agree(site.arrived(), sender, files)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # one real film has such a UID
def test_real_films_of_a_sender_are_kept_byte_for_byte(
    site: Site, sender: Sender, real_films: list[Path]
):
    files = [path for path in real_films if sender.can_send(path)]
    assert len({read_object(path).transfer_syntax_uid for path in files}) >= 10
    sender.send(site.tap.port, files)
    _agree(site.arrived(), sender, files)


def test_we_keep_what_a_receiver_of_others_keeps(
    site: Site, sender: Sender, films: FilmSet, tmp_path: Path
):
    """DCMTK's storescp writes what it reads, and nothing stands between it and a sender."""
    files = films.films(SOME)
    bit_by_bit = ["--bit-preserving", "--accept-all"]
    with start_storescp(tmp_path, port=free_port(), arguments=bit_by_bit) as reference:
        sender.send(reference.port, files)
        received = list(map(read_object, reference.files()))
    assert len(received) == len(files)
    sender.send(site.port, files)
    site.keeps(received)


def _agree(arrived: Iterable[SentObject], sender: Sender, files: Sequence[Path]) -> None:
    """Check that each file arrived once, in the form that its sender gives it."""
    assert sorted(arrived, key=_NAME) == sorted(map(sender.expected, files), key=_NAME)
