"""Films to send: a made-up cervical spine film in every transfer syntax, and DCMTK's form of one.

The encoders are DCMTK's, and for JPEG 2000 OpenJPEG's. What nobody here can encode is carried as
opaque bytes: to a sender and a receiver a compressed frame is nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filereader import read_file_meta_info
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    JPEG2000,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.senders.sites import DEFLATED, end_of_meta, inflated, read_object

if TYPE_CHECKING:
    from collections.abc import Iterable

STUDY = f"2.25.{10**38}"  # of the originals
ROWS, COLUMNS = 400, 320
# So many bytes that the UIDs of study and series come late, and the header fills PDUs.
PRIVATE_BYTES = 80_000

CONVERT = {  # dcmconv's option
    ExplicitVRLittleEndian: "+te",
    ImplicitVRLittleEndian: "+ti",
    ExplicitVRBigEndian: "+tb",
    DeflatedExplicitVRLittleEndian: "+td",
}
ENCODE = {  # +un: leave the SOP Instance UID alone
    JPEGBaseline8Bit: ("dcmcjpeg", "+eb", "+un"),
    JPEGExtended12Bit: ("dcmcjpeg", "+ee", "+un"),
    JPEGLosslessSV1: ("dcmcjpeg", "+e1"),
    JPEGLSLossless: ("dcmcjpls", "+el"),
    JPEGLSNearLossless: ("dcmcjpls", "+en", "+un"),
    RLELossless: ("dcmcrle",),
}
BY_OPENJPEG = {JPEG2000Lossless: {}, JPEG2000: {"j2k_cr": [10]}}  # ratio of compression


class FilmSet:
    """A film in each transfer syntax, encoded once, handed out under new UIDs each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._originals: dict[str, Path] = {}
        self._count = 0

    def films(self, syntaxes: Iterable[str]) -> list[Path]:
        """Write a film in each of some transfer syntaxes, all of one study that is new."""
        self._count += 1
        folder = self._folder / f"set-{self._count}"
        folder.mkdir(parents=True)
        study = _uid()
        return [
            self._film(folder / f"{number:02}.dcm", str(syntax), study)
            for number, syntax in enumerate(syntaxes)
        ]

    def _film(self, path: Path, syntax: str, study: str) -> Path:
        if syntax not in self._originals:
            self._originals[syntax] = _original(self._folder / f"{syntax}.dcm", syntax)
        content = self._originals[syntax].read_bytes()
        instance = read_object(self._originals[syntax]).sop_instance_uid
        path.write_bytes(_renamed(content, syntax, {instance: _uid(), STUDY: study}))
        return path


def _uid() -> str:
    """Return a new UID that is as long as every other of these."""
    return f"2.25.{10**38 + secrets.randbelow(10**38)}"


def _renamed(content: bytes, syntax: str, names: dict[str, str]) -> bytes:
    """Return a file with other UIDs of the same length."""
    end = end_of_meta(content)
    meta, data_set = content[:end], content[end:]
    if syntax in DEFLATED:
        data_set = inflated(data_set)
    for old, new in names.items():
        assert len(old) == len(new)
        assert old.encode() in data_set
        meta, data_set = (part.replace(old.encode(), new.encode()) for part in (meta, data_set))
    if syntax in DEFLATED:
        data_set = _deflated(data_set)
    return meta + data_set


@functools.cache
def dcmtk_form(path: Path, syntax: str) -> bytes:
    """Return the data set of a file as DCMTK sends it in a transfer syntax.

    DCMTK reads a file and writes it anew: sequences and items get explicit lengths, odd lengths
    are made even, group lengths (retired) are computed again, and padding at the end is left out.
    dcmconv does just that to a file; what these programs have written needs no more of it, but
    that everything deflated is deflated once more.
    """
    meta = read_file_meta_info(path)
    written_by = meta.get("ImplementationVersionName"), meta.TransferSyntaxUID
    if written_by == (_version(), syntax) and syntax not in DEFLATED:
        return read_object(path).data_set
    change = CONVERT.get(syntax, "+t=")
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder) / "sent.dcm"
        subprocess.run(["dcmconv", "--quiet", "-p", change, path, sent], check=True, timeout=60)
        data_set = read_object(sent).data_set
    return _even(data_set)  # dcmconv leaves a deflated one odd, which nothing may send


