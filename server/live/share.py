"""Whose turn it is on the one loop: while somebody types, what floods stands back.

1. A key takes the loop twice, for a fraction of a millisecond each time. A flood or a transfer
   takes all there is, and a process that never sleeps is woken last: a key waits for both.
2. Within TYPING_S of a key, all terminals that flood have SHOWN of the loop's time together, and
   all transfers FILES, a piece at a time. Nobody types: nothing is held back.
3. What a stream takes without being a flood (rows of a table, a screen that is drawn anew at each
   key) is its own: it stands back for nobody.
"""

from time import monotonic

TYPING_S = 1.0
SHOWN, FILES = 0.05, 0.2
"""Of the loop's time: still more than anybody reads, and most of a gigabit line."""
AT_ONCE_S = 0.002
OWN, TYPED_OWN = 0.05, 0.25
"""The same for one stream alone; the second for one that is itself typed into."""
OWN_AT_ONCE_S = 0.005
LONGEST_S = 0.02
"""One long turn (of a loaded machine, of a slow disk) is not paid for by a stall."""


class Allowance:
    """Time that may be taken: a share of each second, and so much at once."""

    def __init__(self, at_once: float) -> None:
        self._most = self._left = at_once
        self._at = float("-inf")

    def take(self, seconds: float, share: float, now: float) -> float:
        """How long from now until it is not overdrawn."""
        left = min(self._most, self._left + (now - self._at) * share) - seconds
        self._left, self._at = max(left, -LONGEST_S * share), now
        return max(0.0, -self._left / share)


class Keys:
    """When somebody typed last, and who; and what all floods may take meanwhile."""

    def __init__(self) -> None:
        self.shown, self.files = Allowance(AT_ONCE_S), Allowance(AT_ONCE_S)
        self._who = ""
        self._at = self._before = float("-inf")

    def typed(self, who: str) -> None:
        """`who` is the stream of the terminal that is typed into; none at the prompt."""
        if who != self._who:
            self._who, self._before = who, self._at
        self._at = monotonic()

    def beside(self, who: str, now: float) -> bool:
        """Whether somebody else types."""
        return now - (self._before if who == self._who else self._at) < TYPING_S


class Share:
    """One stream's."""

    def __init__(self, keys: Keys, who: str) -> None:
        self.of_files = True
        self._keys, self._who = keys, who
        self._own = Allowance(OWN_AT_ONCE_S)
        self._typed_at = float("-inf")

    def typed(self) -> None:
        """Somebody types into it."""
        self._typed_at = monotonic()
        self._keys.typed(self._who)

    def took(self, seconds: float) -> float:
        """A turn of it took so long; how long it stands back now."""
        now, keys = monotonic(), self._keys
        if not keys.beside(self._who, now):
            return 0.0
        typed = now - self._typed_at < TYPING_S
        if not self._own.take(seconds, TYPED_OWN if typed else OWN, now):
            return 0.0
        if self.of_files:
            return keys.files.take(seconds, FILES, now)
        return keys.shown.take(seconds, SHOWN, now)
