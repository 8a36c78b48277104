"""Work done film by film in processes, in order, with a bar that moves."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
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
            self._pool = ProcessPoolExecutor(processes, context, initializer=_one_thread)

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


def _one_thread() -> None:
    import torch  # noqa: PLC0415 - only the processes need it

    torch.set_num_threads(1)
