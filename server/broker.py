"""The broker put together: store, journal, rules, devices, sessions and doors, started in order.

Nothing is open before the journal has recovered what a killed broker left; what the doors let in
is recorded from its first byte.
"""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Coroutine
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from server.actions.center import Center
from server.audit.journal import Journal
from server.audit.records import BrokerStarted, BrokerStopped, RulesLoaded, RulesRefused
from server.audit.recovery import Interrupted
from server.audit.verify import Verdict, verify
from server.config import Config
from server.doors.admin import AdminDoor
from server.doors.devices import DeviceDoor
from server.doors.enrolment import EnrolmentDoor
from server.doors.front import Front
from server.doors.limits import DoorLimits
from server.doors.sftp import SftpDoor
from server.doors.ssh import SshDoor
from server.evidence.room import EvidenceRoom
from server.identity.access import Access
from server.identity.access_file import declared_words
from server.identity.device_ca import load_ca
from server.identity.host_key import load_host_key
from server.identity.tls import device_door_context, enrolment_context
from server.live.blast_radius import BlastRadius
from server.live.enrolment import Enrolment
from server.live.inventory import Device, Inventory
from server.live.library import LibraryRoom
from server.live.preferences import PreferencesRoom
from server.live.rooms import Ports
from server.live.sessions import Sessions
from server.live.shipped import ship
from server.live.tags import TagRoom
from server.live.watch import rules_changed, watch
from server.store import device_keys, devices, history
from server.store.sqlite import Store

log = logging.getLogger(__name__)
GIVE_UP_S = 2.0


