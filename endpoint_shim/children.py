"""A worker's process as the supervisor sees it; each platform starts it in its own way."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from endpoint_shim.groups import Group, Groups
from endpoint_shim.pipe import Pipe

WORKER = ("-I", "-m", "endpoint_shim.worker_start")
GUARD = ("-I", "-m", "endpoint_shim.guard_start")
FROZEN = bool(getattr(sys, "frozen", False))
"""Whether this is `fireline-endpoint.exe` (PyInstaller): it is its own interpreter."""
RENEW_S = 60.0


class Child(Protocol):
    """A started process."""

    @property
    def pid(self) -> int: ...

    @property
    def exited(self) -> "asyncio.Future[int]":
        """Its status; a signal is its negative number. Not done while it hangs in the kernel."""
        ...

    def kill(self) -> None:
        """By force; no error if it has ended already."""
        ...


class Starter(Protocol):
    """Starts workers, as many as are wanted."""

    async def start(self, pipe: Pipe) -> Child:
        """One whose other end of the pipe is `pipe`."""
        ...

    async def closed(self) -> None:
        """No more are wanted; what there is for starting them has ended."""
        ...


class Anew:
    """Each worker is the start of a program of its own."""

    async def start(self, pipe: Pipe) -> Child:
        return await _started(_worker(), pipe)

    async def closed(self) -> None:
        """There is nothing."""


def worker_starter() -> Starter:
    """The quickest way that this system has."""
    if sys.platform != "win32":
        from endpoint_shim.linux.seed import Seed

        return Seed([sys.executable, *_worker()])
    return Anew()


def _worker() -> tuple[str, ...]:
    return ("worker",) if FROZEN else WORKER


async def start_guard(pipe: Pipe) -> Child:
    """Starts the guard in the same way."""
    return await _started(("guard",) if FROZEN else GUARD, pipe)


async def _started(words: tuple[str, ...], pipe: Pipe) -> Child:
    if sys.platform == "win32":
        from endpoint_shim.windows.spawn import spawn
    else:
        from endpoint_shim.linux.spawn import spawn
    return await spawn([sys.executable, *words], pipe)


def own_words(word: str, state: Path) -> list[str]:
    """What follows `sys.executable` to run this very program with a word."""
    isolated = [] if FROZEN else ["-I", "-m", "endpoint_shim"]
    return [*isolated, "--state", str(state), *word.split()]


async def renew(state: Path) -> str:
    """Renews this device's certificate in a process of its own: it needs cryptography, and must
    not wait in the supervisor's. What it said."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *own_words("renew", state),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RENEW_S):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return f"the renewal was given up after {RENEW_S:g} s"
    return said[-4096:].decode("utf-8", "replace").strip()


def start_asker(mount: str) -> Child | None:
    """Starts a process that ends when the mount answers; None where mounts are not told apart."""
    if sys.platform == "win32":
        return None
    from endpoint_shim.linux.asker import start

    return start(mount)


async def join_supervisor(pipe: Pipe, arguments: list[str]) -> None:
    """In the worker: connects `pipe` to the end it was started with."""
    if sys.platform == "win32":
        from endpoint_shim.windows.spawn import join
    else:
        from endpoint_shim.linux.spawn import join
    await join(pipe, arguments)


def faster_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """In the worker: uvloop where it is present (2 ms of its start, half of a keystroke's way)."""
    if sys.platform != "win32":
        with contextlib.suppress(ImportError):
            import uvloop

            return uvloop.new_event_loop
    return None


def join_group(place: str) -> Group:
    """In the worker: its own group, under which its commands have theirs."""
    if sys.platform == "win32":
        from endpoint_shim.windows.jobs import join_group
    else:
        from endpoint_shim.linux.groups import join_group
    return join_group(place)


def hold(state: Path, name: str = "lock") -> int:
    """Takes the state folder, or what another lock of it stands for, for this process alone."""
    if sys.platform == "win32":
        from endpoint_shim.windows.lock import hold
    else:
        from endpoint_shim.linux.lock import hold
    return hold(state, name)


def open_groups(state: Path) -> Groups:
    """This shim's groups, the surest kind that this system lets it have."""
    if sys.platform == "win32":
        from endpoint_shim.windows.jobs import open_groups
    else:
        from endpoint_shim.linux.groups import open_groups
    return open_groups(state)
