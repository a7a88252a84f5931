"""Device certificates: one more from two thirds of their life on, while an old one still counts.

1. The broker says when: it judges the dates, and a device's own clock may be wrong.
2. Over the control line nothing is asked: its TLS has proved the key. At the enrolment port, where
   a device comes whose certificate ran out, it shows that certificate and signs with its key.
3. A certificate counts once it is in the store and journaled. The one before it counts to its own
   end, for workers that run hold it. Revoked is the device, and with it all of them.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from commands.language.enrolment import EnrolAnswer, RenewRequest
from commands.language.errors import Refused
from server.audit import clock
from server.audit.records import Renewed
from server.identity.device_ca import DeviceCA, Issued
from server.identity.leaf import DeviceLeaf
from server.live.budget import Budget
from server.live.inventory import Device
from server.store import devices

if TYPE_CHECKING:
    from server.live.rooms import Rooms

LOOK_S, AGAIN_S = 60.0, 3600.0
"""How often it is looked, and when a device that did not take its certificate gets another."""


log = logging.getLogger(__name__)


class Renewal:
    """Who gets a further certificate, and when."""

    def __init__(self, broker: "Rooms", ca: DeviceCA) -> None:
        self._broker, self._ca = broker, ca
        life = ca.life.total_seconds()
        self._look_s, self._again_s = min(LOOK_S, life / 20), min(AGAIN_S, life / 6)
        self._asked = Budget(broker.config.limits.renewals_per_hour, 3600.0)

    async def run(self) -> None:
        """Looks at every line, and whether the enrolment port has a reason to open."""
        while True:
            await self._look()
            await self._broker.enrolment.look()
            await asyncio.sleep(self._look_s)

    async def _look(self) -> None:
        now, at = clock.moment(), asyncio.get_running_loop().time()
        for device in self._broker.inventory.all():
            line = device.line
            if line is None or line.leaf is None or now < line.leaf.due:
                continue
            if now >= line.leaf.not_after:
                line.close("its certificate ran out")
            elif line.renewed is None or at - line.renewed_at >= self._again_s:
                try:
                    line.renew(await self._issue(device, line.leaf, "line"), at)
                except Refused as error:
                    log.info("no certificate for %s: %s", device.name, error)

    async def at_port(self, request: RenewRequest) -> EnrolAnswer:
        """For a device whose line is closed to it; Refused where it may not."""
        broker = self._broker
        leaf = await asyncio.to_thread(self._ca.proved, request.certificate_pem, request.csr_pem)
        device = broker.inventory.valid(leaf.device_id, leaf.serial)
        if device is None:
            raise Refused("the certificate to renew is not valid here: revoked or unknown")
        if clock.moment() < leaf.due:
            raise Refused(f"its certificate is good until {leaf.not_after:%F}; it needs no other")
        if not self._asked.spend(device.id, asyncio.get_running_loop().time()):
            raise Refused(f"{device.name} was renewed too often within an hour; wait one")
        issued = await self._issue(device, leaf, "enrolment")
        return broker.enrolment.answer(device, issued)

    async def _issue(self, device: Device, leaf: DeviceLeaf, door: str) -> Issued:
        broker = self._broker
        issued = await asyncio.to_thread(self._ca.renew, leaf)
        until = issued.not_after.isoformat()
        if not await devices.add_certificate(
            broker.store, device.id, issued.serial, until, clock.now()
        ):
            raise Refused(f"{device.name} is revoked")
        await broker.journal.broker.append(
            Renewed(
                device=device.id,
                name=device.name,
                serial=issued.serial,
                not_after=clock.stamp(issued.not_after),
                door=door,
            )
        )
        broker.inventory.add(device, [issued.serial])
        return issued
