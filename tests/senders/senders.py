"""Five real senders, each told to send some files, and what each makes of a file by itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, _config, build_context

from tests.peers import LOOPBACK, Orthanc, end, free_port, program, wait_for_port
from tests.senders.films import BY_OPENJPEG, CONVERT, ENCODE, dcmtk_form
from tests.senders.sites import AE_TITLE, header_of, read_object
from tests.senders.wire import SentObject
from triage.delivery.reactor import HELD_REACTOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NAMES = ("storescu", "dcmsend", "Orthanc", "dcmqrscp", "pynetdicom")
SECONDS = 60.0
ARCHIVES_AT_ONCE = 4

# How DCMTK's programs are told to propose a transfer syntax; with + in front they accept it.
OPTIONS = {
    "1.2.840.10008.1.2": "xi",
    "1.2.840.10008.1.2.1": "xe",
    "1.2.840.10008.1.2.2": "xb",
    "1.2.840.10008.1.2.1.99": "xd",
    "1.2.840.10008.1.2.4.50": "xy",
    "1.2.840.10008.1.2.4.51": "xx",
    "1.2.840.10008.1.2.4.70": "xs",
    "1.2.840.10008.1.2.4.80": "xt",
    "1.2.840.10008.1.2.4.81": "xu",
    "1.2.840.10008.1.2.4.90": "xv",
    "1.2.840.10008.1.2.4.91": "xw",
    "1.2.840.10008.1.2.4.100": "xm",
    "1.2.840.10008.1.2.4.101": "xh",
    "1.2.840.10008.1.2.4.102": "xn",
    "1.2.840.10008.1.2.4.103": "xl",
    "1.2.840.10008.1.2.4.104": "x2",
    "1.2.840.10008.1.2.4.105": "x3",
    "1.2.840.10008.1.2.4.106": "xo",
    "1.2.840.10008.1.2.4.107": "x4",
    "1.2.840.10008.1.2.4.108": "x5",
    "1.2.840.10008.1.2.5": "xr",
}
IMAGES = (*CONVERT, *ENCODE, *BY_OPENJPEG)

_ARCHIVE = """\
NetworkTCPPort = {own}
MaxPDUSize = 131072
MaxAssociations = 16
HostTable BEGIN
target = ({title}, localhost, {port})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE {folder}/ARCHIVE RW (100, 1024mb) ANY
AETable END
"""


class Sender(Protocol):
    """Something that sends files to a storage SCP.

    Attributes:
        syntaxes: The transfer syntaxes that it can propose for a film of ours.
    """

    syntaxes: tuple[str, ...]

    def send(self, port: int, files: Sequence[Path]) -> None:
        """Send files to a port of this machine; fails unless the sender reports success."""

    def can_send(self, path: Path) -> bool:
        """Return whether it can send a file, unless it makes another one of it before."""

    def expected(self, path: Path) -> SentObject:
        """Return what it sends of a file."""


class _OfDcmtk:
    """What is so for everything that is built with DCMTK."""

    syntaxes: tuple[str, ...] = tuple(OPTIONS)
    converts: frozenset[str] = frozenset()  # transfer syntaxes that it never proposes

    def can_send(self, _path: Path) -> bool:
        return True

    def expected(self, path: Path) -> SentObject:
        lying = read_object(path)
        header, syntax = header_of(lying), lying.transfer_syntax_uid
        if syntax in self.converts:
            syntax = str(ExplicitVRLittleEndian)
        identity = str(header.SOPClassUID), str(header.SOPInstanceUID)
        return SentObject(*identity, syntax, dcmtk_form(path, syntax))


class Storescu(_OfDcmtk):
    """DCMTK's storescu: an association for each transfer syntax."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, port: int, files: Sequence[Path]) -> None:
        for syntax, some in by_syntax(files):
            if syntax in OPTIONS:
                proposal = ["--required", f"-{OPTIONS[syntax]}"]
            else:
                proposal = ["--config-file", str(write_profile(self._folder, some)), "Files"]
            storescu(port, [*proposal], some)


class Dcmsend(_OfDcmtk):
    """DCMTK's dcmsend: an association for all files, with what it takes from their headers."""

    syntaxes = IMAGES
    converts = frozenset((ImplicitVRLittleEndian, ExplicitVRBigEndian))

    def send(self, port: int, files: Sequence[Path]) -> None:
        for some in without_namesakes(files):
            run(program("dcmsend"), "--call", AE_TITLE, LOOPBACK, port, *some)


class OrthancStore(_OfDcmtk):
    """Orthanc, which has got the files over REST and sends them to a modality."""

    syntaxes = IMAGES

    def __init__(self, orthanc: Orthanc) -> None:
        self._orthanc = orthanc
        self.ae_title, self.port = orthanc.ae_title, orthanc.dicom_port

    def send(self, port: int, files: Sequence[Path]) -> None:
        self.knows(port)
        for some in without_namesakes(files):
            job = {"Resources": self.upload(some), "Synchronous": True}
            done = self._ask("POST", "/modalities/target/store", json.dumps(job))
            assert (done["InstancesCount"], done["FailedInstancesCount"]) == (len(some), 0)

    def knows(self, port: int) -> None:
        """Tell it where the site is."""
        where = {"AET": AE_TITLE, "Host": LOOPBACK, "Port": port}
        self._orthanc._request("PUT", "/modalities/target", json.dumps(where))

    def upload(self, files: Sequence[Path]) -> list[str]:
        """Have it store files; return what it calls them."""
        return [self._ask("POST", "/instances", path.read_bytes())["ID"] for path in files]

    def _ask(self, method: str, path: str, body: object) -> dict[str, object]:
        return json.loads(self._orthanc._request(method, path, body))


