"""What is looked at in other threads than the one that answers.

1. What has no room is not taken: whoever asked decides without.
2. A read that hangs costs one thread; the answers go on.
"""

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from endpoint_shim.linux.priority import run_first

THREADS = 3
MOST_WAITING = 2048
Result = TypeVar("Result")


class Cold:
    """Calls in threads; `handle` is readable when something is done.

    `first`: before all others, like the thread that answers; for what is short.
    """

    def __init__(self, first: bool = False) -> None:
        self._first = first
        self.handle = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._waiting: queue.Queue[Callable[[], None]] = queue.Queue(MOST_WAITING)
        self._done: deque[Callable[[], None]] = deque()
        for number in range(THREADS):
            threading.Thread(target=self._work, name=f"cold {number}", daemon=True).start()

    def take(self, call: Callable[[], Result], then: Callable[[Result], None]) -> bool:
        """Calls in a thread, and `then` with what came of it when `finish` is called next."""

        def work() -> None:
            result = call()
            self._done.append(lambda: then(result))
            os.eventfd_write(self.handle, 1)

        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            return False
        return True

    def finish(self) -> None:
        """In the thread that answers: everything that is done."""
        try:
            os.eventfd_read(self.handle)
        except BlockingIOError:
            return
        while self._done:
            self._done.popleft()()

    def _work(self) -> None:
        if self._first:
            with contextlib.suppress(OSError):  # told by the thread that answers, which tried it
                run_first()
        while True:
            self._waiting.get()()
