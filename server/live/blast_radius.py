"""How many devices one person changes: so many a day alone, so many a minute at all.

1. A device counts once a day, from the first change on it; durable before that. Who has changed
   so many changes no other one alone: it waits for a second person (second_person.py), or is
   refused where it cannot wait (sftp, scp).
2. A selector that is no list of names never takes a person over that number.
3. The day ends when both clocks say so: a clock that was set ends none (security.md, section 12).
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from commands.language.command import Spec
from commands.language.errors import Refused
from server.audit import clock
from server.config import Limits
from server.live.inventory import Device
from server.store import changed_devices
from server.store.sqlite import Store

DAY_S, MINUTE_S = 86_400.0, 60.0


@dataclass(frozen=True)
class _Changed:
    """When a device was changed first: by the wall clock, and by this process's own."""

    at_ms: int
    loop_s: float


class BlastRadius:
    """What each person has changed lately; bounded by the limits for each."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store, self._limits = store, limits
        self._day: dict[str, dict[str, _Changed]] = {}
        self._minute: dict[str, dict[str, float]] = {}
        """Both with the earliest first, by this process's own clock."""

    @classmethod
    async def open(cls, store: Store, limits: Limits) -> "BlastRadius":
        """With what the store has of the last day."""
        radius, wall, loop_s = cls(store, limits), clock.now_ms(), asyncio.get_running_loop().time()
        held = await changed_devices.since(store, wall - int(DAY_S * 1000))
        for one in sorted(held, key=lambda changed: changed.at_ms):
            ago_s = max(wall - one.at_ms, 0) / 1000
            changed = _Changed(one.at_ms, loop_s - ago_s)
            radius._day.setdefault(one.person, {})[one.device] = changed
        return radius

    @property
    def most(self) -> str:
        """How many a person may change alone, as a sentence has it."""
        return _many(self._limits.changed_devices_per_day)

    # What may be.
    def over(self, person: str, device: Device) -> bool:
        """Whether this device would be one too many for the person alone."""
        day = self._of_day(person)
        return device.id not in day and len(day) >= self._limits.changed_devices_per_day

    def beyond(self, person: str, devices: Sequence[Device]) -> int:
        """How many of these are more than the person may change alone."""
        day = self._of_day(person)
        new = sum(device.id not in day for device in devices)
        return max(0, min(new, len(day) + new - self._limits.changed_devices_per_day))

    def check_several(
        self, person: str, spec: Spec, devices: Iterable[Device], *, explicit: bool
    ) -> None:
        """Raises Refused for what would take the person over his day, before the first of it."""
        day, most = self._of_day(person), self._limits.changed_devices_per_day
        new = sum(device.id not in day for device in devices)
        if len(day) + new <= most:
            return
        said = (
            f"{spec.word} would change {_many(new)} beside the {len(day):,} that you have "
            f"changed within 24 h, over the {most:,} of one person"
        )
        if not explicit:
            raise Refused(f"{said}; that needs them by name, by commas, and a second person")

    # What is.
    async def changes(self, person: str, spec: Spec, device: Device) -> None:
        """A change is about to begin: counted, durable on return; Refused where it is too many.

        An action over the day's number begins all the same: it waits for its second person.
        """
        self._check(person, spec, device)
        now = asyncio.get_running_loop().time()
        self._of_minute(person).setdefault(device.id, now)
        day = self._of_day(person)
        if device.id not in day and not self.over(person, device):
            day[device.id] = _Changed(clock.now_ms(), now)
            await changed_devices.add(self._store, person, device.id, day[device.id].at_ms)

    def _check(self, person: str, spec: Spec, device: Device) -> None:
        limits, where = self._limits, f"{spec.word} on {device.name}"
        if self.over(person, device) and not spec.queued:
            raise Refused(
                f"{where}: you have changed {self.most} within 24 h; {spec.word} typed in a "
                "session waits for a second person"
            )
        if self._wait_s(person, device) > 0:
            most = limits.changed_devices_per_minute
            raise Refused(f"{where}: {most:,} devices a minute may be changed; wait one")

    async def turn(self, person: str, device: Device) -> None:
        """Waits until one more device may be changed this minute, and takes the place."""
        while True:
            if (wait_s := self._wait_s(person, device)) <= 0:
                break
            await asyncio.sleep(wait_s)
        self._of_minute(person).setdefault(device.id, asyncio.get_running_loop().time())

    def _wait_s(self, person: str, device: Device) -> float:
        """How long until this device may be changed; the minute's first one makes room."""
        minute = self._of_minute(person)
        if device.id in minute or len(minute) < max(self._limits.changed_devices_per_minute, 1):
            return 0.0
        return next(iter(minute.values())) + MINUTE_S - asyncio.get_running_loop().time() + 0.01

    def _of_day(self, person: str) -> dict[str, _Changed]:
        day = self._day.setdefault(person, {})
        wall, loop_s = clock.now_ms(), asyncio.get_running_loop().time()
        if not day or loop_s - next(iter(day.values())).loop_s < DAY_S:
            return day  # of the earliest one's day there is something left
        for device, one in list(day.items()):
            if wall - one.at_ms >= DAY_S * 1000 and loop_s - one.loop_s >= DAY_S:
                del day[device]
        return day

    def _of_minute(self, person: str) -> dict[str, float]:
        minute = self._minute.setdefault(person, {})
        now = asyncio.get_running_loop().time()
        while minute and now - minute[first := next(iter(minute))] >= MINUTE_S:
            del minute[first]
        return minute


def _many(devices: int) -> str:
    return "1 device" if devices == 1 else f"{devices:,} devices"
