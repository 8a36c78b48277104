"""Where the bytes of a data set come from: a file, or a deflated stream with an upper bound."""

from __future__ import annotations

import zlib
from typing import Protocol

from triage.errors import HeaderError

_CHUNK_BYTES = 65_536
_RAW_DEFLATE = -zlib.MAX_WBITS  # PS3.5 A.5: no zlib header


class ByteSource(Protocol):
    """Bytes that are read forward once; `position` counts from an origin of the source's own."""

    position: int

    def peek(self, count: int) -> bytes:
        """Return the next bytes, at most `count`, without passing them."""

    def read(self, count: int) -> bytes:
        """Return and pass at most `count` bytes; fewer only at the end."""

    def skip(self, count: int) -> bool:
        """Pass `count` bytes; return False when there are fewer."""


class SeekableStream(Protocol):
    """What is read of a binary file."""

    def read(self, count: int, /) -> bytes:
        """Return the next bytes, fewer only at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place, from the beginning (0) or the end (2), and return it."""

    def tell(self) -> int:
        """Return the place."""


class ReadableAt(Protocol):
    """An instance that can be read at any place, such as one that is being received."""

    @property
    def size_bytes(self) -> int:
        """How long it is."""

    def read_at(self, position: int, count: int, /) -> bytes:
        """Return so many bytes from there; fewer only at the end."""


class InPlaceStream:
    """A stream over something that can be read at any place."""

    def __init__(self, instance: ReadableAt) -> None:
        self._instance = instance
        self._position = 0

    def read(self, count: int, /) -> bytes:
        """Return the next bytes, fewer only at the end."""
        found = self._instance.read_at(self._position, count)
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place, from the beginning (0) or the end (2), and return it."""
        self._position = offset + (self._instance.size_bytes if whence else 0)
        return self._position

    def tell(self) -> int:
        """Return the place."""
        return self._position


class FileSource:
    """A seekable file from where it stands to its end."""

    def __init__(self, stream: SeekableStream) -> None:
        self._stream = stream
        self.position = stream.tell()
        self._size = stream.seek(0, 2)
        stream.seek(self.position)

    def peek(self, count: int) -> bytes:
        """Return the next bytes, at most `count`, without passing them."""
        found = self._stream.read(count)
        self._stream.seek(self.position)
        return found

    def read(self, count: int) -> bytes:
        """Return and pass at most `count` bytes; fewer only at the end."""
        found = self._stream.read(count)
        self.position += len(found)
        return found

    def skip(self, count: int) -> bool:
        """Pass `count` bytes without reading them; return False when there are fewer."""
        if count > self._size - self.position:
            return False
        self.position += count
        self._stream.seek(self.position)
        return True


class DeflatedSource:
    """A deflated data set, inflated piece by piece (PS3.5 A.5).

    Args:
        stream: Stands at the first deflated byte.
        maximum_bytes: Reading beyond so many inflated bytes is an error.
    """

    def __init__(self, stream: SeekableStream, maximum_bytes: int) -> None:
        self._stream = stream
        self._inflater = zlib.decompressobj(_RAW_DEFLATE)
        self._left = maximum_bytes
        self._ready = b""
        self.position = 0

    def peek(self, count: int) -> bytes:
        """Return the next bytes, at most `count`, without passing them."""
        self._fill(count)
        return self._ready[:count]

    def read(self, count: int) -> bytes:
        """Return and pass at most `count` bytes; fewer only at the end.

        Raises:
            HeaderError: The stream is damaged, or inflates beyond the bound.
        """
        self._fill(count)
        found, self._ready = self._ready[:count], self._ready[count:]
        self.position += len(found)
        return found

    def skip(self, count: int) -> bool:
        """Pass `count` bytes; return False when there are fewer."""
        while count > 0:
            passed = len(self.read(min(count, _CHUNK_BYTES)))
            if passed == 0:
                return False
            count -= passed
        return True

    def _fill(self, count: int) -> None:
        while len(self._ready) < count:
            inflated = self._inflate()
            if not inflated:
                return
            self._left -= len(inflated)
            if self._left < 0:
                raise HeaderError("the deflated data set inflates beyond what a header may have")
            self._ready += inflated

    def _inflate(self) -> bytes:
        """Return some more inflated bytes, none at the end of the stream."""
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._stream.read(_CHUNK_BYTES)
            if not packed:
                return b""
            try:
                inflated = self._inflater.decompress(packed, _CHUNK_BYTES)
            except zlib.error as error:
                raise HeaderError("the deflated data set is damaged") from error
            if inflated:
                return inflated
        return b""
