"""The devices: what the store knows of them, and which have a line now."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commands.language import wire, wire_contain
from server.audit import clock
from server.identity.access import DeviceRef

if TYPE_CHECKING:
    from server.live.device_line import DeviceLine


@dataclass
class Device:
    """One enrolled device. Facts, policy and clock are the device's own words."""

    id: str
    name: str
    tags: tuple[str, ...] = ()
    platform: str = ""
    last_seen_ms: int | None = None
    revoked: bool = False
    ssh_key: str = ""
    """Its public key as OpenSSH writes it; known from its first line on."""
    line: "DeviceLine | None" = None
    facts: wire.Facts | None = None
    user_known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a worker has looked up who is signed in, since the shim's start."""
    policy: wire.Policy = field(default_factory=wire.Policy)
    shim: str = ""
    declarations: dict[str, str] = field(default_factory=dict)
    clock_offset_s: float = 0.0
    address: str = ""
    isolation: wire_contain.Isolated | None = None
    restriction: wire_contain.Restricted | None = None
    """As it last said; kept while it is away."""
    clone: str = ""
    """Where a second machine with this identity was refused last, and when."""
    host_then: str = ""
    """What it called itself when its line was up first."""
    machine_then: str = ""
    """What told its machine from others then."""

    def say_facts(self, facts: wire.Facts) -> None:
        """What the device says of itself from now on."""
        self.facts = facts
        self.user_known.set() if facts.user_looked_up else self.user_known.clear()

    @property
    def online(self) -> bool:
        return self.line is not None

    @property
    def isolated(self) -> bool:
        return self.isolation is not None and self.isolation.scope != "none"

    @property
    def restricted(self) -> bool:
        return self.restriction is not None and self.restriction.on

    @property
    def ref(self) -> DeviceRef:
        return self.ref_with(self.tags)

    def ref_with(self, tags: Iterable[str]) -> DeviceRef:
        """As the rules would see it with these tags."""
        return DeviceRef(self.name, frozenset(tags))


class Inventory:
    """Devices by name (whatever the case) and by id; the valid certificates of each."""

    def __init__(self) -> None:
        self._by_id: dict[str, Device] = {}
        self._by_name: dict[str, Device] = {}
        self._serials: dict[str, set[str]] = {}
        self.on_line: list[Callable[[Device], None]] = []
        """Told when a device's line comes or goes."""

    def add(self, device: Device, serials: Iterable[str]) -> None:
        self._by_id[device.id] = device
        self._by_name[device.name.lower()] = device
        self._serials.setdefault(device.id, set()).update(serials)

    def all(self) -> list[Device]:
        return sorted(self._by_id.values(), key=lambda d: d.name.lower())

    def named(self, name: str) -> Device | None:
        device = self._by_name.get(name.lower())
        return None if device is None or device.revoked else device

    def all_named(self, name: str) -> list[Device]:
        """Every device that has that name or had it before it was revoked."""
        return [one for one in self._by_id.values() if one.name.lower() == name.lower()]

    def by_id(self, device_id: str) -> Device | None:
        return self._by_id.get(device_id)

    def taken(self, name: str) -> bool:
        """Whether the name belongs to a device that is not revoked."""
        return self.named(name) is not None

    def valid(self, device_id: str, serial: str) -> Device | None:
        """The device if this certificate of it still counts."""
        device = self._by_id.get(device_id)
        if device is None or device.revoked or serial not in self._serials.get(device_id, set()):
            return None
        return device

    def revoke(self, device: Device) -> None:
        """From here on none of its certificates counts."""
        device.revoked = True
        self._serials[device.id] = set()

    def line_changed(self, device: Device) -> None:
        device.last_seen_ms = clock.now_ms()
        for tell in self.on_line:
            tell(device)
