"""The Part 10 header (PS3.10 section 7.1) that makes a file of a received data set.

It depends on the object alone, not on sender, time or program version, so that the same object
received twice is the same file byte for byte.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from triage.uids import IMPLEMENTATION_CLASS_UID

if TYPE_CHECKING:
    from triage.intake.spool import ObjectIdentity

_PREAMBLE = b"\0" * 128 + b"DICM"
_VERSION = struct.pack("<HH2sHI", 0x0002, 0x0001, b"OB", 0, 2) + b"\0\1"


def file_meta(identity: ObjectIdentity) -> bytes:
    """Return preamble, prefix and File Meta Information of an object."""
    elements = b"".join(
        (
            _VERSION,
            _uid_element(0x0002, identity.sop_class_uid),
            _uid_element(0x0003, identity.sop_instance_uid),
            _uid_element(0x0010, identity.transfer_syntax_uid),
            _uid_element(0x0012, IMPLEMENTATION_CLASS_UID),
        )
    )
    group_length = struct.pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(elements))
    return _PREAMBLE + group_length + elements


def _uid_element(number: int, uid: str) -> bytes:
    value = uid.encode("ascii", "replace")
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", 0x0002, number, b"UI", len(value)) + value
