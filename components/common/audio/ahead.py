"""Working ahead: one thread makes what another one uses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")


def work_ahead(items: Iterable[ItemT], depth: int, name: str) -> Iterator[ItemT]:
    """The same items in the same order, made by a thread of their own a little before they are wanted.

    What the iterable raises is raised here, at its place. If nobody wants the rest, no more than ``depth``
    items are made in vain.

    Args:
      items: Worked through by one thread.
      depth: Items that may wait; at least 1.
      name: Of the thread.
    """
    source, end = iter(items), object()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as pool:
        waiting: deque[Future[ItemT | object]] = deque(pool.submit(next, source, end) for _ in range(depth))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, source, end))
                yield item  # type: ignore[misc]  # it is not the end
        finally:
            for future in waiting:
                future.cancel()
