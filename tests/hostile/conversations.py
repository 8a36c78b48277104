"""What hostile peers say: valid conversations, and what a seeded generator makes of them.

A conversation is broken at four heights, as often as chance has it: in the association request,
in its fragments (PDVs before they are packed), in its PDUs, and in its bytes.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from tests.hostile import pdus
from tests.hostile.mutations import (
    BYTE_MUTATIONS,
    LENGTHS,
    PDU_MUTATIONS,
    PDV_MUTATIONS,
    Pdv,
    break_somewhere,
)
from tests.hostile.pdus import COMMAND, CR, DX, ECHO, LAST, UPS, Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_GOOD_SHARE = 0.1
_STUDIES = 50  # few, so that the reading list stays short and long runs take their time linearly
_STAYING_SHARE = 0.02  # share of the conversations whose peer stays and says nothing more


class Ending(StrEnum):
    """What the peer does when it has said everything."""

    CLOSE = "close"  # waits for answers for a moment, then closes
    LEAVE = "leave"  # closes without having read anything
    RESET = "reset"  # breaks the connection off
    STAY = "stay"  # says nothing more until the listener closes


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one peer says.

    Attributes:
        pieces: PDUs, or what is left of them.
        waits: Whether it waits for an answer to the first piece before it goes on.
        ending: What it does in the end.
        good: How many answers with success it must get; None where it is hostile.
        about: What is nasty about it, for those that are kept.
    """

    pieces: tuple[bytes, ...]
    waits: bool = True
    ending: Ending = Ending.CLOSE
    good: int | None = None
    about: str = ""

    def to_json(self) -> str:
        """Return it as text to be kept."""
        kept = {
            "about": self.about,
            "waits": self.waits,
            "ending": self.ending,
            "pieces": [*_written(self.pieces[:1]), *_written(self.pieces[1:])],
        }
        return json.dumps(kept, indent=1) + "\n"


def read_conversation(path: Path) -> Conversation:
    """Read a conversation that was kept."""
    kept = json.loads(path.read_text())
    pieces = tuple(map(_read_piece, kept["pieces"]))
    return Conversation(pieces, kept["waits"], Ending(kept["ending"]), about=kept["about"])


# In kept pieces a run of the same bytes is written as, say, 15000*(000000020300).
_RUN = re.compile(r"((?:[0-9a-f]{2}){1,100}?)\1{15,}")
_TIMES = re.compile(r"(\d+)\*\(([0-9a-f]+)\)")


def _written(pieces: tuple[bytes, ...]) -> Iterator[str]:
    """Yield the text of pieces; those that are the same one after another become one."""
    for piece, repeated in itertools.groupby(pieces):
        times = sum(1 for _ in repeated)
        text = _RUN.sub(_shortened, piece.hex())
        one_by_one = times == 1 or "*" in text  # runs are not written within runs
        yield from [text] * times if one_by_one else [f"{times}*({text})"]


def _shortened(run: re.Match[str]) -> str:
    return f" {len(run[0]) // len(run[1])}*({run[1]}) "


def _read_piece(text: str) -> bytes:
    return bytes.fromhex(_TIMES.sub(_in_full, text).replace(" ", ""))


def _in_full(run: re.Match[str]) -> str:
    return int(run[1]) * run[2]


@dataclass(slots=True)
class _Script:
    """A conversation in the making."""

    request: bytes
    pdvs: list[Pdv] = field(default_factory=list)
    answers: int = 0

    def say(self, context: int, command: bytes, data_set: bytes | None, largest: int) -> None:
        """Add a message."""
        self._fragment(context, COMMAND, command, largest)
        if data_set is not None:
            self._fragment(context, 0, data_set, largest)

    def _fragment(self, context: int, kind: int, content: bytes, largest: int) -> None:
        starts = range(0, len(content), largest)
        for start in starts:
            last = LAST if start == starts[-1] else 0
            self.pdvs.append(Pdv(context, kind | last, content[start : start + largest]))


def conversation(seed: int, number: int) -> Conversation:
    """Return a conversation: good in one of ten cases, else broken in one place or several."""
    rng = Random(f"{seed}/{number}")  # noqa: S311 - nothing secret: it must come out again
    if rng.random() < _GOOD_SHARE:
        script = _script(rng, pdus.association_request())
        pieces = [script.request, *_packed(rng, script.pdvs), pdus.release_request()]
        return Conversation(tuple(pieces), good=script.answers)
    script = _script(rng, _request(rng))
    break_somewhere(rng, script.pdvs, PDV_MUTATIONS)
    pieces = [script.request, *_packed(rng, script.pdvs), pdus.release_request()]
    break_somewhere(rng, pieces, PDU_MUTATIONS)
    break_somewhere(rng, pieces, BYTE_MUTATIONS)
    endings = [Ending.CLOSE, Ending.CLOSE, Ending.LEAVE, Ending.RESET]
    ending = Ending.STAY if rng.random() < _STAYING_SHARE else rng.choice(endings)
    return Conversation(tuple(pieces), rng.random() < 0.8, ending)


