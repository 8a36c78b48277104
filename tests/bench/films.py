"""The films that the intake benchmark sends, made on the fly, and storescu, which sends them."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    JPEG2000,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

if TYPE_CHECKING:
    from tests.bench.receivers import Receiver

MEGABYTE = 1_000_000
FULL_SIZE = (2800, 2304)  # rows and columns of a DX of 12.9 MB
SMALL_SIZE = (512, 512)
GREY_LEVELS = 4096  # 12 bits
ANATOMY_GRID = (28, 24)  # support points of the smooth part of a film
ANATOMY_CONTRAST = 300.0  # grey levels
GRAIN = 8.0  # grey levels: with this noise lossless JPEG comes to 4 to 5 MB, as of real films

# What storescu has to propose for a film in a compressed transfer syntax.
PROPOSALS = {
    JPEGLosslessSV1: "-xs",
    JPEGBaseline8Bit: "-xy",
    JPEGExtended12Bit: "-xx",
    JPEG2000Lossless: "-xv",
    JPEG2000: "-xw",
    JPEGLSLossless: "-xt",
    JPEGLSNearLossless: "-xu",
    RLELossless: "-xr",
}


# storescu's log: seconds and milliseconds of each event, as it came about, and what it was.
SENDER_LOG = """\
log4cplus.rootLogger = INFO, out
log4cplus.logger.dcmtk.apps.storescu.progress = WARN
log4cplus.appender.out = log4cplus::ConsoleAppender
log4cplus.appender.out.layout = log4cplus::PatternLayout
log4cplus.appender.out.layout.ConversionPattern = %D{%s %Q} %m%n
"""


class NotServedError(Exception):
    """A sender did not get the answers that it should; the message says which."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film to send.

    Attributes:
        name: As the tables call it.
        path: Its DICOM file.
        size_bytes: Size of that.
        proposal: storescu's option for the transfer syntaxes to propose.
    """

    name: str
    path: Path
    size_bytes: int
    proposal: str

    @property
    def title(self) -> str:
        """Name and size."""
        return f"{self.name}, {self.size_bytes / MEGABYTE:.1f} MB"


def make_films(folder: Path) -> tuple[Film, ...]:
    """Write the three films: DX uncompressed, DX as lossless JPEG, and a small image.

    Args:
        folder: Where they go. Needs DCMTK's dcmcjpeg.
    """
    generator = np.random.default_rng(1)
    noise = generator.integers(0, GREY_LEVELS, FULL_SIZE, dtype=np.uint16)
    plain = _write(noise, folder / "dx.dcm")
    small = _write(noise[: SMALL_SIZE[0], : SMALL_SIZE[1]], folder / "small.dcm")
    smooth = _write(_radiograph_like(generator), folder / "smooth.dcm")
    packed = folder / "jpeg.dcm"
    # Process 14, selection value 1: what modalities and archives use.
    subprocess.run(["dcmcjpeg", "+e1", str(smooth), str(packed)], check=True)
    smooth.unlink()
    return tuple(
        film_of(path, name)
        for path, name in ((plain, "DX"), (packed, "DX, JPEG lossless"), (small, "small image"))
    )


def film_of(path: Path, name: str) -> Film:
    """Return a film of any DICOM file.

    Args:
        path: The file.
        name: As the tables shall call it.
    """
    syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    return Film(name, path, path.stat().st_size, PROPOSALS.get(syntax, "-x="))


@dataclass(frozen=True, slots=True)
class Association:
    """What one storescu saw; all times in seconds by the machine's clock.

    Attributes:
        requested: When it asked for the association.
        accepted: When it got it.
        films: When it began to send each film, and when it had the answer.
    """

    requested: float
    accepted: float
    films: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """What the senders of a burst saw.

    Attributes:
        associations: Each of them.
        together: Only the time counts in which all of them were in use, so that neither their
            opening nor a straggler does; else, from the first film to the last.
    """

    associations: tuple[Association, ...]
    together: bool

    @property
    def films(self) -> tuple[tuple[float, float], ...]:
        """When each film was sent and answered."""
        return tuple(film for one in self.associations for film in one.films)

    @property
    def wait_seconds(self) -> float:
        """The median time of a film from request to answer."""
        return statistics.median(answered - asked for asked, answered in self.films)

    @property
    def opening_seconds(self) -> float:
        """From the first request for an association until the time that counts."""
        return self._window()[0] - min(one.requested for one in self.associations)

    @property
    def seconds(self) -> float:
        """The time that counts; negative: they were never in use together."""
        began, ended = self._window()
        return ended - began

    @property
    def rate(self) -> float:
        """Films a second in that time; a film that reaches beyond it counts with its share."""
        began, ended = self._window()
        shares = (
            max(0.0, min(answered, ended) - max(asked, began)) / (answered - asked)
            for asked, answered in self.films
        )
        return sum(shares) / (ended - began)

    @property
    def rate_with_opening(self) -> float:
        """Films a second from the first request for an association to the last answer."""
        ended = max(answered for _, answered in self.films)
        return len(self.films) / (ended - min(one.requested for one in self.associations))

    def _window(self) -> tuple[float, float]:
        firsts = [one.films[0][0] for one in self.associations]
        lasts = [one.films[-1][1] for one in self.associations]
        return (max(firsts), min(lasts)) if self.together else (min(firsts), max(lasts))


def send(film: Film, receiver: Receiver, associations: int, each: int) -> tuple[Association, ...]:
    """Send a film over several associations at once, and wait until all is acknowledged.

    Args:
        film: The film; every time it goes with a new SOP Instance UID.
        receiver: Where to.
        associations: Number of storescu processes.
        each: How often each of them sends it.

    Raises:
        NotServedError: Not every film was answered with success.
    """
    with tempfile.TemporaryDirectory(prefix="bench-senders-") as name:
        settings = Path(name) / "log.cfg"
        settings.write_text(SENDER_LOG)
        command = ["storescu", "-lc", str(settings), film.proposal, "-aec", receiver.ae_title]
        command += [*receiver.sender_options, "+II", "--repeat", str(each)]
        command += [receiver.address, str(receiver.port), str(film.path)]
        logs = [Path(name) / f"{number}.log" for number in range(associations)]
        senders = []
        for log in logs:
            with log.open("wb") as output:
                senders.append(subprocess.Popen(command, stdout=output, stderr=output))
        for sender in senders:
            sender.wait()
        return tuple(_read_log(log.read_text(), each) for log in logs)


def _read_log(log: str, each: int) -> Association:
    requested = accepted = asked = 0.0
    films = []
    for line in log.splitlines():
        moment, event = _event(line)
        if event.startswith("Requesting Association"):
            requested = moment
        elif event.startswith("Association Accepted"):
            accepted = moment
        elif event.startswith("Sending Store Request"):
            asked = moment
        elif event.startswith("Received Store Response (Success)"):
            films.append((asked, moment))
    if len(films) != each:
        raise NotServedError(f"storescu had {len(films)} of {each} answers\n{log[-1000:]}")
    return Association(requested, accepted, tuple(films))


def _event(line: str) -> tuple[float, str]:
    seconds, _, rest = line.partition(" ")
    milliseconds, _, event = rest.partition(" ")
    try:
        return int(seconds) + float(milliseconds) / 1000, event
    except ValueError:  # what storescu says of one event may take several lines
        return 0.0, ""


def new_image(rows: int, columns: int) -> Dataset:
    """Return a cervical spine DX with new UIDs and without pixel data, 12 bits in 16.

    Args:
        rows: Height in pixels.
        columns: Width in pixels.
    """
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = DigitalXRayImageStorageForPresentation
    image.SOPInstanceUID, image.StudyInstanceUID, image.SeriesInstanceUID = (
        generate_uid() for _ in range(3)
    )
    image.Modality, image.BodyPartExamined = "DX", "CSPINE"
    image.StudyID = image.SeriesNumber = image.InstanceNumber = "1"
    image.PatientName, image.PatientID = "Bench^Intake", "BENCH"
    image.PresentationIntentType = "FOR PRESENTATION"
    image.Rows, image.Columns, image.SamplesPerPixel = rows, columns, 1
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PhotometricInterpretation = "MONOCHROME2"
    return image


def _write(pixels: np.ndarray, path: Path) -> Path:
    image = new_image(*pixels.shape)
    image.PixelData = pixels.tobytes()
    image.save_as(path, enforce_file_format=True)
    return path


def _radiograph_like(generator: np.random.Generator) -> np.ndarray:
    """Return soft shapes with grain (uint16, rows by columns): it compresses as films do."""
    rows, columns = FULL_SIZE
    coarse = generator.standard_normal(ANATOMY_GRID)
    across = np.linspace(0, ANATOMY_GRID[1] - 1, columns)
    down = np.linspace(0, ANATOMY_GRID[0] - 1, rows)
    wide = np.array([np.interp(across, range(ANATOMY_GRID[1]), line) for line in coarse])
    soft = np.array([np.interp(down, range(ANATOMY_GRID[0]), line) for line in wide.T]).T
    grain = GRAIN * generator.standard_normal(FULL_SIZE, dtype=np.float32)
    grey = GREY_LEVELS / 2 + ANATOMY_CONTRAST * soft + grain
    return grey.clip(0, GREY_LEVELS - 1).astype(np.uint16)
