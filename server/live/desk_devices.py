"""Devices, as a person may see and change them."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from commands.language.desk.devices import DeviceRow, MadeToken
from commands.language.items import Time
from commands.language.visible import visible
from server.audit import clock
from server.live.desk_tags import proposed
from server.live.device_words import doubts
from server.live.selectors import parse, select

if TYPE_CHECKING:
    from server.live.inventory import Device
    from server.live.rooms import Rooms
    from server.live.session import Session


class DeskDevices:
    """Implements `commands.language.desk.devices.Devices`."""

    def __init__(self, broker: "Rooms", session: "Session") -> None:
        self._broker, self._session = broker, session

    async def rows(self, selector: str | None = None) -> AsyncIterator[DeviceRow]:
        devices = self._session.sessions.seen_by(self._session.person)
        if selector is not None:
            devices = select(parse(selector), devices, self._broker.access.rules)
        for device in devices:
            yield self._row(device)

    async def new_token(self, names: str, tags: list[str], hours: float) -> MadeToken:
        return await self._broker.enrolment.new_token(self._session.person, names, tags, hours)

    async def release_token(self, name: str, hours: float) -> MadeToken:
        return await self._broker.enrolment.release_token(self._session.person, name, hours)

    async def revoke(self, name: str) -> str:
        return await self._broker.enrolment.revoke(self._session.person, name)

    def _row(self, device: "Device") -> DeviceRow:
        open_here = [s for s in self._session.sessions.live.values() if s.device is device]
        facts = device.facts
        return DeviceRow(
            name=device.name,
            platform=visible(facts.system if facts is not None else device.platform),
            version=visible(device.shim),
            tags=" ".join(device.tags),
            last_seen=Time(clock.now_ms() if device.online else device.last_seen_ms or 0)
            if device.online or device.last_seen_ms
            else None,
            online=device.online,
            isolated=device.isolated,
            restricted=device.restricted,
            sessions=" ".join(f"{s.id} {s.person}" for s in open_here),
            clock_offset_s=round(device.clock_offset_s, 3) + 0.0 if device.online else None,
            proposed=" ".join(visible(tag) for tag in proposed(device)),
            host=visible(facts.host) if facts is not None else "",
            address=device.address,
            weaker_stop=visible(facts.weaker_stop) if facts is not None else "",
            warning=doubts(device),
        )
