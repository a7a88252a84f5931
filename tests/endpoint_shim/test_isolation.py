"""Isolation that is killed at every step: the state is on the disk before and after each of them.

In this process, inside a network namespace: the real firewall, the real state, a real door. Killed
is here: nothing of that life does anything more, and the next one has only what is on the disk.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from commands.language.errors import Failed, Refused
from commands.language.wire_contain import Isolate, Isolated, Scope
from endpoint_shim import config, guard_state
from endpoint_shim.firewall import InForce, Plan
from endpoint_shim.guard_state import Record
from endpoint_shim.isolation import Isolation
from endpoint_shim.linux.firewall import LinuxFirewall
from endpoint_shim.reach import Reach
from tests.endpoint_shim.linux.guarded import Guarded, guarded
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT

pytestmark = [PROGRAMS, ROOT]
TABLE = "table inet fireline_isolation"


class Killed(BaseException):
    """What a SIGKILL is to the code that it hits."""


class Steps:
    """Counts effects, before and after each, and ends the life at one of them."""

    def __init__(self, last: int | None = None) -> None:
        self.last, self.count = last, 0

    def step(self) -> None:
        self.count += 1
        if self.last is not None and self.count > self.last:
            raise Killed


class Breaking(LinuxFirewall):
    """The real one, with a step before and after each change."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.put = 0

    def apply(self, plan: Plan) -> InForce:
        self.put += 1
        with self._around():
            return super().apply(plan)

    def cut(self, plan: Plan) -> int:
        with self._around():
            return super().cut(plan)

    def remove(self) -> None:
        with self._around():
            super().remove()

    @contextlib.contextmanager
    def _around(self) -> Iterator[None]:
        self._steps.step()
        yield
        self._steps.step()


class Life:
    """One guard's life: from its start to its end, or to the step that kills it."""

    def __init__(self, device: Guarded, steps: Steps, refuses: str = "") -> None:
        settings = config.load(device.state)
        self.record = Record(device.state)
        self._steps = steps
        plain = self.record.save

        def save() -> None:
            steps.step()
            plain()
            steps.step()

        self.record.save = save  # type: ignore[method-assign]
        reach = Reach(settings, self.record.kept.brokers)
        host, _, port = device.place.rpartition(":")
        reach.line(device.place, host, int(port))
        check: Callable[[str], None] = lambda word: _refuse(word, refuses)  # noqa: E731
        self.firewall = Breaking(steps)
        self.isolation = Isolation(self.record, self.firewall, reach, check)
        self.isolation.prove_s = 1.0

    async def until_settled(self, wanted: Isolate) -> Isolated:
        await self.isolation.start()
        async with asyncio.timeout(30):
            while True:
                await self.isolation.turn(wanted)
                now = self.record.kept.isolation
                if now.generation == wanted.generation and now.stage != "converging":
                    return now
                await asyncio.sleep(0.005)


def _refuse(word: str, refused: str) -> None:
    if word == refused:
        raise Refused(f"{word} on web-01 by its own policy")


def wish(generation: int, scope: Scope) -> Isolate:
    return Isolate(generation=generation, scope=scope)


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path) as (made, _):
        with made.device.inside():
            yield made


async def lived(device: Guarded, wanted: Isolate, steps: Steps) -> Isolated | None:
    """A whole life, or None where it was killed."""
    life = Life(device, steps)
    try:
        return await life.until_settled(wanted)
    except Killed:
        return None
    finally:
        await life.isolation.close()


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.soak)])
async def test_killed_between_any_two_steps_it_ends_as_it_is_wanted(
    stride: int, device: Guarded
) -> None:
    generations = itertools.count(1)
    for scope in ("full", "none"):
        for last in itertools.count(0, stride):
            # From the other state, which is settled, into this one: killed at that step.
            other = "none" if scope == "full" else "full"
            await lived(device, wish(next(generations), other), Steps())  # type: ignore[arg-type]
            wanted = wish(next(generations), scope)
            killed = await lived(device, wanted, Steps(last)) is None
            now = await lived(device, wanted, Steps())
            assert now is not None and (now.stage, now.scope) == ("done", scope), (last, now)
            assert (TABLE in device.rules()) is (scope == "full"), last
            kept = guard_state.load(device.state)
            assert (kept.force is not None) is (scope == "full") and kept.back is None
            if not killed:
                assert last > 4  # it was killed at every one
                break


