"""How often something may happen, by whose it is; durations by the monotonic clock."""

from collections import deque


class Budget:
    """At most `most` in any `per_s` seconds for each owner; memory is bounded by both."""

    def __init__(self, most: int, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._spent: dict[str, deque[float]] = {}

    def left(self, whose: str, now: float) -> int:
        """How many more there may be now."""
        spent = self._spent.get(whose)
        while spent and now - spent[0] >= self._per_s:
            spent.popleft()
        if not spent:
            self._spent.pop(whose, None)
            return self._most
        return self._most - len(spent)

    def spend(self, whose: str, now: float) -> int:
        """Takes one; how many were left, this one among them: 1 is the last, 0 is none."""
        left = self.left(whose, now)
        if left > 0:
            self._spent.setdefault(whose, deque()).append(now)
        return left
