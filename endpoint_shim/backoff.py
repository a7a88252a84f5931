"""How long to wait before dialling again: doubling, jittered, capped; pure."""

import secrets


class Backoff:
    """Waits of 1 s, 2 s, 4 s … 60 s, each between half and the whole of that."""

    def __init__(self, first: float = 1.0, longest: float = 60.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first
        self._told: float | None = None

    def wait(self, longest: float | None = None) -> float:
        """The seconds to wait now; `longest` where somebody waits for what runs here."""
        if self._told is not None:
            told, self._told = self._told, None
            return told
        length = self._next if longest is None else min(self._next, longest)
        self._next = min(self._next * 2, self._longest)
        return jittered(length * 0.75, 1 / 3)

    def told(self, seconds: float) -> None:
        """The broker says when to come back; it has spread that over its devices already."""
        self._told = seconds

    def reset(self) -> None:
        """The last connection was good."""
        self._next = self._first


def jittered(length: float, part: float = 0.2) -> float:
    """`length`, more or less by up to `part` of it, so that devices do not march in step."""
    return length * (1 + part * (secrets.randbelow(2001) - 1000) / 1000)
