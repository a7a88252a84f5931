"""A device with its guard, a real process in a network namespace, and the broker's door beyond."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from commands.language.wire_contain import Isolate, Isolated, Restrict, Seen, Want
from endpoint_shim import guard_state
from endpoint_shim.guard_pipe import Guarding, Line, Said, Told, from_guard
from endpoint_shim.pipe import Pipe
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.linux.nets import Host, cable, hosts

DEVICE, BROKER, ATTACKER, MOVED = "192.0.2.2", "192.0.2.1", "192.0.2.66", "192.0.2.9"
WAIT_S = 40.0


class Guarded:
    """The device, the world with the broker in it, and what the guard said."""

    def __init__(self, device: Host, world: Host, state: Path) -> None:
        self.device, self.world, self.state = device, world, state
        self.authority = Authority()
        self.said: list[Said] = []
        self.seen: list[Seen] = []
        self.place = ""
        self.generation = 0
        self.prove_s = 1.0
        self.before: tuple[str, ...] = ()
        """What sets the guard's place up, and then runs it."""
        self.shims: list[subprocess.Popen[bytes]] = []
        """Whole shims that a test started in the device."""
        self._news = asyncio.Event()
        self._pipe = Pipe(self._message, lambda: None)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *, line: bool = True) -> None:
        """The guard as the supervisor starts it; `line`: the control line stands on the broker."""
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            words = [sys.executable, "-I", "-m", "endpoint_shim.guard_start", str(theirs.fileno())]
            with (self.state.parent / "guard.log").open("ab") as log:
                self._process = subprocess.Popen(
                    ["ip", "netns", "exec", self.device.name, *self.before, *words],
                    stdin=subprocess.DEVNULL, stderr=log, pass_fds=[theirs.fileno()],
                )  # fmt: skip
        self._pipe = Pipe(self._message, lambda: None)
        await asyncio.get_running_loop().create_unix_connection(lambda: self._pipe, sock=ours)
        self._pipe.send(Guarding(state=str(self.state), prove_s=self.prove_s))
        if line:
            address, _, port = self.place.rpartition(":")
            self.line(address, int(port))

    def line(self, address: str, port: int) -> None:
        self._pipe.send(Line(place=self.place, address=address, port=port))

    def no_line(self) -> None:
        self._pipe.send(Line())

    async def stop(self) -> None:
        """As the supervisor ends it: its pipe closes."""
        self._pipe.close()
        await self._ended()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._pipe.close()
        await self._ended()

    def want(self, isolation: Isolate | None = None, restriction: Restrict | None = None) -> None:
        """What the supervisor does with a Want."""
        guard_state.want(self.state, Want(isolation=isolation, restriction=restriction))
        self._pipe.send(Want(isolation=isolation, restriction=restriction))

    def isolate(self, **more: object) -> int:
        self.generation += 1
        scope = str(more.pop("scope", "full"))
        self.want(Isolate(generation=self.generation, scope=scope, **more))  # type: ignore[arg-type]
        return self.generation

    async def until(self, fits: Callable[[Isolated], bool]) -> Isolated:
        """What it says of the isolation, when that fits."""
        async with asyncio.timeout(WAIT_S):
            while True:
                self._news.clear()
                for one in self.said:
                    if one.contained.isolation is not None and fits(one.contained.isolation):
                        return one.contained.isolation
                await self._news.wait()

    async def settled(self, generation: int | None = None) -> Isolated:
        """The answer to the last wish."""
        wanted = generation or self.generation
        return await self.until(lambda i: i.generation == wanted and i.stage != "converging")

    async def saw(self, kind: str) -> Seen:
        async with asyncio.timeout(WAIT_S):
            while True:
                self._news.clear()
                for one in self.seen:
                    if one.kind == kind:
                        return one
                await self._news.wait()

    def rules(self) -> str:
        """The whole rule set of the device."""
        return self.device.run("nft", "-s", "list", "ruleset")

    def _message(self, data: bytes) -> None:
        said = from_guard.decode(data)
        self.said.append(said)
        self.seen.extend(one for one in said.contained.seen if one not in self.seen)
        self._pipe.send(Told(number=said.number))
        self._news.set()

    async def _ended(self) -> None:
        process = self._process
        if process is not None:
            async with asyncio.timeout(WAIT_S):
                await asyncio.to_thread(process.wait)
            self._process = None


@contextlib.asynccontextmanager
async def guarded(folder: Path, host: str = BROKER) -> AsyncIterator[tuple[Guarded, Door]]:
    """Everything, with the guard not started yet."""
    authority = Authority()
    door = Door()
    with hosts("dev", "world") as (device, world):
        cable(device, world, ("d0", "w0"), (f"{DEVICE}/24", f"{BROKER}/24"))
        for address in (ATTACKER, MOVED):
            world.ip("addr", "add", f"{address}/24", "dev", "w0")
        place = await door.listen(authority, folder, world.listens(BROKER), host)
        made = Guarded(device, world, authority.enrol(folder / "state", place))
        made.authority = authority
        made.place = place
        try:
            yield made, door
        finally:
            for shim in made.shims:
                shim.kill()
                await asyncio.to_thread(shim.wait)
            await made.stop()
            await door.close()
