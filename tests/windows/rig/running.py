"""A Windows of one's own: a run is a copy by hard links of the build, with its own wineserver.

So two test sessions never see each other, and ending a run ends exactly what it started:
every process of a call carries the call's mark in its Unix environment, children too.
"""

import fcntl
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

from .build import RigMissing, built, environment

MARK = "FIRELINE_RIG_CALL"
MEASURED = "FIRELINE_COVERAGE"
"""Names the folder for what tests/windows/measuring.py notes; without it nothing is measured."""
ROOT = Path(__file__).parents[3]
# While one Windows process lives, Wine's own services stay up: a start takes 0.05 s, not 2.4 s.
# It reads its standard input, so it goes when this process goes, however that ends.
KEEPER = ("-I", "-S", "-c", "import sys; print(flush=True); sys.stdin.buffer.read()")


class WindowsProcess(subprocess.Popen[bytes]):
    """A Windows Python; `kill` ends it and everything it started, `end` also lets go of it."""

    mark: str

    def kill(self) -> None:
        _kill(f"{MARK}={self.mark}")

    def end(self) -> None:
        self.kill()
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()


class Rig:
    """One run, a context manager; `close` ends this run's wineserver and removes its files."""

    def __init__(self, build: Path, source: Path = ROOT) -> None:
        self.folder, self._lock = _claim(build)
        self.prefix = self.folder / "prefix"
        self.executable = self.folder / "py/python.exe"
        for part in ("prefix", "py"):
            _link_tree(build / part, self.folder / part)
        site = self.folder / "py/Lib/site-packages"
        (site / "fireline.pth").write_text(self.path(source) + "\n", encoding="utf-8")
        if folder := os.environ.get(MEASURED):
            line = f"import tests.windows.measuring as m; m.start({self.path(folder)!r}, "
            text = f"{line}{self.path(source)!r})\n"
            (site / "fireline_measured.pth").write_text(text, encoding="utf-8")
        self._keeper = self.python(KEEPER, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._keeper.stdout
        if not self._keeper.stdout.readline():
            self.close()
            raise RigMissing("Windows Python does not start in Wine")

    def path(self, path: str | os.PathLike[str]) -> str:
        """What Windows calls this file: the whole Unix tree is drive Z."""
        return "Z:" + os.path.abspath(path).replace("/", "\\")

    def command(self, arguments: Sequence[str], program: Path | None = None) -> list[str]:
        return ["wine", str(program or self.executable), *arguments]

    def environment(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        """For who starts `command` himself; each call has a mark of its own."""
        return environment(self.prefix) | {MARK: secrets.token_hex(8)} | dict(extra)

    def python(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] = {},
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
        stderr: int | IO[bytes] = subprocess.PIPE,
        program: Path | None = None,
        **popen: Any,
    ) -> WindowsProcess:
        """Start Windows Python, or a program in its place.

        Pipes, a terminal or DEVNULL as stdio, never a plain file.
        """
        own = self.environment(env)
        process = WindowsProcess(
            self.command(arguments, program),
            env=own,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            **popen,
        )
        process.mark = own[MARK]
        return process

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float = 60,
        given: bytes | None = None,
        **python: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run to the end; what is still there then or at the time limit is killed."""
        if given is not None:
            python["stdin"] = subprocess.PIPE
        process = self.python(arguments, **python)
        try:
            out, err = process.communicate(given, timeout=timeout)
            return subprocess.CompletedProcess(arguments, process.returncode, out, err)
        finally:
            process.end()

    def close(self) -> None:
        self._keeper.end()
        with _locked(self.folder.parent):
            _remove(self.folder)
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def rig(source: Path = ROOT) -> Rig:
    """A fresh run of the rig with `source` on its Python's path; builds the rig the first time."""
    return Rig(built(), source)


def _claim(build: Path) -> tuple[Path, IO[str]]:
    """A folder for this run, locked while it lives; runs whose owner was killed are removed."""
    runs = build / "runs"
    runs.mkdir(exist_ok=True)
    with _locked(runs):
        for old in runs.iterdir():
            if old.is_dir() and _abandoned(old):
                _remove(old)
        folder = Path(tempfile.mkdtemp(dir=runs))
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return folder, lock


@contextmanager
def _locked(runs: Path) -> Iterator[None]:
    with (runs / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _abandoned(run: Path) -> bool:
    with (run / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _remove(run: Path) -> None:
    """End every process of this run's prefix, its wineserver first of all, and remove its files."""
    prefix = run / "prefix"
    subprocess.run(["wineserver", "-k"], env=environment(prefix), check=False, capture_output=True)
    _kill(f"WINEPREFIX={prefix}")
    shutil.rmtree(run)


def _kill(mark: str) -> None:
    """Kill what carries the mark, and look again until nothing does: it may have been spawning."""
    while pidfds := list(_marked(mark)):
        for pidfd in pidfds:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for pidfd in pidfds:
            select.select([pidfd], [], [])
            os.close(pidfd)


def _marked(mark: str) -> Iterator[int]:
    """A pidfd for each live process that was started with this in its environment.

    Wine's children leave the Unix process tree at once, but keep the Unix environment.
    """
    wanted = b"\0" + mark.encode() + b"\0"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            pidfd = os.pidfd_open(int(entry.name))
        except OSError:
            continue  # gone meanwhile
        # Read after the pidfd is held, so that it is this process's. Empty for a zombie.
        with suppress(OSError):
            if wanted in b"\0" + (entry / "environ").read_bytes():
                yield pidfd
                continue
        os.close(pidfd)


def _link_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    # The registry is written in place where it has more than one name (Wine's save_branch).
    if source.endswith(".reg"):
        shutil.copy2(source, target)
    else:
        os.link(source, target)