@functools.cache
def _version() -> str:
    """Return what the DCMTK that is installed writes as Implementation Version Name."""
    told = subprocess.run(["dcmconv", "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", told.stdout)
    assert found, told.stdout
    return "OFFIS_DCMTK_" + "".join(found.groups())


def _deflated(data_set: bytes) -> bytes:
    return _even(zlib.compress(data_set, level=1, wbits=-zlib.MAX_WBITS))


def _even(data_set: bytes) -> bytes:
    """Return a data set with the byte that makes its length even (PS3.5 A.5)."""
    return data_set + bytes(len(data_set) % 2)


def _original(path: Path, syntax: str) -> Path:
    film = _header(8 if syntax == JPEGBaseline8Bit else 12)
    if syntax in CONVERT or syntax in ENCODE or syntax in BY_OPENJPEG:
        film.PixelData = _pixels(film.BitsAllocated)
        _write(film, path, ExplicitVRLittleEndian)
        _encode(film, path, syntax)
    elif syntax in DEFLATED:
        film.PixelDataProviderURL = "https://pacs.invalid/jpip"
        _write(film, path, syntax)
        content = path.read_bytes()
        end = end_of_meta(content)
        path.write_bytes(content[:end] + _deflated(content[end:]))
    else:
        frame = _noise(syntax, 200_000)
        film.PixelData = encapsulate([frame, frame[::-1]])
        film["PixelData"].VR = "OB"
        film["PixelData"].is_undefined_length = True
        _write(film, path, syntax)
    return path


def _encode(film: Dataset, path: Path, syntax: str) -> None:
    if syntax in BY_OPENJPEG:
        options = BY_OPENJPEG[syntax]
        film.compress(syntax, encoding_plugin="pylibjpeg", generate_instance_uid=False, **options)
        _write(film, path, syntax)
        subprocess.run(["dcmconv", "-p", path, path], check=True, timeout=60)
        return
    # DCMTK's own files come out of its senders as they are.
    command = ENCODE.get(syntax) or ("dcmconv", CONVERT[syntax])
    subprocess.run([*command, path, path], check=True, timeout=60, capture_output=True)


def _write(film: Dataset, path: Path, syntax: str) -> None:
    film.file_meta.TransferSyntaxUID = syntax
    film.save_as(path, enforce_file_format=True)


def _noise(name: str, count: int) -> bytes:
    """Return bytes that no encoder makes smaller, the same ones each time."""
    return hashlib.shake_256(name.encode()).digest(count)


@functools.cache
def _pixels(bits_allocated: int) -> bytes:
    """Return a soft gradient with some noise, within the bits that are stored."""
    gradient = ((row + column) % 200 for row in range(ROWS) for column in range(COLUMNS))
    noise = _noise("pixels", ROWS * COLUMNS)
    values = [value + byte % 16 for value, byte in zip(gradient, noise, strict=True)]
    if bits_allocated == 8:
        return bytes(values)
    return b"".join((value * 16).to_bytes(2, "little") for value in values)


def _header(bits_stored: int) -> Dataset:
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.SpecificCharacterSet = "ISO_IR 192"
    film.SOPClassUID = ComputedRadiographyImageStorage
    film.SOPInstanceUID, film.SeriesInstanceUID = _uid(), _uid()
    film.StudyInstanceUID = STUDY
    film.Modality, film.BodyPartExamined, film.ViewPosition = "CR", "CSPINE", "LL"
    film.PatientName, film.PatientID = "Nobody^Žofie", "P1"
    film.StudyDate, film.StudyTime = "20260101", "0800"
    film.AccessionNumber, film.StudyID = "A1", "1"
    film.SeriesNumber, film.InstanceNumber = 1, 1
    film.InstitutionName = ""
    block = film.private_block(0x0019, "TRIAGE TEST", create=True)
    block.add_new(0x01, "OB", _noise("private", PRIVATE_BYTES))
    block.add_new(0x02, "LO", "odd")
    film.AnatomicRegionSequence = [_code("T-11501", "SRT", "Cervical spine")]
    film["AnatomicRegionSequence"].is_undefined_length = True
    film.ViewCodeSequence = DicomSequence()
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.Rows, film.Columns = ROWS, COLUMNS
    film.BitsAllocated = 8 if bits_stored == 8 else 16
    film.BitsStored, film.HighBit, film.PixelRepresentation = bits_stored, bits_stored - 1, 0
    return film


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
