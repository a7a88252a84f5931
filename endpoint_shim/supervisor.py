"""The supervisor: keeps the one control line, starts and ends workers, and touches nothing else.

1. It reads and writes its own folder, /proc and cgroups only; every other look-up may hang and is
   a worker's. It runs no command itself.
2. Without a line for LOST_S everything that runs here is ended.
3. It must stay small: no psutil, no cryptography, no uvloop.
"""

import asyncio
import contextlib
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from commands.language import wire
from commands.language.errors import Refused, Unreachable
from endpoint_shim import (
    VERSION,
    children,
    dial,
    facts,
    identity,
    policy,
    refusal,
    sessions,
    tags,
)
from endpoint_shim.backoff import Backoff
from endpoint_shim.children import hold, open_groups
from endpoint_shim.config import Config
from endpoint_shim.guard_process import GuardProcess
from endpoint_shim.line import ControlLine
from endpoint_shim.pipe import Found
from endpoint_shim.workers import Workers

LOST_S = 70.0
"""A minute, and the dial after it: a line that comes back within a minute finds all as it was."""
BUSY_DIAL_S = 5.0
LOOK_S = 2.0
RENEW_EVERY_S = 60.0
CLOCK_SET_MS = 1000
"""So much beside the monotonic clock is a clock that was set."""
STOP_S = 5.0

log = logging.getLogger("fireline.supervisor")


