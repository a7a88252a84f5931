"""What is typed, on its way into a shell: bounded, and told when there is room again."""

from collections.abc import Callable
from typing import Protocol

from commands.language.errors import Failed

KEEP = 256 * 1024
"""Input that was not taken; from here on `write` says False."""
KEEP_AT_MOST = KEEP + 128 * 1024


class Typed(Protocol):
    """Into a pipe; each platform's own."""

    on_writable: Callable[[], None]

    def write(self, data: bytes) -> bool:
        """As a Terminal's."""
        ...

    def end(self) -> None:
        """After what was written: its end."""
        ...

    def abort(self) -> None:
        """What was not read is dropped."""
        ...


def refuse_over(size: int) -> None:
    """Raises Failed where so much would wait."""
    if size > KEEP_AT_MOST:
        raise Failed("more was typed into a shell that said it is full")