class DcmqrscpMove(_OfDcmtk):
    """DCMTK's dcmqrscp, asked by movescu to send studies: one archive for each transfer syntax."""

    syntaxes = IMAGES

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def can_send(self, path: Path) -> bool:
        # The CT images have one name in many syntaxes, which would take an archive each.
        meta = read_file_meta_info(path)
        return meta.TransferSyntaxUID in OPTIONS and meta.MediaStorageSOPClassUID != CTImageStorage

    def send(self, port: int, files: Sequence[Path]) -> None:
        for some in without_namesakes(files):
            with ThreadPoolExecutor(ARCHIVES_AT_ONCE) as pool:
                list(pool.map(lambda one: self._move(port, *one), by_syntax(some)))

    def _move(self, port: int, syntax: str, files: Sequence[Path]) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        (folder / "ARCHIVE").mkdir()
        option = OPTIONS[syntax]
        own_port, log = free_port(), folder / "dcmqrscp.log"
        config = folder / "dcmqrscp.cfg"
        config.write_text(_ARCHIVE.format(own=own_port, title=AE_TITLE, port=port, folder=folder))
        command = [program("dcmqrscp"), "--config", config, f"+{option}", f"-{option}"]
        with log.open("wb") as output:
            process = subprocess.Popen([*command, "-v", "+B"], stdout=output, stderr=output)
        try:
            wait_for_port(process, own_port, log)
            storescu(own_port, ["--required", f"-{option}"], files, called="ARCHIVE")
            studies = {str(header_of(read_object(path)).StudyInstanceUID) for path in files}
            for study in sorted(studies):
                movescu(own_port, study, called="ARCHIVE")
        finally:
            end(process)


class PynetdicomScu:
    """pynetdicom's SCU, which sends the data set of a file as it lies there."""

    syntaxes = tuple(map(str, ALL_TRANSFER_SYNTAXES))

    def send(self, port: int, files: Sequence[Path]) -> None:
        statuses = send_by_pynetdicom(port, files, as_it_lies=True)
        assert not any(statuses), statuses

    def can_send(self, path: Path) -> bool:
        # It names the object as the file's header does: that is refused if it is not so.
        lying = read_object(path)
        return bool(header_of(lying).SOPInstanceUID == lying.sop_instance_uid)

    def expected(self, path: Path) -> SentObject:
        return read_object(path)


def send_by_pynetdicom(port: int, files: Sequence[Path], *, as_it_lies: bool = False) -> list[int]:
    """Send files in one association; return the statuses.

    Args:
        port: Where to.
        files: What.
        as_it_lies: Send the bytes of the data set, which is else read and encoded anew.
    """
    metas = [read_file_meta_info(path) for path in files]
    proposed = {(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID) for meta in metas}
    entity = AE("PYNETDICOM")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = SECONDS
    contexts = [build_context(*pair) for pair in sorted(proposed)]
    association = entity.associate(
        LOOPBACK, port, contexts, ae_title=AE_TITLE, evt_handlers=[HELD_REACTOR]
    )
    connection = association.dul.socket
    assert association.is_established
    assert len(association.accepted_contexts) == len(contexts)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", as_it_lies)
            return [association.send_c_store(path).Status for path in files]
    finally:
        association.release()
        connection.close()  # the library leaves it open when the other end was first


def storescu(
    port: int, options: Sequence[object], files: Sequence[Path], called: str = AE_TITLE
) -> None:
    """Send files by DCMTK's storescu, which reports success when each of them was taken."""
    run(program("storescu"), "--call", called, *options, LOOPBACK, port, *files)


def movescu(port: int, study_instance_uid: str, called: str) -> None:
    """Ask an archive to send a study to the site (C-MOVE)."""
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_instance_uid}"]
    run(program("movescu"), "-S", "--call", called, "--move", AE_TITLE, *keys, LOOPBACK, port)


def run(*command: object) -> str:
    """Run a program that must succeed; return what it printed."""
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def by_syntax(files: Iterable[Path]) -> Iterator[tuple[str, list[Path]]]:
    """Yield files by their transfer syntax."""
    some = defaultdict(list)
    for path in files:
        some[str(read_file_meta_info(path).TransferSyntaxUID)].append(path)
    yield from some.items()


def without_namesakes(files: Iterable[Path]) -> Iterator[list[Path]]:
    """Yield files in groups in which no two have one SOP Instance UID."""
    groups: list[dict[str, Path]] = []
    for path in files:
        uid = str(header_of(read_object(path)).SOPInstanceUID)
        group = next((one for one in groups if uid not in one), None)
        if group is None:
            groups.append(group := {})
        group[uid] = path
    yield from (list(group.values()) for group in groups)


def write_profile(folder: Path, files: Sequence[Path]) -> Path:
    """Write an association profile of DCMTK (asconfig.txt) with a context for what files need."""
    metas = [read_file_meta_info(path) for path in files]
    pairs = sorted({(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID) for meta in metas})
    syntaxes = sorted({syntax for _, syntax in pairs})
    lines = ["[[TransferSyntaxes]]"]
    lines += [f"[Syntax{syntaxes.index(one)}]\nTransferSyntax1 = {one}" for one in syntaxes]
    lines += ["[[PresentationContexts]]", "[Files]"]
    lines += [
        f"PresentationContext{number} = {sop_class}\\Syntax{syntaxes.index(syntax)}"
        for number, (sop_class, syntax) in enumerate(pairs, start=1)
    ]
    lines += ["[[Profiles]]", "[Files]", "PresentationContexts = Files", ""]
    path = folder / "profile.cfg"
    path.write_text("\n".join(lines))
    return path
