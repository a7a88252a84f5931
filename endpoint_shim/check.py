"""`fireline-endpoint check`: why this device is offline, one sentence a line; changes nothing."""

import asyncio
import os
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commands.language import wire
from commands.language.errors import FirelineError, Unreachable
from endpoint_shim import config, dial, facts, policy, refusal

SOON = timedelta(days=30)
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


async def lines(state: Path) -> AsyncIterator[Line]:
    """Everything looked at, in the order in which it would fail."""
    for line in _open_to_others(state):
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
    yield _certificate(found)
    yield _policy(found)
    for place in found.identity.dial:
        async for line in _place(way, place):
            yield line
    yield _last_refusal(state)


def _open_to_others(state: Path) -> list[Line]:
    """Every folder on the way and every file in the state folder, its policy too."""
    bad: list[Line] = []
    for folder in (state.absolute(), *state.absolute().parents):
        try:
            found = folder.stat()
        except OSError as error:
            return [(False, f"{folder} cannot be looked at ({error.strerror}); is it enrolled?")]
        if sys.platform == "win32":
            continue
        if found.st_uid not in (0, os.geteuid()):
            bad.append((False, f"{folder} belongs to user {found.st_uid}, who could replace it"))
        if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
            bad.append((False, f"{folder} can be written by others; chmod go-w {folder}"))
    return bad or [(True, f"only its owner can change {state} and the folders above it")]


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


async def _place(way: dial.Way, place: str) -> AsyncIterator[Line]:
    host, port = dial.place(place)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
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


def _last_refusal(state: Path) -> Line:
    last = refusal.last(state)
    if last is None:
        return True, "the last line was not refused"
    at = f"{datetime.fromtimestamp(last.at_ms / 1000, UTC):%F %T} UTC"
    why = last.reason.removeprefix(f"{last.dial}: ")
    return False, f"last without a line since {at}: {last.dial}: {why}"
