"""What a seeded generator makes of valid conversations: fragments, PDUs and bytes go wrong."""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tests.hostile import pdus
from tests.hostile.pdus import LAST

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Piece = TypeVar("Piece")

LENGTHS = (0, 1, 2, 5, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(slots=True)
class Pdv:
    """A fragment before it is packed; changed in place by the mutations."""

    context: int
    control: int
    content: bytes
    length: int | None = None

    def encoded(self) -> bytes:
        """Return the PDV item."""
        return pdus.pdv(self.context, self.control, self.content, self.length)


def break_somewhere(
    rng: Random, what: list[Piece], mutations: tuple[Callable[[Random, list[Piece]], None], ...]
) -> None:
    """Apply no mutation, one, or some."""
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        if what:
            rng.choice(mutations)(rng, what)


# -- Fragments --------------------------------------------------------------------------------


def _other_context(rng: Random, pdvs: list[Pdv]) -> None:
    rng.choice(pdvs).context = rng.choice((0, 1, 2, 3, 5, 7, 9, 99, 255))


def _other_control(rng: Random, pdvs: list[Pdv]) -> None:
    rng.choice(pdvs).control = rng.choice((0, 1, 2, 3, 4, 0x80, 0xFF))


def _other_length(rng: Random, pdvs: list[Pdv]) -> None:
    one = rng.choice(pdvs)
    near = len(one.content) + 2 + rng.randint(-3, 3)
    one.length = rng.choice((*LENGTHS, max(near, 0)))


def _emptied(rng: Random, pdvs: list[Pdv]) -> None:
    rng.choice(pdvs).content = b""


def _interleaved(rng: Random, pdvs: list[Pdv]) -> None:
    pdvs.insert(rng.randrange(len(pdvs)), pdvs.pop(rng.randrange(len(pdvs))))


def _repeated(rng: Random, pdvs: list[Pdv]) -> None:
    one = dataclasses.replace(rng.choice(pdvs))
    pdvs.insert(rng.randrange(len(pdvs) + 1), one)


def _dropped(rng: Random, pdvs: list[Pdv]) -> None:
    del pdvs[rng.randrange(len(pdvs))]


def _flood(rng: Random, pdvs: list[Pdv]) -> None:
    """Add thousands of fragments that hold nothing or next to nothing."""
    like = rng.choice(pdvs)
    tiny = Pdv(like.context, rng.choice((0, like.control & ~LAST)), rng.choice((b"", b"\0")))
    place = rng.randrange(len(pdvs) + 1)
    pdvs[place:place] = [tiny] * rng.choice((100, 15_000))


def _ground(rng: Random, pdvs: list[Pdv]) -> None:
    """Cut one fragment into single bytes."""
    place = rng.randrange(len(pdvs))
    one = pdvs[place]
    if one.content:
        *head, last = (one.content[at : at + 1] for at in range(min(len(one.content), 3000)))
        parts = [Pdv(one.context, one.control & ~LAST, byte) for byte in head]
        pdvs[place : place + 1] = [*parts, Pdv(one.context, one.control, last)]


def _element_length(rng: Random, pdvs: list[Pdv]) -> None:
    """Change the length of one of the first elements of a command or data set."""
    one, at = rng.choice(pdvs), 0
    content = bytearray(one.content)
    for _ in range(rng.randrange(12)):
        if at + 8 > len(content):
            break
        at += 8 + int.from_bytes(content[at + 4 : at + 8], "little")
    if at + 8 <= len(content):
        struct.pack_into("<I", content, at + 4, rng.choice(LENGTHS))
        one.content = bytes(content)


PDV_MUTATIONS = (
    _other_context,
    _other_control,
    _other_length,
    _emptied,
    _interleaved,
    _repeated,
    _dropped,
    _flood,
    _ground,
    _element_length,
)


# -- PDUs -------------------------------------------------------------------------------------


def _pdu_repeated(rng: Random, pieces: list[bytes]) -> None:
    pieces.insert(rng.randrange(len(pieces) + 1), rng.choice(pieces))


def _pdu_dropped(rng: Random, pieces: list[bytes]) -> None:
    del pieces[rng.randrange(len(pieces))]


def _pdu_moved(rng: Random, pieces: list[bytes]) -> None:
    pieces.insert(rng.randrange(len(pieces)), pieces.pop(rng.randrange(len(pieces))))


def _pdu_cut(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    pieces[place] = pieces[place][: rng.randrange(len(pieces[place]) + 1)]


def _cut_off(rng: Random, pieces: list[bytes]) -> None:
    """End everything in the middle of a PDU."""
    place = rng.randrange(len(pieces))
    pieces[place:] = [pieces[place][: rng.randrange(len(pieces[place]) + 1)]]


def _pdu_length(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    piece = pieces[place]
    true = max(len(piece) - 6, 0)
    length = rng.choice((*LENGTHS, true + 1, max(true - 1, 0)))
    pieces[place] = piece[:2] + struct.pack(">I", length) + piece[6:]


def _pdu_kind(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    pieces[place] = bytes([rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 0x16, 0xFF))]) + pieces[place][1:]


def _pdu_added(rng: Random, pieces: list[bytes]) -> None:
    pieces.insert(rng.randrange(len(pieces) + 1), rng.choice(_STRANGERS)(rng))


def _ended_early(rng: Random, pieces: list[bytes]) -> None:
    """Put a release or an abort where more follows."""
    end = rng.choice((pdus.release_request(), pdus.abort(), pdus.abort(2, 6)))
    pieces.insert(rng.randrange(len(pieces)), end)


_STRANGERS: tuple[Callable[[Random], bytes], ...] = (
    lambda _: pdus.association_request(),
    lambda _: pdus.pdu(pdus.PduType.ASSOCIATE_AC, bytes(68)),
    lambda _: pdus.pdu(pdus.PduType.ASSOCIATE_RJ, bytes([0, 1, 1, 1])),
    lambda _: pdus.pdu(pdus.PduType.RELEASE_RP, bytes(4)),
    lambda _: pdus.data(),
    lambda rng: pdus.pdu(rng.randrange(256), rng.randbytes(rng.randrange(200))),
    lambda rng: rng.randbytes(rng.randrange(1, 50)),
    lambda rng: pdus.pdu(pdus.PduType.DATA, rng.randbytes(rng.randrange(20))),
    lambda _: b"GET / HTTP/1.1\r\nHost: site\r\n\r\n",
)

PDU_MUTATIONS = (
    _pdu_repeated,
    _pdu_dropped,
    _pdu_moved,
    _pdu_cut,
    _cut_off,
    _pdu_length,
    _pdu_kind,
    _pdu_added,
    _ended_early,
)


# -- Bytes ------------------------------------------------------------------------------------


def _flipped(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    content = bytearray(pieces[place])
    for _ in range(rng.choice((1, 1, 4, 20))):
        if content:
            # Most of what decides stands in the first bytes: they are hit more often.
            content[rng.randrange(rng.choice((min(len(content), 200), len(content))))] ^= (
                1 << rng.randrange(8)
            )
    pieces[place] = bytes(content)


def _overwritten(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    content = bytearray(pieces[place])
    if len(content) >= 4:
        form = rng.choice(("<I", ">I"))
        struct.pack_into(form, content, rng.randrange(len(content) - 3), rng.choice(LENGTHS))
    pieces[place] = bytes(content)


def _taken_out(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    at, count = rng.randrange(len(pieces[place]) + 1), rng.choice((1, 2, 7, 100))
    pieces[place] = pieces[place][:at] + pieces[place][at + count :]


def _put_in(rng: Random, pieces: list[bytes]) -> None:
    place = rng.randrange(len(pieces))
    at = rng.randrange(len(pieces[place]) + 1)
    added = rng.randbytes(rng.choice((1, 2, 7, 100)))
    pieces[place] = pieces[place][:at] + added + pieces[place][at:]


BYTE_MUTATIONS = (_flipped, _flipped, _overwritten, _taken_out, _put_in)
