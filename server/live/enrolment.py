"""Devices that join and leave: tokens, first certificates, revocation; every step journaled."""

import asyncio
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from commands.language.desk.devices import MadeToken
from commands.language.enrolment import (
    EnrolAnswer,
    EnrolRefused,
    EnrolRequest,
    RenewRequest,
    Request,
    written_place,
)
from commands.language.errors import FirelineError, NotUnderstood, Unreachable
from commands.language.release_token import Release
from commands.language.visible import visible
from server.audit import clock
from server.audit.action_records import ReleaseTokenMade
from server.audit.records import Enrolled, Revoked, TokenMade
from server.audit.records import EnrolRefused as EnrolRefusedRecord
from server.identity.device_ca import DeviceCA, Issued
from server.identity.tokens import hash_secret, make_token
from server.live.inventory import Device
from server.live.renewal import Renewal
from server.live.selectors import RESERVED
from server.live.tags import checked
from server.store import devices, tokens

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class Enrolment:
    """The one place where a device gets, or loses, its identity."""

    def __init__(self, broker: "Rooms", ca: DeviceCA) -> None:
        self._broker, self._ca = broker, ca
        self.opened = asyncio.Event()
        """Set while an unused token exists, or a device whose certificate ran out: the enrolment
        port listens only then."""
        self.renewal = Renewal(broker, ca)

    async def look(self) -> None:
        """Whether the port has a reason to be open."""
        now = clock.moment().isoformat(timespec="seconds")
        store = self._broker.store
        if await tokens.unused(store, time.time()) or await devices.expired(store, now):
            self.opened.set()
        else:
            self.opened.clear()

    async def new_token(self, person: str, names: str, tags: list[str], hours: float) -> MadeToken:
        """A token, shown this once."""
        broker = self._broker
        if not names or len(names) > 64:
            raise NotUnderstood("token new takes -names of 1 to 64 characters")
        tags = [checked(tag) for tag in tags]
        place = written_place(broker.config.names[0], broker.ports.enrolment)
        made = make_token(f"https://{place}", self._ca.pin)
        expires = time.time() + hours * 3600
        await tokens.add(broker.store, made.hash, names, tags, expires, person)
        shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        await broker.journal.broker.append(
            TokenMade(by=person, pattern=names, tags=tags, expires=shown)
        )
        self.opened.set()
        return MadeToken(made.text, names, shown)

    async def answered(self, request: Request, source: str) -> EnrolAnswer | EnrolRefused:
        """A certificate for a token, or for the key of one that ran out; or the reason why not."""
        who = request.name if isinstance(request, EnrolRequest) else "renewal"
        try:
            if isinstance(request, RenewRequest):
                answer = await self.renewal.at_port(request)
            else:
                answer = await self._enrol(request)
        except tokens.TokenRefused as refused:
            reason, code = str(refused), "token"
        except devices.NameTaken:
            reason = f"the name {who} is taken; give the device another with --name"
            code = "name"
        except FirelineError as refused:
            reason, code = str(refused), refused.code
        else:
            await self.look()
            return answer
        await self._broker.journal.broker.append(
            EnrolRefusedRecord(reason=f"{who}: {reason}"[:300], source=source)
        )
        return EnrolRefused(code=code, message=reason[:500])

    async def _enrol(self, request: EnrolRequest) -> EnrolAnswer:
        broker, digest = self._broker, hash_secret(request.secret)
        if request.name.lower() in RESERVED:
            raise NotUnderstood(f"{request.name} is no name a device can have; use --name")
        tags = await tokens.peek(broker.store, digest, request.name, time.time())
        if broker.inventory.taken(request.name):
            raise devices.NameTaken(request.name)
        device_id = f"d{secrets.token_hex(8)}"
        issued = await asyncio.to_thread(self._ca.sign_csr, request.csr_pem, device_id)
        new = devices.NewDevice(
            device_id,
            request.name,
            tags,
            request.platform,
            issued.serial,
            issued.not_after.isoformat(),
            clock.now(),
        )
        await tokens.claim(broker.store, digest, new, time.time(), new.at)
        await broker.journal.broker.append(
            Enrolled(
                device=device_id, name=request.name, serial=issued.serial, by_token=digest[:16]
            )
        )
        device = Device(device_id, request.name, tuple(tags), request.platform)
        broker.inventory.add(device, [issued.serial])
        return self.answer(device, issued)

    def answer(self, device: Device, issued: Issued) -> EnrolAnswer:
        """What the device keeps."""
        broker = self._broker
        return EnrolAnswer(
            device_id=device.id,
            name=device.name,
            certificate_pem=issued.pem,
            ca_pem=self._ca.pem,
            dial=[written_place(name, broker.ports.devices) for name in broker.config.names],
        )

    async def release_token(self, person: str, name: str, hours: float) -> MadeToken:
        """A token for a device that cannot be reached, shown this once; its record comes first."""
        device = self._named(name)
        until = clock.moment() + timedelta(hours=hours)
        nonce, until_ms = secrets.token_urlsafe(24), int(until.timestamp() * 1000)
        release = Release(device.id, nonce, until_ms)
        shown = f"{until:%FT%TZ}"
        await self._broker.journal.broker.append(
            ReleaseTokenMade(
                by=person, device=device.id, name=device.name, nonce=release.nonce, expires=shown
            )
        )
        return MadeToken(self._ca.release_token(release), device.name, shown)

    async def revoke(self, person: str, name: str) -> str:
        """Certificates void, lines cut, durable first."""
        broker = self._broker
        device = self._named(name)
        await devices.revoke(broker.store, device.id, clock.now())
        await broker.journal.broker.append(Revoked(what="device", name=device.name, by=person))
        broker.inventory.revoke(device)
        online = device.online
        broker.cut(device, "the device was revoked")
        for session in list(broker.sessions.live.values()):
            if session.device is device:
                broker.sessions.end_soon(session, f"{device.name} was revoked")
        cut = "its line was cut" if online else "it was offline"
        return f"{device.name} is revoked, {cut}; a new token enrols it again"

    def _named(self, name: str) -> Device:
        device = self._broker.inventory.named(name)
        if device is None:
            raise Unreachable(f"no device is called {visible(name)[:64]}; devices lists them")
        return device
