"""Time that is left, counted on the boot clock and kept over a restart of the system. Pure.

The wall clock has no part in it: setting it neither shortens nor lengthens anything. While the
system is off nothing counts: what was left when it was last kept is left when it starts.
"""

import msgspec


class Countdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`left_s` were left when the boot clock stood at `at_s`."""

    left_s: float
    at_s: float

    def left(self, now_s: float) -> float:
        """What is left now, 0 at the end.

        A clock behind `at_s` began anew since: then it ran for `now_s`. One that is ahead of it
        ran on, or began anew long ago: the difference ran off in either case.
        """
        gone = now_s - self.at_s if now_s >= self.at_s else now_s
        return max(0.0, self.left_s - gone)

    def kept(self, now_s: float) -> "Countdown":
        """The same, as it is to be kept at this moment."""
        return Countdown(self.left(now_s), now_s)
