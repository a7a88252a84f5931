"""The tree that one SFTP connection sees: every device and every piece of evidence it may see.

A device's session opens when the first thing below `/devices/NAME/root` is asked for; what is
outside a device (lists of devices, evidence) is recorded in the connection's desk session.
"""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol

import asyncssh

from commands.language import names
from commands.language.errors import Refused, Unreachable
from server.doors import sftp_answers as answers
from server.doors.sftp_desk import SftpDesk
from server.doors.sftp_evidence import EvidenceBranch
from server.doors.sftp_library import LibraryBranch
from server.doors.sftp_packages import PackagesBranch
from server.doors.sftp_paths import (
    TOPS,
    DeviceTop,
    Evidence,
    LibraryFile,
    OnDevice,
    PackageFile,
    Place,
    Recording,
    Top,
    on_device,
    on_drive,
    place_of,
    raw_part,
    whole,
)
from server.doors.sftp_read_only import ReadOnly
from server.doors.sftp_recordings import RecordingsBranch
from server.evidence.shelf import Shelf
from server.live.device_files import DeviceFile, DeviceFiles, Wanted
from server.live.device_upload import DeviceUpload
from server.live.inventory import Device
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms

DRIVES = names.Name("\\")
"""Of a Windows device: where its drives are listed."""
Entries = AsyncIterator[asyncssh.SFTPName]


class OpenFile(Protocol):
    """A file of the tree, open for reading, writing or both."""

    async def attrs(self) -> asyncssh.SFTPAttrs: ...
    async def read(self, offset: int, length: int) -> bytes: ...
    async def write(self, offset: int, data: bytes) -> None: ...
    async def set(self, facts: answers.Facts) -> None: ...
    async def sync(self) -> None: ...
    async def close(self) -> None: ...

    async def drop(self) -> None:
        """Its client went without closing it."""
        ...


class OpenDeviceFile(ReadOnly):
    """A device's file; its attributes are asked for only by a client that wants them."""

    def __init__(self, files: DeviceFiles, path: names.Name, file: DeviceFile) -> None:
        self._files, self._path, self._file = files, path, file
        self.read = file.read

    async def attrs(self) -> asyncssh.SFTPAttrs:
        attrs = answers.of_device(await self._files.stat(self._path, follow=True))
        if self._file.size is not None:
            attrs.size = self._file.size
        return attrs

    async def close(self) -> None:
        await self._file.close()


class OpenUpload:
    """A device's file that the client writes."""

    def __init__(self, files: DeviceFiles, path: names.Name, upload: DeviceUpload) -> None:
        self._files, self._path, self._upload = files, path, upload
        self.read, self.write, self.sync = upload.read, upload.write, upload.sync
        self.close, self.drop = upload.close, upload.drop

    async def attrs(self) -> asyncssh.SFTPAttrs:
        return answers.of_device(await self._files.stat(self._path, follow=False))

    async def set(self, facts: answers.Facts) -> None:
        await self._upload.set(facts.size, facts.mode, facts.times)


