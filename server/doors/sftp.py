"""The SFTP door, for sftp and scp alike: one channel from its first request to its exit status.

1. asyncssh's own server speaks the protocol, one request after another; before each the client
   must have read what was sent, so that one who does not read costs a few pieces and no more.
   Only writes overlap: a distant device must not cost a round trip a piece. Whatever else is asked
   waits until they are answered.
2. The status goes out when the channel's server returns: 0 when the client ended in order. Stock
   scp copies all and fails without it.
3. Version 3, and of the extended requests those that are right here.
4. A file that was not closed by its client is dropped: it is not taken for a whole one.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import asyncssh
from asyncssh.constants import FXP_WRITE
from asyncssh.sftp import SFTPLimits, SFTPServerHandler

from commands.language.errors import FirelineError, NotUnderstood
from server.doors import scp_lines
from server.doors.channel import ServerChannel
from server.doors.client import Client, Stdin
from server.doors.overlap import Overlap
from server.doors.scp import copy
from server.doors.sftp_device_tree import DeviceTree
from server.doors.sftp_server import TreeServer
from server.doors.sftp_tree import Tree
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms

VERSION = 3
PACKET = 256 * 1024
READ = PACKET - 1024
EXTENSIONS = (
    b"limits@openssh.com",
    b"fsync@openssh.com",
    b"posix-rename@openssh.com",
    b"lsetstat@openssh.com",
)

Tell = Callable[[str], None]
Work = Callable[[Tree, Tell, Stdin], Awaitable[int]]


class SftpDoor:
    """What `Front.serve_sftp` and `Front.serve_scp` call."""

    def __init__(self, broker: "Rooms") -> None:
        self._broker = broker

    async def serve(self, client: Client, responder: Responder) -> int:
        """Serves one channel; its exit status."""

        async def work(tree: Tree, tell: Tell, stdin: Stdin) -> int:
            server = TreeServer(client.channel, tree, tell)
            handler = _Handler(server, client, stdin)
            try:
                await handler.run()
            finally:
                await handler.writes.stop()
                for file in list(server.files):
                    await _closed(file.drop)
            return handler.status

        return await self._served(client, responder, work)

    async def serve_scp(self, client: Client, responder: Responder, line: str) -> int:
        """The same for a copy by the old scp protocol."""

        async def work(tree: Tree, _: Tell, stdin: Stdin) -> int:
            return await copy(client, stdin, tree, scp_lines.asked(line))

        return await self._served(client, responder, work)

    async def _served(self, client: Client, responder: Responder, work: Work) -> int:
        stdin = client.taker
        if not isinstance(stdin, Stdin):
            raise TypeError("the channel's bytes go elsewhere")

        def tell(line: str) -> None:
            client.show_error(f"{line}\n".encode())

        tree: Tree | None = None
        try:
            tree = self._tree(client, responder, tell)
            if client.comment_too_long:
                raise NotUnderstood("FIRELINE_COMMENT is longer than 200 characters")
            return await work(tree, tell, stdin)
        except FirelineError as error:
            tell(error.shown())
            return error.status
        finally:
            if tree is not None:
                await tree.end(client.login.cut_for or "connection closed")

    def _tree(self, client: Client, responder: Responder, tell: Callable[[str], None]) -> Tree:
        if (name := client.login.device) is None:
            return Tree(self._broker, responder, tell)
        device = self._broker.sessions.visible_device(responder.person, name)
        return DeviceTree(self._broker, responder, tell, device)


async def _closed(close: Any) -> None:
    try:
        await close()
    except FirelineError:
        return  # the device or the recording is gone; its session says so


class _Wire:
    """Reader and writer as asyncssh's handler uses them, on a channel of ours."""

    def __init__(self, client: Client, stdin: Stdin) -> None:
        self._client, self._stdin = client, stdin
        self._buffer = bytearray()
        self.channel: ServerChannel = client.channel
        self.logger = client.channel.logger
        self.get_extra_info = client.channel.get_extra_info

    async def readexactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self._stdin.read()
            if not data:
                raise EOFError
            self._buffer += data
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def write(self, data: bytes) -> None:
        self._client.write(data)

    async def drain(self) -> None:
        await self._client.drain()

    def close(self) -> None:
        """The door closes the channel, after the status."""


class _Handler(SFTPServerHandler):
    """asyncssh's handler with its bounds and its extensions cut down."""

    _extensions = [(name, b"1") for name in EXTENSIONS]  # noqa: RUF012 (asyncssh's own form)

    def __init__(self, server: TreeServer, client: Client, stdin: Stdin) -> None:
        wire = cast(Any, _Wire(client, stdin))
        super().__init__(server, wire, wire, VERSION)
        self.status = 0
        self._wire: _Wire = wire
        self.writes = Overlap()

    async def _process_packet(
        self, pkttype: int, pktid: int, packet: asyncssh.packet.SSHPacket
    ) -> None:
        if pkttype == FXP_WRITE:
            size = len(packet.get_remaining_payload())
            await self.writes.begin(super()._process_packet(pkttype, pktid, packet), size)
        else:
            await self.writes.rest()
            await super()._process_packet(pkttype, pktid, packet)

    async def recv_packet(self) -> asyncssh.packet.SSHPacket:
        await self._wire.drain()
        length = int.from_bytes(await self._wire.readexactly(4), "big")
        if length > PACKET:
            raise asyncssh.SFTPBadMessage(f"a packet has at most {PACKET:,} bytes")
        return asyncssh.packet.SSHPacket(await self._wire.readexactly(length))

    async def _process_limits(self, packet: asyncssh.packet.SSHPacket) -> SFTPLimits:
        packet.check_end()
        return SFTPLimits(PACKET, READ, READ, 0)

    async def _cleanup(self, exc: Exception | None) -> None:
        self.status = 0 if exc is None else 1
        self._file_handles.clear()  # `close` would finish what the client did not
        await super()._cleanup(exc)

    _packet_handlers = {  # noqa: RUF012 (asyncssh's own form)
        **{
            k: v
            for k, v in SFTPServerHandler._packet_handlers.items()
            if isinstance(k, int) or k in EXTENSIONS
        },
        b"limits@openssh.com": cast(Any, _process_limits),
    }
