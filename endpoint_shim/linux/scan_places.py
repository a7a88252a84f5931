"""What a scan looks at: each plain file, open, with the path by which it was found.

quick: the programs of running processes (deleted ones too), temporary folders, homes and the places
from which things are started. full: all local file systems.
"""

import os
import stat
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from commands.language import names
from commands.language.errors import Failed, FirelineError
from endpoint_shim.linux.paths import PathPolicy, in_words
from endpoint_shim.linux.walk import Walk

QUICK = (
    b"/tmp", b"/var/tmp", b"/dev/shm", b"/root", b"/home", b"/etc/cron.d", b"/etc/cron.daily",
    b"/etc/cron.hourly", b"/etc/init.d", b"/etc/profile.d", b"/etc/systemd/system",
    b"/usr/local/bin", b"/usr/local/sbin", b"/opt", b"/var/spool/cron", b"/var/www",
)  # fmt: skip
_HOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@dataclass(frozen=True)
class Target:
    """An open plain file; whoever takes it closes it."""

    path: bytes
    handle: int

    def close(self) -> None:
        os.close(self.handle)


@dataclass(frozen=True)
class Closed:
    """A file that could not be opened: nothing is known of it."""

    path: bytes
    error: str


Found = Target | Closed | str
"""A file, or a sentence about what was left out."""


def quick(policy: PathPolicy) -> Generator[Found, None, None]:
    """Where malware starts."""
    yield from _running(policy)
    for top in QUICK:
        if os.path.isdir(top):
            yield from below(top, policy)


def below(top: bytes, policy: PathPolicy) -> Generator[Found, None, None]:
    """Every plain file below a folder, or the one file that it is."""
    if not os.path.isdir(top):
        yield _only(top, policy)
        return
    walk = Walk(top, policy)
    with closing(walk.entries()) as entries:
        for entry in entries:
            if entry.mount is not None:
                continue
            try:
                policy.check_path(os.fsdecode(entry.path))
                target = _opened(entry.name, entry.folder, entry.path)
            except FirelineError:
                walk.left_out.policy(os.fsdecode(entry.path))
                continue
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Closed(entry.path, f"it could not be opened ({error.strerror})")
                continue
            if target is not None:
                yield target
    yield from walk.left_out.sentences()


def _only(path: bytes, policy: PathPolicy) -> Target:
    """The one file that was asked for; raises Failed where there is none to scan."""
    policy.check_path(os.fsdecode(path))
    try:
        target = _opened(path, None, path)
    except OSError as error:
        raise in_words(error, path) from None
    if target is None:
        shown = names.shown(names.from_bytes(path))
        raise Failed(f"{shown} is no plain file and no folder, so nothing was scanned")
    return target


def _running(policy: PathPolicy) -> Generator[Found, None, None]:
    """By what runs, not by its path: a program that was deleted is scanned all the same."""
    seen: set[tuple[int, int]] = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        place = f"/proc/{name}/exe".encode()
        try:
            path = os.readlink(place)
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # a thread of the kernel, or it has ended
        facts = os.fstat(handle)
        try:
            policy.check_path(os.fsdecode(path))
        except FirelineError:
            os.close(handle)
            continue
        if (facts.st_dev, facts.st_ino) in seen:
            os.close(handle)
            continue
        seen.add((facts.st_dev, facts.st_ino))
        yield Target(path, handle)


def _opened(name: bytes, folder: int | None, path: bytes) -> Target | None:
    """None for what is no plain file; looked at first, for opening a device may do something."""
    before = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(before.st_mode):
        return None
    handle = os.open(name, _HOW, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return Target(path, handle)
