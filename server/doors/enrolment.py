"""The enrolment port: open only while an unused token exists, or a device that is not revoked has
no certificate left that lasts; TLS without a client certificate.

One exchange a connection (commands/language/enrolment.py): in the clear the CA's certificate to
whoever asks, and inside TLS one request for one answer. Everything is bounded in bytes and time,
and connections are counted: nothing here costs the broker more than a handshake.
"""

import asyncio
import logging
import socket as sockets
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from commands.language.enrolment import CA_ASK, MESSAGE_LIMIT, decode_request, encode
from commands.language.errors import NotUnderstood
from server.doors.devices import bound

if TYPE_CHECKING:
    from server.live.rooms import Rooms

WHOLE_S = 10.0
AT_ONCE = 16
LOOK_S = 5.0

log = logging.getLogger(__name__)


class EnrolmentDoor:
    """Listens while there is a reason to."""

    def __init__(self, broker: "Rooms", context: ssl.SSLContext, ca_pem: str) -> None:
        self.broker, self._context, self._ca = broker, context, ca_pem.encode("ascii")
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: sockets.socket | None = None

    def listen(self) -> int:
        """Finds the port; it is accepted from only while there is a reason. The port."""
        config = self.broker.config
        listener = bound(config.device_host, config.enrolment_port)
        port = int(listener.getsockname()[1])
        listener.close()
        self._own(self._serve(port))
        return port

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._listener is not None:
            self._listener.close()

    async def _serve(self, port: int) -> None:
        """Opens and closes the port as reasons for it come and go."""
        enrolment = self.broker.enrolment
        while True:
            await enrolment.opened.wait()
            self._listener = bound(self.broker.config.device_host, port)
            accepting = asyncio.create_task(self._accept(self._listener))
            try:
                while enrolment.opened.is_set():
                    await asyncio.sleep(LOOK_S)
                    await enrolment.look()
            finally:
                accepting.cancel()
                self._listener.close()
                self._listener = None

    async def _accept(self, listener: sockets.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._turns.acquire()
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("the enrolment port could not accept: %s", error)
                self._turns.release()
                await asyncio.sleep(0.1)
                continue
            self._own(self._one(connection, str(address[0])))

    async def _one(self, connection: sockets.socket, source: str) -> None:
        try:
            async with asyncio.timeout(WHOLE_S):
                await self._exchange(connection, source)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            log.info("enrolment with %s ended: %s", source, error)
        finally:
            connection.close()
            self._turns.release()

    async def _exchange(self, connection: sockets.socket, source: str) -> None:
        loop = asyncio.get_running_loop()
        if await self._asks_for_ca(connection):
            await loop.sock_sendall(connection, self._ca)
            return
        reader = asyncio.StreamReader(limit=MESSAGE_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=5
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            request = decode_request(await reader.readuntil(b"\n"))
            writer.write(encode(await self.broker.enrolment.answered(request, source)))
            await writer.drain()
        except (NotUnderstood, asyncio.LimitOverrunError) as error:
            log.info("enrolment with %s: %s", source, error)
        finally:
            writer.close()
            await writer.wait_closed()

    async def _asks_for_ca(self, connection: sockets.socket) -> bool:
        """Looks at the first bytes without taking them: TLS begins with 0x16."""
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(connection, lambda: None if readable.done() else readable.set_result(None))
        try:
            await readable
        finally:
            loop.remove_reader(connection)
        if connection.recv(1, sockets.MSG_PEEK) == b"\x16":
            return False
        data = b""
        while not data.endswith(b"\n") and len(data) < len(CA_ASK):
            piece = await loop.sock_recv(connection, len(CA_ASK) - len(data))
            if not piece:
                break
            data += piece
        if data != CA_ASK:
            raise ValueError("neither TLS nor the question for the CA")
        return True

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
