"""Work done film by film in processes, in order, with a bar that moves."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Final, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD: Final = 4  # items for each process that wait for it


class Crew:
    """Processes that work side by side.

    Args:
        processes: How many; 1 works in this process.
        advance: Called after each item.
    """

    def __init__(self, processes: int, advance: Callable[[], None] = lambda: None) -> None:
        self._advance, self._ahead = advance, _AHEAD * processes
        self._pool = None
        if processes > 1:
            context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads
            self._pool = ProcessPoolExecutor(processes, context, initializer=_begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Yield what the work makes of each item, in their order, a few at a time."""
        if self._pool is None:
            for item in items:
                yield work(item)
                self._advance()
            return
        waiting: deque[Future[_Result]] = deque()
        for item in items:
            waiting.append(self._pool.submit(work, item))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
                self._advance()
        while waiting:
            yield waiting.popleft().result()
            self._advance()


def end_with_parent() -> None:
    """End at once when the process that began this one is gone: nobody else would end it."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _begin() -> None:
    end_with_parent()
    import torch  # noqa: PLC0415 - only the processes need it

    torch.set_num_threads(1)
