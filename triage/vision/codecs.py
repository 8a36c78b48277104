"""Fast decoders of lossless compression, as a plug-in of pydicom: the same values, far sooner.

imagecodecs calls libjpeg-turbo, CharLS and OpenJPEG without the interpreter's lock, so that films
are decoded beside the networks. For films of 1000 to 2000 pixels a side it takes 25 ms of the
processor where pydicom's plug-ins take 150 (lossless JPEG), 20 for 100 (JPEG-LS), and for JPEG 2000
the same. Lossy JPEG stays with pydicom's plug-ins: two decoders may round differently, and the
thresholds of a bundle were set on what one of them gives. Only extended JPEG of 12 bits, of which
they refuse most, is tried here when they do. RLE stays with pydicom's own decoder: damaged segments
crash that of imagecodecs, and damaged codestreams its `ljpeg_decode`, to which its `jpeg_decode`
turns where libjpeg-turbo gives up (version 2026.3; found with random damage).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import imagecodecs
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from pydicom.pixels.decoders.base import DecodeRunner

_PLUGIN: Final = "imagecodecs"
_ANY: Final = ""  # whichever plug-ins pydicom has, its own ones first
_THREADS: Final = 2  # of JPEG 2000, the slowest: a film that comes alone has the other core too

_LOSSLESS: Final = (
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
)
# pydicom looks for this name and the next one in the module of a plug-in.
DECODER_DEPENDENCIES: Final[Mapping[UID, tuple[str, ...]]] = dict.fromkeys(
    (*_LOSSLESS, JPEGExtended12Bit), ("imagecodecs",)
)


def is_available(syntax: UID) -> bool:
    """Whether the plug-in decodes a transfer syntax."""
    return syntax in DECODER_DEPENDENCIES


def plugins_for(syntax: UID, samples_per_pixel: int) -> tuple[str, ...]:
    """Which plug-ins of pydicom to try for an image, one after the other.

    JPEG-LS gets no second try: CharLS refuses a damaged codestream, and the plug-in that pydicom
    would ask next makes up what is missing.

    Args:
        syntax: The transfer syntax.
        samples_per_pixel: One for grey values, three for colours.
    """
    if syntax not in _LOSSLESS:
        return (_ANY,)
    if syntax in JPEGLSTransferSyntaxes:
        return (_PLUGIN if samples_per_pixel == 1 else "pyjpegls",)
    return (_PLUGIN, _ANY) if samples_per_pixel == 1 else (_ANY,)


def decode_frame(codestream: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame of grey values; pydicom calls this, and shapes what it returns.

    Raises:
        ValueError: The frame has colours or another size than the header says, or the codestream
            is damaged.
        RuntimeError: The codestream is damaged.
    """
    if runner.samples_per_pixel != 1:
        raise ValueError("Frames with colours are left to other plug-ins.")
    pixels = _pixels(codestream, runner.transfer_syntax)
    if pixels.shape != (runner.rows, runner.columns):
        raise ValueError(f"The codestream holds {pixels.shape}, not rows and columns.")
    runner.set_option("bits_allocated", pixels.dtype.itemsize * 8)
    return pixels.tobytes()


def _pixels(codestream: bytes, syntax: UID) -> NDArray[Any]:
    if syntax == JPEG2000Lossless:
        return imagecodecs.jpeg2k_decode(codestream, numthreads=_THREADS)
    if syntax in JPEGLSTransferSyntaxes:
        return imagecodecs.jpegls_decode(codestream)
    return imagecodecs.jpeg8_decode(codestream)


for _syntax in DECODER_DEPENDENCIES:
    get_decoder(_syntax).add_plugin(_PLUGIN, (__name__, decode_frame.__name__))
