"""How often something may come: so many at once, and so many a second in the long run."""


class Rate:
    """A bucket that fills with time; the caller's clock is monotonic."""

    def __init__(self, at_once: int, a_second: float) -> None:
        self._most, self._a_second = float(at_once), a_second
        self._left, self._at = self._most, float("-inf")

    def take(self, now: float) -> bool:
        """One came; False if it is one too many."""
        if self._left < self._most:
            self._left = min(self._most, self._left + (now - self._at) * self._a_second)
        self._at = now
        self._left -= 1
        if self._left < 0:
            self._left = 0.0
            return False
        return True
