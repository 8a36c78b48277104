"""What was sent, and what was acknowledged: the truth that a state folder is held against."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Content:
    """One content of an object, in the order in which they were sent.

    Attributes:
        digest: SHA-256 of the data set.
        acknowledged: Success was answered at least once.
    """

    digest: str
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class SentObject:
    """One SOP instance; a content is only begun once the one before it was acknowledged."""

    study: str
    instance: str
    contents: tuple[Content, ...] = ()

    @property
    def acknowledged(self) -> int:
        """How many contents were acknowledged."""
        return sum(content.acknowledged for content in self.contents)

    @property
    def is_settled(self) -> bool:
        """Whether everything that was sent was acknowledged."""
        return self.acknowledged == len(self.contents)


@dataclass(slots=True)
class Tally:
    """What the senders count."""

    transfers: int = 0
    answers: int = 0
    broken_off: int = 0  # by the senders' own will, in the middle of an object
    megabytes: float = 0.0


@dataclass
class Ledger:
    """Every object of every sender; safe to use from several threads."""

    tally: Tally = field(default_factory=Tally)
    _objects: dict[str, SentObject] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, study: str, instance: str, digest: str, size_bytes: int) -> None:
        """Note a content before its first byte is sent."""
        with self._lock:
            known = self._objects.get(instance) or SentObject(study, instance)
            if all(content.digest != digest for content in known.contents):
                contents = (*known.contents, Content(digest))
                self._objects[instance] = replace(known, contents=contents)
            self._touched.add(instance)
            self.tally.transfers += 1
            self.tally.megabytes += size_bytes / 1e6

    def acknowledge(self, instance: str, digest: str) -> None:
        """Note that success was answered."""
        with self._lock:
            known = self._objects[instance]
            contents = tuple(
                replace(content, acknowledged=True) if content.digest == digest else content
                for content in known.contents
            )
            self._objects[instance] = replace(known, contents=contents)
            self._touched.add(instance)
            self.tally.answers += 1

    def break_off(self) -> None:
        """Note that a sender has ended an association in the middle of an object."""
        with self._lock:
            self.tally.broken_off += 1

    def objects(self) -> list[SentObject]:
        """Return every object as it stands now."""
        with self._lock:
            return list(self._objects.values())

    def unsettled(self) -> list[SentObject]:
        """Return the objects about which the last call could not tell the last word.

        That are those about which something was noted since, and those that wait for an answer.
        """
        with self._lock:
            found = [self._objects[instance] for instance in self._touched]
            self._touched = {one.instance for one in found if not one.is_settled}
            return found
