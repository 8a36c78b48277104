"""What a compressed image says about its own size, read before any decoder allocates for it.

A data set may say 16 by 16 while the codestream inside it says 65535 by 65535: the decoder
believes the codestream. JPEG and JPEG-LS carry the size in a start-of-frame segment
(ISO/IEC 10918-1 B.2.2, ISO/IEC 14495-1 C.2.2), JPEG 2000 in its SIZ segment (ISO/IEC
15444-1 A.5.1), RLE (PS3.5 Annex G) not at all.
"""

from __future__ import annotations

import struct

# Start-of-frame markers: SOF0-15 without DHT (C4), JPG (C8) and DAC (CC), and SOF55 of JPEG-LS.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
# Markers that stand alone, without a length: TEM, RST0-7, SOI.
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN = 0xDA
_MARK = 0xFF  # every marker begins with it
_NO_OPERATION = 128  # control byte of PackBits: below it a literal run, above it a repeat


def coded_size(head: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 codestream.

    Args:
        head: The first bytes of the first fragment; a few kilobytes are enough.

    Returns:
        (rows, columns), or None when `head` holds no size that is understood.
    """
    if head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    start = head.find(b"\xff\x4f\xff\x51")  # SOC then SIZ; a JP2 box may stand before them
    if start >= 0 and len(head) >= start + 24:
        right, bottom, left, top = struct.unpack_from(">4I", head, start + 8)
        return max(bottom - top, 0), max(right - left, 0)
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(head) and head[position] == _MARK:
        marker = head[position + 1]
        if marker in _START_OF_FRAME:
            rows, columns = struct.unpack_from(">2H", head, position + 5)
            return rows, columns
        if marker == _MARK:  # a fill byte before the marker (B.1.1.2)
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == _START_OF_SCAN:
            return None
        else:
            position += 2 + int.from_bytes(head[position + 2 : position + 4], "big")
    return None


def packed_size(segment: bytes, stop_at: int) -> int:
    """Bytes that a PackBits segment unpacks to (PS3.5 G.3.2), without unpacking it.

    Args:
        segment: One RLE segment.
        stop_at: Counting ends once the size is beyond this.

    Returns:
        The size, or some number above `stop_at`.
    """
    position, size = 0, 0
    while position < len(segment) and size <= stop_at:
        control = segment[position]
        if control < _NO_OPERATION:  # a literal run of control + 1 bytes
            size += control + 1
            position += control + 2
        elif control > _NO_OPERATION:  # the next byte, repeated 257 - control times
            size += 257 - control
            position += 2
        else:
            position += 1
    return size
