"""How the broker is reached: what is proven, what is only said, and the plan that follows.

1. An address is open to all of the device only when TLS has proved it (or the control line stands
   on it). What a name server or the broker merely says is open to the shim's own sockets, no more.
2. Through a proxy nothing else is open: the proxy itself, to the shim's own sockets.
3. It only looks and proves; it changes no rule.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address

from commands.language.enrolment import enrolment_place, written_place
from commands.language.errors import Unreachable
from commands.language.wire_contain import Allowance
from endpoint_shim import dial, known_ways, probe, resolve
from endpoint_shim.config import Config
from endpoint_shim.firewall import Address, Plan
from endpoint_shim.guard_state import MAX_BROKERS, Place

LOOK_UP_S = 6.0
MEANWHILE_S = 1.0
MAX_SAID = 32
MAX_NAMED = 24


async def _nothing() -> None:
    pass


def news(before: Plan | None, now: Plan) -> list[str]:
    """What is open since the way to the broker leads into a tunnel: it may be a VPN, or somebody's
    way out."""
    if before is None:
        return []
    opened = [str(one) for one in now.outer - before.outer]
    opened += [f"{one} (from UDP port {port})" for port, one in now.sends - before.sends]
    led = "the way to the broker leads into a tunnel now"
    return [f"{led}; its far end {one} was opened" for one in sorted(opened)]


class Reach:
    """The ways to the broker of one device."""

    def __init__(self, settings: Config, proven: tuple[Place, ...]) -> None:
        self._settings = settings
        self._pinned = tuple(settings.identity.dial)
        self._proven = [one for one in proven if one.place in self._pinned]
        self._line: Place | None = None
        self._said: set[Place] = set()
        self._proxies: set[Address] = set()
        self.more: tuple[str, ...] = ()
        """What the broker itself names; still to be proven, for the names that are pinned."""

    @property
    def proven(self) -> tuple[Place, ...]:
        return tuple(self._proven)

    @property
    def known(self) -> bool:
        """Whether any way to the broker is known without asking for names."""
        return bool(self._proxies if self._settings.proxy is not None else self._proven)

    @property
    def on_line(self) -> bool:
        return self._line is not None

    def line(self, place: str, address: str, port: int) -> bool:
        """The control line stands on that now, or on nothing; whether the plan is another."""
        before = self._plan_places()
        self._line = Place(address, port, place) if place in self._pinned else None
        if self._line is not None:
            if self._settings.proxy is None:
                self._keep(self._line)
            elif len(self._proxies) < MAX_BROKERS:
                self._proxies.add(ip_address(address))
        return self._plan_places() != before

    async def plan(self, rules: tuple[Allowance, ...]) -> Plan:
        """Everything that may pass now."""
        brokers, own = self._plan_places()
        bare = Plan(brokers=brokers, own=own, resolvers=frozenset(), rules=rules)
        return await asyncio.to_thread(_with_surroundings, bare)

    def keep_ways(self) -> None:
        """Leaves to the shim's other processes where the broker is, for they cannot ask."""
        ways: dict[str, list[known_ways.Way]] = {}
        if (by := self._settings.proxy) is not None:
            if self._proxies:
                ways[written_place(by.host, by.port)] = [
                    (one, by.port) for one in sorted(self._proxies, key=str)
                ]
        else:
            for one in (*self._proven, *sorted(self._said, key=str)):
                ways.setdefault(one.place, []).append((ip_address(one.address), one.port))
            for place, ours in self._enrolments().items():
                ways.setdefault(place, []).extend(ours)
        known_ways.keep(self._settings.state, ways)

    def forget_ways(self) -> None:
        """Names are asked for as ever."""
        known_ways.keep(self._settings.state, {})

    async def look_up(self) -> bool:
        """Asks for the names again, all at once; whether the plan is another."""
        before = self._plan_places()
        if (by := self._settings.proxy) is not None:
            found = [*await _asked(by.host), *self._proxies]
            self._proxies = set(found[:MAX_BROKERS])
            return self._plan_places() != before
        named = self._named()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_asked(dial.place(one)[0])) for one, _ in named]
        self._hear(
            [
                Place(str(address), dial.place(one)[1], place)
                for (one, place), task in zip(named, tasks, strict=True)
                for address in task.result()
            ]
        )
        return self._plan_places() != before

    async def prove(
        self, meanwhile: Callable[[], Awaitable[None]] = _nothing
    ) -> tuple[str, bool, str]:
        """Tries every way at once: the address that the broker was reached at (empty: none),
        whether the plan is another now, and what was seen where nothing was reached.

        `meanwhile` is called each second.
        """
        proof = asyncio.create_task(self._prove())
        try:
            while not (await asyncio.wait({proof}, timeout=MEANWHILE_S))[0]:
                await meanwhile()
            return proof.result()
        finally:
            proof.cancel()
            await asyncio.wait({proof})

    async def _prove(self) -> tuple[str, bool, str]:
        way = dial.way(self._settings)
        if way.proxy is not None:
            try:
                await probe.through_proxy(way, self._pinned[0])
            except Unreachable as error:
                return "", False, str(error)
            return f"{way.proxy}", False, ""
        before = self._plan_places()
        tried = [*self._proven, *sorted(self._said - set(self._proven), key=str)][:MAX_SAID]
        if not tried:
            return "", False, f"no address of {self._pinned[0]} is known"
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._try(way, one)) for one in tried]
        whys = [task.result() for task in tasks]
        for one, why in zip(tried, whys, strict=True):
            if not why:
                self._keep(one)
                self._said.discard(one)
        good = [
            written_place(one.address, one.port)
            for one, why in zip(tried, whys, strict=True)
            if not why
        ]
        seen = "; ".join(dict.fromkeys(why for why in whys if why).keys())
        return (good or [""])[0], self._plan_places() != before, seen

    async def _try(self, way: dial.Way, one: Place) -> str:
        try:
            await probe.reach(way, one.place, ip_address(one.address), one.port)
        except Unreachable as error:
            return str(error)
        return ""

    def _named(self) -> list[tuple[str, str]]:
        """What is asked for, and the pinned place that it has to prove to be."""
        hosts = {dial.place(one)[0]: one for one in self._pinned}
        more = [one for one in self.more if one not in self._pinned]
        own = [(one, one) for one in self._pinned]
        named = own + [(one, hosts.get(_host(one), self._pinned[0])) for one in more if _host(one)]
        return named[:MAX_NAMED]

    def _hear(self, heard: list[Place]) -> None:
        """What the names say now; of what they no longer say only the line's address stays, once
        something of what they do say has proved itself."""
        self._said = set(heard[:MAX_SAID]) - set(self._proven)
        moved = {one.place for one in heard if one in self._proven}
        self._proven = [
            one
            for one in self._proven
            if one.place not in moved or one in heard or one == self._line
        ]

    def _keep(self, one: Place) -> None:
        self._proven = [one, *(old for old in self._proven if old != one)][:MAX_BROKERS]

    def _plan_places(self) -> tuple[frozenset[tuple[Address, int]], frozenset[tuple[Address, int]]]:
        """Open to all, and to the shim's own sockets."""
        if (by := self._settings.proxy) is not None:
            return frozenset(), frozenset((one, by.port) for one in self._proxies)
        brokers = {(ip_address(one.address), one.port) for one in self._proven}
        brokers |= {way for ways in self._enrolments().values() for way in ways}
        said = {(ip_address(one.address), one.port) for one in self._said}
        return frozenset(brokers), frozenset(said - brokers)

    def _enrolments(self) -> dict[str, list[known_ways.Way]]:
        """Where a certificate that ran out is renewed: the same host, at its other port."""
        if not self._settings.identity.enrolment:
            return {}
        host, port = enrolment_place(self._settings.identity.enrolment)
        found = [
            (ip_address(one.address), port)
            for one in self._proven
            if dial.place(one.place)[0] == host
        ]
        return {written_place(host, port): found} if found else {}


def _host(named: str) -> str:
    """The host of what the broker names; nothing for what is no place."""
    host, _, port = named.rpartition(":")
    return host.strip("[]") if port.isdecimal() and 0 < int(port) < 65_536 else ""


async def _asked(host: str) -> list[Address]:
    """A name's addresses; nothing where nobody answers in time."""
    try:
        async with asyncio.timeout(LOOK_UP_S):
            return await resolve.addresses(host)
    except TimeoutError:
        return []


def _with_surroundings(plan: Plan) -> Plan:
    """With the name servers, the device's own networks, and the far ends of tunnels on the way to
    the broker."""
    plan = replace(plan, resolvers=frozenset(resolve.servers()))
    if sys.platform == "win32":
        return plan
    from endpoint_shim.linux import links, tunnels

    far = tunnels.ends(one for one, _ in plan.brokers | plan.own)
    return replace(plan, outer=far.outer, ports=far.ports, sends=far.sends, links=links.near())