async def test_a_guard_that_ends_each_time_leaves_nothing_unproven(device: Guarded) -> None:
    wanted = wish(1, "full")
    steps = Steps()
    await lived(device, wanted, steps)
    await lived(device, wish(2, "none"), Steps())
    wanted = wish(3, "full")
    for _ in range(3):  # each time in force already, and not proven yet
        assert await lived(device, wanted, Steps(7)) is None
        assert TABLE in device.rules()
    now = await lived(device, wanted, Steps())
    assert now is not None and now.stage == "failed" and "before it was proven" in now.error
    assert TABLE not in device.rules()


async def test_rules_are_put_once_and_again_only_where_the_proof_finds_them_changed(
    device: Guarded,
) -> None:
    life = Life(device, Steps())
    assert (await life.until_settled(wish(1, "full"))).mended == 0
    assert life.firewall.put == 1
    proved = asyncio.Event()
    life.isolation.wake = proved.set
    await life.isolation.turn(wish(2, "full"))
    await proved.wait()
    device.device.run("nft", "flush", "ruleset")
    await life.isolation.turn(wish(2, "full"))
    now = life.record.kept.isolation
    assert (now.stage, now.mended, life.firewall.put) == ("done", 1, 3)
    assert TABLE in device.rules()
    assert [one.kind for one in life.record.kept.seen] == ["tampering"]
    await life.isolation.close()


async def test_a_wish_that_the_devices_policy_refuses_changes_nothing(device: Guarded) -> None:
    life = Life(device, Steps(), refuses="isolate")
    now = await life.until_settled(wish(1, "full"))
    assert (now.stage, now.scope) == ("failed", "none") and "by its own policy" in now.error
    assert TABLE not in device.rules()
    life = Life(device, Steps())
    now = await life.until_settled(wish(1, "full"))
    assert now.stage == "failed"  # it was answered; what is allowed later is another wish's
    assert TABLE not in device.rules()


@pytest.mark.parametrize("opened", [{"ttl_s": 60.0}, {"scope": "selective"}])
async def test_a_policy_that_denies_release_denies_what_opens_an_isolation(
    opened: dict[str, Any], device: Guarded
) -> None:
    """A stolen broker: one that may isolate must not end it by a time to live, or wider rules."""
    life = Life(device, Steps(), refuses="release")
    assert (await life.until_settled(wish(1, "full"))).stage == "done"
    now = await life.until_settled(replace(wish(2, "full"), **opened))
    assert (now.stage, now.scope) == ("failed", "full") and "release on web-01" in now.error
    force = guard_state.load(device.state).force
    assert force is not None and (force.scope, force.countdown) == ("full", None)
    assert TABLE in device.rules()
    await life.isolation.close()


async def test_a_token_that_could_not_be_carried_out_is_not_used_up(device: Guarded) -> None:
    await Life(device, Steps()).until_settled(wish(1, "full"))
    life = Life(device, Steps())
    life.isolation._firewall = Stuck()
    with pytest.raises(Failed, match="the token was not used up"):
        await life.isolation.end_by_token("n" * 32, 2**50)
    assert guard_state.load(device.state).used == {} and TABLE in device.rules()
    await Life(device, Steps()).isolation.end_by_token("n" * 32, 2**50)
    assert list(guard_state.load(device.state).used) == ["n" * 32] and TABLE not in device.rules()


class Stuck(LinuxFirewall):
    """nft is gone."""

    def remove(self) -> None:
        raise Failed("the program nft is not installed here")
