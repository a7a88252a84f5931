"""The ssh door: listens, lets people in, and hands each channel to what serves it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

import asyncssh

from commands.language.errors import FirelineError
from server.doors import algorithms
from server.doors.client import Client, Serve
from server.doors.limits import DoorLimits, Knocking
from server.doors.login import Login
from server.identity.access import Access, Rules

log = logging.getLogger("fireline.ssh")

CLOSE_WAIT = 20.0
KEEPALIVE = 8.0
"""Seconds; two unanswered and the connection is dead: found within 30 s."""


class Journal(Protocol):
    """The broker's own journal, as this door writes it."""

    async def append(self, body: Any) -> Any: ...
    async def append_for_a_door(self, body: Any) -> Any: ...


class Front(Protocol):
    """What serves channels: console, batch, lines, shell, files."""

    def shell(self, client: Client) -> Serve: ...
    def exec(self, client: Client, line: str) -> Serve: ...
    def subsystem(self, client: Client, name: str) -> Serve | None: ...


class SshDoor:
    """The listener and every connection that came through it."""

    def __init__(
        self,
        host_keys: list[asyncssh.SSHKey],
        access: Access,
        journal: Journal,
        front: Front,
        limits: DoorLimits | None = None,
    ) -> None:
        self.limits = limits or DoorLimits()
        self._host_keys, self._access, self._journal = host_keys, access, journal
        self._front = front
        self._logins: set[Login] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncssh.SSHAcceptor | None = None

    @property
    def port(self) -> int:
        assert self._listener is not None
        return self._listener.get_port()

    async def open(self, host: str, port: int) -> None:
        """Listens from here on; OSError where the port is taken."""
        self.knocking = Knocking(self.limits, asyncio.get_running_loop().time)
        self._listener = await asyncssh.listen(
            host,
            port,
            server_factory=lambda: Login(self),
            server_host_keys=self._host_keys,
            config=None,
            server_version="Fireline",
            kex_algs=list(algorithms.KEX),
            encryption_algs=list(algorithms.CIPHERS),
            mac_algs=list(algorithms.MACS),
            signature_algs=list(algorithms.SIGNATURES),
            compression_algs=["none"],
            login_timeout=self.limits.login_seconds,
            keepalive_interval=KEEPALIVE,
            keepalive_count_max=2,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            gss_kex=False,
            gss_auth=False,
            agent_forwarding=False,
            x11_forwarding=False,
            line_editor=False,
            encoding=None,
        )
        self._access.changed.append(self._judge)

    async def close(self, why: str = "the broker stops") -> None:
        """Tells everybody, then ends what is served."""
        if self._listener is None:
            return
        self._access.changed.remove(self._judge)
        self._listener.close()
        for login in list(self._logins):
            login.cut(why)
        # Each channel's going cancels who serves it: once is enough, twice would cut its end.
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=CLOSE_WAIT)
            for task in late:
                task.cancel()
        await self._listener.wait_closed()

    # What a connection asks (login.Entrance).
    @property
    def rules(self) -> Rules:
        return self._access.rules

    def came(self, login: Login) -> None:
        self._logins.add(login)

    def went(self, login: Login) -> None:
        self._logins.discard(login)

    def connections_of(self, person: str) -> int:
        return sum(login.person == person for login in self._logins)

    def make_client(self, login: Login) -> Client:
        return Client(self, login)

    async def journal(self, body: Any) -> None:
        await self._journal.append_for_a_door(body)

    def journal_soon(self, body: Any) -> None:
        """For what has happened already: nobody waits for the record."""
        self._own(self._append(body))

    async def _append(self, body: Any) -> None:
        try:
            await self._journal.append(body)
        except FirelineError as error:
            log.error("not journaled: %s: %s", type(body).__name__, error)

    # What a channel asks (client.Fronts).
    def open_shell(self, client: Client) -> Serve:
        return self._front.shell(client)

    def open_exec(self, client: Client, line: str) -> Serve:
        return self._front.exec(client, line)

    def open_subsystem(self, client: Client, name: str) -> Serve | None:
        return self._front.subsystem(client, name)

    def start(self, client: Client, serve: Serve) -> asyncio.Task[None]:
        return self._own(self._serve(client, serve))

    async def _serve(self, client: Client, serve: Serve) -> None:
        """The session border: whatever goes wrong inside ends this channel alone."""
        status = 1
        try:
            await client.login.journaled.wait()
            if client.login.refused is None:
                status = await serve(client)
            else:
                status = client.login.refused.status
                client.show_error(client.login.refused.shown().encode() + b"\n")
                client.login.leave_soon()
        except asyncio.CancelledError:
            if not client.gone.is_set():
                raise
        except FirelineError as error:  # while it ended: what serves it tells of all others
            status = error.status
            client.show_error(error.shown().encode() + b"\n")
        except Exception:
            log.exception("a session of %s failed inside", client.login.person)
            client.show_error(b"failed: an error inside Fireline; the broker's log has it\n")
        finally:
            client.exit(status)

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _judge(self, rules: Rules) -> None:
        for login in list(self._logins):
            login.judge(rules)
