"""What contains this device, or ends that, when no guard runs: before the network is up, by a
release token, and by who administers the device.

All take the guard's lock: of guard and these words only one at a time changes anything.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from commands.language.errors import Failed, FirelineError, Refused
from commands.language.wire_contain import Restricted
from endpoint_shim import children, config, durable, edges, guard_state, policy, release_token
from endpoint_shim.guard_state import Record
from endpoint_shim.isolation import Isolation
from endpoint_shim.reach import Reach

WAIT_S, LOOK_S = 20.0, 0.1


async def contain(state: Path) -> str:
    """Puts in force what was in force when the system went down; says what it did."""
    settings = config.load(state)
    with _lock(state) as ours:
        if not ours:
            return "the guard runs already; nothing to do"
        record = Record(state)
        if record.kept.force is None:
            return f"{settings.identity.name} is not isolated"
        await isolation(settings, record).restore()
        if record.kept.force is None:
            return f"{settings.identity.name} is released: its time had run out"
        return f"{settings.identity.name} is isolated, as it was"


def release(state: Path, text: str) -> str:
    """Ends the isolation with a token, whether a guard runs or not; says so."""
    settings = config.load(state)
    name, kept = settings.identity.name, guard_state.load(state)
    token = release_token.check(text, settings, kept)
    if kept.force is None:
        raise Refused(f"{name} is not isolated; the token was not used up")
    place = state / guard_state.TOKEN
    durable.save(place, text.strip().encode())
    end = time.monotonic() + WAIT_S
    while not asyncio.run(take_token(state)) and place.exists():
        # A guard runs: it looks each second.
        if time.monotonic() > end:
            raise Failed(f"the guard of {name} did not take the token; does it hang?")
        time.sleep(LOOK_S)
    if token.nonce not in guard_state.load(state).used:
        raise Failed(f"{name} was not released; its log says why")
    return f"{name} is released; the broker hears of it when it is reached"


def unrestrict(state: Path) -> str:
    """Ends the restriction where no guard keeps it: on Windows the kernel goes on with it without
    the shim, and everywhere the next start would put it in force again."""
    name = config.load(state).identity.name
    with _lock(state) as ours:
        if not ours:
            raise Refused(
                f"the shim of {name} runs, and keeps what its broker wants: unrestrict it from "
                "there, or stop the service first"
            )
        record = Record(state)
        now = record.kept.restriction
        if not now.on:
            return f"{name} is not restricted"
        edges.restrictor(state).stop()
        record.kept.restriction = Restricted(generation=now.generation)
        record.saw("unguarded", "its restriction was ended on the device, by who administers it")
        record.save()
    return f"{name} is not restricted any more, until its broker restricts it anew"


async def take_token(state: Path) -> bool:
    """Handles the token that lies in the state folder; False where a guard runs, which will."""
    settings = config.load(state)
    with _lock(state) as ours:
        if not ours:
            return False
        record = Record(state)
        await handle_token(settings, record, isolation(settings, record))
        return True


async def handle_token(settings: config.Config, record: Record, on: Isolation) -> None:
    """Ends the isolation where the token counts, and takes the token away."""
    place = settings.state / guard_state.TOKEN
    try:
        with place.open("rb") as file:
            text = file.read(4096).decode("ascii", "replace")
    except FileNotFoundError:
        return
    try:
        token = release_token.check(text, settings, record.kept)
        await on.end_by_token(token.nonce, token.until_ms)
    except FirelineError as error:
        record.saw("note", f"a release token did not count: {error}")
        record.say()
    place.unlink(missing_ok=True)


def isolation(settings: config.Config, record: Record) -> Isolation:
    """The isolation of this device, as the guard has it."""
    reach = Reach(settings, record.kept.brokers)
    return Isolation(record, edges.firewall(), reach, checked(settings))


def checked(settings: config.Config) -> Callable[[str], None]:
    """Refuses the words that the device's own policy denies, as it is at that moment."""

    def check_word(word: str) -> None:
        said = policy.load(settings.policy)
        policy.Policy(said, device=settings.identity.name).check_word(word)

    return check_word


@contextlib.contextmanager
def _lock(state: Path) -> Iterator[bool]:
    try:
        handle = children.hold(state, guard_state.LOCK)
    except Refused:
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)
