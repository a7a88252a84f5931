"""Many devices in one process: real identities, real TLS, the shim's own line and streams.

    python -I fleet.py FOLDER HOST:PORT FIRST COUNT

Each keeps its control line as the supervisor does: dials, says Hello, beats, waits and dials again.
For a session it dials a stream as a worker does. The one thing that it can do there is `processes`:
a row of this process, for a thousand lists of this machine would measure this machine. What it is
to be it is at once, in words alone: it has no packet filter.
`make` enrols them, straight into a store that no broker has open.
"""

import asyncio
import contextlib
import hashlib
import os
import ssl
import sys
from functools import partial
from pathlib import Path

from commands.language import items, wire
from commands.language.errors import Unreachable
from commands.language.host.processes import ProcessRow
from commands.language.names import Name
from commands.language.wire_contain import Contained, Isolated, Want
from endpoint_shim import VERSION, config, dial, facts, identity
from endpoint_shim.backoff import Backoff
from endpoint_shim.line import ControlLine
from endpoint_shim.stream import Stream

STARTS_A_S = 100
"""How they come the first time; what is measured is their return."""


def name_of(number: int) -> str:
    return f"fleet-{number:05}"


class Device:
    """One of them."""

    def __init__(self, folder: Path, place: str, number: int, hello: wire.Hello) -> None:
        name = name_of(number)
        found = config.Config(
            folder / name, config.Identity(f"d{number}", name, [place]), config.Settings()
        )
        # Once: a shim reads its files on a processor of its own, here the others would wait.
        self._way = dial.way(found)
        self._place, self._hello = place, hello
        self._backoff = Backoff()
        self._control: ControlLine | None = None
        self._streams: dict[str, Stream] = {}
        self._working: set[asyncio.Task[None]] = set()

    async def run(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while True:
            with contextlib.suppress(Unreachable, OSError, ssl.SSLError):
                await self._line()
            await asyncio.sleep(self._backoff.wait())

    async def _line(self) -> None:
        socket = await dial.connect(
            self._way, self._place, dial.CONTROL, wire.MAX_CONTROL, patient=True
        )
        line = ControlLine(socket, lambda _: None, self._told, lambda: bool(self._streams))
        welcome = await line.hello(self._hello)
        self._control = line
        self._backoff.reset()
        await line.beat(welcome.beat_s)

    def _told(self, message: wire.Down) -> None:
        match message:
            case wire.Later():
                self._backoff.told(message.after_s)
            case wire.Open():
                work = asyncio.create_task(self._work(message))
                self._working.add(work)
                work.add_done_callback(self._working.discard)
            case wire.Close(stream=stream) if stream in self._streams:
                self._streams[stream].close("it was asked to")
            case Want():
                self._say(_contained(message, self._place))
            case wire.End(session=session):
                for name, of_session in self._streams.items():
                    if name.startswith(f"{session}."):
                        of_session.close("it was asked to")
                self._say(wire.Ended(session=session))

    def _say(self, message: wire.Up) -> None:
        if self._control is not None and not self._control.lost.done():
            self._control.send(message)

    async def _work(self, opening: wire.Open) -> None:
        """One worker's life."""
        stream = Stream(
            self._way, [self._place], opening, lambda order: _answer(stream, order),
            lambda _: None,
        )  # fmt: skip
        try:
            await stream.open()
            self._streams[opening.stream] = stream
            reason = await stream.keep()
        except Unreachable as error:
            reason = str(error)
        self._streams.pop(opening.stream, None)
        self._say(wire.Gone(stream=opening.stream, how="ended", message=reason[:200]))


def _answer(stream: Stream, order: wire.StreamDown) -> None:
    if isinstance(order, wire.Start):
        row = ProcessRow(name=Name("fleet"), pid=os.getpid(), parent_id=os.getppid())
        stream.send_text(items.encode(row))
        stream.send_text(items.encode(items.Done()))


def _contained(wish: Want, place: str) -> Contained:
    if wish.isolation is None or wish.isolation.scope == "none":
        return Contained(
            isolation=Isolated(generation=wish.isolation.generation) if wish.isolation else None
        )
    table = f"{wish.isolation.scope}: nothing but {place}"
    digest = hashlib.sha256(table.encode()).hexdigest()
    return Contained(
        isolation=Isolated(
            generation=wish.isolation.generation,
            scope=wish.isolation.scope,
            table=table,
            table_sha256=digest,
            reached=place,
        )
    )


async def fleet(folder: Path, place: str, first: int, count: int) -> None:
    """All of them, until the process is ended."""
    hello = wire.Hello(
        version=wire.VERSION,
        shim=VERSION,
        facts=facts.read(""),
        clock_ms=facts.clock_ms(),
        declarations=facts.declarations(),
    )
    devices = [Device(folder, place, number, hello) for number in range(first, first + count)]
    await asyncio.gather(
        *(device.run(number / STARTS_A_S) for number, device in enumerate(devices))
    )


async def make(state: Path, folder: Path, count: int) -> None:
    """Identities for `count` devices, in their folders and in the broker's store."""
    from server.identity.device_ca import load_ca
    from server.store import devices
    from server.store.sqlite import Store

    ca = load_ca(state)
    store = await Store.open(state / "fireline.db")
    key, request = identity.make_request("fleet")  # one key for all: making it is not the test
    new = []
    for number in range(count):
        issued = ca.sign_csr(request, f"d{number}")
        place = folder / name_of(number)
        place.mkdir(parents=True)
        (place / config.KEY).write_bytes(key)
        (place / config.CERTIFICATE).write_text(issued.pem)
        (place / config.CA).write_text(ca.pem)
        until = issued.not_after.isoformat()
        at = "2026-01-01T00:00:00.000Z"
        new.append(
            devices.NewDevice(f"d{number}", name_of(number), [], "linux", issued.serial, until, at)
        )
    await asyncio.gather(*(store.write(partial(devices.insert, device=one)) for one in new))
    await store.close()


if __name__ == "__main__":
    asyncio.run(fleet(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
