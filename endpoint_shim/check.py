"""`fireline-endpoint check`: why this device is offline, one sentence a line; changes nothing."""

import asyncio
import math
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commands.language import wire
from commands.language.errors import FirelineError, Unreachable
from endpoint_shim import (
    boot_clock,
    changers,
    config,
    dial,
    facts,
    guard_state,
    known_ways,
    policy,
    proxy,
    refusal,
    service,
)

SOON = timedelta(days=30)
MIB = 1024 * 1024
ROOM = 64 * MIB
RESOLVE_S = 5.0
Line = tuple[bool, str]
"""Whether it is well, and the sentence."""


def check(state: Path) -> int:
    """Prints the lines; 1 if something is wrong."""
    return asyncio.run(_print(state))


async def _print(state: Path) -> int:
    wrong = 0
    async for well, sentence in lines(state):
        print(f"{'ok   ' if well else 'WRONG'} {sentence}")
        wrong += not well
    return 1 if wrong else 0


async def lines(state: Path, program: list[Path] | None = None) -> AsyncIterator[Line]:
    """Everything looked at, in the order in which it would fail."""
    whole = changers.program() if program is None else program
    async for line in _changeable(str(state), [state]):
        yield line
    try:
        found = config.load(state)
        way = dial.way(found)
    except FirelineError as error:
        yield False, str(error)
        return
    except (OSError, ssl.SSLError) as error:
        yield False, f"the identity in {state} cannot be read ({error}); enrol this device again"
        return
    yield True, f"this device is {found.identity.name} ({found.identity.device_id})"
    async for line in _changeable("the shim's program and libraries", whole):
        yield line
    async for line in _changeable(f"the policy {found.policy}", [found.policy]):
        yield line
    yield _certificate(found)
    yield _policy(found)
    for line in _recipes(state):
        yield line
    yield _room(state)
    yield service.state_of()
    yield _isolated(found)
    yield _restricted(found)
    if found.proxy is not None:
        yield True, f"it dials through the proxy {found.proxy}, {_login(found.proxy)}"
    for place in found.identity.dial:
        async for line in _place(way, place):
            yield line
    yield _last_refusal(state)


async def _changeable(what: str, paths: list[Path]) -> AsyncIterator[Line]:
    bad = await asyncio.to_thread(changers.found, paths)
    for one in bad:
        yield False, one
    if not bad:
        yield True, f"only its owner can change {what}, and the folders above"


def _certificate(found: config.Config) -> Line:
    # On demand, as in enrolment.
    from cryptography import x509

    leaf = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    now = datetime.fromtimestamp(facts.clock_ms() / 1000, UTC)
    end = leaf.not_valid_after_utc
    if now < leaf.not_valid_before_utc:
        began = leaf.not_valid_before_utc
        return False, f"this clock says {now:%F %T}, before the certificate's start {began:%F %T}"
    if now > end:
        return False, f"the certificate ended on {end:%F}; enrol this device again"
    days = (end - now).days
    return now + SOON < end, f"the certificate is good until {end:%F}, {days} days"


def _policy(found: config.Config) -> Line:
    read = policy.load(found.policy)
    if read.error:
        return False, (
            f"nothing runs here: the policy {found.policy} is not usable: {read.error}; "
            "mend it and check again"
        )
    if not found.policy.exists():
        return True, "this device has no policy of its own"
    return True, f"the policy denies {len(read.deny)} words and {len(read.off_limits)} paths"


def _recipes(state: Path) -> Iterator[Line]:
    # On demand: only who collects, and who asks here, reads YAML.
    from endpoint_shim.collecting import recipes

    found = recipes.load(state)
    for name, why in found.unusable.items():
        yield False, f"{state / name} does not count: {why}"
    if own := [name for name in found.read if name.startswith(recipes.FOLDER)]:
        yield True, f"collect takes what {', '.join(own)} says"


async def _place(way: dial.Way, place: str) -> AsyncIterator[Line]:
    # A proxy asks for the name itself; this device may not even be able to.
    host, port = (way.proxy.host, way.proxy.port) if way.proxy else dial.place(place)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            # An isolated device asks nobody for names; what was proven is known.
            known = known_ways.to(way.state, host, port) if way.state is not None else []
            numeric = [str(one) for one, _ in known] or [host]
            found = [
                each
                for one in numeric
                for each in await loop.getaddrinfo(one, port, type=socket.SOCK_STREAM)
            ]
    except TimeoutError:
        yield False, f"{host}: the name is not resolved within {RESOLVE_S:g} s"
        return
    except OSError as error:
        yield False, f"{host}: {dial.reason(error)}"
        return
    yield True, f"{host} is {', '.join(sorted({str(one[4][0]) for one in found}))}"
    try:
        framed = await dial.connect(way, place, dial.CONTROL, wire.MAX_CONTROL)
    except Unreachable as error:
        yield False, str(error)
        return
    yield _clock(framed.transport.get_extra_info("peercert") if framed.transport else None)
    framed.close()
    yield True, f"{place} answers by TLS 1.3 and takes this device's certificate"


def _clock(peer: dict[str, str] | None) -> Line:
    """The door's certificate is made at the broker's start, so its start bounds the clock."""
    now = facts.clock_ms() / 1000
    shown = f"{datetime.fromtimestamp(now, UTC):%F %T} UTC"
    if not peer:
        return True, f"this clock says {shown}"
    start = ssl.cert_time_to_seconds(peer["notBefore"])
    end = ssl.cert_time_to_seconds(peer["notAfter"])
    return start <= now <= end, f"this clock says {shown}, within the broker's certificate"


def _room(state: Path) -> Line:
    """A session's folder takes what putfile sends and what a script writes."""
    free = shutil.disk_usage(state).free
    return free >= ROOM, f"{free // MIB:,} MiB are free in {state}" + (
        "" if free >= ROOM else f"; less than {ROOM // MIB} MiB, so commands may fail"
    )


def _isolated(found: config.Config) -> Line:
    """Nothing is wrong with it, but who looks for why nothing is reached wants to know."""
    kept = guard_state.load(found.state)
    if kept.force is None:
        return True, "this device is not isolated"
    ends = "the broker's release or a release token ends it"
    if kept.force.countdown is not None:
        left = kept.force.countdown.left(boot_clock.seconds())
        ends = f"it ends by itself in {math.ceil(left / 60):,} min"
    return True, f"this device is isolated ({kept.force.scope}): only the broker is reached; {ends}"


def _restricted(found: config.Config) -> Line:
    if not guard_state.load(found.state).restriction.on:
        return True, "this device is not restricted"
    return True, (
        "this device is restricted: only known programs start; the broker's unrestrict ends it, "
        "or fireline-endpoint unrestrict where the service is stopped"
    )


def _login(found: proxy.Proxy) -> str:
    return f"with the login in {found.login}" if found.login.exists() else "without a login"


def _last_refusal(state: Path) -> Line:
    last = refusal.last(state)
    if last is None:
        return True, "the last line was not refused"
    at = f"{datetime.fromtimestamp(last.at_ms / 1000, UTC):%F %T} UTC"
    why = last.reason.removeprefix(f"{last.dial}: ")
    return False, f"last without a line since {at}: {last.dial}: {why}"