def _script(rng: Random, request: bytes) -> _Script:
    script = _Script(request)
    for number in range(1, rng.randint(1, 4) + 1):
        rng.choice(_MESSAGES)(rng, script, number, rng.choice((64, 512, 16_000, 100_000)))
    return script


def _say_echo(rng: Random, script: _Script, number: int, largest: int) -> None:
    script.say(ECHO, pdus.echo_request(number), None, largest)
    script.answers += 1


def _say_store(rng: Random, script: _Script, number: int, largest: int) -> None:
    context, sop_class = rng.choice(((DX, pdus.DIGITAL_XRAY), (CR, pdus.COMPUTED_RADIOGRAPHY)))
    instance = f"2.25.{rng.getrandbits(100)}"
    pixels = bytes(rng.choice((0, 64, 2048, 2048, 20_000)))
    study = f"2.25.{rng.randrange(_STUDIES)}"
    encoded = pdus.film(instance, study=study, pixels=pixels, sop_class=sop_class)
    script.say(context, pdus.store_request(instance, number, sop_class), encoded, largest)
    script.answers += 1


def _say_find(rng: Random, script: _Script, number: int, largest: int) -> None:
    script.say(UPS, pdus.find_request(number), pdus.query(b"NO"), largest)
    script.answers += 1


def _say_cancel(rng: Random, script: _Script, number: int, largest: int) -> None:
    script.say(UPS, pdus.cancel_request(number), None, largest)


_MESSAGES = (*[_say_echo] * 30, *[_say_store] * 60, *[_say_cancel] * 6, *[_say_find] * 4)


def _packed(rng: Random, pdvs: list[Pdv]) -> list[bytes]:
    """Return the P-DATA-TF PDUs of some PDVs, one or several in each."""
    several = rng.choice((1, 1, 1, 2, 5, len(pdvs) or 1))
    encoded = [one.encoded() for one in pdvs]
    return [
        pdus.data(*encoded[start : start + several]) for start in range(0, len(encoded), several)
    ]


# -- The association request ------------------------------------------------------------------


def _request(rng: Random) -> bytes:
    """Return a request of any kind, valid ones among them."""
    return rng.choice(_REQUESTS)(rng)


def _many_contexts(rng: Random) -> bytes:
    syntaxes = (pdus.IMPLICIT_LITTLE_ENDIAN,) * rng.choice((1, 20))
    return pdus.association_request(
        [Context(number % 256, pdus.DIGITAL_XRAY, syntaxes) for number in range(1, 600, 2)]
    )


def _odd_contexts(rng: Random) -> bytes:
    odd = ("", "1", "not a UID", "9" * 200, pdus.VERIFICATION)
    return pdus.association_request(
        Context(rng.randrange(256), rng.choice(odd), tuple(rng.choices(odd, k=rng.randrange(3))))
        for _ in range(rng.randrange(8))
    )


def _user_items(rng: Random) -> bytes:
    """Return a request with items of PS3.7 D.3.3, of the right form or not."""
    kinds = (0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x00, 0xFF)
    content = (b"", bytes(4), b"\1\0\0\4user\0\0", b"\0\5" + b"1.2.3" + b"\1\1", rng.randbytes(30))
    items = [
        pdus.item(rng.choice(kinds), rng.choice(content), rng.choice((None, None, 0, 0xFFFF)))
        for _ in range(rng.randint(1, 5))
    ]
    return pdus.association_request(further_user_items=b"".join(items))


def _titles(rng: Random) -> bytes:
    titles = ("", "TRIAGE", "\0" * 16, " " * 16, "a\\b", "X" * 16)
    return pdus.association_request(called=rng.choice(titles), calling=rng.choice(titles))


def _lengths_told(rng: Random) -> bytes:
    """Return a request of a peer that takes PDUs of a strange length (PS3.8 D.1)."""
    return pdus.association_request(maximum_bytes=rng.choice(LENGTHS))


_REQUESTS: tuple[Callable[[Random], bytes], ...] = (
    *[lambda _rng: pdus.association_request()] * 8,
    _many_contexts,
    _odd_contexts,
    _user_items,
    _titles,
    _lengths_told,
)
