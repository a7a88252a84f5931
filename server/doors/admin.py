"""The admin socket: one command line of the operators' program, from a local account.

1. Who it is says the kernel (SO_PEERCRED): the access file maps the account to a person. Nothing
   that the peer writes counts.
2. One JSON line {"line", "columns"} and then the command's standard input; back come frames of
   one byte (1 output, 2 error, 3 end), a 32-bit length and the bytes; the end is the exit status.
3. Same grammar, same access check, same journal as every other door.
"""

import asyncio
import contextlib
import logging
import os
import pwd
import socket as sockets
import struct
from typing import TYPE_CHECKING, Annotated, cast

import msgspec

from server.audit.errors import NoSpace
from server.audit.records import LoginRefused
from server.doors.batch import Batch
from server.doors.client import Client, Nobody, Stdin, Taker
from server.identity.access import person_for_account
from server.live.responder import Door, Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms

HEADER = 65_536 * 2
FRAME = struct.Struct(">BI")
OUT, ERROR, END = 1, 2, 3
PIECE = 65_536
AT_ONCE = 32

log = logging.getLogger(__name__)


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the program sends first."""

    line: Annotated[str, msgspec.Meta(max_length=HEADER)]
    columns: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 80


class LocalLogin:
    """A local account's login; it is never cut, and at no device's own door."""

    cut_for: str | None = None
    device: str | None = None


class LocalClient:
    """What a batch asks of its client, over the socket."""

    terminal = False
    smart = False
    color = False
    comment_too_long = False

    def __init__(
        self, person: str, account: str, columns: int, writer: asyncio.StreamWriter
    ) -> None:
        self.taker: Taker = Nobody()
        self.login = LocalLogin()
        self.columns, self.rows = columns or 80, 24
        self._person, self._account, self._writer = person, account, writer
        self._reading = asyncio.Event()
        self._reading.set()
        self.can_write = True
        self._emptying: asyncio.Task[None] | None = None

    def show(self, text: bytes) -> None:
        self._send(OUT, text)

    write = show

    def show_error(self, text: bytes) -> None:
        self._send(ERROR, text)

    write_error = show_error

    def end(self, status: int) -> None:
        self._send(END, struct.pack(">i", status))

    async def drain(self) -> None:
        await self._writer.drain()

    def pause(self) -> None:
        self._reading.clear()

    def resume(self) -> None:
        self._reading.set()

    async def feed(self, reader: asyncio.StreamReader) -> None:
        """Standard input, as fast as it is taken."""
        while data := await reader.read(PIECE):
            await self._reading.wait()
            self.taker.data(data)
        self.taker.eof()

    def responder(self, door: Door) -> Responder:
        return Responder(
            self._person,
            f"account {self._account}",
            "admin socket",
            "fireline",
            door,
            None,
            self.columns,
            self.rows,
        )

    def _send(self, kind: int, data: bytes) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(FRAME.pack(kind, len(data)) + data)
        transport = self._writer.transport
        if (
            self.can_write
            and transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]
        ):
            self.can_write = False
            self._emptying = asyncio.create_task(self._emptied())
            self.taker.writable(False)

    async def _emptied(self) -> None:
        """Tells who writes when the peer has read again; one that went reads no more."""
        with contextlib.suppress(OSError):
            await self._writer.drain()
        self.can_write = True
        self.taker.writable(True)

    def leave(self) -> None:
        if self._emptying is not None:
            self._emptying.cancel()


class AdminDoor:
    """Listens on the state folder's socket."""

    def __init__(self, broker: "Rooms") -> None:
        self.broker = broker
        self._server: asyncio.Server | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._serving: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        path = self.broker.config.admin_socket
        path.unlink(missing_ok=True)
        listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        listener.bind(str(path))
        os.chmod(path, 0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=HEADER)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self.broker.config.admin_socket.unlink(missing_ok=True)

    async def finish(self, seconds: float) -> None:
        """Lets who is served have his answer."""
        if self._serving:
            await asyncio.wait(self._serving, timeout=seconds)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            async with self._turns:
                await self._one(reader, writer)
        except (OSError, ValueError, asyncio.LimitOverrunError) as error:
            log.info("the admin socket: %s", error)
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        account = _account_of(writer.get_extra_info("socket"))
        ask = msgspec.json.decode(await reader.readuntil(b"\n"), type=Ask)
        person = person_for_account(self.broker.access.rules, account)
        if person is None:
            await self._refuse(account, writer)
            return
        client = LocalClient(person.name, account, ask.columns, writer)
        taken = cast(Client, client)  # a batch asks no more of a client than is here
        client.taker = stdin = Stdin(taken)
        feeding = asyncio.create_task(client.feed(reader))
        try:
            client.end(await Batch(self.broker, taken, "admin", stdin).exec(ask.line))
            await client.drain()
        finally:
            feeding.cancel()
            client.leave()

    async def _refuse(self, account: str, writer: asyncio.StreamWriter) -> None:
        reason = f"account {account} is nobody that access.yaml names (people: NAME: accounts)"
        with contextlib.suppress(NoSpace):  # the answer is the same, and the record comes later
            await self.broker.journal.broker.append_for_a_door(
                LoginRefused(
                    person="", key=f"account {account}", source="admin socket", reason=reason
                )
            )
        text = f"refused: {reason}\n".encode()
        writer.write(FRAME.pack(ERROR, len(text)) + text + FRAME.pack(END, 4))
        writer.write(struct.pack(">i", 3))
        await writer.drain()


def _account_of(socket: sockets.socket) -> str:
    """The name of the peer's account, its number where it has none."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack(
        "3i", socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, size)
    )
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
