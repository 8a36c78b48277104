"""The listener as a site runs it, with a tap in front, and what must be true of all it took."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import zlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.peers import LOOPBACK, Peer, end, free_port
from tests.senders.wire import SentObject, Tap
from tests.waiting import until
from triage.settings import default_settings, render_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom.dataset import Dataset

    from tests.senders.wire import Conversation
    from triage.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
AE_TITLE = "TRIAGE"
# The data set as a whole is deflated (PS3.5 A.5), also under the two JPIP syntaxes that say so.
DEFLATED = frozenset(
    ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
)
_UIDS = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
_ROWS = "SELECT * FROM instances ORDER BY sop_instance_uid, version"
_COMPLAINTS = ('"level": "error"', '"level": "critical"', "Traceback")


@dataclass
class Site(Peer):
    """A listener in processes of its own.

    Attributes:
        tap: Senders connect to its port; it hands on to the listener.
    """

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path
    tap: Tap
    _sent: defaultdict[str, list[SentObject]] = field(default_factory=lambda: defaultdict(list))
    _seen: dict[str, SentObject] = field(default_factory=dict)
    _read: int = 0

    @property
    def port(self) -> int:
        """Port of the listener itself, past the tap."""
        return self.settings.listener.port

    def arrived(self) -> list[SentObject]:
        """Return the objects that came through the tap since the last call, all of them kept."""
        return [one.sent for heard in self.heard() for one in heard.transfers]

    def heard(self) -> list[Conversation]:
        """Return the associations that came through the tap since the last call.

        Everything in them was answered with success and is kept as it was sent.
        """
        conversations = self.tap.conversations()
        transfers = [transfer for one in conversations for transfer in one.transfers]
        refused = [one for one in transfers if one.status != 0]
        assert not refused, f"not answered with success: {refused}"
        self.keeps(one.sent for one in transfers)
        return conversations

    def keeps(self, objects: Iterable[SentObject]) -> None:
        """Check that the site keeps objects that were just sent, and nothing that never was.

        What it keeps under a UID is the history of what was sent under it, to the last byte of
        every data set. Bytes that were sent twice in a row are kept once.
        """
        for one in objects:
            history = self._sent[one.sop_instance_uid]
            if history[-1:] != [one]:
                history.append(one)
        kept, sent = self._kept(), self._sent
        self._sent = kept  # so that one failure is told once
        different = [uid for uid in kept.keys() | sent if kept[uid] != sent[uid]]
        assert not different, [(kept[uid], sent[uid]) for uid in different]

    def says(self, words: str) -> bool:
        """Return whether the listener has logged something with these words."""
        return words in self.log.read_text()

    def complaints(self) -> list[str]:
        """Return what the listener has logged since the last call that it should not have to."""
        lines = self.log.read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return [line for line in new if any(words in line for words in _COMPLAINTS)]

    def stop(self) -> None:
        """Stop it in order, and check that it had nothing to complain of."""
        end(self.process)
        self.tap.stop()
        complaints = self.complaints()
        assert not complaints, complaints
        assert self.process.returncode == 0, f"the listener ended with {self.process.returncode}"

    def _kept(self) -> defaultdict[str, list[SentObject]]:
        """Return the history of every UID, oldest first."""
        histories: defaultdict[str, list[SentObject]] = defaultdict(list)
        database = f"file:{self.settings.state_folder / 'triage.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(database, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            for row in connection.execute(_ROWS):
                kept = self._seen.get(row["path"]) or _read_row(self.settings.state_folder, row)
                self._seen[row["path"]] = kept
                histories[row["sop_instance_uid"]].append(kept)
        spooled = (self.settings.state_folder / "spool").rglob("*.dcm")
        assert len(list(spooled)) == len(self._seen), "a file in the spool has no row"
        return histories


def start_site(
    folder: Path, program: Sequence[object] = ("-m", "triage"), **listening: object
) -> Site:
    """Start a listener by the command that a site uses, and wait until it listens.

    Args:
        folder: Everything goes there; it is made.
        program: What Python runs.
        listening: Settings of the listener.
    """
    folder.mkdir(parents=True)
    settings = default_settings(folder / "state")
    chosen = {"address": LOOPBACK, "port": free_port(), "minimum_free_megabytes": 1, **listening}
    settings = replace(settings, listener=replace(settings.listener, **chosen))
    config, log = folder / "triage.toml", folder / "listener.log"
    config.write_text(render_toml(settings))
    command = [sys.executable, *program, "serve", "--role", "listener", "--config", config]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    ready = "role_ready"  # a listener that has said so; the port may be open before
    until(lambda: ready in log.read_text() or process.poll() is not None, "the listener is ready")
    assert process.poll() is None, log.read_text()
    return Site(settings, process, log, Tap(settings.listener.port))


def read_object(path: Path) -> SentObject:
    """Return what a DICOM file holds, its data set as the bytes that they are."""
    meta, content = read_file_meta_info(path), path.read_bytes()
    return SentObject(
        str(meta.MediaStorageSOPClassUID),
        str(meta.MediaStorageSOPInstanceUID),
        str(meta.TransferSyntaxUID),
        content[end_of_meta(content) :],
    )


def header_of(sent: SentObject) -> Dataset:
    """Return the UIDs in a data set, whatever its transfer syntax."""
    syntax = sent.transfer_syntax_uid
    encoded = inflated(sent.data_set) if syntax in DEFLATED else sent.data_set
    encoding = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    return read_dataset(io.BytesIO(encoded), *encoding, specific_tags=list(map(Tag, _UIDS)))


def inflated(data_set: bytes) -> bytes:
    """Return a deflated data set as it was; the byte that makes its length even is left out."""
    return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(data_set)


def _read_row(state_folder: Path, row: sqlite3.Row) -> SentObject:
    """Return what a row's file holds; what the row says of the file is checked to be so."""
    path = state_folder / row["path"]
    content, kept = path.read_bytes(), read_object(path)
    header, facts = header_of(kept), json.loads(row["facts"])
    told = (
        row["size_bytes"],
        row["sha256"],
        row["sop_class_uid"],
        row["sop_instance_uid"],
        facts["transfer_syntax_uid"],
        row["study_instance_uid"],
        facts["series_instance_uid"],
    )
    true = (
        len(content),
        hashlib.sha256(content).hexdigest(),
        kept.sop_class_uid,
        kept.sop_instance_uid,
        kept.transfer_syntax_uid,
        header.StudyInstanceUID,
        header.SeriesInstanceUID,
    )
    assert told == true, f"a row does not say what is so: {told} but {true}"
    assert (header.SOPClassUID, header.SOPInstanceUID) == true[2:4], f"another header: {true}"
    return kept


def end_of_meta(content: bytes) -> int:
    """Return where the data set begins: after preamble, prefix and group 0002 (PS3.10 7.1)."""
    assert content[128:140] == b"DICM\x02\x00\x00\x00UL\x04\x00"
    return 144 + int.from_bytes(content[140:144], "little")
