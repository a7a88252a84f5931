"""How much of a flood is on its way to a client that does not read it, over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncssh
import pytest

from server.doors import channel as channels
from server.doors.channel import PACKET, ServerChannel

WINDOW = 1 << 20
FLOOD = bytes(4 << 20)


class Reader(asyncssh.SSHClientSession[bytes]):
    """A client's end: counts what comes."""

    def __init__(self) -> None:
        self.size = 0
        self.came = asyncio.Event()

    def data_received(self, data: bytes, datatype: object) -> None:
        self.size += len(data)
        self.came.set()

    async def until(self, size: int) -> None:
        async with asyncio.timeout(20):
            while self.size < size:
                self.came.clear()
                await self.came.wait()


class Writer(asyncssh.SSHServerSession[bytes]):
    """The broker's end."""

    def shell_requested(self) -> bool:
        return True


@dataclass
class Ends:
    """Both ends of channels."""

    client: asyncssh.SSHClientConnection
    opened: "asyncio.Queue[ServerChannel]" = field(default_factory=asyncio.Queue)

    async def channel(
        self, *, terminal: bool
    ) -> tuple[asyncssh.SSHClientChannel[bytes], Reader, ServerChannel]:
        client, reader = await self.client.create_session(
            Reader, encoding=None, window=WINDOW, max_pktsize=PACKET
        )
        assert isinstance(reader, Reader)
        server = await self.opened.get()
        if terminal:
            server.send_little()
        return client, reader, server


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    waiting: list[Ends] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self.conn = conn

        def begin_auth(self, username: str) -> bool:
            return False

        def session_requested(self) -> tuple[ServerChannel, Writer]:
            channel = ServerChannel(self.conn, asyncio.get_running_loop())
            waiting[0].opened.put_nowait(channel)
            return channel, Writer()

    async with (
        asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key]) as door,
        asyncssh.connect("127.0.0.1", door.get_port(), known_hosts=None, config=None) as client,
    ):
        waiting.append(Ends(client))
        yield waiting[0]


def on_its_way(channel: ServerChannel) -> int:
    return WINDOW - channel._send_window


@pytest.mark.parametrize(("terminal", "most"), [(True, WINDOW // 2 + PACKET), (False, WINDOW)])
async def test_a_terminal_has_little_more_than_half_a_window_on_its_way(
    ends: Ends, terminal: bool, most: int
) -> None:
    client, reader, server = await ends.channel(terminal=terminal)
    client.pause_reading()
    server.write(FLOOD)
    assert on_its_way(server) == most
    client.resume_reading()
    await reader.until(len(FLOOD))
    assert reader.size == len(FLOOD), "all of it comes once it is read"


async def test_a_client_that_gives_nothing_back_at_half_a_window_gets_all_of_it(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "PATIENCE_S", 0.05)
    client, reader, server = await ends.channel(terminal=True)
    monkeypatch.setattr(client, "_init_recv_window", 0)  # when the window is below half of this
    server.write(FLOOD)
    await reader.until(WINDOW)
    assert on_its_way(server) == WINDOW


async def test_one_that_goes_while_it_is_waited_for_costs_nothing(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "PATIENCE_S", 0.0)
    client, _, server = await ends.channel(terminal=True)
    client.pause_reading()
    server.write(FLOOD)
    assert server._unanswered is not None
    server.abort()
    await server.wait_closed()
    for _ in range(3):
        await asyncio.sleep(0)
    assert server._unanswered is None
