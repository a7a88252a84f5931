"""Mounts that did not answer a command that had to be killed: refused at once until they answer.

What hangs unkillably in a mount tells by its end when it answers again (workers.py). A command that
could be killed is gone, so a process of its own asks in its place; nothing else here touches it.
"""

from collections.abc import Callable

from endpoint_shim.children import Child, start_asker

MOST = 4


class HungMounts:
    """At most MOST mounts are asked; `on_change` is told when one comes or goes."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._asked: dict[str, Child] = {}

    @property
    def refused(self) -> dict[str, str]:
        """Mount -> why nothing under it is touched."""
        return {one: f"{one} does not answer; it is refused until it does" for one in self._asked}

    def remember(self, mount: str) -> None:
        """Has it asked; one that answers is forgotten at once."""
        if mount in self._asked or len(self._asked) >= MOST:
            return
        asker = start_asker(mount)
        if asker is not None:
            self._asked[mount] = asker
            asker.exited.add_done_callback(lambda _: self._forget(mount))
            self._on_change()

    def stop(self) -> None:
        """Asks no more; what the kernel holds ends with its mount."""
        for asker in self._asked.values():
            asker.kill()

    def _forget(self, mount: str) -> None:
        del self._asked[mount]
        self._on_change()