class Tree:
    """Ended once, by `end`."""

    def __init__(self, broker: "Rooms", responder: Responder, tell: Callable[[str], None]) -> None:
        self._broker, self._responder = broker, responder
        self._desk = desk = SftpDesk(broker, responder)
        shelf = Shelf(broker.journal, lambda: broker.access.rules, broker.inventory)
        self._evidence = EvidenceBranch(broker, responder, desk, shelf)
        self._library = LibraryBranch(broker, responder, desk, tell)
        self._packages = PackagesBranch(broker, responder, desk, shelf)
        self._recordings = RecordingsBranch(broker, responder, desk, shelf)
        self._devices: dict[str, DeviceFiles] = {}

    async def whole(self, path: bytes) -> bytes:
        """The path as REALPATH gives it."""
        return whole(path)

    async def _place(self, path: bytes) -> Place:
        return place_of(path)

    async def attrs(self, path: bytes, *, follow: bool) -> asyncssh.SFTPAttrs:
        match await self._place(path):
            case Top():
                return answers.of_folder()
            case DeviceTop(name):
                self._seen(name)
                return answers.of_folder()
            case OnDevice() as place:
                files, at = await self._at(place, "dir")
                return answers.of_device(await files.stat(at, follow=follow))
            case Evidence(session, file):
                return await self._evidence.attrs(session, file)
            case LibraryFile(name):
                return await self._library.attrs(name)
            case PackageFile(name):
                return await self._packages.attrs(name)
            case Recording(session):
                return await self._recordings.attrs(session)
        raise answers.no_such_file()

    async def read_link(self, path: bytes) -> bytes:
        match await self._place(path):
            case OnDevice() as place:
                files, at = await self._at(place, "dir")
                return await files.read_link(at)
            case _:
                await self.attrs(path, follow=False)
                raise answers.no_link()

    async def entries(self, path: bytes) -> Entries:
        match await self._place(path):
            case Top("/"):
                for top in TOPS:
                    if top != "library" or await self._library.may_list():
                        yield answers.named(top.encode(), answers.of_folder())
            case Top("/devices"):
                for name in await self._evidence.devices():
                    yield answers.named(name.encode(), answers.of_folder())
            case Top("/evidence"):
                for entry in await self._evidence.sessions():
                    yield entry
            case Top("/library"):
                for entry in await self._library.files():
                    yield entry
            case Top("/packages"):
                for entry in await self._packages.files():
                    yield entry
            case Top("/sessions"):
                for entry in await self._recordings.files():
                    yield entry
            case DeviceTop(name):
                async for entry in self._roots(self._seen(name)):
                    yield entry
            case OnDevice() as place:
                async for entry in self._listed(*await self._at(place, "dir")):
                    yield entry
            case Evidence(session, None):
                for entry in await self._evidence.files(session):
                    yield entry
            case _:
                raise answers.no_such_file()

    async def open(self, path: bytes) -> OpenFile:
        match await self._place(path):
            case OnDevice() as place:
                files, at = await self._at(place, "getfile")
                return OpenDeviceFile(files, at, await files.open(at))
            case Evidence(session, str(file)):
                return await self._evidence.open(session, file)
            case LibraryFile(name):
                return await self._library.open(name)
            case PackageFile(name):
                return await self._packages.open(name)
            case Recording(session):
                return await self._recordings.open(session)
            case Top() | DeviceTop() | Evidence():
                await self.attrs(path, follow=True)
                raise asyncssh.SFTPFailure("it is a folder")
        raise answers.no_such_file()

    async def open_to_write(self, path: bytes, wanted: Wanted) -> OpenFile:
        match await self._place(path):
            case LibraryFile(name):
                return await self._library.open_to_write(name, wanted)
        files, at = await self._to_change(path)
        return OpenUpload(files, at, await files.open_to_write(at, wanted))

    async def make_folder(self, path: bytes, mode: int | None) -> None:
        files, at = await self._to_change(path)
        await files.make_folder(at, mode)

    async def move(self, path: bytes, to: bytes, *, replace: bool) -> None:
        files, at = await self._to_change(path)
        others, new = await self._to_change(to)
        if files is not others:
            raise Refused("a file is renamed on its own device; get it and put it on the other one")
        await files.move(at, new, replace=replace)

    async def set(self, path: bytes, facts: answers.Facts) -> None:
        match await self._place(path):
            case LibraryFile(name) if facts.size is None:
                await self._library.set(name)
                return
        files, at = await self._to_change(path)
        await files.set(at, facts.size, facts.mode, facts.times)

    async def _to_change(self, path: bytes) -> tuple[DeviceFiles, names.Name]:
        match await self._place(path):
            case OnDevice() as place:
                return await self._at(place, "putfile")
            case _:
                raise Refused(
                    "nothing is made or changed here; files go below /devices/NAME or to "
                    "/library/NAME"
                )

    async def end(self, reason: str) -> None:
        for files in self._devices.values():
            files.end(reason)
        self._recordings.end()
        self._desk.end(reason)

    def _seen(self, name: str) -> Device:
        """The device, if the person may see it; it is answered under any case of its name."""
        try:
            return self._broker.sessions.visible_device(self._responder.person, name)
        except Unreachable:
            raise answers.no_such_file() from None

    async def _at(self, place: OnDevice, word: str) -> tuple[DeviceFiles, names.Name]:
        """The device's files and what a path means there; `word` is what is asked for."""
        device = self._seen(place.name)
        if device.platform == "windows":
            at = on_drive(place)
            if at is None:
                raise answers.no_such_file()
            return self._files(device), at
        path = on_device(place, device.platform)
        if path is None:
            raise answers.no_such_file()
        files = self._files(device)
        return files, await _meant(files, path, word)

    def _files(self, device: Device) -> DeviceFiles:
        if device.id not in self._devices:
            self._devices[device.id] = DeviceFiles(self._broker.sessions, self._responder, device)
        return self._devices[device.id]

    async def _roots(self, device: Device) -> Entries:
        """The entries of `/devices/NAME`: which drives there are, only the device knows."""
        if device.platform != "windows":
            yield answers.named(b"root", answers.of_folder())
            return
        async for entry in self._listed(self._files(device), DRIVES, self._drive_name):
            yield entry

    def _drive_name(self, name: bytes) -> bytes:
        return name

    async def _listed(
        self, files: DeviceFiles, path: names.Name, called: Callable[[bytes], bytes] = bytes
    ) -> Entries:
        for dots in (b".", b".."):
            yield answers.named(dots, answers.of_folder())
        is_windows = files.device.platform == "windows"
        spelled = answers.units_of if is_windows else answers.bytes_of
        async for part in files.list(path):
            for facts in part:
                if (name := spelled(names.Name(facts.name))) is None:
                    files.lied(f"listed an entry that is no name: {facts.name[:100]}")
                    continue
                yield answers.named(called(name), answers.of_device(facts))


async def _meant(files: DeviceFiles, path: bytes, word: str) -> names.Name:
    """The Name of a path whose parts may be typed as `raw:` (rule 3 of sftp_paths)."""
    meant = b""
    for part in path.removeprefix(b"/").split(b"/"):
        spelled = meant + b"/" + part
        data = raw_part(part)
        if data is not None and not await files.is_there(word, names.from_bytes(spelled)):
            spelled = meant + b"/" + data
        meant = spelled
    return names.from_bytes(meant)
