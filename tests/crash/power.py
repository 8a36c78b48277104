"""Power cuts: after a kill, what no flush had covered is taken from the disk as well.

SIGKILL alone leaves everything that a process has written, flushed or not. Here a listener keeps
a journal of its flushes, renames and new folders; when nobody runs, bytes that were not flushed
after they were written are cut off or become zeros, and names whose folder was not flushed after
they were given are taken back. That is the least that POSIX promises; real disks keep more. The
database is left alone: SQLite flushes its own files, and a row without its file is the worst case.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash.interception import intercept

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

# Lines of the journal: a word, the process, a path, and what the word needs.
_BEGIN, _END, _NAMED = "begin", "end", "named"
_BETWEEN = "\t"
_NOTHING = "-"


def keep_journal(path: Path) -> None:
    """Have this process note its flushes and new names."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    write = os.write  # as it is now, not as it may be intercepted later

    def note(word: str, path: str, what: object) -> None:
        line = _BETWEEN.join((word, str(os.getpid()), path, str(what)))
        write(handle, f"{line}\n".encode())

    def flush(call: Callable[..., Any], descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        size = os.fstat(descriptor).st_size
        note(_BEGIN, path, size)
        call(descriptor)
        note(_END, path, size)

    def rename(call: Callable[..., Any], old: Any, new: Any, **options: Any) -> None:
        call(old, new, **options)
        note(_NAMED, os.fspath(new), os.fspath(old))

    def make(call: Callable[..., Any], folder: Any, *mode: Any, **options: Any) -> None:
        call(folder, *mode, **options)
        note(_NAMED, os.fspath(folder), _NOTHING)

    intercept("flush", flush)
    intercept("rename", rename)
    intercept("mkdir", make)


@dataclass(slots=True)
class _Durable:
    """What a journal says to be on the disk for certain.

    Attributes:
        sizes: How many bytes of a file, by its path.
        names: Paths of files and folders.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


@dataclass
class Power:
    """The power supply of one state folder.

    Args:
        journal: What the listeners note in.
        chance: Decides how what is not durable is lost.

    Attributes:
        lost: How many names and contents the cuts have taken.
    """

    state_folder: Path
    journal: Path
    chance: random.Random
    lost: int = 0
    _safe: set[Path] = field(default_factory=set)  # survived a cut: on the disk for good

    def cut(self) -> None:
        """Take from the spool whatever is not durable; no listener runs."""
        durable = _read(self.journal)
        spool = self.state_folder / "spool"
        for folder in [one for one in spool.iterdir() if one not in self._safe]:
            if str(folder) not in durable.names:
                for path in folder.iterdir():
                    self._take_name(path)
                folder.rmdir()
        for path in [one for one in spool.rglob("*") if one.is_file() and one not in self._safe]:
            self._cut_file(path, durable)
        self._safe = set(spool.rglob("*"))
        self.journal.unlink(missing_ok=True)

    def _cut_file(self, path: Path, durable: _Durable) -> None:
        size, flushed = path.stat().st_size, durable.sizes.get(str(path), 0)
        if flushed < size:
            self.lost += 1
            os.truncate(path, flushed)
            if self.chance.random() < 0.5:
                os.truncate(path, size)  # zeros where the bytes were
        if str(path) not in durable.names:
            self._take_name(path)

    def _take_name(self, path: Path) -> None:
        """Lose a file, or let it have the name that it had before."""
        self.lost += 1
        if self.chance.random() < 0.5:
            path.unlink()
        else:
            path.rename(self.state_folder / "incoming" / f"{path.stem}.part")


def _read(journal: Path) -> _Durable:
    """Return what is durable: names, when a flush of their folder began after they were given."""
    durable = _Durable()
    given: defaultdict[str, set[str]] = defaultdict(set)  # names in a folder, not flushed yet
    covered: defaultdict[tuple[str, str], list[set[str]]] = defaultdict(list)  # by its flushes
    now: dict[str, str] = {}  # names of files that were renamed
    for line in journal.read_text().splitlines() if journal.exists() else ():
        word, process, path, what = line.split(_BETWEEN)
        if word == _NAMED:
            given[str(Path(path).parent)].add(path)
            now[what] = path
            durable.sizes[path] = durable.sizes.get(what, 0)
        elif word == _BEGIN:
            covered[process, path].append(set(given[path]))
        else:
            durable.names |= covered[process, path].pop(0)
            file = now.get(path, path)
            durable.sizes[file] = max(durable.sizes.get(file, 0), int(what))
    return durable
