"""What lets only known programs start on a device, whatever its system.

`linux/restrictor.py` does it with fanotify (or with fapolicyd where that is installed),
`windows/restrictor.py` with an App Control policy. The guard (guard.py) decides when; these do.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from commands.language.wire_contain import Seen
from endpoint_shim.own import ROOMS


@dataclass(frozen=True)
class Known:
    """What may start whatever the system's own lists of programs say."""

    own: tuple[Path, ...]
    """Files, and folders with all below them: the shim's program, the Python that runs it, and
    what its sessions start."""


@dataclass(frozen=True)
class Proof:
    """What enforces it now, as it was found in force."""

    by: str
    """fanotify, fapolicyd or App Control, with how much it knows."""
    sha256: str
    """Of the list or policy that decides."""
    notes: tuple[str, ...] = ()
    """What it cannot see here, and what runs now and could not be started again."""


class Restrictor(Protocol):
    """The system's own means, synchronous; the guard calls all of it from one thread at a time."""

    def start(self, known: Known) -> Proof:
        """Enforces, and returns when it is in force; again, it is made anew.

        After an enforcer that died, what started meanwhile stands in `seen`. Raises Failed.
        """
        ...

    def stop(self) -> None:
        """Nothing is held back any more when it returns; nothing to do where nothing was."""
        ...

    def leave(self) -> None:
        """The guard ends, the restriction does not: what needs a guard waits for the next one for
        some seconds, then holds nothing back, and the next `start` tells what started meanwhile;
        what the system enforces by itself stays."""
        ...

    def alive(self) -> bool:
        """Whether it is enforced at this moment; cheap, for a look every half second."""
        ...

    def seen(self) -> Sequence[Seen]:
        """What was blocked, and what started unseen, since the last call: at most MAX_SEEN, the
        same things merged into one with their number. Never waits."""
        ...


def known(sessions: Path) -> Known:
    """The shim that runs here: `sessions` is where what responders bring lies."""
    if getattr(sys, "frozen", False):
        return Known((Path(sys.executable).parent, sessions))
    whole = [Path(sys.prefix)] if sys.prefix != sys.base_prefix else []
    return Known((*ROOMS, *whole, Path(sys.executable), sessions))
