"""Workers that are forked off a seed: real processes, and the pipe's first words."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from commands.language import wire
from endpoint_shim.children import WORKER
from endpoint_shim.linux.seed import UNKNOWN, Seed
from endpoint_shim.pipe import Pipe, from_worker

READY_S = 20


class Started:
    """A worker of the seed, with the supervisor's end of its pipe."""

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self.said: asyncio.Queue[object] = asyncio.Queue()
        self.pipe = Pipe(lambda data: self.said.put_nowait(from_worker.decode(data)), lambda: None)

    async def ready(self) -> int:
        """Its pid, by its own word and by that of whoever started it."""
        self.child = await self.seed.start(self.pipe)
        async with asyncio.timeout(READY_S):
            ready = await self.said.get()
        assert isinstance(ready, wire.Ready) and ready.pid == self.child.pid
        return ready.pid

    async def status(self) -> int:
        async with asyncio.timeout(READY_S):
            return await asyncio.shield(self.child.exited)


@pytest.fixture
async def seed() -> AsyncIterator[Seed]:
    seed = Seed([sys.executable, *WORKER])
    yield seed
    await seed.closed()


async def test_workers_have_one_parent_and_tell_how_they_end(seed: Seed) -> None:
    ended, killed = Started(seed), Started(seed)
    await asyncio.gather(ended.ready(), killed.ready())
    parents = {psutil.Process(one.child.pid).ppid() for one in (ended, killed)}
    assert len(parents) == 1 and psutil.Process(parents.pop()).ppid() == os.getpid()
    ended.pipe.close()
    killed.child.kill()
    assert (await ended.status(), await killed.status()) == (0, -signal.SIGKILL)


async def test_a_worker_has_nothing_of_its_seed_and_of_the_others(seed: Seed) -> None:
    first, second = Started(seed), Started(seed)
    await first.ready()
    pid = await second.ready()
    others = links(psutil.Process(pid).ppid()) | links(first.child.pid)
    assert links(pid) and not links(pid) & others
    assert os.getsid(pid) == pid
    assert psutil.Process(pid).environ() == {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                             "LANG": "C.UTF-8"}  # fmt: skip
    first.pipe.close()
    second.pipe.close()


def links(pid: int) -> set[str]:
    """The sockets that it has, and what it knows of other processes."""
    found = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
    return {one for one in found if "socket:" in one or "pidfd" in one}


async def test_a_seed_that_is_killed_costs_no_worker_and_no_start(seed: Seed) -> None:
    before = Started(seed)
    pid = await before.ready()
    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)
    after = Started(seed)
    await after.ready()
    assert psutil.pid_exists(pid) and not before.child.exited.done()
    before.pipe.close()
    assert await before.status() == UNKNOWN
    after.pipe.close()
    assert await after.status() == 0


async def test_a_seed_that_does_not_answer_is_not_waited_for(
    seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Started(seed)
    pid = await first.ready()
    silent = psutil.Process(pid).ppid()
    os.kill(silent, signal.SIGSTOP)
    monkeypatch.setattr("endpoint_shim.linux.seed.ANSWER_S", 0.1)
    second = Started(seed)
    assert psutil.Process(await second.ready()).ppid() == os.getpid()
    assert not psutil.pid_exists(silent) or psutil.Process(silent).status() == "zombie"
    first.pipe.close()
    second.pipe.close()
    assert (await first.status(), await second.status()) == (UNKNOWN, 0)


async def test_it_goes_when_no_worker_was_wanted_for_a_while(
    seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endpoint_shim.linux.seed.REST_S", 0.05)
    one = Started(seed)
    gone = psutil.Process(psutil.Process(await one.ready()).ppid())
    one.pipe.close()
    assert await one.status() == 0
    await asyncio.to_thread(gone.wait, READY_S)
    again = Started(seed)
    await again.ready()
    again.pipe.close()
    assert await again.status() == 0
