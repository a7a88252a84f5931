"""A small real CONNECT proxy: it asks for a login if told, opens the way, counts what it did."""

import asyncio
import base64
import contextlib


class ConnectProxy:
    """RFC 9110's CONNECT and nothing else; `answer` in place of its own is for a broken one."""

    def __init__(
        self, login: str = "", answer: bytes = b"", forbid: str = "",
        established: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n",
    ) -> None:  # fmt: skip
        self._login, self._answer, self._forbid = login, answer, forbid
        self._established = established
        self._server: asyncio.Server | None = None
        self.ways: list[str] = []
        """Places that were reached through it."""
        self.turned_away = 0

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> str:
        self._server = await asyncio.start_server(self._serve, host, port)
        return f"http://{host}:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._one(reader, writer)
        finally:  # a loop that ends cancels it
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        word, place, version = head.split("\r\n", 1)[0].split(" ")
        assert (word, version) == ("CONNECT", "HTTP/1.1")
        if answer := self._answer or self._refusal(head, place):
            self.turned_away += 1
            writer.write(answer)
            await writer.drain()
            return
        host, _, port = place.rpartition(":")
        far, onward = await asyncio.open_connection(host.strip("[]"), int(port))
        self.ways.append(place)
        for at in range(len(self._established)):  # a slow one: each byte by itself
            writer.write(self._established[at : at + 1])
            await writer.drain()
        both = {asyncio.create_task(one) for one in (_copy(reader, onward), _copy(far, writer))}
        await asyncio.wait(both)

    def _refusal(self, head: str, place: str) -> bytes:
        given = f"Proxy-Authorization: Basic {base64.b64encode(self._login.encode()).decode()}\r\n"
        if self._login and given not in head:
            asks = b'Proxy-Authenticate: Basic realm="out"\r\n'
            return b"HTTP/1.1 407 Proxy Authentication Required\r\n" + asks + b"\r\n"
        if self._forbid and place.startswith(self._forbid):
            return b"HTTP/1.1 403 Not on the \x1b[31mlist\r\n\r\n"
        return b""


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        try:
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        finally:
            target.close()
