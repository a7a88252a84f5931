"""Windows' clock: FILETIME, 100 ns since 1601 UTC; pure."""

from commands.language.items import Time

PER_MS = 10_000
EPOCH_MS = 11_644_473_600_000
YEAR_10000_MS = 253_402_300_800_000


def time_of(filetime: int) -> Time | None:
    """Milliseconds since 1970; 0 means that the system has no such time."""
    return Time(filetime // PER_MS - EPOCH_MS) if filetime else None


def filetime_of(seconds: int) -> int:
    """Of seconds since 1970; what lies before 1601 is its first moment that is a time."""
    return max(1, (seconds * 1000 + EPOCH_MS) * PER_MS)
