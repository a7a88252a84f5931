"""The guard's process and what it stands on, in Windows: clock, locks, state, pipe."""

import asyncio
import time
from pathlib import Path

import pytest

from commands.language.errors import Refused
from commands.language.wire_contain import Contained, Isolate, Restrict, Want
from endpoint_shim import boot_clock, children, guard_state, resolve
from endpoint_shim.guard_process import GuardProcess
from endpoint_shim.windows import resolvers
from endpoint_shim.windows.access import set_private
from tests.endpoint_shim.authority import Authority


def test_the_boot_clock_runs_on_and_nobody_sets_it() -> None:
    first = boot_clock.seconds()
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        pass
    assert 0.05 < boot_clock.seconds() - first < 30


def test_one_lock_does_not_hold_the_other(tmp_path: Path) -> None:
    children.hold(tmp_path)
    children.hold(tmp_path, guard_state.LOCK)
    with pytest.raises(Refused):
        children.hold(tmp_path, guard_state.LOCK)


def test_the_systems_own_name_servers_and_names_are_read() -> None:
    assert all(not one.is_loopback for one in resolvers.servers())
    assert resolvers.servers()[: resolve.MAX_SERVERS] == resolve.servers()
    assert resolvers.hosts("no such name at all") == []


async def test_a_guard_answers_what_it_cannot_do_and_is_there_while_it_is_wanted(
    tmp_path: Path,
) -> None:
    state = Authority().enrol(tmp_path / "state", "127.0.0.1:1")
    set_private(state)
    (state / "policy.toml").write_text('deny = ["isolate", "restrict"]\n')
    said: asyncio.Queue[Contained] = asyncio.Queue(100)

    def tell(now: Contained) -> bool:
        said.put_nowait(now)
        return True

    guard = GuardProcess(state, tell)
    guard.needed()
    guard.want(Want(isolation=Isolate(generation=3, scope="full")))
    guard.want(Want(restriction=Restrict(generation=5, on=True)))
    async with asyncio.timeout(60):
        while True:
            now = await said.get()
            if now.isolation is not None and now.restriction is not None:
                break
    assert (now.isolation.stage, now.isolation.generation) == ("failed", 3)
    assert "isolate on web-01 by its own policy" in now.isolation.error
    assert (now.restriction.stage, now.restriction.on) == ("failed", False)
    await guard.stop()
    assert guard_state.load(state).isolation.generation == 3
