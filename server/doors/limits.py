"""How many may knock at once, and how long those wait who knock with nothing; pure.

asyncssh counts nothing itself. A source is an IPv4 address or an IPv6 /64: one host owns that.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_SOURCES = 4096


@dataclass(frozen=True)
class DoorLimits:
    """Settings of the ssh door."""

    logins: int = 64
    logins_per_source: int = 10
    login_seconds: float = 30.0
    connections_per_person: int = 100
    sessions_per_connection: int = 20
    keys_offered: int = 20
    first_delay: float = 0.25
    longest_delay: float = 8.0
    forget_after: float = 600.0


@dataclass
class _Failures:
    count: int
    at: float


class Knocking:
    """Logins under way, and the sources that failed lately."""

    def __init__(self, limits: DoorLimits, clock: Callable[[], float]) -> None:
        self.limits, self._clock = limits, clock
        self._under_way: Counter[str] = Counter()
        self._failed: OrderedDict[str, _Failures] = OrderedDict()

    def enter(self, source: str) -> str | None:
        """Counts a login as under way; a sentence instead where it may not begin."""
        if self._under_way.total() >= self.limits.logins:
            return "too many logins are under way; try again in a few seconds"
        if self._under_way[source] >= self.limits.logins_per_source:
            return "too many logins are under way from your address; try again in a few seconds"
        self._under_way[source] += 1
        return None

    def leave(self, source: str) -> None:
        """A login that `enter` let begin has ended, well or not."""
        self._under_way[source] -= 1
        if self._under_way[source] <= 0:
            del self._under_way[source]

    def failed(self, source: str) -> None:
        count = self._count(source)
        self._failed[source] = _Failures(count + 1, self._clock())
        self._failed.move_to_end(source)
        while len(self._failed) > MOST_SOURCES:
            self._failed.popitem(last=False)

    def succeeded(self, source: str) -> None:
        """Halves what is held against the source: others may fail behind the same address."""
        if (failures := self._failed.get(source)) is not None:
            failures.count //= 2

    def delay(self, source: str) -> float:
        """How long the next login from there waits before its key is looked at."""
        count = self._count(source)
        if count == 0:
            return 0.0
        return min(self.limits.first_delay * 2.0 ** min(count - 1, 16), self.limits.longest_delay)

    def _count(self, source: str) -> int:
        failures = self._failed.get(source)
        if failures is None or self._clock() - failures.at > self.limits.forget_after:
            return 0
        return failures.count


def source_of(address: str) -> str:
    """What is counted as one source."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
