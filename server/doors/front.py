"""Which door a channel is: console, lines, exec, shell, files; at `you~NAME` a device's own."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from commands.language.line import quoted
from server.doors.batch import Batch, connects_to, shell_of
from server.doors.client import Client, Serve, Stdin
from server.doors.console import Console
from server.doors.device_door import DeviceDoor
from server.identity.rules import DEVICE
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class Front:
    """Serves every channel of the ssh door."""

    def __init__(self, broker: "Rooms") -> None:
        self._broker = broker
        self.serve_sftp: Callable[[Client, Responder], Awaitable[int]] | None = None
        self.serve_scp: Callable[[Client, Responder, str], Awaitable[int]] | None = None

    def shell(self, client: Client) -> Serve:
        if (device := client.login.device) is not None:
            if DEVICE.fullmatch(device):
                return self._shell(client, device, f"shell {quoted(device)}")
            return self._at_device(client, device, "")  # told like any that is not there
        if client.terminal:
            return self._console(client, None)
        return self._lines(client, None)

    def exec(self, client: Client, line: str) -> Serve:
        if (device := client.login.device) is not None:
            return self._at_device(client, device, line)
        if connects_to(line):
            return self._console(client, line) if client.terminal else self._lines(client, line)
        if (device := shell_of(line)) is not None:
            return self._shell(client, device, line)
        if line.split(" ", 1)[0] == "scp" and (serve_scp := self.serve_scp) is not None:
            client.taker = Stdin(client)
            return lambda c: serve_scp(c, c.responder("scp"), line)
        return self._exec(client, line)

    def subsystem(self, client: Client, name: str) -> Serve | None:
        serve_sftp = self.serve_sftp
        if name != "sftp" or serve_sftp is None:
            return None
        client.taker = Stdin(client)  # the first request may come before it is served
        return lambda c: serve_sftp(c, c.responder("sftp"))

    def _at_device(self, client: Client, device: str, line: str) -> Serve:
        client.taker = stdin = Stdin(client)
        door = DeviceDoor(self._broker, client, stdin, device)
        return lambda _: door.serve(line)

    def _console(self, client: Client, first: str | None) -> Serve:
        console = Console(self._broker, client, "console")
        return lambda _: console.serve(first)

    def _lines(self, client: Client, first: str | None) -> Serve:
        client.taker = stdin = Stdin(client)
        batch = Batch(self._broker, client, "lines", stdin)
        return lambda _: batch.lines(first)

    def _exec(self, client: Client, line: str) -> Serve:
        if client.terminal:
            console = Console(self._broker, client, "exec")
            return lambda _: console.serve_one(line)
        client.taker = stdin = Stdin(client)
        batch = Batch(self._broker, client, "exec", stdin)
        return lambda _: batch.exec(line)

    def _shell(self, client: Client, device: str, line: str) -> Serve:
        if client.terminal:
            console = Console(self._broker, client, "shell")
            return lambda _: console.serve_shell(device, line)
        client.taker = stdin = Stdin(client)
        batch = Batch(self._broker, client, "shell", stdin)
        return lambda _: batch.shell(device, line)
