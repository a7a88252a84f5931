"""A person at MeshCentral's control channel and relay: what its own web page does, no more.

Facts of its protocol are from its own files (meshuser.js, meshrelay.js, agentcore): relay protocol
1 is a terminal, 5 is files; a download is acknowledged block by block, an upload sixteen blocks
ahead.
"""

import base64
import contextlib
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from websockets.sync.client import ClientConnection, connect

WAIT_S = 30.0
HOST = "127.0.0.1"
TERMINAL, FILES = 1, 5
BLOCK = 65_564
AHEAD = 16


@dataclass(frozen=True)
class Place:
    """Where a MeshCentral listens, whom it trusts, and who is let in."""

    port: int
    authority: Path
    person: str
    password: str
    device: str = ""

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def dialled(self, path: str, headers: dict[str, str] | None = None) -> ClientConnection:
        return connect(
            f"wss://{HOST}:{self.port}/{path}",
            ssl=self.tls,
            compression=None,
            additional_headers=headers or {},
            max_size=None,
            ping_interval=None,
            open_timeout=WAIT_S,
        )


class Control:
    """The control channel, open until the block ends."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        place = self._place
        said = [base64.b64encode(one.encode()).decode() for one in (place.person, place.password)]
        headers = {"x-meshauth": ",".join(said)}
        self._socket = self._stack.enter_context(place.dialled("control.ashx", headers))
        self.wait(lambda message: message.get("action") == "userinfo")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def ask(self, action: str, **more: object) -> dict[str, Any]:
        """Sends it; its answer."""
        self._socket.send(json.dumps({"action": action, "responseid": action, **more}))
        return self.wait(lambda message: message.get("action") == action)

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + WAIT_S
        while True:
            left = max(0.001, until - time.monotonic())
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=left))
            if wanted(message):
                return message

    @contextlib.contextmanager
    def relay(self, protocol: int) -> Iterator[ClientConnection]:
        """A relay to the device, both ends there."""
        device, name = self._place.device, secrets.token_hex(6)
        cookies = self.ask("authcookie")
        way = f"p={protocol}&nodeid={device}&id={name}&rauth={cookies['rcookie']}"
        value = f"*/meshrelay.ashx?{way}"
        asked = {"action": "msg", "nodeid": device, "type": "tunnel", "usage": 1, "value": value}
        self._socket.send(json.dumps(asked))
        mine = f"browser=1&p={protocol}&nodeid={quote(device, safe='')}&id={name}"
        path = f"meshrelay.ashx?{mine}&auth={cookies['cookie']}"
        with self._place.dialled(path) as dialled:
            while dialled.recv(timeout=WAIT_S) not in ("c", "cr"):
                pass
            dialled.send(str(protocol))
            yield dialled


class MeshTerminal:
    """A terminal of the relay, with the words of `bench.terminal.Terminal`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        control = self._stack.enter_context(Control(self._place))
        self._socket = self._stack.enter_context(control.relay(TERMINAL))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def write(self, data: bytes) -> None:
        self._socket.send(data)

    def until(self, wanted: bytes, within_s: float = WAIT_S) -> bytes:
        seen, looked, end = bytearray(), 0, time.monotonic() + within_s
        while seen.find(wanted, max(0, looked - len(wanted))) < 0:
            looked = len(seen)
            seen += self._came(max(0.001, end - time.monotonic()))
        return bytes(seen)

    def drain(self, quiet_s: float = 0.001) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                self._came(quiet_s)

    def _came(self, within_s: float) -> bytes:
        data = self._socket.recv(timeout=within_s)
        if isinstance(data, bytes):
            return data
        return b"" if data.startswith('{"ctrlChannel"') else data.encode()


def fetched(place: Place, remote: Path, local: Path) -> None:
    """Downloads a file; nothing compares its digest there."""
    with Control(place) as control, control.relay(FILES) as dialled, local.open("wb") as out:
        dialled.send(
            json.dumps({"action": "download", "sub": "start", "id": "x", "path": str(remote)})
        )
        while True:
            data = dialled.recv(timeout=WAIT_S)
            if isinstance(data, str) or data[:1] == b"{":
                said = json.loads(data)
                if said.get("sub") == "start":
                    _answer(dialled, "startack")
                elif said.get("sub") == "cancel":
                    raise SystemExit("MeshCentral's device cancelled the download")
                continue
            out.write(data[4:])
            if data[3] & 1:
                return
            _answer(dialled, "ack")


def sent(place: Place, local: Path, folder: Path, name: str) -> None:
    """Uploads a file, as many blocks ahead as its page does."""
    asked = {
        "action": "upload", "reqid": "up", "path": str(folder), "name": name,
        "size": local.stat().st_size,
    }  # fmt: skip
    with Control(place) as control, control.relay(FILES) as dialled, local.open("rb") as source:
        dialled.send(json.dumps(asked))
        flying = 1
        while flying:
            action = _action(dialled.recv(timeout=WAIT_S))
            if action == "uploaderror":
                raise SystemExit("MeshCentral's device refused the upload")
            if action not in ("uploadack", "uploadstart"):
                continue
            flying -= 1
            for _ in range(AHEAD if action == "uploadstart" else 1):
                if block := source.read(BLOCK):
                    dialled.send(b"\0" + block if block[0] in (0, 123) else block)
                    flying += 1


def _answer(dialled: ClientConnection, sub: str, **more: str) -> None:
    dialled.send(json.dumps({"action": "download", "sub": sub, "id": "x", **more}))


def _action(data: str | bytes) -> str:
    try:
        return str(json.loads(data).get("action"))
    except (ValueError, UnicodeDecodeError):
        return ""