class Supervisor:
    """One device's life between two starts."""

    def __init__(self, config: Config) -> None:
        self._config = config
        # Before anything is ended: what is in the groups may be another's.
        self._lock = hold(config.state)
        self._groups = open_groups(config.state)
        self._groups.end_leftovers()
        for line in sessions.wipe_leftovers(config.sessions):
            log.warning("%s", line)
        self._facts = facts.read(self._groups.weaker_stop, tags.proposed(config.state))
        self._policy = policy.load(config.policy)
        self._declarations = facts.declarations()
        self._workers = Workers(
            config.state, config.identity.name, self._groups, self._tell, self._found
        )
        self._guard = GuardProcess(config.state, lambda now: self._tell(now))
        self._line: ControlLine | None = None
        self._backoff = Backoff()
        self._stopping = asyncio.Event()
        self._unsaid = False
        """Whether the broker closed the line before this one without a word."""
        self._asked_at = -RENEW_EVERY_S

    async def run(self) -> None:
        """Until `stop`; then ends everything and says Bye."""
        self._guard.needed()
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._keep_line()),
            asyncio.create_task(self._stopping.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
            await self._end_all()
        finally:
            for task in tasks:
                task.cancel()
            done, _ = await asyncio.wait(tasks)
        for task in done:
            if not task.cancelled():
                task.result()

    async def _end_all(self) -> None:
        self._workers.end_all()
        await self._guard.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._workers.all_ended()
        await self._workers.stop()
        self._groups.close()
        if self._line is not None:
            self._line.close("the shim stops")

    def stop(self) -> None:
        self._stopping.set()

    async def _keep_line(self) -> None:
        ending: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        while True:
            for place in self._config.identity.dial:
                reason = await self._one_line(place, ending)
                log.warning("no line to %s: %s", place, reason)
                if ending is None or ending.cancelled():
                    ending = loop.call_later(LOST_S, self._workers.end_all)
                busy = BUSY_DIAL_S if self._workers.sessions else None
                await asyncio.sleep(self._backoff.wait(busy))

    async def _one_line(self, place: str, ending: asyncio.TimerHandle | None) -> str:
        """One connection from dialling to its loss; gives the reason."""
        try:
            socket = await dial.connect(
                dial.way(self._config), place, dial.CONTROL, wire.MAX_CONTROL, patient=True
            )
            hello, later = self._hello()

            def welcomed(welcome: wire.Welcome) -> None:
                self._line = line
                if later is not None:
                    line.send(later)
                self._workers.keep_only(welcome.streams, welcome.sessions)
                self._guard.line(place, *dial.peer(socket))

            line = ControlLine(
                socket, welcomed, self._message, lambda: bool(self._workers.sessions)
            )
            welcome = await line.hello(hello)
        except (Unreachable, OSError, ssl.SSLError) as error:
            self._keep_refusal(place, str(error))
            if isinstance(error, dial.Unsaid):
                await self._perhaps_renew()
            return str(error)
        if ending is not None:
            ending.cancel()
        self._backoff.reset()
        self._unsaid = False
        refusal.forget(self._config.state)
        log.info("line to %s, broker %s", place, welcome.instance)
        try:
            return await line.beat(welcome.beat_s)
        finally:
            self._line = None
            self._guard.no_line()

    def _hello(self) -> tuple[wire.Hello, wire.Report | None]:
        """Hello, never over what a broker reads before it; a long policy follows by Report."""
        hello = wire.Hello(
            version=wire.VERSION,
            shim=VERSION,
            facts=self._facts,
            clock_ms=facts.clock_ms(),
            declarations=self._declarations,
            policy=self._policy,
            running=self._workers.streams,
            sessions=self._workers.sessions,
        )
        if len(wire.encode(hello)) <= wire.MAX_BEFORE_HELLO:
            return hello, None
        short = wire.Policy(error="its policy follows")
        return msgspec.structs.replace(hello, policy=short), wire.Report(policy=self._policy)

    def _message(self, message: wire.Down) -> None:
        match message:
            case wire.Begin():
                self._workers.begin(message.session)
                self._beat_changes()
            case wire.Open():
                self._workers.open(message)
            case wire.Cancel():
                self._workers.cancel(message)
            case wire.Close():
                self._workers.close(message.stream)
            case wire.End():
                self._workers.end(message.session)
            case wire.Later():
                self._backoff.told(message.after_s)
            case wire.Renewed():
                self._renewed(message)
            case wire.Want():
                self._guard.want(message)

    async def _perhaps_renew(self) -> None:
        """Its certificate may have run out; whether it did says the broker, at the other port."""
        now = asyncio.get_running_loop().time()
        if self._unsaid and now - self._asked_at > RENEW_EVERY_S:
            self._asked_at = now
            log.info("renewal: %s", await children.renew(self._config.state))
        self._unsaid = True

    def _renewed(self, message: wire.Renewed) -> None:
        """Its own answer says that it counts; unanswered the broker sends another, later."""
        try:
            identity.install(self._config, message.certificate_pem)
        except (Refused, OSError) as error:
            log.warning("the certificate that the broker sent was not taken: %s", error)
        else:
            self._tell(wire.Installed(serial=message.serial))

    def _beat_changes(self) -> None:
        if self._line is not None:
            self._line.sessions_changed()

    def _tell(self, message: wire.Up) -> bool:
        if self._line is None or self._line.lost.done():
            return False
        self._line.send(message)
        return True

    def _found(self, found: Found) -> None:
        self._say_facts(msgspec.structs.replace(
            self._facts, user=found.user, user_looked_up=True,
            last_user=found.last_user, last_user_ms=found.last_user_ms,
        ))  # fmt: skip

    def _say_facts(self, facts: wire.Facts) -> None:
        if facts != self._facts:
            self._facts = facts
            self._tell(wire.Report(facts=facts))

    async def _watch(self) -> None:
        """What may change under a standing line: the policy's file, the tags', and the clock."""
        seen, ahead = self._policy_mark(), facts.clock_ahead_ms()
        while True:
            await asyncio.sleep(LOOK_S)
            if abs(facts.clock_ahead_ms() - ahead) > CLOCK_SET_MS:
                ahead = facts.clock_ahead_ms()
                self._tell(wire.Report(clock_ms=facts.clock_ms()))
            wished = tags.proposed(self._config.state)
            self._say_facts(msgspec.structs.replace(self._facts, tags=wished))
            mark = self._policy_mark()
            if mark != seen:
                seen = mark
                self._policy = policy.load(self._config.policy)
                self._tell(wire.Report(policy=self._policy))

    def _policy_mark(self) -> tuple[int, ...]:
        try:
            found = self._config.policy.lstat()
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode)

    def _keep_refusal(self, place: str, reason: str) -> None:
        known = refusal.last(self._config.state)
        if known is None or (known.dial, known.reason) != (place, reason):
            refusal.keep(self._config.state, refusal.Refusal(facts.clock_ms(), place, reason))


async def supervise(
    config: Config, on_start: Callable[["Supervisor"], None] = lambda _: None
) -> None:
    """Runs until a signal, or whoever `on_start` tells of it, asks for the end."""
    supervisor = Supervisor(config)
    on_start(supervisor)
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stop)
    await supervisor.run()


def run(config: Config) -> None:
    """The supervisor as a program."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(supervise(config))