class Broker:
    """Everything of one running broker. Made by `start`."""

    store: Store
    journal: Journal
    access: Access
    library: LibraryRoom
    preferences: PreferencesRoom
    enrolment: Enrolment
    radius: BlastRadius
    actions: Center

    def __init__(self, config: Config) -> None:
        self.config = config
        self.instance = secrets.token_hex(8)
        self.inventory = Inventory()
        self.sessions = Sessions(self)
        self.evidence = EvidenceRoom(config.limits)
        self.tags = TagRoom(self)
        self.ports = Ports()
        self._interrupted: list[Interrupted] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._doors: list[SshDoor | DeviceDoor | EnrolmentDoor | AdminDoor] = []
        self._device_door: DeviceDoor | None = None

    @classmethod
    async def start(cls, config: Config) -> "Broker":
        """Opens the store, recovers, then the doors."""
        broker = cls(config)
        await broker._open_store()
        await broker._load_devices()
        broker.actions = await Center.open(broker)
        await broker._open_doors()
        return broker

    async def stop(self, reason: str) -> None:
        """Ends every session with the reason, closes the doors, then the journal."""
        self.store.stop_waiting()
        for door in self._doors:
            if isinstance(door, SshDoor):
                await door.close(reason)
        await self.sessions.stop(reason)
        for door in self._doors:
            if not isinstance(door, SshDoor):
                await door.close()
        for task in list(self._tasks):
            task.cancel()
        await self.journal.broker.append(BrokerStopped(reason=reason))
        await self.journal.close()
        await self.store.close()

    async def give_up(self) -> None:
        """The store failed: nothing more can be recorded, so everybody is told why and let go."""
        for door in self._doors:
            if not isinstance(door, SshDoor):
                await door.close()
        for door in self._doors:
            if isinstance(door, SshDoor):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GIVE_UP_S):
                        await door.close(self.store.failure)
            elif isinstance(door, AdminDoor):
                await door.finish(GIVE_UP_S)

    async def _open_store(self) -> None:
        config = self.config
        limits = config.limits
        self.store = await Store.open(config.state / "fireline.db")
        self.journal = await Journal.open(
            self.store,
            config.state,
            strict=config.strict_journal,
            reserve=limits.reserve_bytes,
            recording_budget=limits.recording_bytes,
            results_budget=limits.results_bytes,
        )
        self._interrupted = await self.journal.recover(self.instance)
        await self.journal.broker.append(
            BrokerStarted(version=version("fireline"), instance=self.instance)
        )
        self.access = await Access.open(
            config.access_file, declared_words(), self._rules_loaded, self._rules_refused
        )
        self.own(self.access.watch())
        self.access.changed.append(lambda rules: rules_changed(self.sessions, rules))
        self.tags.changed = lambda: rules_changed(self.sessions, self.access.rules)
        self.own(watch(self.sessions))
        folder = config.state / "library"
        await asyncio.to_thread(_private, folder)
        self.library = LibraryRoom(self.store, self.journal.broker, folder, limits.library_bytes)
        await ship(self.library)
        self.preferences = await PreferencesRoom.open(self.store)
        self.radius = await BlastRadius.open(self.store, limits)

    async def _load_devices(self) -> None:
        keys = await device_keys.all_keys(self.store)
        for stored in await devices.all_devices(self.store):
            device = Device(
                stored.id,
                stored.name,
                stored.tags,
                stored.platform,
                stored.last_seen_ms,
                stored.revoked,
                keys.get(stored.id, ""),
                host_then=stored.host,
                machine_then=stored.machine,
            )
            self.inventory.add(device, stored.serials)
        self.inventory.on_line.append(self._note_seen)

    async def _open_doors(self) -> None:
        config = self.config
        life = timedelta(days=config.limits.certificate_days)
        ca = await asyncio.to_thread(load_ca, config.state, life)
        door_file = await asyncio.to_thread(ca.make_door, config.state, list(config.names))
        self.enrolment = Enrolment(self, ca)
        device_door = DeviceDoor(self, device_door_context(ca, door_file))
        self.ports.devices = device_door.listen()
        enrolment_door = EnrolmentDoor(self, enrolment_context(door_file), ca.pem)
        self.ports.enrolment = enrolment_door.listen()
        self.own(self.enrolment.renewal.run())
        front = Front(self)
        files = SftpDoor(self)
        front.serve_sftp, front.serve_scp = files.serve, files.serve_scp
        host_key = await asyncio.to_thread(load_host_key, config.state)
        ssh = SshDoor(
            [host_key],
            self.access,
            self.journal.broker,
            front,
            DoorLimits(
                logins=config.limits.logins,
                logins_per_source=config.limits.logins_per_source,
                connections_per_person=config.limits.connections_per_person,
            ),
        )
        await ssh.open(config.ssh_host, config.ssh_port)
        self.ports.ssh = ssh.port
        admin = AdminDoor(self)
        await admin.open()
        self._device_door = device_door
        self._doors = [ssh, admin, enrolment_door, device_door]

    # What doors and sessions ask of it.
    def cut(self, device: Device, reason: str) -> None:
        """Drops the device's connections at once."""
        if self._device_door is not None:
            self._device_door.cut(device, reason)

    async def verify(self, session: str) -> Verdict:
        return await verify(self.journal, session)

    async def history(self, person: str) -> list[str]:
        return await history.lines(self.store, person)

    async def remember(self, person: str, line: str) -> None:
        await history.add(self.store, person, line)

    def interrupted_of(self, person: str) -> list[str]:
        """What a killed broker left unfinished of a person's, a sentence each."""
        return [_told(found) for found in self._interrupted if found.person == person]

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something for as long as the broker runs."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a part of the broker ended", "exception": error, "task": task}
            )

    def _note_seen(self, device: Device) -> None:
        if device.last_seen_ms is not None:
            self.own(devices.seen(self.store, device.id, device.last_seen_ms))

    async def _rules_loaded(self, sha256: str, changed: list[str]) -> None:
        await self.journal.broker.append(RulesLoaded(sha256=sha256, changed=changed))

    async def _rules_refused(self, message: str) -> None:
        log.warning("%s", message)
        await self.journal.broker.append(RulesRefused(message=message))


def _told(found: Interrupted) -> str:
    what = ", ".join(f"{c.word} {c.number}" for c in found.commands) or "nothing ran"
    partials = f"; kept: {', '.join(found.partials)}" if found.partials else ""
    return (
        f"{found.session} {found.device} was interrupted {found.at} when the broker stopped: "
        f"{what}{partials}"
    )


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
